// Package token issues and verifies the bearer tokens of admins.
//
// It owns the form of a token (a JWT by RFC 7519 and RFC 9068, hardened by RFC
// 8725), its signing keys and their rotation, [Principal]: who a token speaks
// for, and [Refresh]: what the next token is got with. It refuses to know whether
// a token still holds: that its admin is there and has the same password since,
// and that its session has not ended, is asked of the database by whoever acts on it.
//
// A verifier here accepts exactly what an issuer here makes: one algorithm,
// one type, three header fields, a known key id. Whatever else a JWT may
// contain is an attack or a mistake.
package token

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"oms/shared/fault"
)

// What every token says, and what bounds it.
const (
	Issuer    = "oms"            // iss
	Audience  = "oms"            // aud: an access token names who may accept it (RFC 9068 section 2.2)
	Type      = "at+jwt"         // typ: no other kind of JWT passes for an access token (RFC 8725 section 3.11)
	Leeway    = 30 * time.Second // how far behind the issuer's clock a verifier's may be; for nbf and iat alone
	MaxLength = 4096             // bytes of a compact token; longer ones are not looked at
)

// The two answers to a token that is not accepted. Why is not the bearer's business.
const (
	codeInvalid = "invalid_token"
	codeExpired = "token_expired"
)

// Principal is who a token speaks for. The zero Principal is anonymous.
type Principal struct {
	AdminID           string    // 24 hex digits
	OrgID             string    // 24 hex digits
	CredentialVersion string    // the admin's credential version when the token was made
	Session           string    // 24 hex digits; empty: the token was made before there were sessions
	AuthTime          time.Time // when the admin last proved the password, in whole seconds; zero without a Session
	Expires           time.Time // whole seconds
}

// Anonymous reports whether p is nobody.
func (p Principal) Anonymous() bool { return p == Principal{} }

// Tokens issues and verifies. It is safe for concurrent use.
type Tokens struct {
	keys Source
	ttl  time.Duration
	now  func() time.Time
}

// New returns Tokens that live for ttl, whole seconds of it; now is time.Now where nil.
// A verifier never reads ttl: it may be zero there.
func New(keys Source, ttl time.Duration, now func() time.Time) *Tokens {
	if now == nil {
		now = time.Now
	}
	return &Tokens{keys: keys, ttl: ttl.Truncate(time.Second), now: now}
}

// claims are what a token says. The admin_id and org_id are the original's; sid
// and auth_time are OpenID Connect's (Session Management; Core, section 2).
type claims struct {
	AdminID           string `json:"admin_id"`
	OrgID             string `json:"org_id"`
	CredentialVersion string `json:"ver"`
	Session           string `json:"sid,omitempty"`
	AuthTime          int64  `json:"auth_time,omitempty"` // Unix seconds
	Audience          string `json:"aud"`                 // exactly one; it hides the list of RegisteredClaims
	jwt.RegisteredClaims
}

// GetAudience returns the one audience.
func (c claims) GetAudience() (jwt.ClaimStrings, error) { return jwt.ClaimStrings{c.Audience}, nil }

// Issue signs a token for p (whose Expires is set by Issue) and returns it with
// its lifetime. An error means that the keys could not be read, or that p is no
// admin's: ids of 24 lower-case hex digits, a version of 1 to 64 bytes, and when it logged in.
func (t *Tokens) Issue(ctx context.Context, p Principal) (string, time.Duration, error) {
	if !validID(p.AdminID) || !validID(p.OrgID) || !validVer(p.CredentialVersion) || !validID(p.Session) ||
		p.AuthTime.Unix() <= 0 {
		return "", 0, errors.New("issuing a token: the principal is incomplete")
	}
	if t.ttl <= 0 {
		return "", 0, errors.New("issuing a token: its lifetime is under a second")
	}
	keys, err := t.keys(ctx, false)
	if err != nil {
		return "", 0, fmt.Errorf("reading the signing keys: %w", err)
	}
	method, err := keys.method()
	if err != nil {
		return "", 0, err
	}
	secret := keys.Keys[keys.Active]
	if len(secret) == 0 {
		return "", 0, errors.New("issuing a token: the active signing key is missing")
	}

	iat := t.now().UTC().Truncate(time.Second)
	unsigned := jwt.NewWithClaims(method, claims{
		AdminID: p.AdminID, OrgID: p.OrgID, CredentialVersion: p.CredentialVersion,
		Session: p.Session, AuthTime: p.AuthTime.Unix(), Audience: Audience,
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    Issuer,
			Subject:   p.AdminID,
			IssuedAt:  jwt.NewNumericDate(iat),
			NotBefore: jwt.NewNumericDate(iat),
			ExpiresAt: jwt.NewNumericDate(iat.Add(t.ttl)),
			ID:        rand.Text(),
		},
	})
	unsigned.Header["typ"] = Type
	unsigned.Header["kid"] = keys.Active
	compact, err := unsigned.SignedString(secret)
	if err != nil {
		return "", 0, fmt.Errorf("signing a token: %w", err)
	}
	return compact, t.ttl, nil
}

// Verify returns who the token speaks for, or a fault of kind Unauthenticated
// (invalid_token, token_expired); any other error means the keys could not be
// read. A key id that is not known is looked for once more in fresh keys, for
// the issuer may have rotated them; no other key is ever tried in its place.
func (t *Tokens) Verify(ctx context.Context, compact string) (Principal, error) {
	h, err := parse(compact)
	if err != nil {
		return Principal{}, invalid(err)
	}
	keys, err := t.keys(ctx, false)
	if err != nil {
		return Principal{}, fmt.Errorf("reading the keys of tokens: %w", err)
	}
	if len(keys.Keys[h.Kid]) == 0 {
		if keys, err = t.keys(ctx, true); err != nil {
			return Principal{}, fmt.Errorf("reading the keys of tokens again: %w", err)
		}
	}
	if _, err := keys.method(); err != nil {
		return Principal{}, err
	}
	secret := keys.Keys[h.Kid]
	if len(secret) == 0 {
		return Principal{}, invalid(errors.New("the key id is not known"))
	}

	var c claims
	_, err = jwt.NewParser(
		jwt.WithValidMethods([]string{keys.Algorithm}),
		jwt.WithIssuer(Issuer),
		jwt.WithAudience(Audience),
		jwt.WithExpirationRequired(),
		jwt.WithNotBeforeRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(Leeway),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(t.now),
	).ParseWithClaims(compact, &c, func(*jwt.Token) (any, error) { return secret, nil })
	// The library's leeway is for exp too, which no clock of ours may stretch: expired is expired.
	expired := err == nil && !t.now().Before(c.ExpiresAt.Time)
	switch {
	case expired || errors.Is(err, jwt.ErrTokenExpired):
		return Principal{}, fault.New(fault.Unauthenticated, codeExpired, "the token has expired").Because(err)
	case err != nil:
		return Principal{}, invalid(err)
	case !validID(c.AdminID) || !validID(c.OrgID) || !validVer(c.CredentialVersion):
		return Principal{}, invalid(errors.New("admin_id, org_id or ver is missing or malformed"))
	case c.Subject != c.AdminID:
		return Principal{}, invalid(errors.New("sub is not admin_id"))
	case c.IssuedAt == nil || c.ID == "":
		return Principal{}, invalid(errors.New("iat or jti is missing"))
	}
	who := Principal{
		AdminID: c.AdminID, OrgID: c.OrgID, CredentialVersion: c.CredentialVersion, Expires: c.ExpiresAt.UTC(),
	}
	if c.Session == "" && c.AuthTime == 0 { // an older version made it
		return who, nil
	}
	if !validID(c.Session) || c.AuthTime <= 0 {
		return Principal{}, invalid(errors.New("sid or auth_time is missing or malformed"))
	}
	who.Session, who.AuthTime = c.Session, time.Unix(c.AuthTime, 0).UTC()
	return who, nil
}

func invalid(cause error) error {
	return fault.New(fault.Unauthenticated, codeInvalid, "the token is not valid").Because(cause)
}

func validID(s string) bool {
	if len(s) != 24 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func validVer(s string) bool { return s != "" && len(s) <= 64 }
