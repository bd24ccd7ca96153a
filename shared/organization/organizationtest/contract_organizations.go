package organizationtest

import (
	"testing"
	"time"

	"oms/shared/organization"
	"oms/shared/password"
)

// whole returns an organization with every field set.
func whole(n byte) organization.Organization {
	return organization.Organization{
		ID: id(n), Name: "Ácme & Söhne", Key: "acme" + string(rune('a'+n)), ClaimID: id(n + 100),
		Collection: "org_acme", State: organization.Updating, Version: 1 << 40, Rev: 7, AdminID: id(n + 50),
		CreatedAt: someday(), UpdatedAt: someday().Add(time.Hour), PurgeAfter: someday().Add(2 * time.Hour),
		Op: &organization.Op{
			ID: id(1), Kind: organization.OpUpdate, Worker: id(2), Lease: someday().Add(15 * time.Second), Sure: true,
			From: "acme", To: "globex" + string(rune('a'+n)), ToClaim: id(n + 150), Name: "Globex", UUID: "a-uuid", Aside: "ghost_unknown_1",
			Admin: &organization.AdminChange{
				ID: id(3), Rev: 4, Email: "a@example.com", Ver: "v2",
				Password: password.Hash{Alg: password.BcryptV1, Pepper: "p1", Hash: "$2b$04$x"},
			},
		},
	}
}

// bare returns an organization with the fewest fields that one has.
func bare(n byte, state organization.State) organization.Organization {
	return organization.Organization{ID: id(n), Name: "Acme", Collection: "org_acme", State: state, Rev: 1, AdminID: id(n + 50)}
}

func testOrganizations(t *testing.T, s Subject) {
	orgs, ctx := s.Store.Organizations, t.Context()

	t.Run("keep every field, and times to the millisecond", func(t *testing.T) {
		for _, o := range []organization.Organization{whole(1), bare(2, organization.Deleted)} {
			must(t, orgs.Insert(ctx, o))
			got, err := orgs.Find(ctx, o.ID)
			wantEqual(t, "Find", got, err, copyOrganization(o))
		}
	})

	t.Run("keep the operation that a deleted one has left", func(t *testing.T) {
		o := bare(3, organization.Deleted)
		o.Op = &organization.Op{ID: id(9), Kind: organization.OpDelete}
		must(t, orgs.Insert(ctx, o))
		got, err := orgs.Find(ctx, o.ID)
		wantEqual(t, "Find", got, err, copyOrganization(o))
	})

	t.Run("are absent where they are not", func(t *testing.T) {
		_, err := orgs.Find(ctx, id(99))
		wantErr(t, "Find", err, organization.ErrAbsent)
	})

	t.Run("have an ID once", func(t *testing.T) {
		first := bare(4, organization.Creating)
		must(t, orgs.Insert(ctx, first))
		wantErr(t, "Insert", orgs.Insert(ctx, whole(4)), organization.ErrExists)
		got, err := orgs.Find(ctx, id(4))
		wantEqual(t, "Find", got, err, copyOrganization(first))
	})

	t.Run("come together, those that are there", func(t *testing.T) {
		got, err := orgs.FindAll(ctx, []organization.ID{id(2), id(99), id(4), id(2)})
		found := map[organization.ID]bool{}
		for _, o := range got {
			found[o.ID] = true
		}
		if err != nil || len(got) != 2 || !found[id(2)] || !found[id(4)] {
			t.Errorf("FindAll = %v, %v, want those two that are there", got, err)
		}
		got, err = orgs.FindAll(ctx, nil)
		if err != nil || len(got) != 0 {
			t.Errorf("FindAll(nil) = %v, %v, want none", got, err)
		}
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
			wantEqual(t, "FindVisible while "+string(state), got, err, copyOrganization(o))
		}
		_, err := orgs.FindVisible(ctx, "unseen")
		wantErr(t, "FindVisible", err, organization.ErrAbsent)
	})

	t.Run("refer to a claim by their key, or by that which they move to", func(t *testing.T) {
		for i, state := range states() {
			o := whole(40 + byte(i))
			o.State = state
			must(t, orgs.Insert(ctx, o))
			for _, claim := range []organization.Claim{{Key: o.Key, ID: o.ClaimID}, {Key: o.Op.To, ID: o.Op.ToClaim}} {
				got, err := orgs.FindClaimant(ctx, claim.Key, claim.ID)
				if state.Dead() {
					wantErr(t, "FindClaimant while "+string(state), err, organization.ErrAbsent)
					continue
				}
				wantEqual(t, "FindClaimant while "+string(state), got, err, copyOrganization(o))
			}
			for _, claim := range []organization.Claim{
				{Key: o.Key, ID: o.Op.ToClaim},
				{Key: o.Op.To, ID: o.ClaimID},
				{Key: o.Key, ID: id(99)},
				{Key: "other", ID: o.ClaimID},
			} {
				_, err := orgs.FindClaimant(ctx, claim.Key, claim.ID)
				wantErr(t, "FindClaimant of another's claim", err, organization.ErrAbsent)
			}
		}
	})

	t.Run("are swapped where state and rev are what they were", func(t *testing.T) {
		was := whole(60)
		must(t, orgs.Insert(ctx, was))
		is := bare(60, organization.Active)
		is.Rev, is.Name, is.Key, is.ClaimID, is.CreatedAt = 99, "Globex", "globex", id(61), was.CreatedAt

		stale := was
		stale.Rev--
		ok, err := orgs.Swap(ctx, stale, is)
		wantBool(t, "Swap from another rev", ok, err, false)
		stale = was
		stale.State = organization.Active
		ok, err = orgs.Swap(ctx, stale, is)
		wantBool(t, "Swap from another state", ok, err, false)
		stale = was
		stale.ID = id(98)
		ok, err = orgs.Swap(ctx, stale, is)
		wantBool(t, "Swap of one that is absent", ok, err, false)
		got, err := orgs.Find(ctx, was.ID)
		wantEqual(t, "Find after these", got, err, copyOrganization(was))

		ok, err = orgs.Swap(ctx, was, is)
		wantBool(t, "Swap", ok, err, true)
		want := copyOrganization(is)
		want.Rev = was.Rev + 1
		got, err = orgs.Find(ctx, was.ID)
		wantEqual(t, "Find after the swap", got, err, want)
		ok, err = orgs.Swap(ctx, was, is)
		wantBool(t, "the same Swap again", ok, err, false)

		back := copyOrganization(whole(60))
		back.Rev = want.Rev
		ok, err = orgs.Swap(ctx, want, back)
		wantBool(t, "Swap back", ok, err, true)
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
			return orgs.Swap(ctx, o, is)
		})
		got, err := orgs.Find(ctx, o.ID)
		if err != nil || got.Rev != o.Rev+1 {
			t.Fatalf("Find after a round at rev %d = rev %d, %v, want one more", o.Rev, got.Rev, err)
		}
		o = got
	}
}

func states() []organization.State {
	return []organization.State{
		organization.Creating, organization.Active, organization.Updating,
		organization.Deleting, organization.Deleted, organization.Aborted,
	}
}
