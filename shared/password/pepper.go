package password

import (
	"fmt"
	"log/slog"

	"oms/shared/secret"
)

// Peppers are the secrets that are mixed into every hash. A pepper that is
// lost is a lost password of everybody whose hash names it. They print, log and
// marshal as [redacted].
type Peppers struct {
	Active string            // the id that new hashes use
	Keys   map[string][]byte // by id
}

// ParsePeppers reads peppers from raw text or from
// {"active":"p2","keys":{"p1":"…","p2":"…"}} (see [secret.ParseRing]). A raw
// pepper that becomes one of several keeps its hashes readable. A pepper of fewer than
// 32 bytes, or the original's example, is an error unless weak is true.
func ParsePeppers(text string, weak bool) (Peppers, error) {
	r, err := secret.ParseRing(text, "password pepper", weak)
	if err != nil {
		return Peppers{}, err
	}
	return Peppers{Active: r.Active, Keys: r.Keys}, nil
}

// String returns [redacted].
func (p Peppers) String() string { return secret.Redacted }

// GoString returns [redacted].
func (p Peppers) GoString() string { return secret.Redacted }

// Format prints [redacted] whatever the verb is.
func (p Peppers) Format(f fmt.State, _ rune) { secret.Format(f) }

// LogValue returns [redacted].
func (p Peppers) LogValue() slog.Value { return slog.StringValue(secret.Redacted) }

// MarshalText returns [redacted].
func (p Peppers) MarshalText() ([]byte, error) { return []byte(secret.Redacted), nil }
