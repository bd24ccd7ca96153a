package memory_test

import (
	"errors"
	"testing"

	"oms/shared/organization"
	"oms/shared/organization/memory"
	"oms/shared/organization/organizationtest"
)

func TestDatabase_Cut(t *testing.T) {
	t.Parallel()
	m := memory.New()
	before, after := organization.Organization{ID: organization.ID{1}}, organization.Organization{ID: organization.ID{2}}
	undone := organization.Organization{ID: organization.ID{3}}
	on := m.Store().Organizations
	if err := on.Insert(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	old := m.Cut()
	off := m.Client(func(memory.Concern) *memory.Database { return old }).Organizations
	if err := on.Insert(t.Context(), after); err != nil {
		t.Fatal(err)
	}
	if err := off.Insert(t.Context(), undone); !errors.Is(err, organization.ErrLost) {
		t.Errorf("a write on the old primary is answered %v, want %v", err, organization.ErrLost)
	}
	if ok, err := off.CompareAndSwap(t.Context(), after, after); ok || !errors.Is(err, organization.ErrLost) {
		t.Errorf("a write that finds nothing on the old primary is answered %t, %v, want %v", ok, err, organization.ErrLost)
	}
	if _, err := off.FindLinearizable(t.Context(), before.ID); !errors.Is(err, organization.ErrLost) {
		t.Errorf("a linearizable read on the old primary is answered %v, want %v", err, organization.ErrLost)
	}
	for name, c := range map[string]struct {
		on    organization.Organizations
		id    organization.ID
		there bool
	}{
		"the old primary shows what it had":                       {off, before.ID, true},
		"the old primary shows what will be rolled back":          {off, undone.ID, true},
		"the old primary does not show what came after":           {off, after.ID, false},
		"the primary shows what came after":                       {on, after.ID, true},
		"the primary does not show what was written to the other": {on, undone.ID, false},
	} {
		if _, err := c.on.Find(t.Context(), c.id); errors.Is(err, organization.ErrAbsent) == c.there {
			t.Errorf("%s: Find(%s) = %v", name, c.id, err)
		}
	}
	m.NoLinearizable = true
	weak := m.Cut()
	off = m.Client(func(memory.Concern) *memory.Database { return weak }).Organizations
	if _, err := off.FindLinearizable(t.Context(), before.ID); err != nil {
		t.Errorf("where linearizable reads are plain ones, one on the old primary is answered %v", err)
	}
}

// TestDatabase_Cut_sharesNothing: what happens on one side is not seen on the other.
func TestDatabase_Cut_sharesNothing(t *testing.T) {
	t.Parallel()
	m := memory.New()
	d := organizationtest.StringDocument("a", "1")
	if err := m.Put(t.Context(), "org_acme", d); err != nil {
		t.Fatal(err)
	}
	old := m.Cut()
	if err := m.AddIndex(t.Context(), "org_acme", organizationtest.Index{Name: "i", Field: "value"}); err != nil {
		t.Fatal(err)
	}
	m.Remove("org_acme", d.ID)
	docs, err := old.Documents(t.Context(), "org_acme")
	if err != nil || len(docs) != 1 {
		t.Errorf("the old primary has the documents %v, %v, want one", docs, err)
	}
	if indexes, err := old.Indexes(t.Context(), "org_acme"); err != nil || len(indexes) != 0 {
		t.Errorf("the old primary has the indexes %v, %v, want none", indexes, err)
	}
	old.Drop("org_acme")
	if got := m.Names(); len(got) != 1 {
		t.Errorf("the primary has %v, want what was dropped elsewhere", got)
	}
}
