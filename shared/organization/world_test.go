package organization_test

import (
	"oms/shared/organization"
	"oms/shared/organization/memory"
	"oms/shared/organization/organizationtest"
)

// world is a World in memory.
type world struct {
	*organizationtest.World
	db *memory.Database
}

func newWorld() *world {
	m := memory.New()
	return &world{organizationtest.NewWorld(m.Store(), m), m}
}

func creation(name, email string) organization.Creation {
	return organization.Creation{Name: name, Email: email, Password: organizationtest.Password}
}

func ptr[T any](v T) *T { return &v }
