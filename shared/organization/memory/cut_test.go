package memory_test

import (
	"testing"

	"oms/shared/must"
	"oms/shared/organization/memory"
	"oms/shared/organization/organizationtest"
)

// TestDatabase_Cut_sharesNothing: what happens on one side is not seen on the other.
func TestDatabase_Cut_sharesNothing(t *testing.T) {
	t.Parallel()
	m := memory.New()
	d := organizationtest.StringDocument("a", "1")
	must.Do(t, m.Put(t.Context(), "org_acme", d))
	old := m.Cut()
	must.Do(t, m.AddIndex(t.Context(), "org_acme", organizationtest.Index{Name: "i", Field: "value"}))
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
