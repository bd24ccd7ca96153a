package organization_test

import (
	"slices"
	"testing"
	"time"

	"oms/shared/organization"
)

// TestService_Examine plants each contradiction by itself in a sound database:
// it is named, and nothing else is; repaired, it is gone where a program may mend it.
func TestService_Examine(t *testing.T) {
	t.Parallel()
	id := func(n byte) organization.ID { return organization.ID{0: 1, 11: n} }
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
			is.Op = &organization.Op{ID: id(9), Kind: organization.OpDelete, Worker: id(8), Lease: w.clock.Now().Add(-time.Minute), From: o.Key}
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
			is.Op = &organization.Op{ID: id(9), Kind: organization.OpUpdate}
			w.swap(t, o, is)
		}},
		{kind: "dead_organization_with_key", plant: func(t *testing.T, w *world, _ organization.Organization) {
			t.Helper()
			is := organization.Organization{ID: id(7), Key: "gone", State: organization.Aborted, Rev: 1, PurgeAfter: w.clock.Now().Add(time.Hour)}
			if err := w.Store().Organizations.Insert(t.Context(), is); err != nil {
				t.Fatal(err)
			}
		}},
		{kind: "key_held_twice", also: []string{"claim_of_another"}, plant: func(t *testing.T, w *world, o organization.Organization) {
			t.Helper()
			other := o
			other.ID, other.AdminID, other.ClaimID = id(7), id(6), id(5)
			if err := w.Store().Organizations.Insert(t.Context(), other); err != nil {
				t.Fatal(err)
			}
			if err := w.Store().Admins.Insert(t.Context(), organization.Admin{ID: id(6), OrgID: id(7), Email: "x@acme.io", Rev: 1}); err != nil {
				t.Fatal(err)
			}
		}},
		{kind: "claim_missing", mended: true, plant: func(t *testing.T, w *world, o organization.Organization) {
			t.Helper()
			c, err := w.Store().Claims.Find(t.Context(), o.Key)
			if err != nil {
				t.Fatal(err)
			}
			if ok, err := w.Store().Claims.Delete(t.Context(), c); err != nil || !ok {
				t.Fatal(ok, err)
			}
		}},
		{kind: "collection_missing", mended: true, plant: func(_ *testing.T, w *world, o organization.Organization) { w.Drop(o.Collection) }},
		{kind: "collection_of_another_name", also: []string{"collection_missing"}, plant: func(t *testing.T, w *world, o organization.Organization) {
			t.Helper()
			is := o
			is.Collection = "org_other"
			w.swap(t, o, is)
		}},
		{kind: "admin_missing", plant: func(t *testing.T, w *world, o organization.Organization) {
			t.Helper()
			if err := w.Store().Admins.Delete(t.Context(), o.AdminID, o.ID); err != nil {
				t.Fatal(err)
			}
		}},
		{kind: "admin_of_dead_organization", mended: true, plant: func(t *testing.T, w *world, _ organization.Organization) {
			t.Helper()
			if err := w.Store().Admins.Insert(t.Context(), organization.Admin{ID: id(6), OrgID: id(7), Email: "x@acme.io", Rev: 1}); err != nil {
				t.Fatal(err)
			}
		}},
		{kind: "dead_claim", mended: true, plant: func(t *testing.T, w *world, _ organization.Organization) {
			t.Helper()
			if err := w.Store().Claims.Insert(t.Context(), organization.Claim{Key: "dead", OrgID: id(7), ID: id(5), Until: w.clock.Now().Add(-time.Second)}); err != nil {
				t.Fatal(err)
			}
		}},
		{kind: "collection_unexplained", mended: true, also: []string{"ghost_of_a_stranger"}, plant: func(t *testing.T, w *world, _ organization.Organization) {
			t.Helper()
			w.put(t, "org_strange", "s", "stranger")
		}},
		{kind: "trash_unexplained", plant: func(t *testing.T, w *world, _ organization.Organization) {
			t.Helper()
			w.put(t, "trash_"+id(9).String(), "s", "stranger")
		}},
		{kind: "ghost_of_a_stranger", plant: func(t *testing.T, w *world, _ organization.Organization) {
			t.Helper()
			w.put(t, "ghost_unknown_"+id(9).String(), "s", "stranger")
		}},
		{kind: "ghost_of_nobody", plant: func(t *testing.T, w *world, _ organization.Organization) {
			t.Helper()
			w.put(t, "ghost_"+id(7).String()+"_"+id(9).String(), "s", "stranger")
		}},
		{kind: "ghost", mended: true, plant: func(t *testing.T, w *world, o organization.Organization) {
			t.Helper()
			w.put(t, "ghost_"+o.ID.String()+"_"+id(9).String(), "d1", "late")
		}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.found(t, "Acme", "a@acme.io")
			if f, err := w.Examine(t.Context()); err != nil || len(f) != 0 {
				t.Fatalf("a sound database: %v, %v", f, err)
			}
			c.plant(t, w, w.living()[0])
			w.wantKinds(t, "planted", append([]string{c.kind}, c.also...))
			if err := w.Repair(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.clock.Advance(3 * time.Minute)
			if err := w.Repair(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := slices.Contains(w.kinds(t), c.kind); got == c.mended {
				t.Errorf("after a repair %s is there: %v, want %v", c.kind, got, !c.mended)
			}
		})
	}
}

// swap is what nobody does: a write past the protocol.
func (w *world) swap(t *testing.T, was, is organization.Organization) {
	t.Helper()
	if ok, err := w.Store().Organizations.Swap(t.Context(), was, is); err != nil || !ok {
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
