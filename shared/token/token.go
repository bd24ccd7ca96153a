// Package token (stub: being written).
package token

import (
	"context"
	"time"
)

// Principal is who a token speaks for. The zero Principal is anonymous.
type Principal struct {
	AdminID string    // 24 hex digits
	OrgID   string    // 24 hex digits
	Ver     string    // the admin's credential version when the token was made
	Expires time.Time // whole seconds
}

// Anonymous tells whether p is nobody.
func (p Principal) Anonymous() bool { return p == Principal{} }

// Keys are the keys that tokens are signed and verified with.
type Keys struct {
	Algorithm string            // HS256, HS384 or HS512
	Active    string            // the kid that signs
	Secrets   map[string][]byte // by kid; all of them verify
}

// Source returns the keys now. With fresh it reads them again where they may
// have changed (it decides how often).
type Source func(ctx context.Context, fresh bool) (Keys, error)

// Tokens issues and verifies.
type Tokens struct{}

// New returns Tokens that live for ttl; now is time.Now where nil.
func New(keys Source, ttl time.Duration, now func() time.Time) *Tokens { panic("stub") }

// Issue signs a token for p (whose Expires is set by Issue) and returns it with its lifetime.
func (t *Tokens) Issue(ctx context.Context, p Principal) (string, time.Duration, error) {
	panic("stub")
}

// Verify returns who the token speaks for, or a fault of kind Unauthenticated
// (invalid_token, token_expired); any other error means the keys could not be read.
func (t *Tokens) Verify(ctx context.Context, compact string) (Principal, error) { panic("stub") }
