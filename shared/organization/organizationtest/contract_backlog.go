package organizationtest

import (
	"strconv"
	"testing"
	"time"

	"oms/shared/organization"
)

func testBacklog(t *testing.T, s Subject) {
	backlog, ctx := s.Store.Backlog, t.Context()
	at := millis(someday())
	ids := func(all []organization.Organization) []organization.ID {
		var list []organization.ID
		for _, o := range all {
			list = append(list, o.ID)
		}
		return list
	}

	t.Run("lists operations whose lease has ended, the oldest first", func(t *testing.T) {
		for n, lease := range map[byte]time.Time{
			1: at, 2: at.Add(-time.Hour), 3: at.Add(time.Millisecond), 4: at.Add(-time.Minute), 5: {},
		} {
			o := bare(n, organization.Updating)
			o.Op = &organization.Op{ID: id(n), Kind: organization.OpUpdate, Lease: lease}
			must(t, s.Store.Organizations.Insert(ctx, o))
		}
		must(t, s.Store.Organizations.Insert(ctx, bare(6, organization.Active)))
		got, err := backlog.Expired(ctx, at, 10)
		wantEqual(t, "Expired", ids(got), err, []organization.ID{id(2), id(4), id(1)})
		got, err = backlog.Expired(ctx, at, 2)
		wantEqual(t, "Expired, at most two", ids(got), err, []organization.ID{id(2), id(4)})
	})

	t.Run("lists dead organizations that may go, the oldest first", func(t *testing.T) {
		for n, o := range map[byte]struct {
			state organization.State
			after time.Time
		}{
			11: {organization.Deleted, at.Add(-time.Minute)},
			12: {organization.Aborted, at.Add(-time.Hour)},
			13: {organization.Deleted, at},
			14: {organization.Active, at.Add(-time.Hour)},
			15: {organization.Deleted, time.Time{}},
		} {
			dead := bare(n, o.state)
			dead.PurgeAfter = o.after
			must(t, s.Store.Organizations.Insert(ctx, dead))
		}
		got, err := backlog.Purgeable(ctx, at, 10)
		wantEqual(t, "Purgeable", ids(got), err, []organization.ID{id(12), id(11)})
		got, err = backlog.Purgeable(ctx, at, 1)
		wantEqual(t, "Purgeable, at most one", ids(got), err, []organization.ID{id(12)})
	})

	t.Run("lists all organizations by ID, page by page", func(t *testing.T) {
		var all []organization.ID
		for after := (organization.ID{}); ; {
			page, err := backlog.Organizations(ctx, after, 4)
			must(t, err)
			all = append(all, ids(page)...)
			if len(page) < 4 {
				break
			}
			after = page[len(page)-1].ID
		}
		var want []organization.ID
		for _, n := range []byte{1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15} {
			want = append(want, id(n))
		}
		wantEqual(t, "Organizations", all, nil, want)
	})

	t.Run("lists claims past until, by key, page by page", func(t *testing.T) {
		for key, until := range map[string]time.Time{
			"b": at.Add(-time.Millisecond), "a": at.Add(-time.Hour), "c": at, "d": at.Add(-time.Minute), "e": at.Add(time.Hour),
		} {
			must(t, s.Store.Claims.Insert(ctx, organization.Claim{Key: key, ID: id(1), Until: until}))
		}
		var keys []string
		for after, pages := "", 0; pages < 3; pages++ {
			page, err := backlog.Claims(ctx, at, after, 2)
			must(t, err)
			for _, c := range page {
				keys = append(keys, c.Key)
				after = c.Key
			}
		}
		wantEqual(t, "Claims", keys, nil, []string{"a", "b", "d"})
	})

	t.Run("lists admins by ID, page by page", func(t *testing.T) {
		for _, n := range []byte{3, 1, 2} {
			must(t, s.Store.Admins.Insert(ctx, organization.Admin{ID: id(n), Email: strconv.Itoa(int(n)) + "@example.com"}))
		}
		first, err := backlog.Admins(ctx, organization.ID{}, 2)
		must(t, err)
		if len(first) != 2 || first[0].ID != id(1) || first[1].ID != id(2) {
			t.Fatalf("Admins = %v, want the first two", first)
		}
		rest, err := backlog.Admins(ctx, first[1].ID, 2)
		if err != nil || len(rest) != 1 || rest[0].ID != id(3) {
			t.Errorf("Admins after these = %v, %v, want the third", rest, err)
		}
	})
}
