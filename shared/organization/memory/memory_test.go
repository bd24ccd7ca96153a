package memory_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/memory"
	"oms/shared/organization/storetest"
)

func TestDatabase_NoUUIDs(t *testing.T) {
	t.Parallel()
	m := memory.New()
	m.NoUUIDs = true
	s := m.Store()
	must.Do(t, s.Collections.Create(t.Context(), "org_acme"))
	got := must.Get(s.Collections.Find(t.Context(), "org_acme"))(t)
	want := map[string]organization.Collection{"org_acme": {Name: "org_acme"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Find (-want +got):\n%s", diff)
	}
}

func TestDatabase_KeepsTheContract(t *testing.T) {
	t.Parallel()
	for _, uuids := range []bool{true, false} {
		t.Run(fmt.Sprintf("UUIDs %t", uuids), func(t *testing.T) {
			t.Parallel()
			storetest.TestStore(t, func(*testing.T) storetest.Subject {
				m := memory.New()
				m.NoUUIDs = !uuids
				return storetest.Subject{Store: m.Store(), Writer: m}
			})
		})
	}
}
