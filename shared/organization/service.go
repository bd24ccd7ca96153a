package organization

import (
	"log/slog"
	"time"

	"oms/shared/password"
	"oms/shared/throttle"
)

// Hasher makes and checks password hashes; *password.Hasher is one.
type Hasher interface {
	Hash(plain string) (password.Hash, error)
	Verify(plain string, h password.Hash) (password.Verdict, error)
}

// Config is what a [Service] is made of. Store, Passwords and Retention are
// needed by the methods that use them; Policy, Now and Log have defaults.
type Config struct {
	Store     Store
	Passwords Hasher          // Create, Update and Delete
	Guard     *throttle.Guard // Create, Update, Delete and Reconcile
	Policy    password.Policy // what Create and Update ask of a new password
	Secret    []byte          // keys the HMACs of idempotency keys and of what came with them; Create
	Retention time.Duration   // how long a deleted organization's documents are kept
	// ReauthenticateAfter is how old the login may be with which an email is
	// changed or an organization deleted without the password; Update and Delete.
	ReauthenticateAfter time.Duration
	// PurgeUnconfirmed is how long an organization lives whose admin never confirmed
	// an address; Reconcile. Zero: as long as others.
	PurgeUnconfirmed time.Duration
	Now              func() time.Time // time.Now where nil
	Log              *slog.Logger     // slog.Default() where nil
}

// Creation asks for a new organization and its admin.
type Creation struct {
	Name           string
	Email          string
	Password       string
	IdempotencyKey string // empty: none
	Address        string // of the connection
}

// Created is the answer to a [Creation].
type Created struct {
	View
	Replayed bool // the stored answer of an earlier request with the same key
}

// View is an organization as a client may see it.
type View struct {
	ID             ID
	Name           string
	Collection     string
	AdminEmail     string // empty: the caller may not see it
	EmailConfirmed bool   // somebody who reads AdminEmail has said so; false without one
	CreatedAt      time.Time
	UpdatedAt      time.Time
	Version        int64
}

// Change asks for a change of the caller's organization and admin. A nil field
// is absent. All of it happens or none of it.
type Change struct {
	Organization *string // with Name: must name the caller's organization
	Name         *string // the new name
	Email        *string
	Password     *string // the current one: verified where it is given
	NewPassword  *string // needs Password
	IfVersion    *int64  // refuse where the version is another
	Address      string  // of the connection
}

// Deletion asks for the deletion of the caller's organization.
type Deletion struct {
	Name      string  // must name the caller's organization
	Password  *string // the current one: verified where it is given
	IfVersion *int64  // refuse where the version is another
	Address   string  // of the connection
}

// Service does what spans documents: see the package comment. It is safe for
// concurrent use; each call is a worker of its own.
type Service struct {
	store          Store
	passwords      Hasher
	guard          *throttle.Guard
	policy         password.Policy
	secret         []byte
	retention      time.Duration
	reauthenticate time.Duration
	unconfirmed    time.Duration
	clock          func() time.Time
	log            *slog.Logger
	aside          aside
	merges         merges
}

// New returns a service.
func New(c Config) *Service {
	s := &Service{
		store: c.Store, passwords: c.Passwords, guard: c.Guard, policy: c.Policy, secret: c.Secret,
		retention: c.Retention, reauthenticate: c.ReauthenticateAfter, unconfirmed: c.PurgeUnconfirmed,
		clock: c.Now, log: c.Log,
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	return s
}

// now is the wall clock to the millisecond, which is what the database keeps:
// a time that is compared with a stored one must not lose anything there.
// Without its monotonic part, because that one stops while a process is frozen.
func (s *Service) now() time.Time { return s.clock().Round(0).UTC().Truncate(time.Millisecond) }

// view is what a, its admin, may see of o; what anybody may where that is zero.
func view(o Organization, a Admin) View {
	return View{
		ID: o.ID, Name: o.Name, Collection: o.Collection,
		AdminEmail: a.Email, EmailConfirmed: !a.ID.IsZero() && !a.Unconfirmed,
		CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt, Version: o.Version,
	}
}
