package crashtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
	"oms/shared/token"
)

func creation(name, email, key string) func(context.Context, *organization.Service, token.Principal) error {
	return func(ctx context.Context, s *organization.Service, _ token.Principal) error {
		_, err := s.Create(ctx, organization.Creation{
			Name: name, Email: email, Password: organizationtest.Password, IdempotencyKey: key,
		})
		return err
	}
}

func rival(name, email string) func(context.Context, *organization.Service) error {
	return func(ctx context.Context, s *organization.Service) error {
		return creation(name, email, "")(ctx, s, token.Principal{})
	}
}

func change(c organization.Change) func(context.Context, *organization.Service, token.Principal) error {
	return func(ctx context.Context, s *organization.Service, who token.Principal) error {
		_, err := s.Update(ctx, who, c)
		return err
	}
}

func deletion(ctx context.Context, s *organization.Service, who token.Principal) error {
	_, err := s.Delete(ctx, who, "Acme", nil)
	return err
}

func look(name string) func(context.Context, *organization.Service, token.Principal) error {
	return func(ctx context.Context, s *organization.Service, _ token.Principal) error {
		if _, err := s.Get(ctx, token.Principal{}, name); organizationtest.Code(err) != "organization_not_found" {
			return err
		}
		return nil
	}
}

func reconcile(ctx context.Context, s *organization.Service, _ token.Principal) error {
	_, err := s.Reconcile(ctx)
	return err
}

func repair(ctx context.Context, s *organization.Service, _ token.Principal) error {
	_, err := s.Repair(ctx)
	return err
}

// contradicted prepares, beside the tenant, one of everything that only the doctor mends.
func contradicted(t *testing.T, w *organizationtest.World) token.Principal {
	t.Helper()
	who, now := tenant(t, w), w.Clock.Now()
	w.Found(t, "Other", "o@other.io")
	other, err := w.Store.Claims.Find(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Store.Claims.Delete(t.Context(), other)
	dead := organization.Claim{Key: "gamma", OrgID: organization.NewID(now), ID: organization.NewID(now)}
	orphan := organization.Admin{ID: organization.NewID(now), OrgID: dead.OrgID, Email: "c@beta.io", Rev: 1}
	for _, err := range []error{
		err,
		w.Store.Collections.Drop(t.Context(), "org_other"),
		w.Store.Collections.Create(t.Context(), "org_beta"),
		w.Store.Claims.Insert(t.Context(), dead),
		w.Store.Admins.Insert(t.Context(), orphan),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return who
}

// mended asserts that whatever a doctor that died has left, another one mends, and the tenant has all that it had.
func mended(t *testing.T, w *organizationtest.World, _ bool) string {
	t.Helper()
	for range 2 {
		if _, err := w.Repair(t.Context()); err != nil {
			return err.Error()
		}
		w.Quiet(t)
	}
	return either(t, w, false, "acme")
}

func nobody(*testing.T, *organizationtest.World) token.Principal { return token.Principal{} }

func tenant(t *testing.T, w *organizationtest.World) token.Principal {
	t.Helper()
	return w.Tenant(t)
}

// left prepares what a worker leaves behind that dies after its nth command.
func left(
	n int, act func(context.Context, *organization.Service, token.Principal) error,
) func(*testing.T, *organizationtest.World) token.Principal {
	return func(t *testing.T, w *organizationtest.World) token.Principal {
		t.Helper()
		who := tenant(t, w)
		_ = act(t.Context(), w.Hooked(Dying(n)), who)
		w.Clock.Advance(organization.Lease + 3*time.Second)
		return who
	}
}

// either asserts that the tenant lives under acme or the new key with all that
// it had, under the new one where that was acknowledged.
func either(t *testing.T, w *organizationtest.World, acked bool, newKey string) string {
	t.Helper()
	found := false
	for _, o := range w.Living(t) {
		held := w.Held(t, o.Collection)
		if held == "" || o.Name != "Acme" && o.Name != "Beta" {
			continue // a rival's, or another's
		}
		if found {
			return "the tenant's documents are there twice"
		}
		found = true
		if held != "d1 d2" {
			return fmt.Sprintf("%s holds %q", o.Collection, held)
		}
		if o.Key != newKey && (acked || o.Key != "acme") {
			return "the tenant lives under " + o.Key
		}
		if ix, err := w.Writer.Indexes(t.Context(), o.Collection); err != nil || len(ix) != 1 {
			return fmt.Sprintf("the indexes are %v, %v", ix, err)
		}
	}
	if !found {
		return "the tenant is gone"
	}
	return ""
}

// wholly asserts that the tenant's email and password changed together or not at all.
func wholly(t *testing.T, w *organizationtest.World) string {
	t.Helper()
	for _, o := range w.Living(t) {
		a, err := w.Store.Admins.Find(t.Context(), o.AdminID)
		if err != nil {
			return err.Error()
		}
		if w.Held(t, o.Collection) != "" && (a.Email == "b@beta.io") != (a.Password.Hash == "battery staple") {
			return "half of an update happened"
		}
	}
	return ""
}

func atMostOne(t *testing.T, w *organizationtest.World, acked bool) string {
	t.Helper()
	if n := len(w.Living(t)); n > 1 || acked && n != 1 {
		return fmt.Sprintf("%d organizations live", n)
	}
	return ""
}

func renamed(t *testing.T, w *organizationtest.World, acked bool) string {
	t.Helper()
	return either(t, w, acked, "beta")
}

// neither asserts that the tenant is as it was, or was finished: what a helper may do.
func neither(t *testing.T, w *organizationtest.World, _ bool) string {
	t.Helper()
	return either(t, w, false, "beta")
}

func deleted(t *testing.T, w *organizationtest.World, acked bool) string {
	t.Helper()
	for _, o := range w.Living(t) {
		held := w.Held(t, o.Collection)
		if o.Key == "acme" && acked {
			return "what was deleted is there"
		}
		if o.Key == "acme" && held != "d1 d2" {
			return "what was not deleted has lost documents: " + held
		}
		if o.Key != "acme" && held != "" {
			return o.Key + " has a deleted organization's documents"
		}
	}
	return ""
}

func ptr[T any](v T) *T { return &v }

func scenarios() []scenario {
	rename := change(organization.Change{Name: ptr("Beta")})
	email, was, is := "b@beta.io", organizationtest.Password, "battery staple"
	everything := change(organization.Change{Name: ptr("Beta"), Email: &email, Password: &was, NewPassword: &is})
	account := change(organization.Change{Email: &email, Password: &was, NewPassword: &is})
	all := []scenario{
		{
			name: "create", prepare: nobody, act: creation("Acme", "a@acme.io", ""),
			rival: rival("Acme", "a@acme.io"), check: atMostOne,
		},
		{
			name: "create with an idempotency key", prepare: nobody, act: creation("Acme", "a@acme.io", "k"), replays: true,
			rival: rival("Acme", "b@acme.io"), check: atMostOne,
		},
		{
			name: "create with a taken email",
			prepare: func(t *testing.T, w *organizationtest.World) token.Principal {
				t.Helper()
				return w.Found(t, "Other", "a@acme.io")
			},
			act: creation("Acme", "a@acme.io", "k"), rival: rival("Acme", "b@acme.io"),
			check: func(_ *testing.T, _ *organizationtest.World, acked bool) string {
				if acked {
					return "an email was given out twice"
				}
				return ""
			},
		},
		{
			name: "create over a stranger's collection",
			prepare: func(t *testing.T, w *organizationtest.World) token.Principal {
				t.Helper()
				w.Put(t, "org_acme", "s", "stranger")
				return token.Principal{}
			},
			act: creation("Acme", "a@acme.io", ""), rival: rival("Acme", "b@acme.io"), strangers: []string{"org_acme"},
			check: func(t *testing.T, w *organizationtest.World, acked bool) string {
				t.Helper()
				if acked || w.Held(t, "org_acme") != "s" || len(w.Living(t)) != 0 {
					return "a stranger's collection was adopted"
				}
				return ""
			},
		},
		{name: "rename", prepare: tenant, act: rename, rival: rival("Beta", "b@beta.io"), check: renamed},
		{
			name: "rename with email and password", prepare: tenant, act: everything, rival: rival("Gamma", "b@beta.io"),
			check: func(t *testing.T, w *organizationtest.World, acked bool) string {
				t.Helper()
				return renamed(t, w, acked) + wholly(t, w)
			},
		},
		{
			name: "rename refused by a taken email",
			prepare: func(t *testing.T, w *organizationtest.World) token.Principal {
				t.Helper()
				w.Found(t, "Other", "b@beta.io")
				return tenant(t, w)
			},
			act: everything, rival: rival("Beta", "c@beta.io"),
			check: func(t *testing.T, w *organizationtest.World, acked bool) string {
				t.Helper()
				if acked {
					return "an email was given out twice"
				}
				return either(t, w, false, "acme")
			},
		},
		{
			name: "rename onto a stranger's empty collection",
			prepare: func(t *testing.T, w *organizationtest.World) token.Principal {
				t.Helper()
				if err := w.Store.Collections.Create(t.Context(), "org_beta"); err != nil {
					t.Fatal(err)
				}
				return tenant(t, w)
			},
			act: rename, rival: rival("Beta", "c@beta.io"), strangers: []string{"org_beta", "ghost_unknown_"},
			check: renamed,
		},
		{
			name: "rename of a dropped collection",
			prepare: func(t *testing.T, w *organizationtest.World) token.Principal {
				t.Helper()
				who := tenant(t, w)
				if err := w.Store.Collections.Drop(t.Context(), "org_acme"); err != nil {
					t.Fatal(err)
				}
				return who
			},
			act: rename, rival: rival("Beta", "c@beta.io"), strangers: []string{"org_acme", "ghost_unknown_"},
			check: func(*testing.T, *organizationtest.World, bool) string { return "" },
		},
		{
			name: "rename while a writer makes the old name again",
			prepare: func(t *testing.T, w *organizationtest.World) token.Principal {
				t.Helper()
				who := left(8, rename)(t, w) // the collection has moved
				if held := w.Held(t, "org_acme"); held == "" {
					w.Put(t, "org_acme", "d2", "two")
				}
				return who
			},
			act: look("Acme"), rival: rival("Acme", "c@acme.io"), check: neither,
		},
		{
			name: "email and password", prepare: tenant, act: account, rival: rival("Gamma", "b@beta.io"),
			check: func(t *testing.T, w *organizationtest.World, acked bool) string {
				t.Helper()
				return either(t, w, acked, "acme") + wholly(t, w)
			},
		},
		{
			name: "shown name", prepare: tenant, act: change(organization.Change{Name: ptr("ACME")}),
			rival: rival("Acme", "b@beta.io"),
			check: func(t *testing.T, w *organizationtest.World, acked bool) string {
				t.Helper()
				if orgs := w.Living(t); acked && (len(orgs) != 1 || orgs[0].Name != "ACME") {
					return fmt.Sprintf("the organizations are %v", orgs)
				}
				return ""
			},
		},
		{name: "delete", prepare: tenant, act: deletion, rival: rival("Gamma", "a@acme.io"), check: deleted},
	}
	// Whoever finishes another's work may die of it too.
	for n := 3; n < 11; n++ {
		all = append(all, scenario{
			name: fmt.Sprintf("a reader meets an update left at %d", n), prepare: left(n, everything),
			act: look("Acme"), rival: rival("Beta", "c@beta.io"), check: neither,
		})
	}
	for n := 2; n < 6; n++ {
		all = append(all, scenario{
			name: fmt.Sprintf("reconcile meets a deletion left at %d", n), prepare: left(n, deletion),
			act: reconcile, rival: rival("Gamma", "a@acme.io"),
			check: func(t *testing.T, w *organizationtest.World, _ bool) string {
				t.Helper()
				return deleted(t, w, false)
			},
		})
	}
	all = append(all, scenario{
		name: "the doctor", prepare: contradicted, act: repair, rival: rival("Beta", "c@beta.io"),
		strangers: []string{"ghost_unknown_"}, check: mended,
	})
	return append(all, scenario{
		name: "reconcile clears what was written under an old name",
		prepare: func(t *testing.T, w *organizationtest.World) token.Principal {
			t.Helper()
			who := w.Found(t, "Acme", "a@acme.io")
			w.Put(t, "org_acme", "d1", "one")
			if err := rename(t.Context(), w.Service, who); err != nil {
				t.Fatal(err)
			}
			w.Put(t, "org_acme", "d2", "two")
			w.AddIndex(t, "org_acme")
			w.Clock.Advance(90 * time.Second)
			return who
		},
		act: reconcile, rival: rival("Acme", "c@acme.io"), check: renamed,
	})
}
