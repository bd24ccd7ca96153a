package token

import (
	"context"
	"errors"

	"github.com/golang-jwt/jwt/v5"

	"oms/shared/secret"
)

// Keys are the keys that tokens are signed and verified with, by their kid: the
// active one signs, all of them verify. They print, log and marshal as [redacted].
type Keys struct {
	Algorithm string // HS256, HS384 or HS512
	secret.Ring
}

// Source returns the keys now. With fresh it reads them again where they may
// have changed (it decides how often). An error means that there are none.
type Source func(ctx context.Context, fresh bool) (Keys, error)

// Static returns a Source of keys that never change.
func Static(k Keys) Source {
	return func(context.Context, bool) (Keys, error) { return k, nil }
}

// ParseKeys reads keys from raw text or from
// {"active":"k2","keys":{"k1":"…","k2":"…"}} (see [secret.ParseRing]); the
// algorithm is HS256, HS384 or HS512. A key of fewer than 32 bytes, or the
// original's example, is an error unless weak is true.
//
// A new key must be read by every verifier before it is the active one, and the
// old one must stay until its last token has expired: local/secrets sees to it.
func ParseKeys(text, algorithm string, weak bool) (Keys, error) {
	r, err := secret.ParseRing(text, "token", weak)
	if err != nil {
		return Keys{}, err
	}
	k := Keys{Algorithm: algorithm, Ring: r}
	if _, err := k.method(); err != nil {
		return Keys{}, err
	}
	return k, nil
}

// method returns the one method that these keys are for. Only HMAC is there:
// a key map with two families is how a public key gets used as an HMAC secret
// (RFC 8725 section 2.1).
func (k Keys) method() (jwt.SigningMethod, error) {
	switch k.Algorithm {
	case "HS256":
		return jwt.SigningMethodHS256, nil
	case "HS384":
		return jwt.SigningMethodHS384, nil
	case "HS512":
		return jwt.SigningMethodHS512, nil
	}
	return nil, errors.New("the algorithm of tokens is HS256, HS384 or HS512")
}
