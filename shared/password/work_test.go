package password_test

import (
	"strings"
	"testing"
	"time"

	"oms/shared/password"
)

// TestHasher_aMissTakesTheSameWork: a hash of cost 4 is checked 32 times faster than
// one of cost 9, and a password whose rune crosses byte 72 is compared twice
// with a legacy hash. Neither may show. The bound is a quarter, of the fastest of several runs:
// far from what a busy machine does to it, and far from a thirty-second.
func TestHasher_aMissTakesTheSameWork(t *testing.T) {
	t.Parallel()
	h := newHasher(t, testPeppers(), 9)
	cheap := newHasher(t, testPeppers(), password.MinCost)
	hashes := map[string]password.Hash{
		"its own":         mustHash(t, h, "secret123"),
		"of a lower cost": mustHash(t, cheap, "secret123"),
		"legacy":          {Alg: password.Legacy, Hash: mustHash(t, cheap, "secret123").Hash},
	}
	for _, plain := range []string{"secret124", strings.Repeat("x", 71) + "é", strings.Repeat("x", password.MaxLength+1), ""} {
		for name, hash := range hashes {
			var pretend, verify time.Duration
			for range 3 {
				pretend = least(pretend, func() { h.Pretend(plain) })
				verify = least(verify, func() {
					if got := mustVerify(t, h, plain, hash); got.OK {
						t.Fatalf("Verify = %+v", got)
					}
				})
			}
			if verify < pretend/4 || pretend < verify/4 {
				t.Errorf("a hash %s and %d bytes: Verify took %v and Pretend %v", name, len(plain), verify, pretend)
			}
		}
	}
}

// least returns the lesser of the time that f takes and known, which is none yet where it is zero.
func least(known time.Duration, f func()) time.Duration {
	start := time.Now()
	f()
	took := time.Since(start)
	if known == 0 || took < known {
		return took
	}
	return known
}
