package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"oms/shared/secret"
)

// The parts of an opaque token, in bytes.
const (
	idBytes     = 12
	randomBytes = 32
)

// opaque is a token that nobody reads anything in but whose it is: an admin's id,
// its organization's, and random bits at the end. So one read finds all that it is
// judged by. It prints and logs as [redacted], and only its hash is to be kept.
type opaque struct{ raw string }

// newOpaque returns a new one: the ids, then so many random bytes.
func newOpaque(random int, ids ...[idBytes]byte) opaque {
	var raw []byte
	for _, id := range ids {
		raw = append(raw, id[:]...)
	}
	bits := make([]byte, random)
	_, _ = rand.Read(bits) // never fails (crypto/rand)
	return opaque{string(append(raw, bits...))}
}

// parseOpaque reads one of so many bytes.
func parseOpaque(prefix, text string, n int) (opaque, error) {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok || len(rest) != base64.RawURLEncoding.EncodedLen(n) || strings.ContainsAny(rest, "\r\n") {
		return opaque{}, errors.New("it has not the form of such a token")
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	return opaque{string(raw)}, err
}

func (o opaque) reveal(prefix string) string {
	return prefix + base64.RawURLEncoding.EncodeToString([]byte(o.raw))
}

func (o opaque) id(n int) (id [idBytes]byte) {
	if len(o.raw) >= (n+1)*idBytes {
		copy(id[:], o.raw[n*idBytes:])
	}
	return id
}

// AdminID returns whose it says it is.
func (o opaque) AdminID() [idBytes]byte { return o.id(0) }

// OrgID returns the organization that it says it is for.
func (o opaque) OrgID() [idBytes]byte { return o.id(1) }

// Hash returns what is kept of it: its SHA-256. It is of random bits, at least
// 128: a slow hash would add nothing.
func (o opaque) Hash() string { return hash(o.raw) }

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// String returns [redacted].
func (o opaque) String() string { return secret.Redacted }

// Format prints [redacted] whatever the verb is.
func (o opaque) Format(f fmt.State, _ rune) { secret.Format(f) }

// LogValue returns [redacted].
func (o opaque) LogValue() slog.Value { return slog.StringValue(secret.Redacted) }
