// Package admin lets administrators log in, and stay logged in.
//
// It owns the check of credentials, what a failed login tells (nothing), the
// upgrade of old password hashes, and which tokens a login and a refresh give.
// It refuses to change anything else about an admin: what is kept of a session,
// and what spans an admin and its organization, is package organization's.
package admin

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"oms/shared/fault"
	"oms/shared/organization"
	"oms/shared/password"
	"oms/shared/throttle"
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

// Sessions is where sessions are kept; *organization.Service is one.
type Sessions interface {
	// BeginSession begins a session of the admin as it was read, or returns
	// organization.ErrAbsent where it is not there as it was.
	BeginSession(ctx context.Context, a organization.Admin, begun organization.Session) (organization.Session, error)
	// RotateSession replaces the refresh token of a session, and returns the
	// session and which of r.Next is good now.
	RotateSession(ctx context.Context, r organization.Rotation) (is organization.Session, next int, err error)
}

// Hasher checks and upgrades password hashes; *password.Hasher is one.
type Hasher interface {
	Verify(plain string, h password.Hash) (password.Verdict, error)
	Hash(plain string) (password.Hash, error)
	Pretend(plain string)
}

// Issuer makes tokens; *token.Tokens is one.
type Issuer interface {
	Issue(ctx context.Context, p token.Principal) (string, time.Duration, error)
	Next(ctx context.Context, r token.Refresh) ([]token.Refresh, error)
}

// Config is what a [Service] is made of. Refresh needs Sessions and Tokens, Login all but Log.
type Config struct {
	Admins        Admins
	Organizations Organizations
	Passwords     Hasher
	Sessions      Sessions
	Tokens        Issuer
	Guard         *throttle.Guard
	RecordSecret  []byte // the key of [Service.EmailHash]
	// RequireConfirmed: who has not confirmed the email does not log in.
	RequireConfirmed bool
	Log              *slog.Logger // slog.Default() where nil
}

// Service logs administrators in, and gives them new tokens. It is safe for concurrent use.
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

// EmailHash returns what stands for an email address in log records: the same 16
// hex digits for every way to write it, so that all tries of one account are
// seen together, and made with a key, so that nobody finds the address by
// hashing those that there are.
func (s *Service) EmailHash(email string) string {
	mac := hmac.New(sha256.New, s.c.RecordSecret)
	mac.Write([]byte(organization.Account(email)))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// Grant is what a login or a refresh gives.
type Grant struct {
	AccessToken      string        // a compact JWT
	ExpiresIn        time.Duration // whole seconds
	RefreshToken     token.Refresh // gives the next grant, once
	RefreshExpiresIn time.Duration // unless it is used before; whole seconds
	AdminID          string        // for the log record
	OrgID            string        // for the log record
}

// From is where a request comes from, as the session's owner will see it.
type From struct {
	Address string // of the connection
	Agent   string // what the client calls itself
}

// Login begins a session for the admin with that email address and password.
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
// After too many failures, of the account, of the network, or of the account from
// this address, the answer is too_many_attempts before any of that, and again
// known and unknown are alike. Each attempt is counted while the hash is
// computed, and there is no verdict without that; package throttle has the rules.
//
// A session is written when the password is right, and not before: a success is
// one round trip longer than a refusal, which tells nothing that the answer does
// not. Where that write is not answered, nobody is logged in.
//
// With RequireConfirmed, who has the right password and has not confirmed the
// address gets the fault email_unconfirmed.
//
// A hash that is out of date is replaced on the way; a login does not fail
// where that fails. Before it one read is waited for; two, where an earlier
// version may have spelled the address otherwise (FormerEmail).
func (s *Service) Login(ctx context.Context, email, plain string, from From) (Grant, error) {
	address, wrong := organization.ParseEmail(email)
	if wrong != nil { // nobody's: the database is not asked
		s.c.Passwords.Pretend(plain)
		return Grant{}, refused()
	}
	attempt := s.c.Guard.Attempt(address, from.Address)
	judged := make(chan error, 1)
	go func() { judged <- attempt.Judge(ctx) }()
	adm, err := s.c.Admins.FindByEmail(ctx, organization.FormerEmail(email))
	if errors.Is(err, organization.ErrAbsent) && organization.FormerEmail(email) != address {
		adm, err = s.c.Admins.FindByEmail(ctx, address)
	}
	known := !errors.Is(err, organization.ErrAbsent)
	if late := <-judged; late != nil {
		return Grant{}, late
	}
	if known && err != nil {
		return Grant{}, fmt.Errorf("finding an admin: %w", err)
	}

	// While the hash is computed, the organization is read and the attempt counted. For an
	// unknown address, whose OrgID is zero, the read finds nothing and takes as long.
	read, counted := make(chan error, 1), make(chan error, 1)
	go func() { read <- s.open(ctx, adm.OrgID) }()
	go func() { counted <- attempt.Count(ctx) }()
	verdict, err := s.verify(plain, adm, known)
	closed := <-read

	if late := <-counted; late != nil {
		return Grant{}, late
	}
	switch {
	case closed != nil && !errors.Is(closed, errClosed):
		return Grant{}, fmt.Errorf("reading organization %s: %w", adm.OrgID, closed)
	case err != nil:
		return Grant{}, fmt.Errorf("checking the password of admin %s: %w", adm.ID, err)
	case !verdict.OK || closed != nil:
		return Grant{}, refused()
	}

	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { attempt.Succeeded(ctx) })
	if s.c.RequireConfirmed && adm.Unconfirmed { // told to who has the password, and to nobody else
		return Grant{}, fault.New(fault.Forbidden, "email_unconfirmed",
			"the email address is not confirmed yet: follow the link in the mail, or set a new password by mail")
	}
	grant, err := s.begin(ctx, adm, from)
	if err != nil {
		return Grant{}, err
	}
	if verdict.Upgrade {
		s.upgrade(ctx, adm, plain)
	}
	return grant, nil
}

// begin begins a session of the admin, which has proved its password.
func (s *Service) begin(ctx context.Context, adm organization.Admin, from From) (Grant, error) {
	begun := organization.Session{ID: organization.NewID(time.Now()), Address: from.Address, Agent: from.Agent}
	refresh := token.NewRefresh(adm.ID, adm.OrgID, begun.ID)
	begun.Current, begun.Family = refresh.Hash(), refresh.FamilyHash()
	begun, err := s.c.Sessions.BeginSession(ctx, adm, begun)
	switch {
	case errors.Is(err, organization.ErrAbsent): // since it was read: what was right is wrong now
		return Grant{}, refused()
	case err != nil:
		return Grant{}, err
	}
	return s.grant(ctx, begun, refresh)
}

// grant returns the tokens of the session.
func (s *Service) grant(ctx context.Context, is organization.Session, refresh token.Refresh) (Grant, error) {
	admin, org := organization.ID(refresh.AdminID()), organization.ID(refresh.OrgID())
	access, expires, err := s.c.Tokens.Issue(ctx, token.Principal{
		AdminID: admin.String(), OrgID: org.String(), CredentialVersion: is.CredentialVersion,
		Session: is.ID.String(), AuthTime: is.LoggedIn,
	})
	if err != nil {
		return Grant{}, fmt.Errorf("issuing a token for admin %s: %w", admin, err)
	}
	return Grant{
		AccessToken: access, ExpiresIn: expires, RefreshToken: refresh, RefreshExpiresIn: is.Expires.Sub(is.Used),
		AdminID: admin.String(), OrgID: org.String(),
	}, nil
}

// Refresh gives the next tokens of a session for its refresh token, which is
// good once. The same one again within organization.RetryWithin gives the same
// refresh token again, with an access token of its own; one that was used before
// ends its session. When the password was proved stays what it was.
//
// Faults: invalid_refresh_token, storage_unavailable.
func (s *Service) Refresh(ctx context.Context, refreshToken string) (Grant, error) {
	presented, err := token.ParseRefresh(refreshToken)
	if err != nil {
		return Grant{}, notGood()
	}
	next, err := s.c.Tokens.Next(ctx, presented)
	if err != nil {
		return Grant{}, err
	}
	r := organization.Rotation{
		Admin: presented.AdminID(), Org: presented.OrgID(), Session: presented.Session(),
		Family: presented.FamilyHash(), Presented: presented.Hash(),
	}
	for _, n := range next {
		r.Next = append(r.Next, n.Hash())
	}
	is, at, err := s.c.Sessions.RotateSession(ctx, r)
	switch {
	case errors.Is(err, organization.ErrAbsent):
		return Grant{}, notGood()
	case err != nil:
		return Grant{}, err
	}
	return s.grant(ctx, is, next[at])
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
	hash, err := s.c.Passwords.Hash(plain)
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

// notGood returns the one answer to a refresh token that is not accepted.
func notGood() error {
	return fault.New(fault.Unauthenticated, "invalid_refresh_token",
		"the refresh token is not good, or not any more; log in again")
}
