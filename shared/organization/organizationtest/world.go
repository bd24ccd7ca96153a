package organizationtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"oms/shared/fault"
	"oms/shared/organization"
	"oms/shared/password"
	"oms/shared/token"
)

// Clock is a wall clock that stands still until a test moves it.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows the machine's time of now.
func NewClock() *Clock { return &Clock{now: time.Now()} }

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock by d.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Plain is a Hasher that hashes nothing, for tests of everything but hashing.
type Plain struct{}

var _ organization.Hasher = Plain{}

// Hash returns the password as its own hash.
func (Plain) Hash(p string) (password.Hash, error) { return password.Hash{Alg: "plain", Hash: p}, nil }

// Verify reports whether p is the password.
func (Plain) Verify(p string, h password.Hash) (password.Verdict, error) {
	return password.Verdict{OK: h.Hash == p}, nil
}

// World is a database with a clock of its own and a service on it.
type World struct {
	Store  organization.Store
	Writer Writer
	Clock  *Clock
	*organization.Service
}

// NewWorld returns a world on an empty database. The writer is what others use
// it with, nil where nobody does.
func NewWorld(s organization.Store, writer Writer) *World {
	w := &World{Store: s, Writer: writer, Clock: NewClock()}
	w.Service = w.On(s)
	return w
}

// Hooked returns another service of the same world, whose commands pass through h.
func (w *World) Hooked(h Hook) *organization.Service { return w.On(Hooked(w.Store, h)) }

// On returns another service of the same world, on the store: one that differs from w.Store.
func (w *World) On(s organization.Store) *organization.Service {
	return organization.New(organization.Config{
		Store: s, Passwords: Plain{}, Secret: []byte("secret"), Retention: 15 * time.Minute,
		Now: w.Clock.Now, Log: slog.New(slog.DiscardHandler),
	})
}

// Password is the password of every admin that [World.Found] makes.
const Password = "correct horse"

// Found creates an organization and returns who its admin is.
func (w *World) Found(tb testing.TB, name, email string) token.Principal {
	tb.Helper()
	v, err := w.Create(tb.Context(), organization.Creation{Name: name, Email: email, Password: Password})
	if err != nil {
		tb.Fatalf("Create(%q, %q) = %v", name, email, err)
	}
	return w.Principal(tb, v.AdminEmail)
}

// Principal returns who a token of the admin with that email speaks for.
func (w *World) Principal(tb testing.TB, email string) token.Principal {
	tb.Helper()
	a, err := w.Store.Admins.FindByEmail(tb.Context(), email)
	if err != nil {
		tb.Fatal(err)
	}
	return token.Principal{AdminID: a.ID.String(), OrgID: a.OrgID.String(), CredentialVersion: a.CredentialVersion}
}

// Tenant founds an organization Acme with two documents, d1 and d2, and an index.
func (w *World) Tenant(tb testing.TB) token.Principal {
	tb.Helper()
	who := w.Found(tb, "Acme", "a@acme.io")
	w.Put(tb, "org_acme", "d1", "one")
	w.Put(tb, "org_acme", "d2", "two")
	w.AddIndex(tb, "org_acme")
	return who
}

// Quiet lets every hold pass and reconcile run until nothing is left to do, and
// returns what the last run reports.
func (w *World) Quiet(tb testing.TB) organization.Report {
	tb.Helper()
	var last organization.Report
	for range 5 {
		w.Clock.Advance(90 * time.Second)
		r, err := w.Reconcile(tb.Context())
		if err != nil || !r.Complete {
			tb.Fatalf("Reconcile() = %+v, %v, want a complete run", r, err)
		}
		last = r
	}
	return last
}

// Violations holds the invariants of the protocol, section 8, when all is
// quiet. strangers begin the names of collections that are not the service's.
func (w *World) Violations(tb testing.TB, strangers ...string) []string {
	tb.Helper()
	findings, err := w.Examine(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	var bad []string
	for _, f := range findings {
		stranger := slices.ContainsFunc(strangers, func(s string) bool { return strings.HasPrefix(f.Subject, s) })
		if f.Kind == "ghost" && f.Later || stranger {
			continue
		}
		bad = append(bad, fmt.Sprintf("%s: %s: %s", f.Kind, f.Subject, f.Detail))
	}
	return bad
}

// WantSound fails the test for each of the [World.Violations].
func (w *World) WantSound(tb testing.TB, strangers ...string) {
	tb.Helper()
	for _, bad := range w.Violations(tb, strangers...) {
		tb.Error(bad)
	}
}

// Living returns the organizations that are not dead.
func (w *World) Living(tb testing.TB) []organization.Organization {
	tb.Helper()
	all, err := w.Store.Backlog.Organizations(tb.Context(), nil, 1000)
	if err != nil {
		tb.Fatal(err)
	}
	return slices.DeleteFunc(all.Items, func(o organization.Organization) bool { return o.State.Dead() })
}

// Put writes the document {_id: id, value: value}, as another service does.
func (w *World) Put(tb testing.TB, collection, id, value string) {
	tb.Helper()
	if err := w.Writer.Put(context.WithoutCancel(tb.Context()), collection, StringDocument(id, value)); err != nil {
		tb.Fatal(err)
	}
}

// AddIndex makes an index on value, as another service does.
func (w *World) AddIndex(tb testing.TB, collection string) {
	tb.Helper()
	if err := w.Writer.AddIndex(tb.Context(), collection, Index{Name: "by_value", Field: "value"}); err != nil {
		tb.Fatal(err)
	}
}

// Held returns the _ids of the collection's documents, in order, with a space between.
func (w *World) Held(tb testing.TB, collection string) string {
	tb.Helper()
	docs, err := w.Writer.Documents(tb.Context(), collection)
	if err != nil {
		tb.Fatal(err)
	}
	var ids []string
	for _, d := range docs {
		ids = append(ids, StringID(d))
	}
	return strings.Join(ids, " ")
}

// Code returns the code of a fault, "" for no error.
func Code(err error) string {
	if err == nil {
		return ""
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Code
	}
	return "not a fault: " + err.Error()
}
