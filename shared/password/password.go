// Package password makes and checks the hashes of passwords.
//
// It owns the rules of a new password ([Policy]), the form of a stored hash,
// the peppers, and when a hash is to be replaced by one of today's form.
// It refuses to know whose password it is and where hashes are stored.
//
// A new hash is bcrypt(base64(HMAC-SHA-384(pepper, NFC(password)))): the HMAC
// takes bcrypt's limit of 72 bytes away, and without the pepper, which is not
// in the database, a stolen hash is worth nothing (OWASP Password Storage
// Cheat Sheet, "Peppering" and "Input limits of bcrypt").
//
// Nothing here ever shortens or trims a password.
package password

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/unicode/norm"

	"oms/shared/secret"
)

// The ways in which a hash was made.
const (
	Legacy   = "legacy"            // bcrypt over the password's first 72 bytes, as the original made it
	BcryptV1 = "bcrypt-hmac384-v1" // bcrypt(base64(HMAC-SHA-384(pepper, NFC(password))))
)

// The bounds of bcrypt's cost, for new hashes and for stored ones. A stored
// hash of cost 31 would keep a processor busy for days: it is refused.
const (
	MinCost = 4 // bcrypt's own floor; only tests and local runs go there
	MaxCost = 16
)

// bcryptLimit is what bcrypt sees of a longer input, in bytes.
const bcryptLimit = 72

// Hash is a stored password hash. It prints, logs and marshals as [redacted].
type Hash struct {
	Alg    string // BcryptV1 or Legacy
	Pepper string // the pepper's id; empty with Legacy
	Hash   string // bcrypt's own form, $2a$…, $2b$… or $2y$…
}

// IsZero reports whether h is not a hash.
func (h Hash) IsZero() bool { return h == Hash{} }

// String returns [redacted].
func (h Hash) String() string { return secret.Redacted }

// Format prints [redacted] whatever the verb is, the ones that bypass String included.
func (h Hash) Format(f fmt.State, _ rune) { secret.Format(f) }

// LogValue returns [redacted].
func (h Hash) LogValue() slog.Value { return slog.StringValue(secret.Redacted) }

// MarshalText returns [redacted]: a store writes the fields one by one, and
// nothing else has a reason to write them.
func (h Hash) MarshalText() ([]byte, error) { return []byte(secret.Redacted), nil }

// Verdict is what Verify found.
type Verdict struct {
	OK      bool
	Upgrade bool // OK, and the hash should be replaced by [Hasher.Hash] of the same password
}

// Hasher makes and checks hashes. It is safe for concurrent use.
type Hasher struct {
	peppers secret.Ring
	cost    int
	compare func(hash, input []byte) error // bcrypt's; tests count what it does
}

// ParsePeppers reads peppers from raw text or from
// {"active":"p2","keys":{"p1":"…","p2":"…"}} (see [secret.ParseRing]): the
// secrets that are mixed into every hash, of which the active one is for new
// hashes. One that is lost is a lost password of everybody whose hash names it.
// A raw pepper that becomes one of several keeps its hashes readable. A pepper
// of fewer than 32 bytes, or the original's example, is an error unless weak is true.
func ParsePeppers(text string, weak bool) (secret.Ring, error) {
	return secret.ParseRing(text, "password pepper", weak)
}

// New returns a Hasher of that bcrypt cost, [MinCost] to [MaxCost]. An error
// means that the cost is out of bounds or the active pepper is not there.
func New(peppers secret.Ring, cost int) (*Hasher, error) {
	if cost < MinCost || cost > MaxCost {
		return nil, fmt.Errorf("a bcrypt cost is %d to %d, not %d", MinCost, MaxCost, cost)
	}
	if len(peppers.Keys[peppers.Active]) == 0 {
		return nil, errors.New("the active pepper is missing")
	}
	return &Hasher{
		peppers: secret.Ring{Active: peppers.Active, Keys: maps.Clone(peppers.Keys)},
		cost:    cost,
		compare: bcrypt.CompareHashAndPassword,
	}, nil
}

// Hash hashes a password: a new one, which [Policy] is to have judged, or one that
// [Hasher.Verify] has just accepted with Upgrade set. The only error is a plain
// that can be nobody's password: empty, over [MaxLength], not UTF-8.
func (h *Hasher) Hash(plain string) (Hash, error) {
	if !usable(plain) {
		return Hash{}, errors.New("hashing a password: it can be nobody's")
	}
	b, err := bcrypt.GenerateFromPassword(mix(h.peppers.Keys[h.peppers.Active], plain), h.cost)
	if err != nil {
		return Hash{}, fmt.Errorf("hashing a password: %w", err)
	}
	return Hash{Alg: BcryptV1, Pepper: h.peppers.Active, Hash: string(b)}, nil
}

// Verify reports whether plain is the password of hash. An error means that hash
// itself is unusable: an algorithm, a pepper or a cost that is not known here,
// or no bcrypt at all. A plain that can be nobody's password (empty, over
// [MaxLength], not UTF-8) is simply wrong.
//
// A wrong password takes the same work whatever hash it is compared to, up to
// this Hasher's own cost, and the same as [Hasher.Pretend]: the time does not
// tell an old account from a new one or from none.
func (h *Hasher) Verify(plain string, hash Hash) (Verdict, error) {
	cost, err := parse(hash.Hash)
	if err != nil {
		return Verdict{}, err
	}
	switch hash.Alg {
	case BcryptV1:
		pepper, ok := h.peppers.Keys[hash.Pepper]
		if !ok {
			return Verdict{}, errors.New("a stored hash names a pepper that is not configured")
		}
		if h.match(hash.Hash, mix(pepper, plain), plain, cost, false) && usable(plain) {
			return Verdict{OK: true, Upgrade: hash.Pepper != h.peppers.Active || cost < h.cost}, nil
		}
		return Verdict{}, nil
	case Legacy:
		// The original refused NUL, which bcrypt uses as its end mark: to
		// bcrypt "abc\x00abc" is "abc".
		if h.match(hash.Hash, bounded(plain), plain, cost, true) && usable(plain) && !strings.Contains(plain, "\x00") {
			// Any tail behind byte 72 verifies, so a typing error there
			// must not become the password.
			return Verdict{OK: true, Upgrade: len(plain) <= bcryptLimit}, nil
		}
		return Verdict{}, nil
	default:
		return Verdict{}, errors.New("a stored hash names an algorithm that is not known")
	}
}

// Pretend takes as long as a Verify that finds the password wrong, and finds
// nothing: for an account that does not exist.
func (h *Hasher) Pretend(plain string) {
	h.match(dummy(h.cost), mix(h.peppers.Keys[h.peppers.Active], plain), plain, h.cost, false)
}

// match compares stored, of the given cost, with input. Where plain is so long
// that a rune crosses bcrypt's limit it compares plain cut before that rune
// too, whatever the algorithm is, so that the time of it tells nothing; only a
// legacy hash may match it (a Python decode(errors="ignore") cut it so). Then
// it makes a miss cost what a hash of this Hasher's own making costs.
func (h *Hasher) match(stored string, input []byte, plain string, cost int, legacy bool) bool {
	if h.same(stored, input) {
		return true
	}
	cut, splits := runeCut(plain)
	if splits && h.same(stored, cut) && legacy {
		return true
	}
	// 2^cost rounds are spent; 2^cost + 2^(cost+1) + … + 2^(own-1) more make 2^own.
	for c := cost; c < h.cost; c++ {
		h.same(dummy(c), input)
		if splits {
			h.same(dummy(c), cut)
		}
	}
	return false
}

func (h *Hasher) same(stored string, input []byte) bool {
	return h.compare([]byte(stored), input) == nil
}

// mix returns what bcrypt sees of a password: 64 bytes of base64 without NUL.
// NFC is stable for assigned characters only (Unicode Standard Annex 15,
// section 3): a password of characters younger than x/text's tables may need
// to be reset after an upgrade of it.
func mix(pepper []byte, plain string) []byte {
	mac := hmac.New(sha512.New384, pepper)
	mac.Write(norm.NFC.Bytes(bounded(plain)))
	return base64.StdEncoding.AppendEncode(nil, mac.Sum(nil))
}

// bounded returns the bytes of plain, or one byte in the place of a plain that
// is too long to be looked at: a comparison that is made for its time only.
func bounded(plain string) []byte {
	if len(plain) > MaxLength {
		return []byte{'x'}
	}
	return []byte(plain)
}

// usable reports whether plain can be anybody's password, an old one included.
func usable(plain string) bool {
	return plain != "" && len(plain) <= MaxLength && utf8.ValidString(plain)
}

// runeCut returns plain up to the rune that crosses bcrypt's limit, and whether there is one.
func runeCut(plain string) ([]byte, bool) {
	if len(plain) <= bcryptLimit || !usable(plain) {
		return nil, false
	}
	n := bcryptLimit
	for !utf8.RuneStart(plain[n]) {
		n--
	}
	return []byte(plain[:n]), n < bcryptLimit
}

// dummy returns a hash of that cost that nothing is known to match.
func dummy(cost int) string {
	return fmt.Sprintf("$2a$%02d$%s", cost, "WvvTPHKwdBJ3uk0Z37EMR.hLA2W6N9AEBhEgrAOljy2Ae5MtaSIUi")
}

// parse returns the cost of a hash in bcrypt's form. It is stricter than
// bcrypt itself, which reads past an odd prefix and takes any tail.
func parse(hash string) (cost int, err error) {
	const alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	bad := errors.New("a stored hash is not in bcrypt's form")
	if len(hash) != 60 || hash[:2] != "$2" || !strings.Contains("aby", hash[2:3]) || hash[3] != '$' || hash[6] != '$' ||
		strings.Trim(hash[7:], alphabet) != "" {
		return 0, bad
	}
	tens, ones := hash[4]-'0', hash[5]-'0'
	if tens > 9 || ones > 9 {
		return 0, bad
	}
	cost = int(tens)*10 + int(ones)
	if cost < MinCost || cost > MaxCost {
		return 0, fmt.Errorf("a stored hash has the cost %d, and %d to %d are accepted", cost, MinCost, MaxCost)
	}
	return cost, nil
}
