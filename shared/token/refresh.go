package token

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
)

// RefreshPrefix begins every refresh token, so that whatever looks for secrets where none may be knows one.
const RefreshPrefix = "omsr_"

// The parts of a refresh token, in bytes: three ids, what all tokens of one
// session share, and what each has for itself.
const (
	familyBytes = 16
	familyAt    = 3 * idBytes
	turnAt      = familyAt + familyBytes
	refreshLen  = turnAt + randomBytes
)

// Refresh is a refresh token: what the next access token of a session is got
// with, once. Clients take it as it is. It prints and logs as [redacted];
// [Refresh.Reveal] is the only way to it.
//
// Nothing but its two hashes is to be kept. The token that replaces it is an
// HMAC of it (see [Tokens.Next]): so a client that got no answer can be given the
// same one again, by who holds the key of tokens, and by nobody else.
type Refresh struct{ opaque }

// NewRefresh returns the first refresh token of a session. It and those that
// replace it say whose they are: so one read finds all that they are judged by.
func NewRefresh(admin, org, session [idBytes]byte) Refresh {
	return Refresh{newOpaque(familyBytes+randomBytes, admin, org, session)}
}

// ParseRefresh reads a refresh token. That it has the form of one proves nothing.
func ParseRefresh(text string) (Refresh, error) {
	o, err := parseOpaque(RefreshPrefix, text, refreshLen)
	return Refresh{o}, err
}

// Session returns the session that it says it is of.
func (r Refresh) Session() [idBytes]byte { return r.id(2) }

// FamilyHash returns the same for every refresh token of a session: who presents
// a token that has it, and is not the one that is good now, has an old one, or
// has it from somebody who had.
func (r Refresh) FamilyHash() string { return hash(r.raw[:turnAt]) }

// Next returns what may replace r: one refresh token by each key that tokens
// verify with, that by the signing one first. They are always the same, and
// more than one so that they are found again while the keys are rotated.
func (t *Tokens) Next(ctx context.Context, r Refresh) ([]Refresh, error) {
	keys, err := t.keys(ctx, false)
	if err != nil {
		return nil, fmt.Errorf("reading the signing keys: %w", err)
	}
	active := keys.Keys[keys.Active]
	if len(active) == 0 {
		return nil, errors.New("replacing a refresh token: the active signing key is missing")
	}
	all := []Refresh{r.next(active)}
	for id, key := range keys.Keys {
		if id != keys.Active {
			all = append(all, r.next(key))
		}
	}
	return all, nil
}

// next is HMAC-SHA-256 of r. What is signed of an access token never begins with these words.
func (r Refresh) next(key []byte) Refresh {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("oms refresh token\x00"))
	mac.Write([]byte(r.raw))
	return Refresh{opaque{r.raw[:turnAt] + string(mac.Sum(nil))}}
}

// Reveal returns the token itself.
func (r Refresh) Reveal() string { return r.reveal(RefreshPrefix) }
