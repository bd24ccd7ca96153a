package organization_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"oms/shared/organization"
)

// TestService_Examine plants each contradiction by itself in a sound database:
// it is named, and nothing else is; repaired, it is gone where a program may mend it.
func TestService_Examine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind   string
		plant  func(t *testing.T, w *world, o organization.Organization)
		mended bool // by Repair
		also   []string
	}{
		{kind: "unfinished_operation", mended: true, plant: func(t *testing.T, w *world, o organization.Organization) {
			t.Helper()
			is := o
			is.State = organization.Deleting
			is.Op = &organization.Op{
				ID: fixedID(9), Kind: organization.OpDelete, From: o.Key,
				Worker: fixedID(8), Lease: w.Clock.Now().Add(-time.Minute),
			}
			w.swap(t, o, is)
		}},
		{kind: "state_without_operation", plant: func(t *testing.T, w *world, o organization.Organization) {
			t.Helper()
			is := o
			is.State = organization.Updating
			w.swap(t, o, is)
		}},
		{kind: "operation_left", plant: func(t *testing.T, w *world, o organization.Organization) {
			t.Helper()
			is := o
			is.Op = &organization.Op{ID: fixedID(9), Kind: organization.OpUpdate}
			w.swap(t, o, is)
		}},
		{kind: "dead_organization_with_key", plant: func(t *testing.T, w *world, _ organization.Organization) {
			t.Helper()
			is := organization.Organization{
				ID: fixedID(7), Key: "gone", State: organization.Aborted, Rev: 1, PurgeAfter: w.Clock.Now().Add(time.Hour),
			}
			if err := w.Store.Organizations.Insert(t.Context(), is); err != nil {
				t.Fatal(err)
			}
		}},
		{kind: "claim_missing", mended: true, plant: func(t *testing.T, w *world, o organization.Organization) {
			t.Helper()
			w.unclaim(t, o.Key)
		}},
		{kind: "collection_missing", mended: true, plant: func(_ *testing.T, w *world, o organization.Organization) {
			w.db.Drop(o.Collection)
		}},
		{kind: "collection_of_another_name", also: []string{"collection_missing"}, plant: func(t *testing.T, w *world, o organization.Organization) {
			t.Helper()
			is := o
			is.Collection = "org_other"
			w.swap(t, o, is)
		}},
		{kind: "admin_missing", plant: func(t *testing.T, w *world, o organization.Organization) {
			t.Helper()
			if err := w.Store.Admins.Delete(t.Context(), o.AdminID, o.ID); err != nil {
				t.Fatal(err)
			}
		}},
		{kind: "admin_of_dead_organization", mended: true, plant: func(t *testing.T, w *world, _ organization.Organization) {
			t.Helper()
			w.admin(t, organization.Admin{ID: fixedID(6), OrgID: fixedID(7), Email: "x@acme.io", Rev: 1})
		}},
		{kind: "dead_claim", mended: true, plant: func(t *testing.T, w *world, _ organization.Organization) {
			t.Helper()
			w.claim(t, organization.Claim{
				Key: "dead", OrgID: fixedID(7), ID: fixedID(5), Until: w.Clock.Now().Add(-time.Second),
			})
		}},
		{kind: "dead_claim", mended: true, plant: func(t *testing.T, w *world, _ organization.Organization) {
			t.Helper()
			w.claim(t, organization.Claim{Key: "settled", OrgID: fixedID(7), ID: fixedID(5)})
		}},
		{kind: "dead_claim", mended: true, plant: func(t *testing.T, w *world, _ organization.Organization) {
			t.Helper()
			w.Put(t, "org_left", "s", "of a data writer")
			w.claim(t, organization.Claim{
				Key: "left", OrgID: fixedID(7), ID: fixedID(5), Until: w.Clock.Now().Add(time.Second), Left: true,
			})
		}},
		{kind: "collection_unexplained", mended: true, also: []string{"ghost_of_a_stranger"}, plant: func(t *testing.T, w *world, _ organization.Organization) {
			t.Helper()
			w.Put(t, "org_strange", "s", "stranger")
		}},
		{kind: "trash_unexplained", plant: func(t *testing.T, w *world, _ organization.Organization) {
			t.Helper()
			w.Put(t, "trash_"+fixedID(9).String(), "s", "stranger")
		}},
		{kind: "ghost_of_a_stranger", plant: func(t *testing.T, w *world, _ organization.Organization) {
			t.Helper()
			w.Put(t, "ghost_unknown_"+fixedID(9).String(), "s", "stranger")
		}},
		{kind: "ghost_of_nobody", plant: func(t *testing.T, w *world, _ organization.Organization) {
			t.Helper()
			w.Put(t, "ghost_"+fixedID(7).String()+"_"+fixedID(9).String(), "s", "stranger")
		}},
		{kind: "ghost", mended: true, plant: func(t *testing.T, w *world, o organization.Organization) {
			t.Helper()
			w.Put(t, "ghost_"+o.ID.String()+"_"+fixedID(9).String(), "d1", "late")
		}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.Found(t, "Acme", "a@acme.io")
			if f, err := w.Examine(t.Context()); err != nil || len(f) != 0 {
				t.Fatalf("a sound database: %v, %v", f, err)
			}
			c.plant(t, w, w.Living(t)[0])
			w.wantKinds(t, "planted", append([]string{c.kind}, c.also...))
			for range 3 { // a repair holds a name, and what reconcile frees then may be held once more
				if _, err := w.Repair(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.Clock.Advance(3 * time.Minute)
			}
			if _, err := w.Repair(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := slices.Contains(w.kinds(t), c.kind); got == c.mended {
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
	return &world{&doctor, w.db}
}

// TestService_Examine_keyHeldTwice: where the index that forbids it is not there.
func TestService_Examine_keyHeldTwice(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.Found(t, "Acme", "a@acme.io")
	w.admin(t, organization.Admin{ID: fixedID(6), OrgID: fixedID(7), Email: "x@acme.io", Rev: 1})
	w.listing(func(p *organization.Page[organization.Organization]) {
		other := p.Items[0]
		other.ID, other.AdminID, other.ClaimID = fixedID(7), fixedID(6), fixedID(5)
		p.Items = append(p.Items, other)
	}).wantKinds(t, "listed twice", []string{"key_held_twice", "claim_of_another"})
}

// TestService_Examine_unreadable: a document that cannot be read is named, and
// what may be its is left to a person.
func TestService_Examine_unreadable(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.Found(t, "Acme", "a@acme.io")
	w.Found(t, "Beta", "b@beta.io")
	w.Put(t, "org_acme", "d1", "one")
	acme := w.Living(t)[0]
	if acme.Key != "acme" {
		acme = w.Living(t)[1]
	}
	doctor := w.listing(func(p *organization.Page[organization.Organization]) {
		p.Items = slices.DeleteFunc(p.Items, func(o organization.Organization) bool { return o.ID == acme.ID })
		p.Unreadable = []organization.Unreadable{{ID: acme.ID.String(), Err: errors.New("rev is a string")}}
	})
	doctor.wantKinds(t, "unreadable", []string{
		"document_unreadable", "collection_unexplained", "admin_of_dead_organization", "dead_claim",
	})
	got, err := doctor.Repair(t.Context())
	if err != nil || got != (organization.Repaired{}) {
		t.Errorf("Repair() = %+v, %v, want none", got, err)
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
	w := newWorld()
	w.Found(t, "Acme", "a@acme.io")
	w.settle(t, "acme")
	kinds := w.listing(func(p *organization.Page[organization.Organization]) { p.Items = nil }).kinds(t)
	if slices.Contains(kinds, "dead_claim") || slices.Contains(kinds, "collection_unexplained") {
		t.Errorf("found %v, want no dead claim, and its collection explained", kinds)
	}
}

// TestService_Examine_endures: an answer that does not come now and then ends nothing.
func TestService_Examine_endures(t *testing.T) {
	t.Parallel()
	w := newWorld()
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
func (w *world) settle(t *testing.T, key string) {
	t.Helper()
	c, err := w.Store.Claims.Find(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.Store.Claims.Settle(t.Context(), []organization.Claim{c}); err != nil || n != 1 {
		t.Fatal(n, err)
	}
}

// swap is what nobody does: a write past the protocol.
func (w *world) swap(t *testing.T, was, is organization.Organization) {
	t.Helper()
	if ok, err := w.Store.Organizations.CompareAndSwap(t.Context(), was, is); err != nil || !ok {
		t.Fatal(ok, err)
	}
}

func (w *world) kinds(t *testing.T) []string {
	t.Helper()
	findings, err := w.Examine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, f := range findings {
		if f.Detail == "" || f.Subject == "" {
			t.Errorf("%+v says too little", f)
		}
		kinds = append(kinds, f.Kind)
	}
	return slices.Compact(kinds)
}

// wantKinds fails where another kind is found, or the first of want is not.
func (w *world) wantKinds(t *testing.T, when string, want []string) {
	t.Helper()
	got := w.kinds(t)
	for _, k := range got {
		if !slices.Contains(want, k) {
			t.Errorf("%s: %s is found too, want only %v", when, k, want)
		}
	}
	if !slices.Contains(got, want[0]) {
		t.Errorf("%s: found %v, want %s", when, got, want[0])
	}
}
