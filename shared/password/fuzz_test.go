package password_test

import (
	"testing"

	"oms/shared/must"
	"oms/shared/password"
)

// FuzzVerify: whatever a database holds, Verify neither panics nor takes days,
// and only a password that Hash made, or the original, is accepted.
func FuzzVerify(f *testing.F) {
	h := newHasher(f, testPeppers(), password.MinCost)
	good := must.Get(h.Hash("secret123"))(f)
	f.Add("secret123", good.Alg, good.Pepper, good.Hash)
	f.Add("secret123", password.Legacy, "", good.Hash)
	f.Add("secret123", password.BcryptV1, "p9", good.Hash)
	f.Add("", "", "", "")
	f.Add("secret123", password.Legacy, "", "$2a$31$"+good.Hash[7:])
	f.Add("\xff", password.Legacy, "", "$2b$04$")
	f.Fuzz(func(t *testing.T, plain, alg, pepper, hash string) {
		if len(hash) > 6 && hash[4:6] > "05" && hash[4:6] <= "16" {
			hash = hash[:4] + "04" + hash[6:] // the same path, without its seconds of work
		}
		stored := password.Hash{Alg: alg, Pepper: pepper, Hash: hash}
		v, err := h.Verify(plain, stored)
		if err != nil && v != (password.Verdict{}) {
			t.Errorf("Verify = %+v with the error %v", v, err)
		}
		if v.Upgrade && !v.OK {
			t.Errorf("Verify = %+v: an upgrade of what did not verify", v)
		}
		if v.OK && stored == good && plain != "secret123" {
			t.Errorf("Verify(%q) accepted it for another password", plain)
		}
	})
}

// FuzzHash: what Hash makes verifies with the same password and with no other.
func FuzzHash(f *testing.F) {
	h := newHasher(f, testPeppers(), password.MinCost)
	f.Add("secret123")
	f.Add("pa\u0308ssword")
	f.Add("12345678\x00")
	f.Fuzz(func(t *testing.T, plain string) {
		hash, err := h.Hash(plain)
		if code, _ := (password.Policy{}).Check(plain); err != nil && code == "" {
			t.Fatalf("Hash = %v of what a policy allows", err)
		}
		if err != nil {
			return
		}
		if got := must.Get(h.Verify(plain, hash))(t); got != (password.Verdict{OK: true}) {
			t.Errorf("Verify of the same password = %+v", got)
		}
		if got := must.Get(h.Verify(plain+"x", hash))(t); got.OK {
			t.Errorf("Verify of a longer password = %+v", got)
		}
	})
}
