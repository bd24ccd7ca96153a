package organization_test

import (
	"fmt"
	"testing"

	"oms/shared/organization/crashtest"
)

func TestService_crashPoints(t *testing.T) {
	t.Parallel()
	for _, uuids := range []bool{true, false} {
		t.Run(fmt.Sprintf("UUIDs %t", uuids), func(t *testing.T) {
			t.Parallel()
			crashtest.TestCrashPoints(t, 1, func(*testing.T) crashtest.Subject {
				w := newWorld(t)
				w.db.NoUUIDs = !uuids
				return crashtest.Subject{World: w.World, Memory: w.db}
			})
		})
	}
}
