package organization_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
	"oms/shared/token"
)

// mode is what happens to one command.
type mode string

const (
	before  mode = "stopped before" // the process dies before it
	after   mode = "stopped after"  // the process dies after it
	lost    mode = "answer lost"    // applied, and the answer does not come
	dropped mode = "never arrived"  // not applied, and no answer comes
	late    mode = "late"           // no answer comes, and it is applied after everybody else's work
	zombie  mode = "late and dead"  // likewise, and the process dies
)

// faulty returns a hook that lets one command, the nth (from 0), suffer m, and
// counts commands.
type faulty struct {
	mu   sync.Mutex
	n    int
	m    mode
	seen int
	dead bool
	late []func() error // what is applied late
}

func (f *faulty) hook(_ string, apply func() error) error {
	f.mu.Lock()
	hit := f.seen == f.n
	f.seen++
	dead := f.dead
	if hit && (f.m == before || f.m == after || f.m == zombie) {
		f.dead = true
	}
	if hit && (f.m == late || f.m == zombie) {
		f.late = append(f.late, apply)
	}
	f.mu.Unlock()
	switch {
	case dead:
		return context.Canceled
	case !hit:
		return apply()
	}
	switch f.m {
	case before:
		return context.Canceled
	case after:
		_ = apply()
		return context.Canceled
	case lost:
		_ = apply()
		return organization.ErrLost
	case dropped, late, zombie:
		return organization.ErrLost
	}
	return apply()
}

// scenario is one request that something happens to.
type scenario struct {
	name string
	// prepare makes the world before it and returns who asks, where somebody does.
	prepare func(t *testing.T, w *world) token.Principal
	// act is the request.
	act func(ctx context.Context, s *organization.Service, who token.Principal) error
	// rival is what another client wants.
	rival func(ctx context.Context, s *organization.Service) error
	// check asserts what the request promised, when all is quiet; acked: it was answered with success.
	check     func(w *world, acked bool) string
	strangers []string
}

func createAct(idempotency string) func(context.Context, *organization.Service, token.Principal) error {
	return func(ctx context.Context, s *organization.Service, _ token.Principal) error {
		c := creation("Acme", "a@acme.io")
		c.IdempotencyKey = idempotency
		_, err := s.Create(ctx, c)
		return err
	}
}

func update(c organization.Change) func(context.Context, *organization.Service, token.Principal) error {
	return func(ctx context.Context, s *organization.Service, who token.Principal) error {
		_, err := s.Update(ctx, who, c)
		return err
	}
}

// tenant prepares an organization Acme with two documents and an index.
func tenant(t *testing.T, w *world) token.Principal {
	t.Helper()
	who := w.found(t, "Acme", "a@acme.io")
	w.put(t, "org_acme", "d1", "one")
	w.put(t, "org_acme", "d2", "two")
	w.AddIndex("org_acme", organizationtest.Index{Name: "by_value", Field: "value"})
	return who
}

// either asserts that the tenant lives under one of the two names with all
// that it had, under the new one where that was acknowledged.
func either(w *world, acked bool, oldKey, newKey string, documents string) string {
	all := slices.DeleteFunc(w.living(), func(o organization.Organization) bool { return o.AdminID != w.first() })
	if len(all) != 1 {
		return fmt.Sprintf("the tenant is there %d times", len(all))
	}
	o := all[0]
	if o.Key != newKey && (acked || o.Key != oldKey) {
		return "the tenant lives under " + o.Key
	}
	if got := w.held(o.Collection); got != documents {
		return fmt.Sprintf("%s holds %q, want %q", o.Collection, got, documents)
	}
	if len(w.Indexes(o.Collection)) != 1 {
		return "the index is gone"
	}
	return ""
}

// first is the admin that was made first: the tenant's.
func (w *world) first() organization.ID {
	as := w.Admins()
	if len(as) == 0 {
		return organization.ID{}
	}
	for _, o := range w.Organizations() {
		if o.Name == "Acme" || o.Name == "Beta" {
			return o.AdminID
		}
	}
	return as[0].ID
}

func rivalCreate(name, email string) func(context.Context, *organization.Service) error {
	return func(ctx context.Context, s *organization.Service) error {
		_, err := s.Create(ctx, creation(name, email))
		return err
	}
}

func scenarios() []scenario {
	nobody := func(*testing.T, *world) token.Principal { return token.Principal{} }
	created := func(w *world, acked bool) string {
		if n := len(w.living()); n > 1 || acked && n != 1 {
			return fmt.Sprintf("%d organizations live", n)
		}
		return ""
	}
	renamed := func(w *world, acked bool) string { return either(w, acked, "acme", "beta", "d1 d2") }
	return []scenario{
		{name: "create", prepare: nobody, act: createAct(""), rival: rivalCreate("Acme", "a@acme.io"), check: created},
		{name: "create with an idempotency key", prepare: nobody, act: createAct("k"), rival: rivalCreate("Acme", "b@acme.io"), check: created},
		{
			name: "create with a taken email",
			prepare: func(t *testing.T, w *world) token.Principal {
				t.Helper()
				return w.found(t, "Other", "a@acme.io")
			},
			act: createAct("k"), rival: rivalCreate("Acme", "b@acme.io"),
			check: func(_ *world, acked bool) string {
				if acked {
					return "an email was given out twice"
				}
				return ""
			},
		},
		{
			name: "create over a stranger's collection",
			prepare: func(t *testing.T, w *world) token.Principal {
				t.Helper()
				w.put(t, "org_acme", "s", "stranger")
				return token.Principal{}
			},
			act: createAct(""), rival: rivalCreate("Acme", "b@acme.io"), strangers: []string{"org_acme"},
			check: func(w *world, acked bool) string {
				if acked || w.held("org_acme") != "s" || len(w.Admins()) != 0 {
					return "a stranger's collection was adopted"
				}
				return ""
			},
		},
		{
			name: "rename", prepare: tenant, act: update(organization.Change{Name: ptr("Beta")}),
			rival: rivalCreate("Beta", "b@beta.io"), check: renamed,
		},
		{
			name: "rename with email and password", prepare: tenant,
			act:   update(organization.Change{Name: ptr("Beta"), Email: ptr("b@beta.io"), Password: ptr(secretWord), NewPassword: ptr("battery staple")}),
			rival: rivalCreate("Gamma", "b@beta.io"),
			check: func(w *world, acked bool) string {
				if bad := renamed(w, acked); bad != "" {
					return bad
				}
				return wholly(w)
			},
		},
		{
			name: "rename refused by a taken email",
			prepare: func(t *testing.T, w *world) token.Principal {
				t.Helper()
				who := tenant(t, w)
				w.found(t, "Other", "b@beta.io")
				return who
			},
			act:   update(organization.Change{Name: ptr("Beta"), Email: ptr("b@beta.io")}),
			rival: rivalCreate("Beta", "c@beta.io"),
			check: func(w *world, acked bool) string {
				if acked {
					return "an email was given out twice"
				}
				return either(w, false, "acme", "acme", "d1 d2")
			},
		},
		{
			name: "email and password", prepare: tenant,
			act:   update(organization.Change{Email: ptr("b@beta.io"), Password: ptr(secretWord), NewPassword: ptr("battery staple")}),
			rival: rivalCreate("Gamma", "b@beta.io"),
			check: func(w *world, acked bool) string {
				if bad := either(w, acked, "acme", "acme", "d1 d2"); bad != "" {
					return bad
				}
				return wholly(w)
			},
		},
		{
			name: "shown name", prepare: tenant, act: update(organization.Change{Name: ptr("ACME")}),
			rival: rivalCreate("Acme", "b@beta.io"),
			check: func(w *world, acked bool) string {
				if acked && w.living()[0].Name != "ACME" {
					return "the shown name is " + w.living()[0].Name
				}
				return ""
			},
		},
		{
			name: "rename of a dropped collection",
			prepare: func(t *testing.T, w *world) token.Principal {
				t.Helper()
				who := w.found(t, "Acme", "a@acme.io")
				w.Drop("org_acme")
				return who
			},
			act: update(organization.Change{Name: ptr("Beta")}), rival: rivalCreate("Beta", "b@beta.io"),
			check: func(w *world, _ bool) string {
				for _, o := range w.living() {
					if o.Key == "acme" { // nobody has renamed it, and its owner dropped the collection
						_ = w.Put(o.Collection, organizationtest.StringDocument("x", "x")) // a fresh one
					}
				}
				return ""
			},
		},
		{
			name: "delete", prepare: tenant,
			act: func(ctx context.Context, s *organization.Service, who token.Principal) error {
				_, err := s.Delete(ctx, who, "Acme", nil)
				return err
			},
			rival: rivalCreate("Gamma", "a@acme.io"),
			check: func(w *world, acked bool) string {
				for _, o := range w.living() {
					if o.Key == "acme" {
						if acked {
							return "what was deleted is there"
						}
						if got := w.held("org_acme"); got != "d1 d2" {
							return "what was not deleted has lost documents: " + got
						}
					}
				}
				return ""
			},
		},
	}
}

// wholly asserts that email, password and ver changed together or not at all.
func wholly(w *world) string {
	for _, a := range w.Admins() {
		if a.ID != w.first() {
			continue
		}
		if (a.Email == "b@beta.io") != (a.Password.Hash == "battery staple") {
			return "half of an update happened"
		}
	}
	return ""
}

// TestService_crashPoints stops, loses or drops every single command of every
// kind of request, lets the client retry, a rival come, or only reconcile run,
// and holds the invariants when all is quiet.
func TestService_crashPoints(t *testing.T) {
	t.Parallel()
	points := 0
	for _, sc := range scenarios() {
		w := newWorld()
		who := sc.prepare(t, w)
		count := &faulty{n: -1}
		_ = sc.act(t.Context(), w.service(count.hook), who)
		if count.seen == 0 {
			t.Fatalf("%s sends no command", sc.name)
		}
		for n := range count.seen {
			for _, m := range []mode{before, after, lost, dropped, late, zombie} {
				for _, then := range []string{"retry", "rival", "reconcile"} {
					points++
					if bad := crash(t, sc, n, m, then); bad != nil {
						t.Errorf("%s, command %d %s, then %s:\n\t%s", sc.name, n, m, then, strings.Join(bad, "\n\t"))
					}
				}
			}
		}
	}
	t.Logf("%d crash points", points)
}

func crash(t *testing.T, sc scenario, n int, m mode, then string) []string {
	t.Helper()
	w := newWorld()
	who := sc.prepare(t, w)
	f := &faulty{n: n, m: m}
	err := sc.act(t.Context(), w.service(f.hook), who)
	acked := err == nil
	if c := code(err); strings.HasPrefix(c, "not a fault") {
		return []string{"answered " + c}
	}
	w.clock.advance(organization.Lease + 3*time.Second)
	switch then {
	case "retry":
		err := sc.act(t.Context(), w.Service, who)
		acked = acked || err == nil
		if c := code(err); strings.HasPrefix(c, "not a fault") || c == "storage_unavailable" {
			return []string{"the retry was answered " + c}
		}
	case "rival":
		if c := code(sc.rival(t.Context(), w.Service)); strings.HasPrefix(c, "not a fault") || c == "storage_unavailable" {
			return []string{"the rival was answered " + c}
		}
	}
	for _, apply := range f.late {
		w.clock.advance(20 * time.Second)
		_ = apply()
	}
	w.quiet(t)
	var bad []string
	if b := sc.check(w, acked); b != "" {
		bad = append(bad, b)
	}
	return append(bad, w.violations(sc.strangers...)...)
}

// TestService_dataWriters puts a document under the old name at every command
// of a rename and of a delete: it comes along, or goes with the organization,
// and never reaches the next owner of the name.
func TestService_dataWriters(t *testing.T) {
	t.Parallel()
	for _, uuids := range []bool{true, false} {
		for n := range 12 {
			w := newWorld()
			w.SetUUIDs(uuids)
			who := tenant(t, w)
			var mu sync.Mutex
			seen := 0
			s := w.service(func(_ string, apply func() error) error {
				err := apply()
				mu.Lock()
				defer mu.Unlock()
				if seen == n {
					w.put(t, "org_acme", "late", "written under the old name")
				}
				seen++
				return err
			})
			if _, err := s.Update(t.Context(), who, organization.Change{Name: ptr("Beta")}); err != nil {
				t.Fatalf("Update() = %v, want no error", err)
			}
			w.clock.advance(30 * time.Second)
			if got := code(rivalCreate("Acme", "r@acme.io")(t.Context(), w.Service)); got != "organization_name_held" {
				t.Errorf("a rival who wants the old name is answered %q, want organization_name_held", got)
			}
			w.quiet(t)
			want := "d1 d2 late"
			if n >= seen {
				want = "d1 d2"
			}
			if got := w.held("org_beta"); got != want {
				t.Errorf("uuids %v, written at command %d: org_beta holds %q, want %q", uuids, n, got, want)
			}
			if bad := w.violations(); bad != nil {
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
		w := newWorld()
		who := tenant(t, w)
		var mu sync.Mutex
		seen := 0
		s := w.service(func(_ string, apply func() error) error {
			err := apply()
			mu.Lock()
			defer mu.Unlock()
			if seen == n && len(w.Documents("org_acme")) == 0 {
				w.put(t, "org_acme", "late", "written after the move")
			}
			seen++
			return err
		})
		if _, err := s.Delete(t.Context(), who, "Acme", nil); err != nil {
			t.Fatalf("Delete() = %v, want no error", err)
		}
		w.clock.advance(50 * time.Second)
		if got := code(rivalCreate("Acme", "a@acme.io")(t.Context(), w.Service)); got != "organization_name_held" {
			t.Errorf("a rival who wants the name is answered %q, want organization_name_held", got)
		}
		w.quiet(t)
		if err := rivalCreate("Acme", "a@acme.io")(t.Context(), w.Service); err != nil {
			t.Fatalf("written at command %d: Create after the hold = %v, want no error", n, err)
		}
		if got := w.held("org_acme"); got != "" {
			t.Errorf("written at command %d: the next owner finds %q", n, got)
		}
		w.clock.advance(time.Hour)
		w.quiet(t)
		if got := w.Names(); len(got) != 1 {
			t.Errorf("written at command %d: %v is there, want only org_acme", n, got)
		}
	}
}
