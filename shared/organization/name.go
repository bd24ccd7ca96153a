package organization

import (
	"crypto/sha256"
	"encoding/hex"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mozillazg/go-unidecode"
	"golang.org/x/text/unicode/norm"

	"oms/shared/fault"
)

// The bounds of a name, in characters (code points), of an email address, in
// bytes (RFC 5321, 4.5.3.1.3 less the brackets), and of a key, in bytes.
const (
	MinName  = 2
	MaxName  = 100
	MaxEmail = 254
	MaxKey   = 60
)

// keyHead is how much of a long key is kept before its hash.
const keyHead = MaxKey - 1 - 16

// Name is an organization's name: how it is shown, and the key derived from it.
type Name struct {
	Shown string // NFC, trimmed, single spaces
	Key   string // [a-z0-9_]+, at most MaxKey bytes
}

// ParseName reads a name as a client typed it. The field is what is wrong with
// it, with an empty Field for the caller to fill in; nil where nothing is. A new
// name must pass [Name.Check] too.
func ParseName(typed string) (Name, *fault.Field) {
	if !utf8.ValidString(typed) {
		return Name{}, &fault.Field{Code: "invalid", Detail: "a name must be valid UTF-8"}
	}
	shown := strings.Join(strings.Fields(norm.NFC.String(typed)), " ")
	readable := false
	for _, r := range shown {
		// Bidirectional controls and other format characters would let one name be shown as another.
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return Name{}, &fault.Field{Code: "invalid", Detail: "a name must not contain control characters"}
		}
		readable = readable || unicode.IsLetter(r) || unicode.IsDigit(r)
	}
	switch n := utf8.RuneCountInString(shown); {
	case n < MinName:
		return Name{}, &fault.Field{Code: "too_short", Detail: "a name has at least 2 characters"}
	case n > MaxName:
		return Name{}, &fault.Field{Code: "too_long", Detail: "a name has at most 100 characters"}
	}
	key := deriveKey(shown)
	if !readable || key == "" {
		return Name{}, &fault.Field{Code: "invalid", Detail: "a name needs at least one letter or digit"}
	}
	return Name{Shown: shown, Key: key}, nil
}

// deriveKey transliterates rather than strips: two names meet in one key in
// the open, as a conflict, or not at all.
func deriveKey(shown string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(unidecode.Unidecode(shown)) {
		if r < 'a' || r > 'z' {
			if r < '0' || r > '9' {
				gap = true
				continue
			}
		}
		if gap && b.Len() > 0 {
			b.WriteByte('_')
		}
		gap = false
		b.WriteRune(r)
	}
	key := b.String()
	if len(key) <= MaxKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return key[:keyHead] + "_" + hex.EncodeToString(sum[:])[:16]
}

// ParseEmail reads an email address as a client typed it and returns the form
// that is stored and compared: trimmed, lower-cased, NFC before and after, for a
// capital may have no composed form where its small letter has one. It must be
// a bare address by net/mail (RFC 5322) whose domain has a dot. The field is
// what is wrong with it, with an empty Field; nil where nothing is. A new
// address must pass [CheckEmail] too.
func ParseEmail(typed string) (string, *fault.Field) {
	if !utf8.ValidString(typed) {
		return "", &fault.Field{Code: "invalid", Detail: "an email address must be valid UTF-8"}
	}
	email := norm.NFC.String(FormerEmail(typed))
	if len(email) > MaxEmail {
		return "", &fault.Field{Code: "too_long", Detail: "an email address has at most 254 bytes"}
	}
	at := strings.LastIndexByte(email, '@')
	parsed, err := mail.ParseAddress(email)
	if err != nil || parsed.Address != email || at < 0 || !dotted(email[at+1:]) {
		return "", &fault.Field{Code: "invalid", Detail: "this must be an email address such as admin@example.com"}
	}
	return email, nil
}

// FormerEmail returns what ParseEmail made of a valid address before it composed
// a second time: an account of that time is kept under it.
func FormerEmail(typed string) string {
	return strings.ToLower(strings.TrimSpace(norm.NFC.String(typed)))
}

// Account returns the one spelling by which what concerns an account is known,
// of an address as it was typed or is kept, whether anybody has it or not.
func Account(email string) string {
	if address, wrong := ParseEmail(email); wrong == nil {
		return address
	}
	return email
}

func dotted(domain string) bool {
	labels := strings.Split(domain, ".")
	for _, label := range labels {
		if label == "" || strings.HasPrefix(label, "[") {
			return false
		}
	}
	return len(labels) > 1
}
