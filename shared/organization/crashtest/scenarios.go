package crashtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"oms/shared/fault"
	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
	"oms/shared/token"
)

func creation(name, email, key string) request {
	return func(ctx context.Context, s *organization.Service, _ token.Principal) error {
		return must.Err(s.Create(ctx, organization.Creation{
			Name: name, Email: email, Password: organizationtest.Password, IdempotencyKey: key,
		}))
	}
}

func change(c organization.Change) request {
	return func(ctx context.Context, s *organization.Service, who token.Principal) error {
		return must.Err(s.Update(ctx, who, c))
	}
}

func deletion(ctx context.Context, s *organization.Service, who token.Principal) error {
	return must.Err(s.Delete(ctx, who, organization.Deletion{Name: "Acme"}))
}

func look(name string) request {
	return func(ctx context.Context, s *organization.Service, _ token.Principal) error {
		if _, err := s.Get(ctx, token.Principal{}, name); organizationtest.Code(err) != "organization_not_found" {
			return err
		}
		return nil
	}
}

func login(ctx context.Context, s *organization.Service, who token.Principal) error {
	id, err := organization.ParseID(who.AdminID)
	if err == nil {
		_, err = organizationtest.Begin(ctx, s, organization.Admin{ID: id, CredentialVersion: who.CredentialVersion})
	}
	return refused(err)
}

func refresh(ctx context.Context, s *organization.Service, who token.Principal) error {
	_, _, err := s.RotateSession(ctx, organizationtest.Turn(who, 0))
	return refused(err)
}

// refused makes of ErrAbsent what package admin does.
func refused(err error) error {
	if errors.Is(err, organization.ErrAbsent) {
		return fault.New(fault.Unauthenticated, "refused", "the credential is refused")
	}
	return err
}

func logout(ctx context.Context, s *organization.Service, who token.Principal) error {
	return s.Logout(ctx, who)
}

func logoutAll(ctx context.Context, s *organization.Service, who token.Principal) error {
	return s.LogoutAll(ctx, who)
}

// ended asserts that the tenant has no session left, where that was acknowledged.
func ended(w world, acked bool) string {
	if live := w.LiveSessions(w, "a@acme.io"); acked && len(live) > 0 {
		return fmt.Sprintf("%d sessions live that were ended", len(live))
	}
	return ""
}

func reconcile(ctx context.Context, s *organization.Service, _ token.Principal) error {
	return must.Err(s.Reconcile(ctx))
}

func repair(ctx context.Context, s *organization.Service, _ token.Principal) error {
	return must.Err(s.Repair(ctx))
}

// contradicted prepares, beside the tenant, one of everything that only the doctor mends.
func contradicted(w world) token.Principal {
	who, now := tenant(w), w.Clock.Now()
	w.Found(w, "Other", "o@other.io")
	other := must.Get(w.Store.Claims.Find(w.Context(), "other"))(w)
	dead := organization.Claim{Key: "gamma", OrgID: organization.NewID(now), ID: organization.NewID(now)}
	orphan := organization.Admin{ID: organization.NewID(now), OrgID: dead.OrgID, Email: "c@beta.io", Rev: 1}
	for _, err := range []error{
		must.Err(w.Store.Claims.Delete(w.Context(), other)),
		w.Store.Collections.Drop(w.Context(), "org_other"),
		w.Store.Collections.Create(w.Context(), "org_beta"),
		w.Store.Claims.Insert(w.Context(), dead),
		w.Store.Admins.Insert(w.Context(), orphan),
	} {
		must.Do(w, err)
	}
	return who
}

// mended asserts that whatever a doctor that died has left, another one mends, and the tenant has all that it had.
func mended(w world, _ bool) string {
	for range 2 {
		if _, err := w.Repair(w.Context()); err != nil {
			return err.Error()
		}
		w.Quiet(w)
	}
	return either(w, false, "acme")
}

func nobody(world) token.Principal { return token.Principal{} }

// stranger prepares a collection under a name that nobody has yet.
func stranger(w world) token.Principal {
	w.Put(w, "org_acme", "s", "stranger")
	return token.Principal{}
}

func tenant(w world) token.Principal {
	w.Tenant(w)
	return w.Login(w, "a@acme.io")
}

// left prepares what a worker leaves behind that dies after its nth command.
func left(n int, prepare func(world) token.Principal, act request) func(world) token.Principal {
	return func(w world) token.Principal {
		who := prepare(w)
		_ = act(w.Context(), w.Hooked(Dying(n)), who)
		w.Clock.Advance(organization.Lease + 3*time.Second)
		return who
	}
}

// either asserts that the tenant lives under acme or the new key with all that
// it had, under the new one where that was acknowledged.
func either(w world, acked bool, newKey string) string {
	found := false
	for _, o := range w.Living(w) {
		held := w.Held(w, o.Collection)
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
		if ix, err := w.Writer.Indexes(w.Context(), o.Collection); err != nil || len(ix) != 1 {
			return fmt.Sprintf("the indexes are %v, %v", ix, err)
		}
	}
	if !found {
		return "the tenant is gone"
	}
	return ""
}

// wholly asserts that the tenant's email and password changed together or not at all.
func wholly(w world) string {
	for _, o := range w.Living(w) {
		a, err := w.Store.Admins.Find(w.Context(), o.AdminID)
		if err != nil {
			return err.Error()
		}
		if w.Held(w, o.Collection) != "" && (a.Email == "b@beta.io") != (a.Password.Hash == "battery staple") {
			return "half of an update happened"
		}
		if a.Email == "b@beta.io" && len(w.LiveSessions(w, a.Email)) > 0 {
			return "a session lives on after a change of what one logs in with"
		}
	}
	return ""
}

func atMostOne(w world, acked bool) string {
	if n := len(w.Living(w)); n > 1 || acked && n != 1 {
		return fmt.Sprintf("%d organizations live", n)
	}
	return ""
}

func renamed(w world, acked bool) string {
	return either(w, acked, "beta")
}

// neither asserts that the tenant is as it was, or was finished: what a helper may do.
func neither(w world, _ bool) string {
	return either(w, false, "beta")
}

func deleted(w world, acked bool) string {
	for _, o := range w.Living(w) {
		held := w.Held(w, o.Collection)
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

// notDeleted asserts that the tenant is whole, or gone: what a helper may do.
func notDeleted(w world, _ bool) string {
	return deleted(w, false)
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
			rival: creation("Acme", "a@acme.io", ""), check: atMostOne,
		},
		{
			name: "create with an idempotency key", prepare: nobody, act: creation("Acme", "a@acme.io", "k"),
			replays: true,
			rival:   creation("Acme", "b@acme.io", ""), check: atMostOne,
		},
		{
			name: "create with a taken email",
			prepare: func(w world) token.Principal {
				return w.Found(w, "Other", "a@acme.io")
			},
			act: creation("Acme", "a@acme.io", "k"), rival: creation("Acme", "b@acme.io", ""),
			check: func(_ world, acked bool) string {
				if acked {
					return "an email was given out twice"
				}
				return ""
			},
		},
		{
			name:    "create over a stranger's collection",
			prepare: stranger,
			act:     creation("Acme", "a@acme.io", ""), rival: creation("Acme", "b@acme.io", ""),
			strangers: []string{"org_acme"},
			check: func(w world, acked bool) string {
				if acked || w.Held(w, "org_acme") != "s" || len(w.Living(w)) != 0 {
					return "a stranger's collection was adopted"
				}
				return ""
			},
		},
		{name: "rename", prepare: tenant, act: rename, rival: creation("Beta", "b@beta.io", ""), check: renamed},
		{
			name: "rename with email and password", prepare: tenant, act: everything,
			rival: creation("Gamma", "b@beta.io", ""),
			check: func(w world, acked bool) string {
				return renamed(w, acked) + wholly(w)
			},
		},
		{
			name: "rename refused by a taken email",
			prepare: func(w world) token.Principal {
				w.Found(w, "Other", "b@beta.io")
				return tenant(w)
			},
			act: everything, rival: creation("Beta", "c@beta.io", ""),
			check: func(w world, acked bool) string {
				if acked {
					return "an email was given out twice"
				}
				return either(w, false, "acme")
			},
		},
		{
			name: "rename onto a stranger's empty collection",
			prepare: func(w world) token.Principal {
				must.Do(w, w.Store.Collections.Create(w.Context(), "org_beta"))
				return tenant(w)
			},
			act: rename, rival: creation("Beta", "c@beta.io", ""), strangers: []string{"org_beta", "ghost_unknown_"},
			check: renamed,
		},
		{
			name: "rename of a dropped collection",
			prepare: func(w world) token.Principal {
				who := tenant(w)
				must.Do(w, w.Store.Collections.Drop(w.Context(), "org_acme"))
				return who
			},
			act: rename, rival: creation("Beta", "c@beta.io", ""), strangers: []string{"org_acme", "ghost_unknown_"},
			check: func(world, bool) string { return "" },
		},
		{
			name: "rename while a writer makes the old name again",
			prepare: func(w world) token.Principal {
				who := left(8, tenant, rename)(w) // the collection has moved
				if held := w.Held(w, "org_acme"); held == "" {
					w.Put(w, "org_acme", "d2", "two")
				}
				return who
			},
			act: look("Acme"), rival: creation("Acme", "c@acme.io", ""), check: neither,
		},
		{
			name: "email and password", prepare: tenant, act: account, rival: creation("Gamma", "b@beta.io", ""),
			check: func(w world, acked bool) string {
				return either(w, acked, "acme") + wholly(w)
			},
		},
		{
			name: "shown name", prepare: tenant, act: change(organization.Change{Name: ptr("ACME")}),
			rival: creation("Acme", "b@beta.io", ""),
			check: func(w world, acked bool) string {
				if orgs := w.Living(w); acked && (len(orgs) != 1 || orgs[0].Name != "ACME") {
					return fmt.Sprintf("the organizations are %v", orgs)
				}
				return ""
			},
		},
		{
			name: "login", prepare: tenant, act: login, rival: logoutAll, rivalled: ended,
			check: func(w world, acked bool) string {
				if n := len(w.LiveSessions(w, "a@acme.io")); acked && n < 2 {
					return fmt.Sprintf("%d sessions live, and two began", n)
				}
				return ""
			},
		},
		{
			// A retry comes so late that it is a token's second use: then the session is gone.
			name: "refresh", prepare: tenant, act: refresh, rival: logout, rivalled: ended,
			check: func(w world, acked bool) string {
				for _, s := range w.LiveSessions(w, "a@acme.io") {
					if s.Current != "turn 1" && (acked || s.Current != "turn 0") {
						return "what was answered with is not good, but " + s.Current
					}
				}
				return ""
			},
		},
		{name: "logout", prepare: tenant, act: logout, rival: refresh, check: ended},
		{name: "logout everywhere", prepare: tenant, act: logoutAll, rival: login, check: ended},
		{name: "delete", prepare: tenant, act: deletion, rival: creation("Gamma", "a@acme.io", ""), check: deleted},
	}
	all = append(all, mailScenarios()...)
	// Whoever finishes another's work may die of it too.
	for n := 3; n < 11; n++ {
		all = append(all, scenario{
			name: fmt.Sprintf("a reader meets an update left at %d", n), prepare: left(n, tenant, everything),
			act: look("Acme"), rival: creation("Beta", "c@beta.io", ""), check: neither,
		})
	}
	for n := 2; n < 6; n++ {
		all = append(all, scenario{
			name: fmt.Sprintf("reconcile meets a deletion left at %d", n), prepare: left(n, tenant, deletion),
			act: reconcile, rival: creation("Gamma", "a@acme.io", ""),
			check: notDeleted,
		})
	}
	all = append(all, scenario{
		name: "the doctor", prepare: contradicted, act: repair, rival: creation("Beta", "c@beta.io", ""),
		strangers: []string{"ghost_unknown_"}, check: mended,
	})
	return append(all, scenario{
		name: "reconcile clears what was written under an old name",
		prepare: func(w world) token.Principal {
			who := w.Found(w, "Acme", "a@acme.io")
			w.Put(w, "org_acme", "d1", "one")
			must.Do(w, rename(w.Context(), w.Service, who))
			w.Put(w, "org_acme", "d2", "two")
			w.AddIndex(w, "org_acme")
			w.Clock.Advance(90 * time.Second)
			return who
		},
		act: reconcile, rival: creation("Acme", "c@acme.io", ""), check: renamed,
	})
}
