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
	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/password"
	"oms/shared/throttle/throttletest"
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
	beginErr error
	begun    []organization.Session
	rotation organization.Rotation
	rotated  int // which of its next
	rotErr   error
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

func (d *database) BeginSession(
	_ context.Context,
	a organization.Admin,
	s organization.Session,
) (organization.Session, error) {
	d.did("begin session")
	s.CredentialVersion, s.LoggedIn, s.Used = a.CredentialVersion, loggedIn(), loggedIn()
	s.Expires = s.Used.Add(organization.SessionIdle)
	d.begun = append(d.begun, s)
	return s, d.beginErr
}

func (d *database) RotateSession(_ context.Context, r organization.Rotation) (organization.Session, int, error) {
	d.rotation = r
	s := organization.Session{
		ID:                r.Session,
		CredentialVersion: "v2",
		LoggedIn:          loggedIn(),
		Used:              loggedIn().Add(time.Hour),
	}
	s.Expires = s.Used.Add(time.Minute)
	return s, d.rotated, d.rotErr
}

// loggedIn is when sessions begin.
func loggedIn() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }

func newHasher(tb testing.TB, cost int) *password.Hasher {
	tb.Helper()
	peppers := must.Get(password.ParsePeppers("a pepper that is for tests alone!", false))(tb)
	return must.Get(password.New(peppers, cost))(tb)
}

// fixture is a service over a database that holds one admin and its organization.
type fixture struct {
	*admin.Service
	config admin.Config
	db     *database
	tokens *token.Tokens
	hasher *password.Hasher
	log    *bytes.Buffer
	admin  organization.Admin
}

func newFixture(tb testing.TB, state organization.State) *fixture {
	tb.Helper()
	now := time.Now()
	keys := must.Get(token.ParseKeys("a key of tokens, for tests alone!", "HS256", false))(tb)
	f := &fixture{
		hasher: newHasher(tb, password.MinCost), tokens: token.New(token.Static(keys), time.Hour, nil),
		log: new(bytes.Buffer),
	}
	hash := must.Get(f.hasher.Hash(plain))(tb)
	f.admin = organization.Admin{
		ID: organization.NewID(now), Email: email, OrgID: organization.NewID(now), Password: hash,
		CredentialVersion: "v1", Rev: 7,
	}
	f.db = &database{
		admins: map[string]organization.Admin{email: f.admin},
		orgs:   map[organization.ID]organization.Organization{f.admin.OrgID: {ID: f.admin.OrgID, State: state}},
	}
	f.config = admin.Config{
		Admins: f.db, Organizations: f.db, Passwords: f.hasher, Sessions: f.db, Tokens: f.tokens,
		Guard: throttletest.NewGuard(nil), Log: slog.New(slog.NewTextHandler(f.log, nil)),
	}
	f.Service = admin.New(f.config)
	return f
}

// setHash gives the admin another hash.
func (f *fixture) setHash(h password.Hash) {
	f.admin.Password = h
	f.db.admins[email] = f.admin
}

func TestService_Login(t *testing.T) {
	t.Parallel()
	for typed, state := range map[string]organization.State{
		email: organization.Active, "  Admin@TEST.com\t": organization.Updating,
	} {
		f := newFixture(t, state)
		got, err := f.Login(t.Context(), typed, plain, admin.From{Address: "192.0.2.1", Agent: "curl"})
		if err != nil {
			t.Fatalf("Login(%q): %v", typed, err)
		}
		if got.ExpiresIn != time.Hour || got.RefreshExpiresIn != organization.SessionIdle ||
			got.AdminID != f.admin.ID.String() || got.OrgID != f.admin.OrgID.String() {
			t.Errorf("Login(%q) = %+v; want an hour, a week, and the ids", typed, got)
		}
		begun := f.db.begun[0]
		if begun.Current != got.RefreshToken.Hash() || begun.Family != got.RefreshToken.FamilyHash() ||
			begun.Address != "192.0.2.1" || begun.Agent != "curl" ||
			got.RefreshToken.AdminID() != f.admin.ID || got.RefreshToken.OrgID() != f.admin.OrgID ||
			got.RefreshToken.Session() != begun.ID {
			t.Errorf("the session is %+v, and the refresh token is of another", begun)
		}
		who := must.Get(f.tokens.Verify(t.Context(), got.AccessToken))(t)
		who.Expires = time.Time{}
		want := token.Principal{
			AdminID: f.admin.ID.String(), OrgID: f.admin.OrgID.String(), CredentialVersion: "v1",
			Session: begun.ID.String(), AuthTime: loggedIn(),
		}
		if who != want {
			t.Errorf("the token speaks for %+v, want %+v", who, want)
		}
		if diff := cmp.Diff([]string{"find admin", "find organization", "begin session"}, f.db.commands); diff != "" {
			t.Errorf("the commands differ (-want +got):\n%s", diff)
		}
	}
}

// TestService_Login_requiresAConfirmedEmail: where a stage asks for it, and of who has the password.
func TestService_Login_requiresAConfirmedEmail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		required, unconfirmed bool
		password, want        string
	}{
		{true, true, plain, "email_unconfirmed"},
		{true, true, "another", "invalid_credentials"},
		{true, false, plain, ""},
		{false, true, plain, ""},
	} {
		f := newFixture(t, organization.Active)
		f.admin.Unconfirmed = c.unconfirmed
		f.db.admins = map[string]organization.Admin{email: f.admin}
		f.config.RequireConfirmed = c.required
		_, err := admin.New(f.config).Login(t.Context(), email, c.password, admin.From{})
		got := ""
		if refusal, ok := errors.AsType[*fault.Error](err); ok {
			got = refusal.Code
		}
		if got != c.want || (got != "") != (len(f.db.begun) == 0) {
			t.Errorf("%+v: Login = %v, and %d sessions", c, err, len(f.db.begun))
		}
	}
}

// TestService_Login_foldedAddress: an address is folded to the end, and one that
// an account was made under before that is still found.
func TestService_Login_foldedAddress(t *testing.T) {
	t.Parallel()
	for typed, kept := range map[string]string{
		"J\u030c@test.com": "\u01f0@test.com", "\u01f0@test.com": "\u01f0@test.com",
		"J\u030c@Test.com": "j\u030c@test.com",
	} {
		f := newFixture(t, organization.Active)
		f.db.admins = map[string]organization.Admin{kept: f.admin}
		if _, err := f.Login(t.Context(), typed, plain, admin.From{}); err != nil {
			t.Errorf("Login(%q), kept as %q: %v", typed, kept, err)
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
		{
			"an unknown address and a long password", organization.Active, "nobody@test.com",
			strings.Repeat("x", 1<<16), reads,
		},
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
			got, err := f.Login(t.Context(), tt.email, tt.password, admin.From{})
			want := fault.New(fault.Unauthenticated, "invalid_credentials",
				"the email address or the password is wrong")
			if diff := cmp.Diff(error(want), err, cmp.Comparer(func(a, b error) bool {
				return a.Error() == b.Error() &&
					fault.KindOf(a) == fault.KindOf(b)
			})); diff != "" {
				t.Errorf("Login differs (-want +got):\n%s", diff)
			}
			if got != (admin.Grant{}) {
				t.Errorf("Login = %+v with an error", got)
			}
			if diff := cmp.Diff(tt.commands, f.db.commands); diff != "" {
				t.Errorf("the commands differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestService_Login_upgradesHashes(t *testing.T) {
	t.Parallel()
	legacy := func(tb testing.TB, plain string) password.Hash {
		tb.Helper()
		b := must.Get(bcrypt.GenerateFromPassword([]byte(plain), bcrypt.MinCost))(tb)
		return password.Hash{Alg: password.Legacy, Hash: "$2b$" + string(b[4:])}
	}

	t.Run("at the first login, and once", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, organization.Active)
		f.setHash(legacy(t, plain))
		for range 2 {
			must.Do(t, must.Err(f.Login(t.Context(), email, plain, admin.From{})))
		}
		got := f.db.admins[email]
		if got.Password.Alg != password.BcryptV1 {
			t.Errorf("the hash is still %s", got.Password.Alg)
		}
		if got.CredentialVersion != "v1" || got.Rev != 7 {
			t.Errorf("ver, rev = %s, %d; want v1, 7: tokens must keep working", got.CredentialVersion, got.Rev)
		}
		want := "find admin, find organization, begin session, rehash, find admin, find organization, begin session"
		if got := strings.Join(f.db.commands, ", "); got != want {
			t.Errorf("the commands are %s, want %s", got, want)
		}
	})

	long := strings.Repeat("x", 72)
	for _, c := range []struct {
		about       string
		state       organization.State
		kept, typed string
		loggedIn    bool
		want        string // the algorithm then
	}{
		{"of a short password too", organization.Active, "abc", "abc", true, password.BcryptV1},
		// Else a typing error would become the password.
		{
			"never from a password of more than 72 bytes", organization.Active, long, long + "typo", true,
			password.Legacy,
		},
		{"not after a wrong password", organization.Active, plain, "secret124", false, password.Legacy},
		{"not in a closed organization", organization.Deleting, plain, plain, false, password.Legacy},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, c.state)
			f.setHash(legacy(t, c.kept))
			_, err := f.Login(t.Context(), email, c.typed, admin.From{})
			if c.loggedIn != (err == nil) || err != nil && fault.KindOf(err) != fault.Unauthenticated {
				t.Errorf("Login = %v, want it to succeed: %t", err, c.loggedIn)
			}
			if got := f.db.admins[email].Password.Alg; got != c.want {
				t.Errorf("the hash is %s now, want %s", got, c.want)
			}
		})
	}

	t.Run("and logs in where that fails", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, organization.Active)
		f.setHash(legacy(t, plain))
		f.db.rehash = func() (bool, error) { return false, organization.ErrLost }
		if _, err := f.Login(t.Context(), email, plain, admin.From{}); err != nil {
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
		if _, err := f.Login(t.Context(), email, plain, admin.From{}); err != nil || f.log.Len() > 0 {
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
		{
			"no answer about the admin", email, func(f *fixture) { f.db.findErr = organization.ErrLost },
			fault.Unavailable,
		},
		{
			"no answer about the organization", email, func(f *fixture) { f.db.orgErr = organization.ErrLost },
			fault.Unavailable,
		},
		{
			"no answer, and an unknown address: the same", "nobody@test.com",
			func(f *fixture) { f.db.orgErr = organization.ErrLost }, fault.Unavailable,
		},
		{"no answer about the session", email, func(f *fixture) {
			f.db.beginErr = fault.New(fault.Unavailable, "storage_unavailable", "d").After(time.Second)
		}, fault.Unavailable},
		{
			"an admin that is not as it was any more", email,
			func(f *fixture) { f.db.beginErr = organization.ErrAbsent }, fault.Unauthenticated,
		},
		{"an organization that is gone", email, func(f *fixture) { clear(f.db.orgs) }, fault.Unauthenticated},
		{"a broken admin", email, func(f *fixture) { f.db.findErr = broken }, fault.Internal},
		{"a broken organization", email, func(f *fixture) { f.db.orgErr = broken }, fault.Internal},
		{
			"a hash that cannot be read", email, func(f *fixture) { f.setHash(password.Hash{Alg: "md5", Hash: "x"}) },
			fault.Internal,
		},
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
			got, err := f.Login(t.Context(), tt.email, plain, admin.From{})
			if err == nil || fault.KindOf(err) != tt.kind || got != (admin.Grant{}) {
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

func TestService_EmailHash(t *testing.T) {
	t.Parallel()
	hash := func(key, email string) string {
		return admin.New(admin.Config{RecordSecret: []byte(key)}).EmailHash(email)
	}
	// printf admin@test.com | openssl dgst -sha256 -hmac key
	if got, want := hash("key", email), "777aedddde647c21"; got != want {
		t.Errorf("EmailHash = %s, want %s", got, want)
	}
	if one, other := hash("key", email), hash("key", " Admin@TEST.com"); one != other {
		t.Errorf("one address has the hashes %s and %s", one, other)
	}
	for _, other := range []string{
		hash("another", email), hash("key", "admin2@test.com"), hash("key", "none"), hash("key", ""),
	} {
		if other == hash("key", email) {
			t.Errorf("another address, or another key, gives the same hash %s", other)
		}
	}
}
