package storetest

import (
	"context"
	"strconv"
	"testing"
	"time"

	"oms/shared/must"
	"oms/shared/organization"
)

func testBacklog(t *testing.T, s Subject) {
	backlog, ctx := s.Store.Backlog, t.Context()
	at := millis(someday())
	byID := func(o organization.Organization) organization.ID { return o.ID }
	ids := func(ns ...byte) []organization.ID {
		var all []organization.ID
		for _, n := range ns {
			all = append(all, id(n))
		}
		return all
	}

	t.Run("lists operations whose lease has ended, the oldest first", func(t *testing.T) {
		for n, lease := range map[byte]time.Time{
			1: at, 2: at.Add(-time.Hour), 3: at.Add(time.Millisecond), 4: at.Add(-time.Minute), 5: {},
			6: at.Add(-time.Minute), 7: at.Add(-time.Minute),
		} {
			o := bare(n, organization.Updating)
			o.Op = &organization.Op{ID: id(n), Kind: organization.OpUpdate, Lease: lease}
			must.Do(t, s.Store.Organizations.Insert(ctx, o))
		}
		must.Do(t, s.Store.Organizations.Insert(ctx, bare(8, organization.Active)))
		wantPages(ctx, t, "Expired", listed(backlog.Expired, at), byID, ids(2, 4, 6, 7, 1))
	})

	t.Run("lists dead organizations whose time has come, the oldest first", func(t *testing.T) {
		for n, o := range map[byte]struct {
			state organization.State
			after time.Time
		}{
			11: {organization.Deleted, at.Add(-time.Minute)},
			12: {organization.Aborted, at.Add(-time.Hour)},
			13: {organization.Deleted, at},
			14: {organization.Active, at.Add(-time.Hour)},
			15: {organization.Deleted, time.Time{}},
			16: {organization.Aborted, at.Add(-time.Minute)},
			17: {organization.Deleting, at.Add(-time.Hour)},
		} {
			purgeable, unswept := bare(n, o.state), bare(n+10, o.state)
			purgeable.PurgeAfter, unswept.SweepAfter = o.after, o.after
			must.Do(t, s.Store.Organizations.Insert(ctx, purgeable))
			must.Do(t, s.Store.Organizations.Insert(ctx, unswept))
		}
		wantPages(ctx, t, "Purgeable", listed(backlog.Purgeable, at), byID, ids(12, 11, 16))
		wantPages(ctx, t, "Unswept", listed(backlog.Unswept, at), byID, ids(22, 21, 26))
	})

	t.Run("lists all organizations by ID", func(t *testing.T) {
		wantPages(ctx, t, "Organizations", backlog.Organizations, byID,
			ids(1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16, 17, 21, 22, 23, 24, 25, 26, 27))
	})

	t.Run("lists claims past until, the oldest first, and all by key", func(t *testing.T) {
		for key, until := range map[string]time.Time{
			"b": at.Add(-time.Minute), "a": at.Add(-time.Hour), "c": at, "d": at.Add(-time.Minute),
			"e": at.Add(time.Hour),
			"f": at.Add(-2 * time.Hour), "g": at.Add(-3 * time.Hour), "h": at.Add(-time.Minute),
			"i": at.Add(-time.Millisecond),
		} {
			must.Do(t, s.Store.Claims.Insert(ctx, organization.Claim{Key: key, ID: id(1), Until: until}))
		}
		expect(t, "Settle", 1)(
			s.Store.Claims.Settle(ctx, []organization.Claim{{Key: "g", ID: id(1), Until: at.Add(-3 * time.Hour)}}))
		key := func(c organization.Claim) string { return c.Key }
		wantPages(ctx, t, "Unsettled", listed(backlog.Unsettled, at), key, []string{"f", "a", "b", "d", "h", "i"})
		wantPages(ctx, t, "Claims", backlog.Claims, key, []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"})
	})

	t.Run("goes on where what it has listed has gone", func(t *testing.T) {
		first := must.Get(backlog.Unsettled(ctx, at, nil, 4))(t)
		expect(t, "Settle", 4)(s.Store.Claims.Settle(ctx, first.Items))
		rest, err := backlog.Unsettled(ctx, at, first.Next, 4)
		if err != nil || len(rest.Items) != 2 || rest.Items[0].Key != "h" || rest.Items[1].Key != "i" {
			t.Errorf("Unsettled after these = %v, %v, want h and i", rest.Items, err)
		}
	})

	t.Run("lists admins by ID", func(t *testing.T) {
		for _, n := range []byte{3, 1, 2} {
			must.Do(t, s.Store.Admins.Insert(ctx, organization.Admin{
				ID: id(n), Email: strconv.Itoa(int(n)) + "@example.com",
			}))
		}
		wantPages(ctx, t, "Admins", backlog.Admins, func(a organization.Admin) organization.ID { return a.ID },
			ids(1, 2, 3))
	})
}

// pages is a list of the backlog.
type pages[T any] func(ctx context.Context, after *organization.Place, limit int) (organization.Page[T], error)

// listed is a list up to a time.
func listed[T any](
	list func(context.Context, time.Time, *organization.Place, int) (organization.Page[T], error), at time.Time,
) pages[T] {
	return func(ctx context.Context, after *organization.Place, limit int) (organization.Page[T], error) {
		return list(ctx, at, after, limit)
	}
}

// wantPages reads the list in pages of every size, and fails the test unless
// each time it has what it should. A last page may be empty.
func wantPages[T any, I comparable](
	ctx context.Context, t *testing.T, doing string, list pages[T], id func(T) I, want []I,
) {
	t.Helper()
	for limit := 1; limit <= len(want)+1; limit++ {
		var got []I
		for after, n := (*organization.Place)(nil), 0; n <= len(want)+1; n++ {
			p := must.Get(list(ctx, after, limit))(t)
			if len(p.Items) > limit || len(p.Unreadable) > 0 || p.Next != nil && len(p.Items) < limit {
				t.Errorf("%s, at most %d: a page of %d, %d unreadable, next %v",
					doing, limit, len(p.Items), len(p.Unreadable), p.Next)
			}
			for _, item := range p.Items {
				got = append(got, id(item))
			}
			if after = p.Next; after == nil {
				break
			}
		}
		expect(t, doing+", in pages of "+strconv.Itoa(limit), want)(got, nil)
	}
}
