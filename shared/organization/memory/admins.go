package memory

import (
	"context"
	"maps"

	"oms/shared/organization"
)

var _ organization.Admins = admins{}

type admins struct{ client }

func (s admins) Find(ctx context.Context, id organization.ID) (organization.Admin, error) {
	return s.find(ctx, Local, id)
}

func (s admins) find(ctx context.Context, c Concern, id organization.ID) (organization.Admin, error) {
	return run(ctx, s.client, c, func(m *Database) (organization.Admin, error) {
		a, there := m.admins[id]
		if !there {
			return organization.Admin{}, organization.ErrAbsent
		}
		return a, nil
	})
}

func (s admins) FindByEmail(ctx context.Context, email string) (organization.Admin, error) {
	return read(ctx, s.client, func(m *Database) (organization.Admin, error) {
		for _, a := range m.admins {
			if a.Email == email {
				return a, nil
			}
		}
		return organization.Admin{}, organization.ErrAbsent
	})
}

func (s admins) Insert(ctx context.Context, a organization.Admin) error {
	return do(ctx, s.client, func(m *Database) error {
		if has(m.admins, a.ID) {
			return organization.ErrExists
		}
		if m.emailTaken(a.Email, a.ID) {
			return organization.ErrEmailTaken
		}
		m.admins[a.ID] = a
		return nil
	})
}

func (s admins) Change(ctx context.Context, c organization.AdminChange, op organization.ID) (bool, error) {
	return write(ctx, s.client, func(m *Database) (bool, error) {
		a, there := m.admins[c.ID]
		if !there || a.Rev != c.Rev {
			return false, nil
		}
		if c.Email != "" {
			if m.emailTaken(c.Email, c.ID) {
				return false, organization.ErrEmailTaken
			}
			a.Email = c.Email
		}
		if !c.Password.IsZero() {
			a.Password = c.Password
		}
		if c.CredentialVersion != "" {
			a.CredentialVersion = c.CredentialVersion
		}
		if !op.IsZero() {
			a.Op = op
		}
		a.Rev++
		m.admins[c.ID] = a
		return true, nil
	})
}

func (s admins) Delete(ctx context.Context, id, org organization.ID) error {
	return do(ctx, s.client, func(m *Database) error {
		if m.admins[id].OrgID == org {
			delete(m.admins, id)
		}
		return nil
	})
}

func (s admins) DeleteAll(ctx context.Context, org organization.ID) (int, error) {
	return write(ctx, s.client, func(m *Database) (int, error) {
		was := len(m.admins)
		maps.DeleteFunc(m.admins, func(_ organization.ID, a organization.Admin) bool { return a.OrgID == org })
		return was - len(m.admins), nil
	})
}

// emailTaken reports whether an admin other than id has the address. m is locked.
func (m *Database) emailTaken(email string, id organization.ID) bool {
	for _, a := range m.admins {
		if a.Email == email && a.ID != id {
			return true
		}
	}
	return false
}
