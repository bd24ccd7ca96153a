package organization

import (
	"log/slog"
	"time"

	"oms/shared/password"
)

// Hasher makes and checks password hashes; *password.Hasher is one.
type Hasher interface {
	Hash(plain string) (password.Hash, error)
	Verify(plain string, h password.Hash) (password.Verdict, error)
}

// Config is what a [Service] is made of. Store, Passwords and Retention are
// needed by the methods that use them; Now and Log have defaults.
type Config struct {
	Store     Store
	Passwords Hasher           // Create and Update
	Secret    []byte           // keys the HMACs of idempotency keys and bodies; Create
	Retention time.Duration    // how long a deleted organization's documents are kept
	Now       func() time.Time // time.Now where nil
	Log       *slog.Logger     // slog.Default() where nil
}

// Creation asks for a new organization and its admin.
type Creation struct {
	Name           string
	Email          string
	Password       string
	IdempotencyKey string // empty: none
}

// Created is the answer to a [Creation].
type Created struct {
	View
	Replayed bool // the stored answer of an earlier request with the same key
}

// View is an organization as a client may see it.
type View struct {
	ID         ID
	Name       string
	Collection string
	AdminEmail string // empty: the caller may not see it
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    int64
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
}

// Service does what spans documents: see the package comment. It is safe for
// concurrent use; each call is a worker of its own.
type Service struct {
	store     Store
	passwords Hasher
	secret    []byte
	retention time.Duration
	clock     func() time.Time
	log       *slog.Logger
	aside     aside
	merges    merges
}

// New returns a service.
func New(c Config) *Service {
	s := &Service{
		store: c.Store, passwords: c.Passwords, secret: c.Secret,
		retention: c.Retention, clock: c.Now, log: c.Log,
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

func view(o Organization, email string) View {
	return View{
		ID: o.ID, Name: o.Name, Collection: o.Collection, AdminEmail: email,
		CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt, Version: o.Version,
	}
}
