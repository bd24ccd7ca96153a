package organizationtest

import (
	"context"

	"oms/shared/organization"
)

var _ organization.Organizations = organizations{}

type organizations struct{ m *Memory }

func (s organizations) Find(ctx context.Context, id organization.ID) (organization.Organization, error) {
	return run(ctx, s.m, func(m *Memory) (organization.Organization, error) {
		return m.organization(func(o organization.Organization) bool { return o.ID == id })
	})
}

func (s organizations) FindVisible(ctx context.Context, key string) (organization.Organization, error) {
	return run(ctx, s.m, func(m *Memory) (organization.Organization, error) {
		return m.organization(func(o organization.Organization) bool { return o.Key == key && o.State.Visible() })
	})
}

func (s organizations) FindClaimant(ctx context.Context, key string, claim organization.ID) (organization.Organization, error) {
	return run(ctx, s.m, func(m *Memory) (organization.Organization, error) {
		return m.organization(func(o organization.Organization) bool {
			if !o.State.Running() && !o.State.Visible() {
				return false
			}
			return o.Key == key && o.ClaimID == claim || o.Op != nil && o.Op.To == key && o.Op.ToClaim == claim
		})
	})
}

func (s organizations) FindAll(ctx context.Context, ids []organization.ID) ([]organization.Organization, error) {
	wanted := map[organization.ID]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	return run(ctx, s.m, func(m *Memory) ([]organization.Organization, error) {
		var all []organization.Organization
		for id := range wanted {
			if o, there := m.organizations[id]; there {
				all = append(all, copyOrganization(o))
			}
		}
		return all, nil
	})
}

func (s organizations) Insert(ctx context.Context, o organization.Organization) error {
	o = copyOrganization(o)
	return do(ctx, s.m, func(m *Memory) error {
		if has(m.organizations, o.ID) {
			return organization.ErrExists
		}
		m.organizations[o.ID] = copyOrganization(o)
		return nil
	})
}

func (s organizations) Swap(ctx context.Context, was, is organization.Organization) (bool, error) {
	was, is = copyOrganization(was), copyOrganization(is)
	is.ID, is.Rev = was.ID, was.Rev+1
	return run(ctx, s.m, func(m *Memory) (bool, error) {
		if !m.holds(was) {
			return false, nil
		}
		m.organizations[was.ID] = copyOrganization(is)
		return true, nil
	})
}

func (s organizations) Delete(ctx context.Context, o organization.Organization) (bool, error) {
	o = copyOrganization(o)
	return run(ctx, s.m, func(m *Memory) (bool, error) {
		if !m.holds(o) {
			return false, nil
		}
		delete(m.organizations, o.ID)
		return true, nil
	})
}

// organization returns an organization that is so. m is locked.
func (m *Memory) organization(so func(organization.Organization) bool) (organization.Organization, error) {
	for _, o := range m.organizations {
		if so(o) {
			return copyOrganization(o), nil
		}
	}
	return organization.Organization{}, organization.ErrAbsent
}

// holds tells whether o's document still has its state and rev. m is locked.
func (m *Memory) holds(o organization.Organization) bool {
	is, there := m.organizations[o.ID]
	return there && is.State == o.State && is.Rev == o.Rev
}

// copyOrganization returns o as it is stored, sharing nothing with it.
func copyOrganization(o organization.Organization) organization.Organization {
	o.CreatedAt, o.UpdatedAt, o.PurgeAfter = date(o.CreatedAt), date(o.UpdatedAt), date(o.PurgeAfter)
	if o.Op != nil {
		op := *o.Op
		op.Lease = date(op.Lease)
		if op.Admin != nil {
			change := *op.Admin
			op.Admin = &change
		}
		o.Op = &op
	}
	return o
}
