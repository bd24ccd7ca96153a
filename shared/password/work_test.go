package password_test

import (
	"strings"
	"testing"

	"oms/shared/password"
)

func TestHasher_aMissTakesTheSameWork(t *testing.T) {
	t.Parallel()
	h := newHasher(t, testPeppers(), 6)
	cheap := newHasher(t, testPeppers(), password.MinCost)
	old := testPeppers()
	old.Active = "p1"
	hashes := map[string]password.Hash{
		"its own":           mustHash(t, h, "secret123"),
		"of another pepper": mustHash(t, newHasher(t, old, 6), "secret123"),
		"of a lower cost":   mustHash(t, cheap, "secret123"),
		"legacy":            {Alg: password.Legacy, Hash: mustHash(t, cheap, "secret123").Hash},
	}
	var rounds int
	h.CountRounds(&rounds)

	tests := []struct {
		name, plain string
		want        int
	}{
		{"an ordinary password", "secret124", 1 << 6},
		{"no password", "", 1 << 6},
		{"a password that is too long", strings.Repeat("é", password.MaxLength), 1 << 6},
		{"a password that is no text", strings.Repeat("x", 71) + "\xc3\xc3\xa9", 1 << 6},
		{"a long password", strings.Repeat("x", 80), 1 << 6},
		{"a rune that crosses byte 72 is compared twice, whosever it is", strings.Repeat("x", 71) + "é", 2 << 6},
	}
	for _, tt := range tests {
		rounds = 0
		h.Pretend(tt.plain)
		if rounds != tt.want {
			t.Errorf("%s: Pretend took %d rounds, want %d", tt.name, rounds, tt.want)
		}
		for name, hash := range hashes {
			rounds = 0
			if got := mustVerify(t, h, tt.plain, hash); got.OK {
				t.Fatalf("%s: Verify = %+v", tt.name, got)
			}
			if rounds != tt.want {
				t.Errorf("%s: Verify of a hash %s took %d rounds, want %d", tt.name, name, rounds, tt.want)
			}
		}
	}
}
