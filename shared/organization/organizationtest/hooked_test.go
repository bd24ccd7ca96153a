package organizationtest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"oms/shared/organization"
	"oms/shared/organization/memory"
	"oms/shared/organization/organizationtest"
)

func TestHooked(t *testing.T) {
	t.Parallel()
	claim := organization.Claim{Key: "acme", ID: organization.ID{1}}

	t.Run("kills before a command", func(t *testing.T) {
		t.Parallel()
		m := memory.New()
		s := organizationtest.Hooked(m.Store(), func(string, func() error) error { return organization.ErrLost })
		if err := s.Claims.Insert(t.Context(), claim); !errors.Is(err, organization.ErrLost) {
			t.Errorf("Insert = %v, want %v", err, organization.ErrLost)
		}
		if got := m.Claims(); len(got) != 0 {
			t.Errorf("Claims() = %v, want none: the command was never applied", got)
		}
	})

	t.Run("loses an answer", func(t *testing.T) {
		t.Parallel()
		m := memory.New()
		s := organizationtest.Hooked(m.Store(), func(_ string, apply func() error) error {
			if err := apply(); err != nil {
				t.Errorf("apply() = %v", err)
			}
			return organization.ErrLost
		})
		if err := s.Claims.Insert(t.Context(), claim); !errors.Is(err, organization.ErrLost) {
			t.Errorf("Insert = %v, want %v", err, organization.ErrLost)
		}
		if got := m.Claims(); len(got) != 1 {
			t.Errorf("Claims() = %v, want the one that was inserted", got)
		}
	})

	t.Run("applies a command late", func(t *testing.T) {
		t.Parallel()
		m := memory.New()
		var late func() error
		s := organizationtest.Hooked(m.Store(), func(_ string, apply func() error) error {
			late = apply
			return organization.ErrLost
		})
		d := organizationtest.StringDocument("a", "1")
		want := organizationtest.StringDocument("a", "1")
		ctx, cancel := context.WithCancel(t.Context())
		if err := s.Documents.Insert(ctx, "org_acme", d); !errors.Is(err, organization.ErrLost) {
			t.Fatalf("Insert = %v, want %v", err, organization.ErrLost)
		}
		cancel() // what was sent is applied, whatever became of its sender
		if err := late(); err != nil {
			t.Fatalf("late() = %v", err)
		}
		got, err := m.Documents(t.Context(), "org_acme")
		if diff := cmp.Diff([]organization.Document{want}, got); err != nil || diff != "" {
			t.Errorf("Documents (-want +got):\n%s", diff)
		}
	})

	t.Run("names the command, and may use the database meanwhile", func(t *testing.T) {
		t.Parallel()
		m := memory.New()
		var names []string
		s := organizationtest.Hooked(m.Store(), func(command string, apply func() error) error {
			names = append(names, command)
			m.Names()
			return apply()
		})
		if err := s.Claims.Insert(t.Context(), claim); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Organizations.FindVisible(t.Context(), "acme"); !errors.Is(err, organization.ErrAbsent) {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"claims.insert", "organizations.findVisible"}, names); diff != "" {
			t.Errorf("commands (-want +got):\n%s", diff)
		}
	})

	t.Run("is not reached by a command whose context is over", func(t *testing.T) {
		t.Parallel()
		m := memory.New()
		s := organizationtest.Hooked(m.Store(), func(command string, _ func() error) error {
			t.Errorf("%s was sent", command)
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Claims.Insert(ctx, claim); !errors.Is(err, context.Canceled) {
			t.Errorf("Insert = %v, want %v", err, context.Canceled)
		}
	})
}
