package memory

import (
	"bytes"
	"context"
	"slices"
	"time"

	"oms/shared/organization"
)

var _ organization.Backlog = backlog{}

type backlog struct{ client }

type (
	orgPage   = organization.Page[organization.Organization]
	claimPage = organization.Page[organization.Claim]
	adminPage = organization.Page[organization.Admin]
)

func (s backlog) Expired(ctx context.Context, t time.Time, after *organization.Place, limit int) (orgPage, error) {
	t = date(t)
	lease := func(o organization.Organization) time.Time {
		if o.Op == nil {
			return time.Time{}
		}
		return o.Op.Lease
	}
	return oldest(ctx, s.client, lease, func(o organization.Organization) bool { return !lease(o).After(t) }, after, limit)
}

func (s backlog) Unswept(ctx context.Context, t time.Time, after *organization.Place, limit int) (orgPage, error) {
	t = date(t)
	return oldest(ctx, s.client, func(o organization.Organization) time.Time { return o.SweepAfter },
		func(o organization.Organization) bool { return o.State.Dead() && o.SweepAfter.Before(t) }, after, limit)
}

func (s backlog) Purgeable(ctx context.Context, t time.Time, after *organization.Place, limit int) (orgPage, error) {
	t = date(t)
	return oldest(ctx, s.client, func(o organization.Organization) time.Time { return o.PurgeAfter },
		func(o organization.Organization) bool { return o.State.Dead() && o.PurgeAfter.Before(t) }, after, limit)
}

func (s backlog) Unsettled(ctx context.Context, t time.Time, after *organization.Place, limit int) (claimPage, error) {
	t = date(t)
	return read(ctx, s.client, func(m *Database) (claimPage, error) {
		var all []entry[organization.Claim]
		for _, c := range m.claims {
			if !c.Until.IsZero() && c.Until.Before(t) {
				all = append(all, entry[organization.Claim]{organization.Place{Time: c.Until, ID: []byte(c.Key)}, c})
			}
		}
		return page(all, after, limit), nil
	})
}

func (s backlog) Organizations(ctx context.Context, after *organization.Place, limit int) (orgPage, error) {
	return read(ctx, s.client, func(m *Database) (orgPage, error) {
		var all []entry[organization.Organization]
		for _, o := range m.organizations {
			all = append(all, entry[organization.Organization]{organization.Place{ID: o.ID[:]}, copyOrganization(o)})
		}
		return page(all, after, limit), nil
	})
}

func (s backlog) Claims(ctx context.Context, after *organization.Place, limit int) (claimPage, error) {
	return read(ctx, s.client, func(m *Database) (claimPage, error) {
		var all []entry[organization.Claim]
		for _, c := range m.claims {
			all = append(all, entry[organization.Claim]{organization.Place{ID: []byte(c.Key)}, c})
		}
		return page(all, after, limit), nil
	})
}

func (s backlog) Admins(ctx context.Context, after *organization.Place, limit int) (adminPage, error) {
	return read(ctx, s.client, func(m *Database) (adminPage, error) {
		var all []entry[organization.Admin]
		for _, a := range m.admins {
			all = append(all, entry[organization.Admin]{organization.Place{ID: a.ID[:]}, a})
		}
		return page(all, after, limit), nil
	})
}

// oldest lists the organizations that have the time at and are so.
func oldest(
	ctx context.Context, c client, at func(organization.Organization) time.Time, so func(organization.Organization) bool,
	after *organization.Place, limit int,
) (orgPage, error) {
	return read(ctx, c, func(m *Database) (orgPage, error) {
		var all []entry[organization.Organization]
		for _, o := range m.organizations {
			if !at(o).IsZero() && so(o) {
				place := organization.Place{Time: at(o), ID: o.ID[:]}
				all = append(all, entry[organization.Organization]{place, copyOrganization(o)})
			}
		}
		return page(all, after, limit), nil
	})
}

// entry is an item with its place in a list.
type entry[T any] struct {
	place organization.Place
	item  T
}

// page returns the part of the list that comes after a place.
func page[T any](all []entry[T], after *organization.Place, limit int) organization.Page[T] {
	slices.SortFunc(all, func(a, b entry[T]) int { return comparePlaces(a.place, b.place) })
	if after != nil {
		all = slices.DeleteFunc(all, func(e entry[T]) bool { return comparePlaces(e.place, *after) <= 0 })
	}
	var p organization.Page[T]
	for _, e := range first(all, limit) {
		p.Items = append(p.Items, e.item)
	}
	if len(all) > len(p.Items) && len(p.Items) > 0 {
		next := all[len(p.Items)-1].place
		next.ID = bytes.Clone(next.ID)
		p.Next = &next
	}
	return p
}

func comparePlaces(a, b organization.Place) int {
	if c := a.Time.Compare(b.Time); c != 0 {
		return c
	}
	return bytes.Compare(a.ID, b.ID)
}
