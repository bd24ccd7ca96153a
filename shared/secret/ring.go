package secret

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode/utf8"

	"oms/shared/object"
)

// MinLength is the shortest key that is not weak, in bytes: that of the output
// of HMAC-SHA-256 (RFC 7518 section 3.2).
const MinLength = 32

// ErrWeak says that a secret is too short, however often it is repeated, or a
// well-known example.
var ErrWeak = errors.New("the secret is weak")

// Ring is a set of named keys, of which one is used for new things and all
// are good for old ones.
type Ring struct {
	Active string
	Keys   map[string][]byte
}

// String returns [redacted].
func (r Ring) String() string { return Redacted }

// Format prints [redacted] whatever the verb is.
func (r Ring) Format(f fmt.State, _ rune) { Format(f) }

// LogValue returns [redacted].
func (r Ring) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText returns [redacted].
func (r Ring) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// ParseRing reads a secret in one of its two forms:
//
//	any text that does not begin with {             one key; its id is derived from it
//	{"active":"k2","keys":{"k1":"…","k2":"…"}}      named keys, for a rotation
//
// The bytes of the text are the key; outer white space is not part of it (an
// editor or a shell adds a line end easily, and a key that differs by one is
// lost). The derived id is the first 8 hex digits of an HMAC of the label
// under the key: it tells keys apart and tells nothing about them. A named key
// is known by its derived id too, so that going over from the raw form to the
// named one loses no token and no password.
//
// A key of fewer than [MinLength] bytes, one that repeats such a text, or one
// that holds the original's example, change_this_to_secure_random, is refused
// with [ErrWeak] unless weak is true. No error shows any part of the secret but ids.
func ParseRing(text, label string, weak bool) (Ring, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Ring{}, errors.New("the secret is empty")
	}
	if !strings.HasPrefix(text, "{") {
		key := []byte(text)
		if err := strong(key, weak); err != nil {
			return Ring{}, err
		}
		id := DerivedID(key, label)
		return Ring{Active: id, Keys: map[string][]byte{id: key}}, nil
	}

	active, keys, err := parseNamed(text)
	if err != nil {
		return Ring{}, err
	}
	r := Ring{Active: active, Keys: make(map[string][]byte, 2*len(keys))}
	for id, key := range keys {
		if !validID(id) {
			return Ring{}, errors.New("an id of a key is 1 to 64 letters, digits, dots, dashes or underscores")
		}
		if err := strong([]byte(key), weak); err != nil {
			return Ring{}, fmt.Errorf("key %s: %w", id, err)
		}
		r.Keys[id] = []byte(key)
	}
	if _, ok := r.Keys[active]; !ok {
		return Ring{}, errors.New(`"active" does not name one of "keys"`)
	}
	for _, key := range keys {
		id := DerivedID([]byte(key), label)
		if _, named := r.Keys[id]; !named {
			r.Keys[id] = []byte(key)
		}
	}
	return r, nil
}

// New makes a key: 64 random bytes in base64, as many as the longest that any
// algorithm here asks for (HS512: RFC 7518 section 3.2).
func New() Text {
	b := make([]byte, 64)
	_, _ = rand.Read(b) // it never fails (crypto/rand)
	return Text(base64.RawURLEncoding.EncodeToString(b))
}

// Compose writes a ring in its named form, which [ParseRing] reads as the same
// keys under the same ids. A key that is not text in UTF-8 cannot be written so.
func (r Ring) Compose() (Text, error) {
	keys := make(map[string]string, len(r.Keys))
	for id, key := range r.Keys {
		if !utf8.Valid(key) {
			return "", fmt.Errorf("key %s is no text", id)
		}
		keys[id] = string(key)
	}
	text, err := json.Marshal(map[string]any{"active": r.Active, "keys": keys})
	if err != nil {
		return "", errors.New("the keys cannot be written") // its text may quote one
	}
	return Text(text), nil
}

// DerivedID returns the id of a key that has no name: 8 hex digits. The label
// keeps the ids of one key in two uses apart.
func DerivedID(key []byte, label string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("oms key id: " + label))
	return hex.EncodeToString(mac.Sum(nil)[:4])
}

// strong returns ErrWeak, with the reason, for a key that must not protect anything.
func strong(key []byte, weak bool) error {
	switch {
	case len(key) == 0:
		return errors.New("the key is empty")
	case weak:
		return nil
	case len(key) < MinLength:
		return fmt.Errorf("%w: it has fewer than %d bytes", ErrWeak, MinLength)
	case repeats(key):
		return fmt.Errorf("%w: it repeats a text of fewer than %d bytes", ErrWeak, MinLength)
	case bytes.Contains(bytes.ToLower(key), []byte("change_this")):
		return fmt.Errorf("%w: it is an example, change_this_to_secure_random or the like", ErrWeak)
	}
	return nil
}

// repeats reports whether the key is a text of fewer than [MinLength] bytes,
// twice or more, its end perhaps cut: nobody has to guess more than that text.
func repeats(key []byte) bool {
	for n := 1; n < MinLength && 2*n <= len(key); n++ {
		if bytes.Equal(key[n:], key[:len(key)-n]) {
			return true
		}
	}
	return false
}

func validID(id string) bool {
	return id != "" && len(id) <= 64 && !strings.ContainsFunc(id, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && r != '.' && r != '-' && r != '_'
	})
}

// parseNamed reads the named form. encoding/json takes the last of two equal
// names and any case of a field's name: either would lose a key silently, so
// both are refused. Its errors may quote the input, so none of them is passed on.
func parseNamed(text string) (active string, keys map[string]string, err error) {
	bad := errors.New(`the secret begins with { but is not {"active":"…","keys":{"…":"…"}}`)
	d := json.NewDecoder(strings.NewReader(text))
	hasActive := false
	err = object.Read(d, func(name string) error {
		switch name {
		case "active":
			hasActive = true
			return d.Decode(&active)
		case "keys":
			keys = make(map[string]string)
			return object.Read(d, func(id string) error {
				key, err := d.Token()
				if s, ok := key.(string); ok {
					keys[id] = s
					return nil
				}
				return errors.Join(bad, err)
			})
		default:
			return bad
		}
	})
	if err != nil || !hasActive || keys == nil {
		return "", nil, bad
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return "", nil, bad
	}
	return active, keys, nil
}
