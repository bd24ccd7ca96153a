package token

// Purpose is what a [Mailed] token is good for: what it begins with, so that
// whatever looks for secrets where none may be knows one.
type Purpose string

// The purposes.
const (
	ResetPassword Purpose = "omsp_"
	ConfirmEmail  Purpose = "omsc_"
)

// mailedLen is two ids and what is random.
const mailedLen = 2*idBytes + randomBytes

// Mailed is a token that reaches an admin by mail, and so proves who has read
// that. It prints and logs as [redacted]; [Mailed.Reveal] is the only way to it.
// Nothing but its hash is to be kept.
type Mailed struct {
	opaque
	purpose Purpose
}

// NewMailed returns a token for the admin, of 256 random bits.
func NewMailed(p Purpose, admin, org [idBytes]byte) Mailed {
	return Mailed{newOpaque(randomBytes, admin, org), p}
}

// ParseMailed reads a token for that purpose. That it has the form of one proves nothing.
func ParseMailed(p Purpose, text string) (Mailed, error) {
	o, err := parseOpaque(string(p), text, mailedLen)
	return Mailed{o, p}, err
}

// Reveal returns the token itself; nothing of the zero one.
func (m Mailed) Reveal() string {
	if m == (Mailed{}) {
		return ""
	}
	return m.reveal(string(m.purpose))
}
