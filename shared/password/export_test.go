package password

import "golang.org/x/crypto/bcrypt"

// CountRounds makes h count the rounds of its comparisons, two to the power of
// each one's cost, in *n. Tests of time fail on a busy machine; this does not.
func (h *Hasher) CountRounds(n *int) {
	compare := h.compare
	h.compare = func(hash, input []byte) error {
		cost, err := bcrypt.Cost(hash)
		if err != nil {
			return err
		}
		*n += 1 << cost
		return compare(hash, input)
	}
}
