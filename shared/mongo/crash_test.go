package mongo_test

import (
	"os"
	"strconv"
	"testing"

	"oms/shared/mongo/mongotest"
	"oms/shared/organization/organizationtest"
)

// TestService_crashPoints tries, on every engine, one of 40 crash points, or
// one of CRASH_STRIDE (make crashpoints: all).
func TestService_crashPoints(t *testing.T) {
	t.Parallel()
	stride := 40
	if s := os.Getenv("CRASH_STRIDE"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			t.Fatalf("CRASH_STRIDE is %q, want a number from 1 on", s)
		}
		stride = n
	}
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		organizationtest.TestCrashPoints(t, stride, func(t *testing.T) organizationtest.Subject {
			db := e.Open(t)
			if err := db.EnsureIndexes(t.Context()); err != nil {
				t.Fatal(err)
			}
			return organizationtest.Subject{Store: db.Store(), Writer: e.Writer(t, db.Name())}
		})
	})
}
