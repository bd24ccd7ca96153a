// Package admin lets administrators log in.
//
// It owns the check of credentials, what a failed login tells (nothing), and
// the upgrade of old password hashes. It refuses to change anything else about
// an admin: what spans an admin and its organization is package organization's.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"oms/shared/fault"
	"oms/shared/organization"
	"oms/shared/password"
	"oms/shared/token"
)

// Admins is what a login needs of the collection admins; *mongo.Admins is one.
type Admins interface {
	// FindByEmail returns the admin with that address, as organization.ParseEmail
	// writes it, or organization.ErrAbsent.
	FindByEmail(ctx context.Context, email string) (organization.Admin, error)
	// Rehash puts is in the place of old where the admin still has old
	// (compare-and-set on the hash), and reports whether it did. CredentialVersion and Rev stay:
	// the password is the same, so tokens keep working and no change under way is disturbed.
	Rehash(ctx context.Context, id organization.ID, old, is password.Hash) (bool, error)
}

// Organizations is what a login needs of the collection organizations; organization.Organizations is one.
type Organizations interface {
	// Find returns the organization, or organization.ErrAbsent.
	Find(ctx context.Context, id organization.ID) (organization.Organization, error)
}

// Hasher checks and upgrades password hashes; *password.Hasher is one.
type Hasher interface {
	Verify(plain string, h password.Hash) (password.Verdict, error)
	Upgrade(plain string) (password.Hash, error)
	Pretend(plain string)
}

// Issuer makes tokens; *token.Tokens is one.
type Issuer interface {
	Issue(ctx context.Context, p token.Principal) (string, time.Duration, error)
}

// Config is what a [Service] is made of. All of it is needed but Log.
type Config struct {
	Admins        Admins
	Organizations Organizations
	Passwords     Hasher
	Tokens        Issuer
	Log           *slog.Logger // slog.Default() where nil
}

// Service logs administrators in. It is safe for concurrent use.
type Service struct {
	c Config
}

// New returns a service.
func New(c Config) *Service {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Service{c: c}
}

// Session is what a login gives.
type Session struct {
	AccessToken string        // a compact JWT
	ExpiresIn   time.Duration // whole seconds
	AdminID     string        // for the log record
	OrgID       string        // for the log record
}

// Login returns a session for the admin with that email address and password.
//
// An unknown address, a wrong password and an organization that nobody sees
// are one answer, a fault of kind Unauthenticated with the code
// invalid_credentials, after the same work: one hash, and one read of an
// organization while it is computed. So neither the answer nor its time tells
// whether an address is known (OWASP ASVS 5.0, 6.3.8). An address that is none
// gets that answer without the reads: its sender knows that it is none. Where
// the database does not answer, known and unknown addresses get the same
// storage_unavailable.
//
// A hash that is out of date is replaced on the way; a login does not fail
// where that fails.
func (s *Service) Login(ctx context.Context, email, plain string) (Session, error) {
	address, wrong := organization.ParseEmail(email)
	if wrong != nil { // nobody's: the database is not asked
		s.c.Passwords.Pretend(plain)
		return Session{}, refused()
	}
	adm, err := s.c.Admins.FindByEmail(ctx, address)
	known := !errors.Is(err, organization.ErrAbsent)
	if known && err != nil {
		return Session{}, unavailableOr(err, "finding an admin")
	}

	// The organization is read while the hash is computed. For an unknown
	// address, whose OrgID is zero, the read finds nothing and takes as long.
	read := make(chan error, 1)
	go func() { read <- s.open(ctx, adm.OrgID) }()
	verdict, err := s.verify(plain, adm, known)
	closed := <-read

	switch {
	case closed != nil && !errors.Is(closed, errClosed):
		return Session{}, unavailableOr(closed, "reading organization "+adm.OrgID.String())
	case err != nil:
		return Session{}, fmt.Errorf("checking the password of admin %s: %w", adm.ID, err)
	case !verdict.OK || closed != nil:
		return Session{}, refused()
	}

	session := Session{AdminID: adm.ID.String(), OrgID: adm.OrgID.String()}
	session.AccessToken, session.ExpiresIn, err = s.c.Tokens.Issue(ctx, token.Principal{
		AdminID: session.AdminID, OrgID: session.OrgID, CredentialVersion: adm.CredentialVersion,
	})
	if err != nil {
		return Session{}, fmt.Errorf("issuing a token for admin %s: %w", adm.ID, err)
	}
	if verdict.Upgrade {
		s.upgrade(ctx, adm, plain)
	}
	return session, nil
}

// errClosed says that nobody logs in to the organization.
var errClosed = errors.New("the organization is not there, or not open")

// open returns nil where admins of the organization may log in, errClosed where not.
func (s *Service) open(ctx context.Context, id organization.ID) error {
	org, err := s.c.Organizations.Find(ctx, id)
	switch {
	case errors.Is(err, organization.ErrAbsent):
		return errClosed
	case err != nil:
		return err
	case !org.State.Visible():
		return errClosed
	}
	return nil
}

func (s *Service) verify(plain string, adm organization.Admin, known bool) (password.Verdict, error) {
	if !known {
		s.c.Passwords.Pretend(plain)
		return password.Verdict{}, nil
	}
	return s.c.Passwords.Verify(plain, adm.Password)
}

// upgrade replaces the admin's hash by a new one of the same password. Where
// somebody else has replaced it meanwhile, theirs stays.
func (s *Service) upgrade(ctx context.Context, adm organization.Admin, plain string) {
	hash, err := s.c.Passwords.Upgrade(plain)
	if err == nil {
		_, err = s.c.Admins.Rehash(ctx, adm.ID, adm.Password, hash)
	}
	if err != nil {
		s.c.Log.LogAttrs(ctx, slog.LevelWarn, "a password hash was not upgraded; the next login tries again",
			slog.String("admin_id", adm.ID.String()), slog.Any("err", err))
	}
}

// refused returns the one answer to credentials that are not accepted.
func refused() error {
	return fault.New(fault.Unauthenticated, "invalid_credentials", "the email address or the password is wrong")
}

// unavailableOr returns the fault for a database that did not answer in time, or err with what was being done.
func unavailableOr(err error, doing string) error {
	if errors.Is(err, organization.ErrLost) || errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Unavailable, "storage_unavailable", "the database did not answer in time; try again").
			After(time.Second).Because(err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
