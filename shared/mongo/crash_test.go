package mongo_test

import (
	"testing"

	"oms/shared/mongo/mongotest"
	"oms/shared/organization/organizationtest"
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
		organizationtest.TestCrashPoints(t, stride, func(t *testing.T) organizationtest.Subject {
			db := e.Open(t)
			if err := db.EnsureIndexes(t.Context()); err != nil {
				t.Fatal(err)
			}
			return organizationtest.Subject{Store: db.Store(), Writer: e.Writer(t, db.Name())}
		})
	})
}
