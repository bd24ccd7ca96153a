package organizationtest

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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
	Subject
	*organization.Service
	Clock *Clock
}

// NewWorld returns a world on the database of s, which is empty.
func NewWorld(s Subject) *World {
	w := &World{Subject: s, Clock: NewClock()}
	w.Service = w.On(s.Store)
	return w
}

// On returns another service of the same world, on the store: one that is [Hooked], say.
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
	a, err := w.Store.Admins.FindByEmail(tb.Context(), v.AdminEmail)
	if err != nil {
		tb.Fatal(err)
	}
	return token.Principal{AdminID: a.ID.String(), OrgID: v.ID.String(), CredentialVersion: a.CredentialVersion}
}

// Quiet lets every hold pass and reconcile run until nothing is left to do.
func (w *World) Quiet(tb testing.TB) {
	tb.Helper()
	for range 5 {
		w.Clock.Advance(90 * time.Second)
		if r, err := w.Reconcile(tb.Context()); err != nil || !r.Complete {
			tb.Fatalf("Reconcile() = %+v, %v, want a complete run", r, err)
		}
	}
}

// Violations holds the invariants of the protocol, section 8, when all is
// quiet. strangers begin the names of
// collections that are not the service's.
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

// StringID returns the _id of a [StringDocument].
func StringID(d organization.Document) string {
	return strings.TrimRight(string(d.ID[5:]), "\x00") // after the type and the length
}
