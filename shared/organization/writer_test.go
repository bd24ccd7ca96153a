package organization_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"oms/shared/organization"
)

// TestService_dataWriters puts a document under the old name at every command
// of a rename and of a delete: it comes along, or goes with the organization,
// and never reaches the next owner of the name.
func TestService_dataWriters(t *testing.T) {
	t.Parallel()
	for _, uuids := range []bool{true, false} {
		for n := range 12 {
			w := newWorld(t)
			w.db.NoUUIDs = !uuids
			who := w.Tenant(t)
			var mu sync.Mutex
			seen := 0
			s := w.Hooked(func(_ string, apply func() error) error {
				err := apply()
				mu.Lock()
				defer mu.Unlock()
				if seen == n {
					w.Put(t, "org_acme", "late", "written under the old name")
				}
				seen++
				return err
			})
			if _, err := s.Update(t.Context(), who, organization.Change{Name: ptr("Beta")}); err != nil {
				t.Fatalf("Update() = %v, want no error", err)
			}
			w.Clock.Advance(30 * time.Second)
			_, err := w.Create(t.Context(), creation("Acme", "r@acme.io"))
			wantCode(t, "a rival who wants the old name", err, "organization_name_held")
			w.Quiet(t)
			want := "d1 d2 late"
			if n >= seen {
				want = "d1 d2"
			}
			if got := w.Held(t, "org_beta"); got != want {
				t.Errorf("uuids %v, written at command %d: org_beta holds %q, want %q", uuids, n, got, want)
			}
			if bad := w.Violations(t); bad != nil {
				t.Errorf("uuids %v, written at command %d: %s", uuids, n, strings.Join(bad, "; "))
			}
		}
	}
}

// TestService_writersAfterDelete: what is written after a deletion is purged
// with it, and the next owner of the name starts with an empty collection.
func TestService_writersAfterDelete(t *testing.T) {
	t.Parallel()
	for n := range 8 {
		w := newWorld(t)
		who := w.Tenant(t)
		var mu sync.Mutex
		seen := 0
		s := w.Hooked(func(_ string, apply func() error) error {
			err := apply()
			mu.Lock()
			defer mu.Unlock()
			if seen == n && w.Held(t, "org_acme") == "" {
				w.Put(t, "org_acme", "late", "written after the move")
			}
			seen++
			return err
		})
		if _, err := s.Delete(t.Context(), who, organization.Deletion{Name: "Acme"}); err != nil {
			t.Fatalf("Delete() = %v, want no error", err)
		}
		w.Clock.Advance(50 * time.Second)
		_, err := w.Create(t.Context(), creation("Acme", "a@acme.io"))
		wantCode(t, "a rival who wants the name", err, "organization_name_held")
		w.Quiet(t)
		w.Found(t, "Acme", "a@acme.io")
		if got := w.Held(t, "org_acme"); got != "" {
			t.Errorf("written at command %d: the next owner finds %q", n, got)
		}
		w.Clock.Advance(time.Hour)
		w.Quiet(t)
		if got := w.db.Names(); len(got) != 1 {
			t.Errorf("written at command %d: %v is there, want only org_acme", n, got)
		}
	}
}
