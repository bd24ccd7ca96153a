package mongo_test

import (
	"testing"

	"oms/shared/mongo/mongotest"
	"oms/shared/organization/crashtest"
)

// TestService_crashPoints tries, on every engine, one of 40 crash points, or
// all of them (make stress ONLY=crashpoints).
func TestService_crashPoints(t *testing.T) {
	t.Parallel()
	stride := 40
	if mongotest.Full() {
		stride = 1
	}
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		crashtest.TestCrashPoints(t, stride, func(t *testing.T) crashtest.Subject {
			return crashtest.Subject{World: newWorld(t, e)}
		})
	})
}
