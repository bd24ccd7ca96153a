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
	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/password"
	"oms/shared/throttle/throttletest"
	"oms/shared/token"
)

// Clock is a wall clock that stands still until a test moves it.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

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
	Box    *Mailbox // where [World.Post] sends to
	// PurgeUnconfirmed is that of the services that [World.On] returns from now on.
	PurgeUnconfirmed time.Duration
	*organization.Service
}

// NewWorld returns a world on an empty database. The writer is what others use
// it with, nil where nobody does.
func NewWorld(s organization.Store, writer Writer) *World {
	w := &World{Store: s, Writer: writer, Clock: &Clock{now: time.Now()}, Box: &Mailbox{}}
	w.Service = w.On(s)
	return w
}

// Hooked returns another service of the same world, whose commands pass through h.
func (w *World) Hooked(h Hook) *organization.Service { return w.On(Hooked(w.Store, h)) }

// On returns another service of the same world, on the store: one that differs from w.Store.
func (w *World) On(s organization.Store) *organization.Service {
	return organization.New(organization.Config{
		Store: s, Passwords: Plain{}, Guard: throttletest.NewGuard(w.Clock.Now), Secret: []byte("secret"),
		Retention: 15 * time.Minute, ReauthenticateAfter: 15 * time.Minute, PurgeUnconfirmed: w.PurgeUnconfirmed,
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

// Principal returns who a token speaks for that the admin with that email has
// just logged in for: as an older version made it, of no session.
func (w *World) Principal(tb testing.TB, email string) token.Principal {
	tb.Helper()
	return PrincipalOf(w.admin(tb, email), w.Clock.Now())
}

// Login begins a session of the admin with that email, and returns who its token speaks for.
func (w *World) Login(tb testing.TB, email string) token.Principal {
	tb.Helper()
	a := w.admin(tb, email)
	s := must.Get(Begin(tb.Context(), w.Service, a))(tb)
	who := PrincipalOf(a, s.LoggedIn)
	who.Session = s.ID.String()
	return who
}

func (w *World) admin(tb testing.TB, email string) organization.Admin {
	tb.Helper()
	return must.Get(w.Store.Admins.FindByEmail(tb.Context(), email))(tb)
}

// Begin begins a session of the admin with the first of its refresh tokens: see [Turn].
func Begin(ctx context.Context, s *organization.Service, a organization.Admin) (organization.Session, error) {
	return s.BeginSession(ctx, a,
		organization.Session{ID: organization.NewID(time.Now()), Family: "family", Current: "turn 0"})
}

// Turn asks to replace the nth refresh token of the principal's session, from 0.
func Turn(who token.Principal, n int) organization.Rotation {
	admin, _ := organization.ParseID(who.AdminID)
	org, _ := organization.ParseID(who.OrgID)
	session, _ := organization.ParseID(who.Session)
	return organization.Rotation{
		Admin: admin, Org: org, Session: session, Family: "family",
		Presented: fmt.Sprint("turn ", n),
		Next:      []string{fmt.Sprint("turn ", n+1), fmt.Sprint("by an older key ", n+1)},
	}
}

// LiveSessions returns those of the admin with that email.
func (w *World) LiveSessions(tb testing.TB, email string) []organization.Session {
	tb.Helper()
	return must.Get(w.Sessions(tb.Context(), w.Principal(tb, email)))(tb)
}

// PrincipalOf returns who a token speaks for that a has logged in for at that time, of no session.
func PrincipalOf(a organization.Admin, loggedIn time.Time) token.Principal {
	return token.Principal{
		AdminID: a.ID.String(), OrgID: a.OrgID.String(), CredentialVersion: a.CredentialVersion, AuthTime: loggedIn,
	}
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
	var bad []string
	for _, f := range must.Get(w.Examine(tb.Context()))(tb) {
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
	all := must.Get(w.Store.Backlog.Organizations(tb.Context(), nil, 1000))(tb)
	return slices.DeleteFunc(all.Items, func(o organization.Organization) bool { return o.State.Dead() })
}

// Put writes the document {_id: id, value: value}, as another service does.
func (w *World) Put(tb testing.TB, collection, id, value string) {
	tb.Helper()
	must.Do(tb, w.Writer.Put(context.WithoutCancel(tb.Context()), collection, StringDocument(id, value)))
}

// AddIndex makes an index on value, as another service does.
func (w *World) AddIndex(tb testing.TB, collection string) {
	tb.Helper()
	must.Do(tb, w.Writer.AddIndex(tb.Context(), collection, Index{Name: "by_value", Field: "value"}))
}

// Held returns the _ids of the collection's documents, in order, with a space between.
func (w *World) Held(tb testing.TB, collection string) string {
	tb.Helper()
	var ids []string
	for _, d := range must.Get(w.Writer.Documents(tb.Context(), collection))(tb) {
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
