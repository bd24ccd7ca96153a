// Package secret knows how a secret is written down, and keeps it from being printed.
//
// It owns the two forms of a key, raw text and a named ring of keys, the rule
// of how weak is too weak, what a [MAC] is made of, and [Text], a string that
// prints as [redacted]. It refuses to know where secrets come from: that is the
// business of package config.
package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"log/slog"
)

// Redacted is what stands for a secret wherever one is printed, logged or marshalled.
const Redacted = "[redacted]"

// Text is a secret string. It prints, logs and marshals as [redacted] under
// every verb; [Text.Reveal] is the only way to its content. (fmt cannot call
// methods on unexported fields of other types: keep a Text in exported ones.)
type Text string

// Reveal returns the secret itself.
func (t Text) Reveal() string { return string(t) }

// IsZero reports whether there is no secret.
func (t Text) IsZero() bool { return t == "" }

// String returns [redacted].
func (t Text) String() string { return Redacted }

// Format prints [redacted] whatever the verb is, the ones that bypass String included.
func (t Text) Format(f fmt.State, _ rune) { Format(f) }

// LogValue returns [redacted].
func (t Text) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText returns [redacted], for encoding/json and its like.
func (t Text) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// Format prints [redacted] to f: the body of the Format method of a secret type.
func Format(f fmt.State) { _, _ = f.Write([]byte(Redacted)) } // fmt reports what its writer refuses

// MAC returns the HMAC-SHA-256 of the purpose and the parts, each with its length
// before it: so other parts, or the same for another purpose, have another MAC.
// Its bytes are kept in the database: they never change.
func MAC(key []byte, purpose string, parts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range append([]string{purpose}, parts...) {
		_, _ = fmt.Fprintf(mac, "%d:%s", len(part), part) // a hash never fails
	}
	return mac.Sum(nil)
}
