// Package password (stub: being written).
package password

// The ways in which a hash was made.
const (
	Legacy    = "legacy"            // bcrypt over the password's bytes, as the original made it
	BcryptV1  = "bcrypt-hmac384-v1" // bcrypt(base64(HMAC-SHA-384(pepper, NFC(password))))
	MinLength = 8                   // bytes, as sent
	MaxLength = 1024                // bytes, as sent
)

// Hash is a stored password hash. It prints as [redacted].
type Hash struct {
	Alg    string // BcryptV1 or Legacy
	Pepper string // the pepper's id; empty with Legacy
	Hash   string // bcrypt's own form, $2a$… or $2b$…
}

// IsZero tells whether h is no hash.
func (h Hash) IsZero() bool { return h == Hash{} }

// Verdict is what Verify found.
type Verdict struct {
	OK      bool
	Upgrade bool // OK, and the hash should be replaced by a new one of the same password
}

// Peppers are the secrets that are mixed into every hash.
type Peppers struct {
	Active string            // the id that new hashes use
	Keys   map[string][]byte // by id
}

// Hasher makes and checks hashes.
type Hasher struct{}

// New returns a Hasher of that bcrypt cost.
func New(peppers Peppers, cost int) (*Hasher, error) { panic("stub") }

// Hash hashes the password.
func (h *Hasher) Hash(plain string) (Hash, error) { panic("stub") }

// Verify tells whether plain is the password of h. An error means h itself is unusable.
func (h *Hasher) Verify(plain string, hash Hash) (Verdict, error) { panic("stub") }

// Pretend takes as long as Verify of a hash of this Hasher's own making, and
// finds nothing: for an account that does not exist.
func (h *Hasher) Pretend(plain string) { panic("stub") }

// Check returns what is wrong with a new password, or "" (length in bytes, valid UTF-8).
func Check(plain string) string { panic("stub") }
