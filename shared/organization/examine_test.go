package organization_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
)

// TestService_Examine plants each contradiction by itself in a sound database:
// it is named, and nothing else is; repaired, it is gone where a program may mend it.
func TestService_Examine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind   string
		plant  func(w *world, o organization.Organization)
		mended bool // by Repair
		also   []string
	}{
		{kind: "unfinished_operation", mended: true, plant: func(w *world, o organization.Organization) {
			w.rewrite(o, func(is *organization.Organization) {
				is.State = organization.Deleting
				is.Op = &organization.Op{
					ID: fixedID(9), Kind: organization.OpDelete, From: o.Key,
					Worker: fixedID(8), Lease: w.Clock.Now().Add(-time.Minute),
				}
			})
		}},
		{kind: "state_without_operation", plant: func(w *world, o organization.Organization) {
			w.rewrite(o, func(is *organization.Organization) { is.State = organization.Updating })
		}},
		{kind: "operation_left", plant: func(w *world, o organization.Organization) {
			op := &organization.Op{ID: fixedID(9), Kind: organization.OpUpdate}
			w.rewrite(o, func(is *organization.Organization) { is.Op = op })
		}},
		{kind: "dead_organization_with_key", plant: func(w *world, _ organization.Organization) {
			is := organization.Organization{
				ID: fixedID(7), Key: "gone", State: organization.Aborted, Rev: 1,
				PurgeAfter: w.Clock.Now().Add(time.Hour),
			}
			must.Do(w, w.Store.Organizations.Insert(w.Context(), is))
		}},
		{kind: "claim_missing", mended: true, plant: func(w *world, o organization.Organization) {
			w.unclaim(o.Key)
		}},
		{kind: "collection_missing", mended: true, plant: func(w *world, o organization.Organization) {
			w.db.Drop(o.Collection)
		}},
		{
			kind: "collection_of_another_name", also: []string{"collection_missing"},
			plant: func(w *world, o organization.Organization) {
				w.rewrite(o, func(is *organization.Organization) { is.Collection = "org_other" })
			},
		},
		{kind: "admin_missing", plant: func(w *world, o organization.Organization) {
			must.Do(w, w.Store.Admins.Delete(w.Context(), o.AdminID, o.ID))
		}},
		{kind: "admin_of_dead_organization", mended: true, plant: func(w *world, _ organization.Organization) {
			w.admin(organization.Admin{ID: fixedID(6), OrgID: fixedID(7), Email: "x@acme.io", Rev: 1})
		}},
		{kind: "dead_claim", mended: true, plant: func(w *world, _ organization.Organization) {
			w.claim(organization.Claim{
				Key: "dead", OrgID: fixedID(7), ID: fixedID(5), Until: w.Clock.Now().Add(-time.Second),
			})
		}},
		{kind: "dead_claim", mended: true, plant: func(w *world, _ organization.Organization) {
			w.claim(organization.Claim{Key: "settled", OrgID: fixedID(7), ID: fixedID(5)})
		}},
		{kind: "dead_claim", mended: true, plant: func(w *world, _ organization.Organization) {
			w.Put(w, "org_left", "s", "of a data writer")
			w.claim(organization.Claim{
				Key: "left", OrgID: fixedID(7), ID: fixedID(5), Until: w.Clock.Now().Add(time.Second), Left: true,
			})
		}},
		{
			kind: "collection_unexplained", mended: true, also: []string{"ghost_of_a_stranger"},
			plant: func(w *world, _ organization.Organization) {
				w.Put(w, "org_strange", "s", "stranger")
			},
		},
		{kind: "trash_unexplained", plant: func(w *world, _ organization.Organization) {
			w.Put(w, "trash_"+fixedID(9).String(), "s", "stranger")
		}},
		{kind: "ghost_of_a_stranger", plant: func(w *world, _ organization.Organization) {
			w.Put(w, "ghost_unknown_"+fixedID(9).String(), "s", "stranger")
		}},
		{kind: "ghost_of_nobody", plant: func(w *world, _ organization.Organization) {
			w.Put(w, "ghost_"+fixedID(7).String()+"_"+fixedID(9).String(), "s", "stranger")
		}},
		{kind: "ghost", mended: true, plant: func(w *world, o organization.Organization) {
			w.Put(w, "ghost_"+o.ID.String()+"_"+fixedID(9).String(), "d1", "late")
		}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.Found(t, "Acme", "a@acme.io")
			if f, err := w.Examine(t.Context()); err != nil || len(f) != 0 {
				t.Fatalf("a sound database: %v, %v", f, err)
			}
			c.plant(w, w.Living(t)[0])
			w.wantKinds("planted", append([]string{c.kind}, c.also...))
			for range 3 { // a repair holds a name, and what reconcile frees then may be held once more
				must.Do(t, must.Err(w.Repair(t.Context())))
				w.Clock.Advance(3 * time.Minute)
			}
			must.Do(t, must.Err(w.Repair(t.Context())))
			if got := slices.Contains(w.kinds(), c.kind); got == c.mended {
				t.Errorf("after a repair %s is there: %v, want %v", c.kind, got, !c.mended)
			}
		})
	}
}

// listed is a Backlog whose list of organizations is another.
type listed struct {
	organization.Backlog
	as func(*organization.Page[organization.Organization])
}

func (l listed) Organizations(
	ctx context.Context, after *organization.Place, limit int,
) (organization.Page[organization.Organization], error) {
	p, err := l.Backlog.Organizations(ctx, after, limit)
	l.as(&p)
	return p, err
}

// listing returns a doctor to whom the organizations are listed in another way.
func (w *world) listing(as func(*organization.Page[organization.Organization])) *world {
	s, doctor := w.Store, *w.World
	s.Backlog = listed{s.Backlog, as}
	doctor.Service = w.On(s)
	return &world{w.TB, &doctor, w.db}
}

// TestService_Examine_keyHeldTwice: where the index that forbids it is not there.
func TestService_Examine_keyHeldTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Found(t, "Acme", "a@acme.io")
	w.admin(organization.Admin{ID: fixedID(6), OrgID: fixedID(7), Email: "x@acme.io", Rev: 1})
	w.listing(func(p *organization.Page[organization.Organization]) {
		other := p.Items[0]
		other.ID, other.AdminID, other.ClaimID = fixedID(7), fixedID(6), fixedID(5)
		p.Items = append(p.Items, other)
	}).wantKinds("listed twice", []string{"key_held_twice", "claim_of_another"})
}

// TestService_Examine_unreadable: a document that cannot be read is named, what
// may be its is left to a person, and everything else is mended.
func TestService_Examine_unreadable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Found(t, "Acme", "a@acme.io")
	w.Found(t, "Beta", "b@beta.io")
	w.Put(t, "org_acme", "d1", "one")
	acme := w.Living(t)[0]
	if acme.Key != "acme" {
		acme = w.Living(t)[1]
	}
	w.Quiet(t) // the claims are settled
	w.db.Drop("org_beta")
	w.Store = organizationtest.Hooked(w.Store, func(command string, apply func() error) error {
		if command == "organizations.findClaimants" {
			return errors.New("rev is a string")
		}
		return apply()
	})
	doctor := w.listing(func(p *organization.Page[organization.Organization]) {
		p.Items = slices.DeleteFunc(p.Items, func(o organization.Organization) bool { return o.ID == acme.ID })
		p.Unreadable = []organization.Unreadable{{ID: acme.ID.String(), Err: errors.New("rev is a string")}}
	})
	doctor.wantKinds("unreadable", []string{
		"document_unreadable", "collection_missing", "collection_unexplained", "admin_of_dead_organization",
		"dead_claim",
	})
	got, err := doctor.Repair(t.Context())
	if err != nil || got != (organization.Repaired{Mended: 1}) {
		t.Errorf("Repair() = %+v, %v, want one mended", got, err)
	}
	w.Quiet(t)
	if bad := w.Violations(t); bad != nil || w.Held(t, "org_acme") != "d1" {
		t.Errorf("the doctor did harm: %v, org_acme holds %q", bad, w.Held(t, "org_acme"))
	}
}

// TestService_Examine_readsAgain: a settled claim whose organization was not
// among those that were listed is not a dead one.
func TestService_Examine_readsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Found(t, "Acme", "a@acme.io")
	w.settle("acme")
	kinds := w.listing(func(p *organization.Page[organization.Organization]) { p.Items = nil }).kinds()
	if slices.Contains(kinds, "dead_claim") || slices.Contains(kinds, "collection_unexplained") {
		t.Errorf("found %v, want no dead claim, and its collection explained", kinds)
	}
}

// TestService_Examine_goesOn: an answer that does not come now and then ends nothing.
func TestService_Examine_goesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Found(t, "Acme", "a@acme.io")
	n := 0
	f, err := w.Hooked(func(_ string, apply func() error) error {
		if n++; n%2 == 0 {
			return organization.ErrLost
		}
		return apply()
	}).Examine(t.Context())
	if err != nil || len(f) != 0 {
		t.Errorf("Examine() = %v, %v, want no finding", f, err)
	}
}

// settle takes the claim's end away, as reconcile does.
func (w *world) settle(key string) {
	w.Helper()
	c := must.Get(w.Store.Claims.Find(w.Context(), key))(w)
	if n, err := w.Store.Claims.Settle(w.Context(), []organization.Claim{c}); err != nil || n != 1 {
		w.Fatal(n, err)
	}
}

// rewrite is what nobody does: a write past the protocol.
func (w *world) rewrite(was organization.Organization, change func(is *organization.Organization)) {
	w.Helper()
	is := was
	change(&is)
	if ok, err := w.Store.Organizations.CompareAndSwap(w.Context(), was, is); err != nil || !ok {
		w.Fatal(ok, err)
	}
}

func (w *world) kinds() []string {
	w.Helper()
	var kinds []string
	for _, f := range must.Get(w.Examine(w.Context()))(w) {
		if f.Detail == "" || f.Subject == "" {
			w.Errorf("%+v says too little", f)
		}
		kinds = append(kinds, f.Kind)
	}
	return slices.Compact(kinds)
}

// wantKinds fails where another kind is found, or the first of want is not.
func (w *world) wantKinds(when string, want []string) {
	w.Helper()
	got := w.kinds()
	for _, k := range got {
		if !slices.Contains(want, k) {
			w.Errorf("%s: %s is found too, want only %v", when, k, want)
		}
	}
	if !slices.Contains(got, want[0]) {
		w.Errorf("%s: found %v, want %s", when, got, want[0])
	}
}
