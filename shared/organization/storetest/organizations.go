package storetest

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"oms/shared/organization"
	"oms/shared/password"
)

// whole returns an organization with every field set.
func whole(n byte) organization.Organization {
	return organization.Organization{
		ID: id(n), Name: "Ácme & Söhne", Key: "acme" + string(rune('a'+n)), ClaimID: id(n + 100),
		Collection: "org_acme", State: organization.Updating, Version: 1 << 40, Rev: 7,
		AdminID: id(n + 50), AdminRev: 1<<40 + 1,
		CreatedAt: someday(), UpdatedAt: someday().Add(time.Hour),
		SweepAfter: someday().Add(time.Minute), PurgeAfter: someday().Add(2 * time.Hour),
		Op: &organization.Op{
			ID: id(1), Kind: organization.OpUpdate, Worker: id(2), Lease: someday().Add(15 * time.Second), EveryAnswerSeen: true,
			From: "acme", To: "globex" + string(rune('a'+n)), ToClaim: id(n + 150), Name: "Globex",
			UUID: "a-uuid", Aside: "ghost_unknown_1",
			Admin: &organization.AdminChange{
				ID: id(3), Rev: 4, Email: "a@example.com", CredentialVersion: "v2",
				Password: password.Hash{Alg: password.BcryptV1, Pepper: "p1", Hash: "$2b$04$x"},
			},
		},
	}
}

// bare returns an organization with the fewest fields that one has.
func bare(n byte, state organization.State) organization.Organization {
	return organization.Organization{
		ID: id(n), Name: "Acme", Collection: "org_acme", State: state, Rev: 1, AdminID: id(n + 50),
	}
}

func testOrganizations(t *testing.T, s Subject) {
	orgs, ctx := s.Store.Organizations, t.Context()

	t.Run("keep every field, and times to the millisecond", func(t *testing.T) {
		for _, o := range []organization.Organization{whole(1), bare(2, organization.Deleted)} {
			must(t, orgs.Insert(ctx, o))
			got, err := orgs.Find(ctx, o.ID)
			wantEqual(t, "Find", got, err, storedOrganization(o))
			got, err = orgs.FindLinearizable(ctx, o.ID)
			wantEqual(t, "FindLinearizable", got, err, storedOrganization(o))
		}
	})

	t.Run("keep the operation that a deleted one has left", func(t *testing.T) {
		o := bare(3, organization.Deleted)
		o.Op = &organization.Op{ID: id(9), Kind: organization.OpDelete}
		must(t, orgs.Insert(ctx, o))
		got, err := orgs.Find(ctx, o.ID)
		wantEqual(t, "Find", got, err, storedOrganization(o))
	})

	t.Run("are absent where they are not", func(t *testing.T) {
		_, err := orgs.Find(ctx, id(99))
		wantErr(t, "Find", err, organization.ErrAbsent)
		_, err = orgs.FindLinearizable(ctx, id(99))
		wantErr(t, "FindLinearizable", err, organization.ErrAbsent)
	})

	t.Run("have an ID once", func(t *testing.T) {
		first := bare(4, organization.Creating)
		must(t, orgs.Insert(ctx, first))
		wantErr(t, "Insert", orgs.Insert(ctx, whole(4)), organization.ErrExists)
		got, err := orgs.Find(ctx, id(4))
		wantEqual(t, "Find", got, err, storedOrganization(first))
	})

	t.Run("have a key once, and none when dead", func(t *testing.T) {
		first, second := bare(5, organization.Active), bare(6, organization.Active)
		first.Key, second.Key = "once", "once"
		must(t, orgs.Insert(ctx, first))
		wantErr(t, "Insert with another's key", orgs.Insert(ctx, second), organization.ErrKeyTaken)
		_, err := orgs.Find(ctx, second.ID)
		wantErr(t, "Find of the refused one", err, organization.ErrAbsent)
		wantErr(t, "Insert of the same", orgs.Insert(ctx, first), organization.ErrExists)

		second.Key = "twice"
		must(t, orgs.Insert(ctx, second))
		is := second
		is.Key, is.Name = "once", "Once"
		ok, err := orgs.CompareAndSwap(ctx, second, is)
		if ok || !errors.Is(err, organization.ErrKeyTaken) {
			t.Errorf("CompareAndSwap to another's key = %t, %v, want %v", ok, err, organization.ErrKeyTaken)
		}
		got, err := orgs.Find(ctx, second.ID)
		wantEqual(t, "Find after it", got, err, storedOrganization(second))
		stale := second
		stale.Rev++
		ok, err = orgs.CompareAndSwap(ctx, stale, is)
		wantBool(t, "CompareAndSwap to another's key at another rev", ok, err, false)

		dead := first
		dead.Key, dead.State = "", organization.Deleted
		ok, err = orgs.CompareAndSwap(ctx, first, dead)
		wantBool(t, "CompareAndSwap to no key", ok, err, true)
		must(t, orgs.Insert(ctx, bare(7, organization.Deleted)))
		ok, err = orgs.CompareAndSwap(ctx, second, is)
		wantBool(t, "CompareAndSwap to the key that is free", ok, err, true)
	})

	t.Run("are visible while active or updating", func(t *testing.T) {
		for i, state := range states() {
			o := bare(20+byte(i), state)
			o.Key = "seen" + string(state)
			must(t, orgs.Insert(ctx, o))
			got, err := orgs.FindVisible(ctx, o.Key)
			if !state.Visible() {
				wantErr(t, "FindVisible while "+string(state), err, organization.ErrAbsent)
				continue
			}
			wantEqual(t, "FindVisible while "+string(state), got, err, storedOrganization(o))
		}
		_, err := orgs.FindVisible(ctx, "unseen")
		wantErr(t, "FindVisible", err, organization.ErrAbsent)
	})

	t.Run("have a key or move to one, while they are not dead", func(t *testing.T) {
		var keys []string
		want := map[organization.ID]organization.Organization{}
		for i, state := range states() {
			o := whole(40 + byte(i))
			o.State = state
			must(t, orgs.Insert(ctx, o))
			for _, key := range []string{o.Key, o.Op.To} {
				got, err := orgs.FindClaimants(ctx, key)
				if state.Dead() {
					wantEqual(t, "FindClaimants while "+string(state), len(got), err, 0)
					continue
				}
				wantEqual(t, "FindClaimants while "+string(state), got, err, []organization.Organization{storedOrganization(o)})
				want[o.ID] = storedOrganization(o)
			}
			keys = append(keys, o.Key, o.Op.To)
		}
		both := bare(46, organization.Updating)
		both.Key, both.Op = "both", &organization.Op{ID: id(1), Kind: organization.OpUpdate, To: keys[0]}
		must(t, orgs.Insert(ctx, both))
		want[both.ID] = storedOrganization(both)
		all, err := orgs.FindClaimants(ctx, append(keys, "both", "nobody's")...)
		must(t, err)
		got := map[organization.ID]organization.Organization{}
		for _, o := range all {
			got[o.ID] = o
		}
		wantEqual(t, "FindClaimants of all", got, nil, want)
		wantEqual(t, "FindClaimants of all, how many", len(all), nil, len(want))
		all, err = orgs.FindClaimants(ctx, "nobody's")
		wantEqual(t, "FindClaimants of a key that nobody has", len(all), err, 0)
		all, err = orgs.FindClaimants(ctx)
		wantEqual(t, "FindClaimants of no key", len(all), err, 0)
	})

	t.Run("have a key or move to one, many at once", func(t *testing.T) {
		var keys []string
		for n := range byte(120) { // more than a server's first batch holds by itself
			o := bare(0, organization.Active)
			o.ID, o.Key = organization.ID{0: 1, 11: n}, "many"+strconv.Itoa(int(n))
			must(t, orgs.Insert(ctx, o))
			keys = append(keys, o.Key)
		}
		all, err := orgs.FindClaimants(ctx, keys...)
		wantEqual(t, "FindClaimants, how many", len(all), err, len(keys))
	})

	t.Run("are swapped where state and rev are what they were", func(t *testing.T) {
		was := whole(60)
		must(t, orgs.Insert(ctx, was))
		is := bare(60, organization.Active)
		is.Rev, is.Name, is.Key, is.ClaimID, is.CreatedAt = 99, "Globex", "globex", id(61), was.CreatedAt

		stale := was
		stale.Rev--
		ok, err := orgs.CompareAndSwap(ctx, stale, is)
		wantBool(t, "CompareAndSwap from another rev", ok, err, false)
		stale = was
		stale.State = organization.Active
		ok, err = orgs.CompareAndSwap(ctx, stale, is)
		wantBool(t, "CompareAndSwap from another state", ok, err, false)
		stale = was
		stale.ID = id(98)
		ok, err = orgs.CompareAndSwap(ctx, stale, is)
		wantBool(t, "CompareAndSwap of one that is absent", ok, err, false)
		got, err := orgs.Find(ctx, was.ID)
		wantEqual(t, "Find after these", got, err, storedOrganization(was))

		ok, err = orgs.CompareAndSwap(ctx, was, is)
		wantBool(t, "CompareAndSwap", ok, err, true)
		want := storedOrganization(is)
		want.Rev = was.Rev + 1
		got, err = orgs.Find(ctx, was.ID)
		wantEqual(t, "Find after the swap", got, err, want)
		ok, err = orgs.CompareAndSwap(ctx, was, is)
		wantBool(t, "the same CompareAndSwap again", ok, err, false)

		back := storedOrganization(whole(60))
		back.Rev = want.Rev
		ok, err = orgs.CompareAndSwap(ctx, want, back)
		wantBool(t, "CompareAndSwap back", ok, err, true)
		back.Rev++
		got, err = orgs.Find(ctx, was.ID)
		wantEqual(t, "Find after the swap back", got, err, back)
	})

	t.Run("are deleted where state and rev are what they were", func(t *testing.T) {
		o := bare(70, organization.Deleted)
		must(t, orgs.Insert(ctx, o))
		stale := o
		stale.Rev++
		ok, err := orgs.Delete(ctx, stale)
		wantBool(t, "Delete at another rev", ok, err, false)
		stale = o
		stale.State = organization.Active
		ok, err = orgs.Delete(ctx, stale)
		wantBool(t, "Delete in another state", ok, err, false)
		ok, err = orgs.Delete(ctx, o)
		wantBool(t, "Delete", ok, err, true)
		_, err = orgs.Find(ctx, o.ID)
		wantErr(t, "Find", err, organization.ErrAbsent)
		ok, err = orgs.Delete(ctx, o)
		wantBool(t, "Delete again", ok, err, false)
	})
}

func testOrganizationRaces(t *testing.T, s Subject) {
	orgs, ctx := s.Store.Organizations, t.Context()
	o := bare(1, organization.Active)
	must(t, orgs.Insert(ctx, o))
	for range swapRounds {
		race(t, "for a rev", func(i byte) (bool, error) {
			is := o
			is.Version = int64(i)
			return orgs.CompareAndSwap(ctx, o, is)
		})
		got, err := orgs.Find(ctx, o.ID)
		if err != nil || got.Rev != o.Rev+1 {
			t.Fatalf("Find after a round at rev %d = rev %d, %v, want one more", o.Rev, got.Rev, err)
		}
		o = got
	}

	taken := func(ok bool, err error) (bool, error) {
		if errors.Is(err, organization.ErrKeyTaken) {
			return false, nil
		}
		return ok && err == nil, err
	}
	t.Run("one of many is inserted with a key", func(t *testing.T) {
		for round := range byte(rounds) {
			race(t, "for a key", func(i byte) (bool, error) {
				return taken(true, orgs.Insert(ctx, organization.Organization{
					ID: organization.ID{0: 1, 1: round, 2: i}, Key: "new" + strconv.Itoa(int(round)), State: organization.Creating,
				}))
			})
		}
	})
	t.Run("one of many gets a key", func(t *testing.T) {
		for i := range byte(racers) {
			must(t, orgs.Insert(ctx, organization.Organization{ID: organization.ID{0: 2, 2: i}, State: organization.Updating}))
		}
		for round := range rounds {
			race(t, "for a key", func(i byte) (bool, error) {
				was, err := orgs.Find(ctx, organization.ID{0: 2, 2: i})
				if err != nil {
					return false, err
				}
				is := was
				is.Key = "moved" + strconv.Itoa(round)
				return taken(orgs.CompareAndSwap(ctx, was, is))
			})
		}
	})
}

func states() []organization.State {
	return []organization.State{
		organization.Creating, organization.Active, organization.Updating,
		organization.Deleting, organization.Deleted, organization.Aborted,
	}
}

// storedOrganization is o as it comes back.
func storedOrganization(o organization.Organization) organization.Organization {
	for _, t := range []*time.Time{&o.CreatedAt, &o.UpdatedAt, &o.SweepAfter, &o.PurgeAfter} {
		*t = millis(*t)
	}
	if o.Op != nil {
		op := *o.Op
		op.Lease = millis(op.Lease)
		o.Op = &op
	}
	return o
}
