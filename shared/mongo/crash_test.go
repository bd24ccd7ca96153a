package mongo_test

import (
	"flag"
	"testing"

	"oms/shared/mongo/mongotest"
	"oms/shared/organization/crashtest"
)

//nolint:gochecknoglobals // a flag of a test
var every = flag.Int("every", 1, "of so many crash points try one, drawn at random")

// TestService_crashPoints tries every crash point on every engine.
func TestService_crashPoints(t *testing.T) {
	mongotest.Long(t)
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		crashtest.TestCrashPoints(t, *every, func(t *testing.T) crashtest.Subject {
			return crashtest.Subject{World: newWorld(t, e)}
		})
	})
}
