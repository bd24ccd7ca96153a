package organization_test

import (
	"testing"
	"time"

	"oms/shared/organization"
	"oms/shared/organization/memory"
	"oms/shared/organization/organizationtest"
	"oms/shared/password"
	"oms/shared/throttle/throttletest"
)

// world is a World in memory, with the test that it is for.
type world struct {
	testing.TB
	*organizationtest.World
	db *memory.Database
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	m := memory.New()
	return &world{tb, organizationtest.NewWorld(m.Store(), m), m}
}

// strict returns a service of the world that asks for more of a new password.
func (w *world) strict() *organization.Service {
	return organization.New(organization.Config{
		Store: w.Store, Passwords: organizationtest.Plain{}, Guard: throttletest.NewGuard(nil),
		Policy: password.Policy{MinLength: 15, Blocklist: true}, Retention: 15 * time.Minute, Now: w.Clock.Now,
	})
}

// first returns a hook that has act carry out the first command of that name.
func first(name string, act func(apply func() error) error) organizationtest.Hook {
	sent := 0
	return func(command string, apply func() error) error {
		if command == name {
			sent++
		}
		if command == name && sent == 1 {
			return act(apply)
		}
		return apply()
	}
}

func creation(name, email string) organization.Creation {
	return organization.Creation{Name: name, Email: email, Password: organizationtest.Password}
}

func ptr[T any](v T) *T { return &v }
