package memory

import (
	"context"
	"slices"

	"oms/shared/organization"
)

type organizations struct{ client }

func (s organizations) Find(ctx context.Context, id organization.ID) (organization.Organization, error) {
	return s.find(ctx, Local, id)
}

func (s organizations) FindLinearizable(ctx context.Context, id organization.ID) (organization.Organization, error) {
	return s.find(ctx, Linearizable, id)
}

func (s organizations) find(ctx context.Context, c Concern, id organization.ID) (organization.Organization, error) {
	return run(ctx, s.client, c, func(m *Database) (organization.Organization, error) {
		return m.organization(func(o organization.Organization) bool { return o.ID == id })
	})
}

func (s organizations) FindVisible(ctx context.Context, key string) (organization.Organization, error) {
	return read(ctx, s.client, func(m *Database) (organization.Organization, error) {
		return m.organization(func(o organization.Organization) bool { return o.Key == key && o.State.Visible() })
	})
}

func (s organizations) FindClaimants(ctx context.Context, keys ...string) ([]organization.Organization, error) {
	keys = slices.Clone(keys)
	return run(ctx, s.client, Linearizable, func(m *Database) ([]organization.Organization, error) {
		var all []organization.Organization
		for _, o := range m.organizations {
			if !o.State.Dead() && (slices.Contains(keys, o.Key) || o.Op != nil && slices.Contains(keys, o.Op.To)) {
				all = append(all, copyOrganization(o))
			}
		}
		return all, nil
	})
}

func (s organizations) Insert(ctx context.Context, o organization.Organization) error {
	o = copyOrganization(o)
	return do(ctx, s.client, func(m *Database) error {
		if has(m.organizations, o.ID) {
			return organization.ErrExists
		}
		if m.keyTaken(o) {
			return organization.ErrKeyTaken
		}
		m.organizations[o.ID] = copyOrganization(o)
		return nil
	})
}

func (s organizations) CompareAndSwap(ctx context.Context, was, is organization.Organization) (bool, error) {
	was, is = copyOrganization(was), copyOrganization(is)
	is.ID, is.Rev = was.ID, was.Rev+1
	return write(ctx, s.client, func(m *Database) (bool, error) {
		if !m.holds(was) {
			return false, nil
		}
		if m.keyTaken(is) {
			return false, organization.ErrKeyTaken
		}
		m.organizations[was.ID] = copyOrganization(is)
		return true, nil
	})
}

func (s organizations) Delete(ctx context.Context, o organization.Organization) (bool, error) {
	o = copyOrganization(o)
	return write(ctx, s.client, func(m *Database) (bool, error) {
		if !m.holds(o) {
			return false, nil
		}
		delete(m.organizations, o.ID)
		return true, nil
	})
}

// organization returns an organization that is so. m is locked.
func (m *Database) organization(so func(organization.Organization) bool) (organization.Organization, error) {
	for _, o := range m.organizations {
		if so(o) {
			return copyOrganization(o), nil
		}
	}
	return organization.Organization{}, organization.ErrAbsent
}

// holds reports whether o's document still has its state and rev. m is locked.
func (m *Database) holds(o organization.Organization) bool {
	is, there := m.organizations[o.ID]
	return there && is.State == o.State && is.Rev == o.Rev
}

// keyTaken reports whether another organization has o's key. m is locked.
func (m *Database) keyTaken(o organization.Organization) bool {
	if o.Key == "" || m.NoKeyIndex {
		return false
	}
	another := func(other organization.Organization) bool { return other.Key == o.Key && other.ID != o.ID }
	_, err := m.organization(another)
	return err == nil
}

// copyOrganization returns o as it is stored, sharing nothing with it.
func copyOrganization(o organization.Organization) organization.Organization {
	o.CreatedAt, o.UpdatedAt = date(o.CreatedAt), date(o.UpdatedAt)
	o.SweepAfter, o.PurgeAfter = date(o.SweepAfter), date(o.PurgeAfter)
	if o.Op != nil {
		op := *o.Op
		op.Lease = date(op.Lease)
		if op.Admin != nil {
			change := *op.Admin
			change.Mails = copyMails(change.Mails)
			op.Admin = &change
		}
		o.Op = &op
	}
	return o
}
