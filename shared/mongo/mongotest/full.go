package mongotest

import (
	"os"
	"testing"
)

// Long leaves a test that takes long to `make stress`, which sets OMS_TEST_FULL.
func Long(tb testing.TB) {
	tb.Helper()
	if os.Getenv("OMS_TEST_FULL") == "" {
		tb.Skip("left to make stress: it takes long")
	}
}
