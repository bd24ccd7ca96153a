package organization

import (
	"context"
	"log/slog"
	"time"

	"oms/shared/password"
	"oms/shared/token"
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

// Service does what spans documents: see the package comment.
type Service struct{}

// New returns a service.
func New(c Config) *Service { panic("stub") }

// Create creates an organization with its admin and its collection.
func (s *Service) Create(ctx context.Context, c Creation) (Created, error) { panic("stub") }

// Get returns the organization with that name's key. The zero who is anonymous;
// AdminEmail is there for the organization's own admin only.
func (s *Service) Get(ctx context.Context, who token.Principal, name string) (View, error) {
	panic("stub")
}

// Update changes the caller's organization; the View has AdminEmail.
func (s *Service) Update(ctx context.Context, who token.Principal, c Change) (View, error) {
	panic("stub")
}

// Delete deletes the caller's organization, which name must name, and returns its shown name.
func (s *Service) Delete(ctx context.Context, who token.Principal, name string, ifVersion *int64) (string, error) {
	panic("stub")
}

// Report counts what a run of Reconcile did.
type Report struct{}

// Reconcile finishes what crashes left behind.
func (s *Service) Reconcile(ctx context.Context) (Report, error) { panic("stub") }
