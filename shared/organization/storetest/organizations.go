package storetest

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"oms/shared/must"
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
			ID: id(1), Kind: organization.OpUpdate, Worker: id(2), Lease: someday().Add(15 * time.Second),
			EveryAnswerSeen: true,
			From:            "acme", To: "globex" + string(rune('a'+n)), ToClaim: id(n + 150), Name: "Globex",
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
			must.Do(t, orgs.Insert(ctx, o))
			expect(t, "Find", storedOrganization(o))(orgs.Find(ctx, o.ID))
			expect(t, "FindLinearizable", storedOrganization(o))(orgs.FindLinearizable(ctx, o.ID))
		}
	})

	t.Run("keep the operation that a deleted one has left", func(t *testing.T) {
		o := bare(3, organization.Deleted)
		o.Op = &organization.Op{ID: id(9), Kind: organization.OpDelete}
		must.Do(t, orgs.Insert(ctx, o))
		expect(t, "Find", storedOrganization(o))(orgs.Find(ctx, o.ID))
	})

	t.Run("are absent where they are not", func(t *testing.T) {
		wantErr(t, "Find", must.Err(orgs.Find(ctx, id(99))), organization.ErrAbsent)
		wantErr(t, "FindLinearizable", must.Err(orgs.FindLinearizable(ctx, id(99))), organization.ErrAbsent)
	})

	t.Run("have an ID once", func(t *testing.T) {
		first := bare(4, organization.Creating)
		must.Do(t, orgs.Insert(ctx, first))
		wantErr(t, "Insert", orgs.Insert(ctx, whole(4)), organization.ErrExists)
		expect(t, "Find", storedOrganization(first))(orgs.Find(ctx, id(4)))
	})

	t.Run("have a key once, and none when dead", func(t *testing.T) {
		first, other := bare(5, organization.Active), bare(6, organization.Active)
		first.Key, other.Key = "once", "once"
		must.Do(t, orgs.Insert(ctx, first))
		wantErr(t, "Insert with another's key", orgs.Insert(ctx, other), organization.ErrKeyTaken)
		wantErr(t, "Find of the refused one", must.Err(orgs.Find(ctx, other.ID)), organization.ErrAbsent)
		wantErr(t, "Insert of the same", orgs.Insert(ctx, first), organization.ErrExists)

		other.Key = "twice"
		must.Do(t, orgs.Insert(ctx, other))
		is := other
		is.Key, is.Name = "once", "Once"
		wantErr(t, "a swap to a taken key", must.Err(orgs.CompareAndSwap(ctx, other, is)), organization.ErrKeyTaken)
		expect(t, "Find after it", storedOrganization(other))(orgs.Find(ctx, other.ID))
		stale := other
		stale.Rev++
		expect(t, "CompareAndSwap to another's key at another rev", false)(orgs.CompareAndSwap(ctx, stale, is))

		dead := first
		dead.Key, dead.State = "", organization.Deleted
		expect(t, "CompareAndSwap to no key", true)(orgs.CompareAndSwap(ctx, first, dead))
		must.Do(t, orgs.Insert(ctx, bare(7, organization.Deleted)))
		expect(t, "CompareAndSwap to the key that is free", true)(orgs.CompareAndSwap(ctx, other, is))
	})

	t.Run("are visible while active or updating", func(t *testing.T) {
		for i, state := range states() {
			o := bare(20+byte(i), state)
			o.Key = "seen" + string(state)
			must.Do(t, orgs.Insert(ctx, o))
			got, err := orgs.FindVisible(ctx, o.Key)
			if !state.Visible() {
				wantErr(t, "FindVisible while "+string(state), err, organization.ErrAbsent)
				continue
			}
			expect(t, "FindVisible while "+string(state), storedOrganization(o))(got, err)
		}
		wantErr(t, "FindVisible", must.Err(orgs.FindVisible(ctx, "unseen")), organization.ErrAbsent)
	})

	t.Run("have a key or move to one, while they are not dead", func(t *testing.T) {
		var keys []string
		want := map[organization.ID]organization.Organization{}
		for i, state := range states() {
			o := whole(40 + byte(i))
			o.State = state
			must.Do(t, orgs.Insert(ctx, o))
			for _, key := range []string{o.Key, o.Op.To} {
				got, err := orgs.FindClaimants(ctx, key)
				if state.Dead() {
					expect(t, "FindClaimants while "+string(state), 0)(len(got), err)
					continue
				}
				want[o.ID] = storedOrganization(o)
				expect(t, "FindClaimants while "+string(state), []organization.Organization{want[o.ID]})(got, err)
			}
			keys = append(keys, o.Key, o.Op.To)
		}
		both := bare(46, organization.Updating)
		both.Key, both.Op = "both", &organization.Op{ID: id(1), Kind: organization.OpUpdate, To: keys[0]}
		must.Do(t, orgs.Insert(ctx, both))
		want[both.ID] = storedOrganization(both)
		all := must.Get(orgs.FindClaimants(ctx, append(keys, "both", "nobody's")...))(t)
		got := map[organization.ID]organization.Organization{}
		for _, o := range all {
			got[o.ID] = o
		}
		expect(t, "FindClaimants of all", want)(got, nil)
		expect(t, "FindClaimants of all, how many", len(want))(len(all), nil)
		all, err := orgs.FindClaimants(ctx, "nobody's")
		expect(t, "FindClaimants of a key that nobody has", 0)(len(all), err)
		all, err = orgs.FindClaimants(ctx)
		expect(t, "FindClaimants of no key", 0)(len(all), err)
	})

	t.Run("have a key or move to one, many at once", func(t *testing.T) {
		var keys []string
		for n := range byte(120) { // more than a server's first batch holds by itself
			o := bare(0, organization.Active)
			o.ID, o.Key = organization.ID{0: 1, 11: n}, "many"+strconv.Itoa(int(n))
			must.Do(t, orgs.Insert(ctx, o))
			keys = append(keys, o.Key)
		}
		all, err := orgs.FindClaimants(ctx, keys...)
		expect(t, "FindClaimants, how many", len(keys))(len(all), err)
	})

	t.Run("are swapped where state and rev are what they were", func(t *testing.T) {
		was := whole(60)
		must.Do(t, orgs.Insert(ctx, was))
		is := bare(60, organization.Active)
		is.Rev, is.Name, is.Key, is.ClaimID, is.CreatedAt = 99, "Globex", "globex", id(61), was.CreatedAt

		stale := was
		stale.Rev--
		expect(t, "CompareAndSwap from another rev", false)(orgs.CompareAndSwap(ctx, stale, is))
		stale = was
		stale.State = organization.Active
		expect(t, "CompareAndSwap from another state", false)(orgs.CompareAndSwap(ctx, stale, is))
		stale = was
		stale.ID = id(98)
		expect(t, "CompareAndSwap of one that is absent", false)(orgs.CompareAndSwap(ctx, stale, is))
		expect(t, "Find after these", storedOrganization(was))(orgs.Find(ctx, was.ID))

		expect(t, "CompareAndSwap", true)(orgs.CompareAndSwap(ctx, was, is))
		want := storedOrganization(is)
		want.Rev = was.Rev + 1
		expect(t, "Find after the swap", want)(orgs.Find(ctx, was.ID))
		expect(t, "the same CompareAndSwap again", false)(orgs.CompareAndSwap(ctx, was, is))

		back := storedOrganization(whole(60))
		back.Rev = want.Rev
		expect(t, "CompareAndSwap back", true)(orgs.CompareAndSwap(ctx, want, back))
		back.Rev++
		expect(t, "Find after the swap back", back)(orgs.Find(ctx, was.ID))
	})

	t.Run("are deleted where state and rev are what they were", func(t *testing.T) {
		o := bare(70, organization.Deleted)
		must.Do(t, orgs.Insert(ctx, o))
		stale := o
		stale.Rev++
		expect(t, "Delete at another rev", false)(orgs.Delete(ctx, stale))
		stale = o
		stale.State = organization.Active
		expect(t, "Delete in another state", false)(orgs.Delete(ctx, stale))
		expect(t, "Delete", true)(orgs.Delete(ctx, o))
		wantErr(t, "Find", must.Err(orgs.Find(ctx, o.ID)), organization.ErrAbsent)
		expect(t, "Delete again", false)(orgs.Delete(ctx, o))
	})
}

func testOrganizationRaces(t *testing.T, s Subject) {
	orgs, ctx := s.Store.Organizations, t.Context()
	o := bare(1, organization.Active)
	must.Do(t, orgs.Insert(ctx, o))
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
					ID: organization.ID{0: 1, 1: round, 2: i}, Key: "new" + strconv.Itoa(int(round)),
					State: organization.Creating,
				}))
			})
		}
	})
	t.Run("one of many gets a key", func(t *testing.T) {
		for i := range byte(racers) {
			must.Do(t, orgs.Insert(ctx, organization.Organization{
				ID: organization.ID{0: 2, 2: i}, State: organization.Updating,
			}))
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
