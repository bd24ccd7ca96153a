package password_test

import (
	"strings"
	"testing"

	"oms/shared/must"
	"oms/shared/password"
)

func TestHasher_aMissTakesTheSameWork(t *testing.T) {
	t.Parallel()
	h := newHasher(t, testPeppers(), 6)
	cheap := newHasher(t, testPeppers(), password.MinCost)
	old := testPeppers()
	old.Active = "p1"
	hashes := map[string]password.Hash{
		"its own":           must.Get(h.Hash("secret123"))(t),
		"of another pepper": must.Get(newHasher(t, old, 6).Hash("secret123"))(t),
		"of a lower cost":   must.Get(cheap.Hash("secret123"))(t),
		"legacy":            {Alg: password.Legacy, Hash: must.Get(cheap.Hash("secret123"))(t).Hash},
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
			if got := must.Get(h.Verify(tt.plain, hash))(t); got.OK {
				t.Fatalf("%s: Verify = %+v", tt.name, got)
			}
			if rounds != tt.want {
				t.Errorf("%s: Verify of a hash %s took %d rounds, want %d", tt.name, name, rounds, tt.want)
			}
		}
	}
}
