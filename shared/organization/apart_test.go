package organization_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"oms/shared/organization"
)

// TestService_Reconcile_doesEachThingApart: an operation that cannot be
// finished keeps no other from being finished, and the run says that it failed.
func TestService_Reconcile_doesEachThingApart(t *testing.T) {
	t.Parallel()
	w := newWorld()
	poisoned, sound := w.found(t, "Acme", "a@acme.io"), w.found(t, "Beta", "b@acme.io")
	refused := errors.New("the server refuses to move it")
	died := w.service(func(command string, apply func() error) error {
		if command == "admins.deleteAll" {
			return refused
		}
		return apply()
	})
	if _, err := died.Delete(t.Context(), poisoned, "Acme", nil); err == nil {
		t.Fatal("Delete() = no error, want one: it was to be left behind")
	}
	w.clock.Advance(time.Second) // the poisoned one is the oldest
	if _, err := died.Delete(t.Context(), sound, "Beta", nil); err == nil {
		t.Fatal("Delete() = no error, want one: it was to be left behind")
	}
	w.clock.Advance(organization.Lease + 3*time.Second)
	first := true
	r, err := w.service(func(command string, apply func() error) error {
		if command == "admins.deleteAll" && first {
			first = false
			return refused
		}
		return apply()
	}).Reconcile(t.Context())
	if err == nil || r.Complete || r.Finished != 1 {
		t.Errorf("Reconcile() = %+v, %v, want one finished and an error", r, err)
	}
	if gone := slices.DeleteFunc(w.Organizations(), func(o organization.Organization) bool { return o.State != organization.Deleted }); len(gone) != 1 || gone[0].Name != "Beta" {
		t.Errorf("deleted are %v, want Beta alone", gone)
	}
}
