package organizationtest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"oms/shared/organization"
)

var _ organization.Backlog = backlog{}

type backlog struct{ m *Memory }

func (s backlog) Organizations(ctx context.Context, after organization.ID, limit int) ([]organization.Organization, error) {
	return run(ctx, s.m, func(m *Memory) ([]organization.Organization, error) {
		var all []organization.Organization
		for _, o := range m.organizations {
			if compareIDs(o.ID, after) > 0 {
				all = append(all, copyOrganization(o))
			}
		}
		slices.SortFunc(all, func(a, b organization.Organization) int { return compareIDs(a.ID, b.ID) })
		return first(all, limit), nil
	})
}

func (s backlog) Expired(ctx context.Context, t time.Time, limit int) ([]organization.Organization, error) {
	t = date(t)
	lease := func(o organization.Organization) time.Time {
		if o.Op == nil {
			return time.Time{}
		}
		return o.Op.Lease
	}
	return run(ctx, s.m, func(m *Memory) ([]organization.Organization, error) {
		return m.oldest(lease, func(o organization.Organization) bool { return !lease(o).After(t) }, limit), nil
	})
}

func (s backlog) Purgeable(ctx context.Context, t time.Time, limit int) ([]organization.Organization, error) {
	t = date(t)
	after := func(o organization.Organization) time.Time { return o.PurgeAfter }
	return run(ctx, s.m, func(m *Memory) ([]organization.Organization, error) {
		return m.oldest(after, func(o organization.Organization) bool { return o.State.Dead() && o.PurgeAfter.Before(t) }, limit), nil
	})
}

func (s backlog) Claims(ctx context.Context, t time.Time, after string, limit int) ([]organization.Claim, error) {
	t = date(t)
	return run(ctx, s.m, func(m *Memory) ([]organization.Claim, error) {
		var all []organization.Claim
		for _, c := range m.claims {
			if c.Until.Before(t) && c.Key > after {
				all = append(all, c)
			}
		}
		slices.SortFunc(all, func(a, b organization.Claim) int { return cmp.Compare(a.Key, b.Key) })
		return first(all, limit), nil
	})
}

func (s backlog) Admins(ctx context.Context, after organization.ID, limit int) ([]organization.Admin, error) {
	return run(ctx, s.m, func(m *Memory) ([]organization.Admin, error) {
		var all []organization.Admin
		for _, a := range m.admins {
			if compareIDs(a.ID, after) > 0 {
				all = append(all, a)
			}
		}
		slices.SortFunc(all, func(a, b organization.Admin) int { return compareIDs(a.ID, b.ID) })
		return first(all, limit), nil
	})
}

// oldest returns the organizations that have the time at and are so, the
// smallest time first. m is locked.
func (m *Memory) oldest(at func(organization.Organization) time.Time, so func(organization.Organization) bool, limit int) []organization.Organization {
	var all []organization.Organization
	for _, o := range m.organizations {
		if !at(o).IsZero() && so(o) {
			all = append(all, copyOrganization(o))
		}
	}
	slices.SortFunc(all, func(a, b organization.Organization) int { return at(a).Compare(at(b)) })
	return first(all, limit)
}
