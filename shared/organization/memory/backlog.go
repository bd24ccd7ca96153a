package memory

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"oms/shared/organization"
)

type backlog struct{ client }

type (
	orgPage   = organization.Page[organization.Organization]
	claimPage = organization.Page[organization.Claim]
	adminPage = organization.Page[organization.Admin]
)

func (s backlog) Expired(ctx context.Context, t time.Time, after *organization.Place, limit int) (orgPage, error) {
	return s.organizations(ctx, after, limit, func(o organization.Organization) (time.Time, bool) {
		if o.Op == nil {
			return time.Time{}, false
		}
		return o.Op.Lease, until(o.Op.Lease, t)
	})
}

func (s backlog) Unswept(ctx context.Context, t time.Time, after *organization.Place, limit int) (orgPage, error) {
	return s.organizations(ctx, after, limit, func(o organization.Organization) (time.Time, bool) {
		return o.SweepAfter, o.State.Dead() && before(o.SweepAfter, t)
	})
}

func (s backlog) Purgeable(ctx context.Context, t time.Time, after *organization.Place, limit int) (orgPage, error) {
	return s.organizations(ctx, after, limit, func(o organization.Organization) (time.Time, bool) {
		return o.PurgeAfter, o.State.Dead() && before(o.PurgeAfter, t)
	})
}

func (s backlog) Unsettled(ctx context.Context, t time.Time, after *organization.Place, limit int) (claimPage, error) {
	return s.claims(ctx, after, limit, func(c organization.Claim) (time.Time, bool) {
		return c.Until, before(c.Until, t)
	})
}

func (s backlog) Mails(ctx context.Context, t time.Time, after *organization.Place, limit int) (adminPage, error) {
	return s.admins(ctx, after, limit, func(a organization.Admin) (time.Time, bool) {
		return a.MailsSince, until(a.MailsSince, t)
	})
}

func (s backlog) Unconfirmed(
	ctx context.Context, t time.Time, after *organization.Place, limit int,
) (adminPage, error) {
	return s.admins(ctx, after, limit, func(a organization.Admin) (time.Time, bool) {
		return a.UnconfirmedSince, before(a.UnconfirmedSince, t)
	})
}

func (s backlog) Organizations(ctx context.Context, after *organization.Place, limit int) (orgPage, error) {
	return s.organizations(ctx, after, limit, always)
}

func (s backlog) Claims(ctx context.Context, after *organization.Place, limit int) (claimPage, error) {
	return s.claims(ctx, after, limit, always)
}

func (s backlog) Admins(ctx context.Context, after *organization.Place, limit int) (adminPage, error) {
	return s.admins(ctx, after, limit, always)
}

// due says whether something is in a list, and which time its place there has.
type due[T any] func(T) (time.Time, bool)

func always[T any](T) (time.Time, bool) { return time.Time{}, true }

func before(at, t time.Time) bool { return !at.IsZero() && at.Before(date(t)) }

func until(at, t time.Time) bool { return !at.IsZero() && !at.After(date(t)) }

func (s backlog) organizations(
	ctx context.Context, after *organization.Place, limit int, d due[organization.Organization],
) (orgPage, error) {
	return read(ctx, s.client, func(m *Database) (orgPage, error) {
		id := func(o organization.Organization) []byte { return o.ID[:] }
		return page(m.organizations, d, id, copyOrganization, after, limit), nil
	})
}

func (s backlog) claims(
	ctx context.Context, after *organization.Place, limit int, d due[organization.Claim],
) (claimPage, error) {
	return read(ctx, s.client, func(m *Database) (claimPage, error) {
		id := func(c organization.Claim) []byte { return []byte(c.Key) }
		same := func(c organization.Claim) organization.Claim { return c }
		return page(m.claims, d, id, same, after, limit), nil
	})
}

func (s backlog) admins(
	ctx context.Context, after *organization.Place, limit int, d due[organization.Admin],
) (adminPage, error) {
	return read(ctx, s.client, func(m *Database) (adminPage, error) {
		id := func(a organization.Admin) []byte { return a.ID[:] }
		return page(m.admins, d, id, copyAdmin, after, limit), nil
	})
}

// page returns the part of a list that comes after a place.
func page[K comparable, T any](
	all map[K]T, d due[T], id func(T) []byte, copied func(T) T, after *organization.Place, limit int,
) organization.Page[T] {
	type entry struct {
		place organization.Place
		item  T
	}
	var list []entry
	for _, item := range all {
		at, in := d(item)
		place := organization.Place{Time: at, ID: id(item)}
		if in && (after == nil || comparePlaces(place, *after) > 0) {
			list = append(list, entry{place, item})
		}
	}
	slices.SortFunc(list, func(a, b entry) int { return comparePlaces(a.place, b.place) })
	var p organization.Page[T]
	for _, e := range first(list, limit) {
		p.Items = append(p.Items, copied(e.item))
		p.Next = &e.place
	}
	if len(p.Items) == len(list) {
		p.Next = nil
	}
	return p
}

func comparePlaces(a, b organization.Place) int {
	return cmp.Or(a.Time.Compare(b.Time), bytes.Compare(a.ID, b.ID))
}
