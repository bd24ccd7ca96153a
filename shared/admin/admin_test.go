package admin_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"

	"oms/shared/admin"
	"oms/shared/fault"
	"oms/shared/organization"
	"oms/shared/password"
	"oms/shared/token"
)

const (
	email = "admin@test.com"
	plain = "secret123"
)

// database is the two collections that a login reads, and what it did there.
type database struct {
	mu       sync.Mutex
	admins   map[string]organization.Admin
	orgs     map[organization.ID]organization.Organization
	commands []string
	findErr  error // of admins
	orgErr   error // of organizations
	rehash   func() (bool, error)
}

func (d *database) did(command string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.commands = append(d.commands, command)
}

func (d *database) FindByEmail(_ context.Context, email string) (organization.Admin, error) {
	d.did("find admin")
	a, ok := d.admins[email]
	switch {
	case d.findErr != nil:
		return organization.Admin{}, d.findErr
	case !ok:
		return organization.Admin{}, organization.ErrAbsent
	}
	return a, nil
}

func (d *database) Find(_ context.Context, id organization.ID) (organization.Organization, error) {
	d.did("find organization")
	o, ok := d.orgs[id]
	switch {
	case d.orgErr != nil:
		return organization.Organization{}, d.orgErr
	case !ok:
		return organization.Organization{}, organization.ErrAbsent
	}
	return o, nil
}

func (d *database) Rehash(_ context.Context, id organization.ID, old, is password.Hash) (bool, error) {
	d.did("rehash")
	if d.rehash != nil {
		return d.rehash()
	}
	for email, a := range d.admins {
		if a.ID == id && a.Password == old {
			a.Password = is
			d.admins[email] = a
			return true, nil
		}
	}
	return false, nil
}

func newHasher(tb testing.TB, cost int) *password.Hasher {
	tb.Helper()
	peppers, err := password.ParsePeppers(strings.Repeat("pepper", 6), false)
	if err != nil {
		tb.Fatalf("password.ParsePeppers: %v", err)
	}
	h, err := password.New(peppers, cost)
	if err != nil {
		tb.Fatalf("password.New: %v", err)
	}
	return h
}

func newTokens(tb testing.TB) *token.Tokens {
	tb.Helper()
	keys, err := token.ParseKeys(strings.Repeat("k", 32), "HS256", false)
	if err != nil {
		tb.Fatalf("token.ParseKeys: %v", err)
	}
	return token.New(token.Static(keys), time.Hour, nil)
}

// fixture is a service over a database that holds one admin and its organization.
type fixture struct {
	*admin.Service
	db     *database
	tokens *token.Tokens
	hasher *password.Hasher
	log    *bytes.Buffer
	admin  organization.Admin
}

func newFixture(tb testing.TB, state organization.State) *fixture {
	tb.Helper()
	now := time.Now()
	f := &fixture{hasher: newHasher(tb, password.MinCost), tokens: newTokens(tb), log: new(bytes.Buffer)}
	hash, err := f.hasher.Hash(plain)
	if err != nil {
		tb.Fatalf("Hash: %v", err)
	}
	f.admin = organization.Admin{
		ID: organization.NewID(now), Email: email, OrgID: organization.NewID(now), Password: hash, CredentialVersion: "v1", Rev: 7,
	}
	f.db = &database{
		admins: map[string]organization.Admin{email: f.admin},
		orgs:   map[organization.ID]organization.Organization{f.admin.OrgID: {ID: f.admin.OrgID, State: state}},
	}
	f.Service = admin.New(admin.Config{
		Admins: f.db, Organizations: f.db, Passwords: f.hasher, Tokens: f.tokens,
		Log: slog.New(slog.NewTextHandler(f.log, nil)),
	})
	return f
}

// setHash gives the admin another hash.
func (f *fixture) setHash(h password.Hash) {
	f.admin.Password = h
	f.db.admins[email] = f.admin
}

func TestService_Login(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{email, "  Admin@TEST.com\t"} {
		f := newFixture(t, organization.Active)
		got, err := f.Login(t.Context(), typed, plain)
		if err != nil {
			t.Fatalf("Login(%q): %v", typed, err)
		}
		if got.ExpiresIn != time.Hour || got.AdminID != f.admin.ID.String() || got.OrgID != f.admin.OrgID.String() {
			t.Errorf("Login(%q) = %v, %s, %s; want an hour and the ids", typed, got.ExpiresIn, got.AdminID, got.OrgID)
		}
		who, err := f.tokens.Verify(t.Context(), got.AccessToken)
		if err != nil {
			t.Fatalf("the token does not verify: %v", err)
		}
		who.Expires = time.Time{}
		if want := (token.Principal{AdminID: f.admin.ID.String(), OrgID: f.admin.OrgID.String(), CredentialVersion: "v1"}); who != want {
			t.Errorf("the token speaks for %+v, want %+v", who, want)
		}
		if diff := cmp.Diff([]string{"find admin", "find organization"}, f.db.commands); diff != "" {
			t.Errorf("the commands differ (-want +got):\n%s", diff)
		}
	}
}

func TestService_Login_oneAnswerToEveryRefusal(t *testing.T) {
	t.Parallel()
	reads := []string{"find admin", "find organization"}
	tests := []struct {
		name            string
		state           organization.State
		email, password string
		commands        []string
	}{
		{"a wrong password", organization.Active, email, "secret124", reads},
		{"no password", organization.Active, email, "", reads},
		{"a password that is too long", organization.Active, email, strings.Repeat("x", password.MaxLength+1), reads},
		{"a password that is no text", organization.Active, email, plain + "\xff", reads},
		{"an unknown address", organization.Active, "nobody@test.com", plain, reads},
		{"an unknown address and a long password", organization.Active, "nobody@test.com", strings.Repeat("x", 1<<16), reads},
		{"an address that is none", organization.Active, "admin", plain, nil},
		{"an operator for an address", organization.Active, `{"$ne":null}`, plain, nil},
		{"an address that is no text", organization.Active, "\xff@test.com", plain, nil},
		{"no address", organization.Active, "", plain, nil},
		{"an organization that is being created", organization.Creating, email, plain, reads},
		{"an organization that is being deleted", organization.Deleting, email, plain, reads},
		{"a deleted organization", organization.Deleted, email, plain, reads},
		{"an aborted organization", organization.Aborted, email, plain, reads},
		{"an organization in no state", "", email, plain, reads},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, tt.state)
			got, err := f.Login(t.Context(), tt.email, tt.password)
			want := fault.New(fault.Unauthenticated, "invalid_credentials", "the email address or the password is wrong")
			if diff := cmp.Diff(error(want), err, cmp.Comparer(func(a, b error) bool { return a.Error() == b.Error() && fault.KindOf(a) == fault.KindOf(b) })); diff != "" {
				t.Errorf("Login differs (-want +got):\n%s", diff)
			}
			if got != (admin.Session{}) {
				t.Errorf("Login = %+v with an error", got)
			}
			if diff := cmp.Diff(tt.commands, f.db.commands); diff != "" {
				t.Errorf("the commands differ (-want +got):\n%s", diff)
			}
		})
	}

	t.Run("an organization that is gone", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, organization.Active)
		clear(f.db.orgs)
		if _, err := f.Login(t.Context(), email, plain); fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("Login = %v, want a refusal", err)
		}
	})
}

func TestService_Login_whileTheOrganizationIsUpdated(t *testing.T) {
	t.Parallel()
	if _, err := newFixture(t, organization.Updating).Login(t.Context(), email, plain); err != nil {
		t.Errorf("Login: %v", err)
	}
}

func TestService_Login_upgradesHashes(t *testing.T) {
	t.Parallel()
	legacy := func(tb testing.TB, plain string) password.Hash {
		tb.Helper()
		b, err := bcrypt.GenerateFromPassword([]byte(plain), bcrypt.MinCost)
		if err != nil {
			tb.Fatal(err)
		}
		return password.Hash{Alg: password.Legacy, Hash: "$2b$" + string(b[4:])}
	}

	t.Run("at the first login, and once", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, organization.Active)
		f.setHash(legacy(t, plain))
		for range 2 {
			if _, err := f.Login(t.Context(), email, plain); err != nil {
				t.Fatalf("Login: %v", err)
			}
		}
		got := f.db.admins[email]
		if got.Password.Alg != password.BcryptV1 {
			t.Errorf("the hash is still %s", got.Password.Alg)
		}
		if got.CredentialVersion != "v1" || got.Rev != 7 {
			t.Errorf("ver, rev = %s, %d; want v1, 7: tokens must keep working", got.CredentialVersion, got.Rev)
		}
		want := []string{"find admin", "find organization", "rehash", "find admin", "find organization"}
		if diff := cmp.Diff(want, f.db.commands); diff != "" {
			t.Errorf("the commands differ (-want +got):\n%s", diff)
		}
	})

	t.Run("of a short password too", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, organization.Active)
		f.setHash(legacy(t, "abc"))
		if _, err := f.Login(t.Context(), email, "abc"); err != nil {
			t.Fatalf("Login: %v", err)
		}
		if got := f.db.admins[email].Password.Alg; got != password.BcryptV1 {
			t.Errorf("the hash is still %s", got)
		}
	})

	t.Run("never from a password of more than 72 bytes", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, organization.Active)
		long := strings.Repeat("x", 72)
		f.setHash(legacy(t, long))
		if _, err := f.Login(t.Context(), email, long+"typo"); err != nil {
			t.Fatalf("Login: %v", err)
		}
		if got := f.db.admins[email].Password.Alg; got != password.Legacy {
			t.Errorf("the hash is %s now: the typing error has become the password", got)
		}
	})

	t.Run("not after a wrong password or in a closed organization", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, organization.Deleting)
		f.setHash(legacy(t, plain))
		for _, typed := range []string{"secret124", plain} {
			if _, err := f.Login(t.Context(), email, typed); fault.KindOf(err) != fault.Unauthenticated {
				t.Errorf("Login = %v, want a refusal", err)
			}
		}
		if got := f.db.admins[email].Password.Alg; got != password.Legacy {
			t.Errorf("the hash is %s now", got)
		}
	})

	t.Run("and logs in where that fails", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, organization.Active)
		f.setHash(legacy(t, plain))
		f.db.rehash = func() (bool, error) { return false, organization.ErrLost }
		if _, err := f.Login(t.Context(), email, plain); err != nil {
			t.Errorf("Login: %v", err)
		}
		if !strings.Contains(f.log.String(), "level=WARN") || !strings.Contains(f.log.String(), f.admin.ID.String()) {
			t.Errorf("the log is %q, want a warning", f.log)
		}
		for _, part := range []string{email, plain, f.admin.Password.Hash} {
			if strings.Contains(f.log.String(), part) {
				t.Errorf("the log shows %q", part)
			}
		}
	})

	t.Run("and logs in where somebody else was faster", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, organization.Active)
		f.setHash(legacy(t, plain))
		f.db.rehash = func() (bool, error) { return false, nil }
		if _, err := f.Login(t.Context(), email, plain); err != nil || f.log.Len() > 0 {
			t.Errorf("Login: %v, and the log is %q", err, f.log)
		}
	})
}

func TestService_Login_errors(t *testing.T) {
	t.Parallel()
	broken := errors.New("a broken part")
	tests := []struct {
		name  string
		email string
		set   func(*fixture)
		kind  fault.Kind
	}{
		{"no answer about the admin", email, func(f *fixture) { f.db.findErr = organization.ErrLost }, fault.Unavailable},
		{"no answer about the organization", email, func(f *fixture) { f.db.orgErr = organization.ErrLost }, fault.Unavailable},
		{"no answer, and an unknown address: the same", "nobody@test.com", func(f *fixture) { f.db.orgErr = organization.ErrLost }, fault.Unavailable},
		{"the time is up", email, func(f *fixture) { f.db.orgErr = context.DeadlineExceeded }, fault.Unavailable},
		{"a broken admin", email, func(f *fixture) { f.db.findErr = broken }, fault.Internal},
		{"a broken organization", email, func(f *fixture) { f.db.orgErr = broken }, fault.Internal},
		{"a hash that cannot be read", email, func(f *fixture) { f.setHash(password.Hash{Alg: "md5", Hash: "x"}) }, fault.Internal},
		{"a pepper that is not there", email, func(f *fixture) {
			h := f.admin.Password
			h.Pepper = "p0"
			f.setHash(h)
		}, fault.Internal},
		{"an admin without a version", email, func(f *fixture) {
			f.admin.CredentialVersion = ""
			f.setHash(f.admin.Password)
		}, fault.Internal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, organization.Active)
			tt.set(f)
			got, err := f.Login(t.Context(), tt.email, plain)
			if err == nil || fault.KindOf(err) != tt.kind || got != (admin.Session{}) {
				t.Fatalf("Login = %+v, %v; want an error of kind %s", got, err, tt.kind)
			}
			if tt.kind == fault.Unavailable {
				e, _ := errors.AsType[*fault.Error](err)
				if e.Code != "storage_unavailable" || e.RetryAfter != time.Second {
					t.Errorf("Login = %s after %v, want storage_unavailable after 1s", e.Code, e.RetryAfter)
				}
			}
			for _, part := range []string{email, plain, f.admin.Password.Hash} {
				if strings.Contains(err.Error(), part) {
					t.Errorf("the error shows %q: %v", part, err)
				}
			}
		})
	}
}
