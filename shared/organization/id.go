package organization

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// ID names an organization, an admin, a claim, an operation or a worker. It has
// the layout of a MongoDB ObjectID (bson-types manual page): four bytes of
// seconds, then eight random ones; its text form is 24 hex digits.
type ID [12]byte

// NewID returns an ID that nobody else has, made at now.
func NewID(now time.Time) ID {
	var id ID
	//nolint:gosec // G115: the layout has 32 bits of seconds, as every ObjectID
	binary.BigEndian.PutUint32(id[:4], uint32(now.Unix()))
	_, _ = rand.Read(id[4:]) // never fails (crypto/rand)
	return id
}

// ParseID reads the 24 hex digits of an ID.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 2*len(id) {
		return ID{}, fmt.Errorf("an id has %d hex digits, not %d characters", 2*len(id), len(s))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("reading an id: %w", err)
	}
	return id, nil
}

// String returns the 24 hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Time returns when the ID was made, to the second.
func (id ID) Time() time.Time { return time.Unix(int64(binary.BigEndian.Uint32(id[:4])), 0).UTC() }

// IsZero reports whether id names nothing.
func (id ID) IsZero() bool { return id == ID{} }
