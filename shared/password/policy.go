package password

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The bounds of a new password, in bytes as sent.
const (
	MinLength = 8 // of any policy (OWASP ASVS 5.0, 6.2.1)
	MaxLength = 1024
)

// Policy is what a new password must be. A password that is there already is
// never judged. The zero Policy asks for [MinLength] bytes and no more; none
// asks for characters of some kind (NIST SP 800-63B-4, 3.1.1.2).
type Policy struct {
	MinLength int  // in bytes as sent; less than [MinLength] is that
	Blocklist bool // refuse the commonest, and what is made of the words given to Check
}

// Check returns what is wrong with a new password, or two empty strings: a
// stable code (too_short, too_long, too_common, too_obvious, invalid) and a
// sentence that is safe to show. The words are what an attacker tries first:
// what the organization and its admin are called.
func (p Policy) Check(plain string, words ...string) (code, detail string) {
	least := max(p.MinLength, MinLength)
	switch {
	case !utf8.ValidString(plain):
		return "invalid", "a password is text in UTF-8"
	case len(plain) < least:
		return "too_short", fmt.Sprintf("a password has at least %d bytes", least)
	case len(plain) > MaxLength:
		return "too_long", fmt.Sprintf("a password has at most %d bytes", MaxLength)
	case p.Blocklist && common(plain):
		return "too_common", "this is one of the commonest passwords, which are tried first"
	case p.Blocklist && obvious(plain, words):
		return "too_obvious", "a password must be more than the organization's name or the admin's email address"
	}
	return "", ""
}

// fold returns what two passwords have in common that differ in capitals alone.
func fold(s string) string { return strings.ToLower(norm.NFC.String(s)) }

// hashesOfCommon are the 3,000 commonest passwords of 8 bytes or more and those
// of 15 or more, as the first hashSize bytes of their SHA-256, in order;
// common.py says where they come from.
//
//go:embed common.bin
var hashesOfCommon string

const hashSize = 5

func common(plain string) bool {
	sum := sha256.Sum256([]byte(fold(plain)))
	_, found := sort.Find(len(hashesOfCommon)/hashSize, func(i int) int {
		return cmp.Compare(string(sum[:hashSize]), hashesOfCommon[i*hashSize:(i+1)*hashSize])
	})
	return found
}

// obvious reports whether plain is made of the words and of their parts of three
// characters or more, once or often, of signs, and of fewer than MinLength
// digits: acme-ACME-2026! of Acme. One that only has such a word in it is not: a
// whole password is compared (NIST SP 800-63B-4, 3.1.1.2), not what may be within.
func obvious(plain string, words []string) bool {
	between := func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.N) }
	var all []string
	for _, word := range words {
		word = fold(word)
		all = append(all, word)
		for _, part := range strings.FieldsFunc(word, between) {
			if utf8.RuneCountInString(part) >= 3 {
				all = append(all, part)
			}
		}
	}
	// of two that begin alike the longer is taken
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	var taken []string
	for _, word := range all {
		if word != "" {
			taken = append(taken, word, "")
		}
	}
	folded := fold(plain)
	rest := strings.NewReplacer(taken...).Replace(folded)
	digits := 0
	for _, r := range rest {
		if unicode.IsLetter(r) {
			return false
		}
		if unicode.IsDigit(r) {
			digits++
		}
	}
	return len(rest) < len(folded) && digits < MinLength
}
