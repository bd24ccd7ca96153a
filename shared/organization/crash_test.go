package organization_test

import (
	"context"
	"sync"
	"testing"

	"oms/shared/organization/organizationtest"
)

func TestService_crashPoints(t *testing.T) {
	t.Parallel()
	organizationtest.TestCrashPoints(t, 1, func(*testing.T) organizationtest.Subject {
		m := organizationtest.NewMemory()
		return organizationtest.Subject{Store: m.Store(), Writer: m.Writer(), Memory: m}
	})
}

func TestService_crashPointsWithoutUUIDs(t *testing.T) {
	t.Parallel()
	organizationtest.TestCrashPoints(t, 1, func(*testing.T) organizationtest.Subject {
		m := organizationtest.NewMemory()
		m.SetUUIDs(false)
		return organizationtest.Subject{Store: m.Store(), Writer: m.Writer(), Memory: m}
	})
}

// dying returns a hook that kills the process after its nth command (from 0).
func dying(n int) organizationtest.Hook {
	var mu sync.Mutex
	seen := 0
	return func(_ string, apply func() error) error {
		mu.Lock()
		at := seen
		seen++
		mu.Unlock()
		if at > n {
			return context.Canceled
		}
		if err := apply(); at < n {
			return err
		}
		return context.Canceled
	}
}
