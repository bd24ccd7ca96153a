package password_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"oms/shared/must"
	"oms/shared/password"
	"oms/shared/secret"
)

// testPeppers are two peppers of which p2 is active.
func testPeppers() secret.Ring {
	return secret.Ring{Active: "p2", Keys: map[string][]byte{
		"p1": []byte("the first pepper of the tests, long enough"),
		"p2": []byte("the second pepper of the tests, long enough"),
	}}
}

func newHasher(tb testing.TB, peppers secret.Ring, cost int) *password.Hasher {
	tb.Helper()
	return must.Get(password.New(peppers, cost))(tb)
}

func TestHasher_Hash(t *testing.T) {
	t.Parallel()
	h := newHasher(t, testPeppers(), password.MinCost)

	t.Run("makes hashes of the current form", func(t *testing.T) {
		t.Parallel()
		got := must.Get(h.Hash("secret123"))(t)
		if got.Alg != password.BcryptV1 || got.Pepper != "p2" || !strings.HasPrefix(got.Hash, "$2a$04$") {
			t.Errorf("Hash() = {%s %s %s}, want %s, p2, $2a$04$…", got.Alg, got.Pepper, got.Hash, password.BcryptV1)
		}
	})

	t.Run("is the documented construction", func(t *testing.T) {
		t.Parallel()
		// Made with: printf 'p\xc3\xa4ssword' | openssl dgst -sha384 -hmac 'the second pepper of the tests, long
		// enough' -binary | base64
		const mixed = "02hE0FBa3HJxTtbW3hFMhLTVR9aQOcFbQMYPJtP0E53KKG6mfE9oDq7LwJxKd4wB"
		got := must.Get(h.Hash("pa\u0308ssword"))(t) // decomposed: NFC makes it the two bytes above
		if err := bcrypt.CompareHashAndPassword([]byte(got.Hash), []byte(mixed)); err != nil {
			t.Errorf("the hash is not of base64(HMAC-SHA-384(pepper, NFC(password))): %v", err)
		}
	})

	t.Run("salts", func(t *testing.T) {
		t.Parallel()
		first, second := must.Get(h.Hash("secret123"))(t), must.Get(h.Hash("secret123"))(t)
		if first == second {
			t.Error("two hashes of one password are equal")
		}
	})

	for _, bad := range []string{"", strings.Repeat("x", password.MaxLength+1), "12345678\xff"} {
		if _, err := h.Hash(bad); err == nil {
			t.Errorf("Hash(%.10q, %d bytes) made a hash", bad, len(bad))
		}
	}
}

func TestHasher_Verify(t *testing.T) {
	t.Parallel()
	h := newHasher(t, testPeppers(), password.MinCost)
	long := strings.Repeat("0123456789", 8)
	tests := []struct {
		name          string
		hashed, typed string
		want          bool
	}{
		{"the same password", "secret123", "secret123", true},
		{"another password", "secret123", "secret124", false},
		{"another case", "secret123", "Secret123", false},
		{"nothing", "secret123", "", false},
		{"white space around it is part of it", " secret123 ", "secret123", false},
		{"white space around it is kept", " secret123 ", " secret123 ", true},
		{"a difference behind byte 72", long, long[:79] + "x", false},
		{"its first 72 bytes", long, long[:72], false},
		{"NUL is a character", "secret\x00123", "secret\x00124", false},
		{"composed and decomposed are one", "p\u00e4ssword", "pa\u0308ssword", true},
		{"compatibility forms are not", "\ufb01ve-eggs", "five-eggs", false},
		{"a short one, as an old account may have", "abc", "abc", true},
		{"the longest", strings.Repeat("x", password.MaxLength), strings.Repeat("x", password.MaxLength), true},
		{
			"one longer than the longest", strings.Repeat("x", password.MaxLength),
			strings.Repeat("x", password.MaxLength+1), false,
		},
		{
			"what is looked at of a password that is too long", "xxxxxxxx", strings.Repeat("x", password.MaxLength+1),
			false,
		},
		{"not UTF-8", "secret123", "secret123\xff", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := must.Get(h.Verify(tt.typed, must.Get(h.Hash(tt.hashed))(t)))(t)
			if want := (password.Verdict{OK: tt.want}); got != want {
				t.Errorf("Verify(%q) of a hash of %q = %+v, want %+v", tt.typed, tt.hashed, got, want)
			}
		})
	}
}

func TestHasher_Verify_asksForAnUpgrade(t *testing.T) {
	t.Parallel()
	now := newHasher(t, testPeppers(), password.MinCost+1)
	old := testPeppers()
	old.Active = "p1"
	tests := []struct {
		name   string
		hasher *password.Hasher
		want   bool
	}{
		{"not of what it makes itself", now, false},
		{"of a pepper that is not the active one", newHasher(t, old, password.MinCost+1), true},
		{"of a lower cost", newHasher(t, testPeppers(), password.MinCost), true},
		{"not of a higher cost", newHasher(t, testPeppers(), password.MinCost+2), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			hash := must.Get(tt.hasher.Hash("secret123"))(t)
			if got, want := must.Get(now.Verify("secret123", hash))(t),
				(password.Verdict{OK: true, Upgrade: tt.want}); got != want {
				t.Errorf("Verify = %+v, want %+v", got, want)
			}
			if got := must.Get(now.Verify("secret124", hash))(t); got != (password.Verdict{}) {
				t.Errorf("Verify of a wrong password = %+v, want nothing", got)
			}
		})
	}
}

// legacy is one entry of testdata/legacy.json; legacy.py beside it says how it was made.
type legacy struct{ Name, By, Password, Hash string }

func mustReadLegacy(tb testing.TB) []legacy {
	tb.Helper()
	return must.JSON[[]legacy](tb, must.Get(os.ReadFile("testdata/legacy.json"))(tb))
}

func TestHasher_Verify_legacy(t *testing.T) {
	t.Parallel()
	h := newHasher(t, testPeppers(), password.MinCost)
	for i, v := range mustReadLegacy(t) {
		t.Run(fmt.Sprintf("%s by %s %d", v.Name, v.By, i), func(t *testing.T) {
			t.Parallel()
			hash := password.Hash{Alg: password.Legacy, Hash: v.Hash}
			got := must.Get(h.Verify(v.Password, hash))(t)
			if want := (password.Verdict{OK: true, Upgrade: len(v.Password) <= 72}); got != want {
				t.Errorf("Verify(%q) = %+v, want %+v", v.Password, got, want)
			}
			if got := must.Get(h.Verify("X"+v.Password, hash))(t); got.OK {
				t.Errorf("Verify(%q) = %+v, want a refusal", "X"+v.Password, got)
			}
			if got := must.Get(h.Verify(v.Password[:len(v.Password)/2], hash))(t); got.OK {
				t.Errorf("Verify of its first half = %+v, want a refusal", got)
			}
			asNew := password.Hash{Alg: password.BcryptV1, Pepper: "p2", Hash: v.Hash}
			if got := must.Get(h.Verify(v.Password, asNew))(t); got.OK {
				t.Errorf("Verify under the name of the new algorithm = %+v, want a refusal", got)
			}
		})
	}

	t.Run("a tail behind byte 72 verifies and is never made the password", func(t *testing.T) {
		t.Parallel()
		for _, v := range mustReadLegacy(t) {
			if v.Name != "72 bytes" && v.Name != "73 bytes" && v.Name != "76 bytes" {
				continue
			}
			typed := v.Password[:72] + "a typing error"
			got := must.Get(h.Verify(typed, password.Hash{Alg: password.Legacy, Hash: v.Hash}))(t)
			if want := (password.Verdict{OK: true}); got != want {
				t.Errorf("%s: Verify with another tail = %+v, want %+v", v.Name, got, want)
			}
		}
	})

	t.Run("NUL does not end a password", func(t *testing.T) {
		t.Parallel()
		b := must.Get(bcrypt.GenerateFromPassword([]byte("abcdefgh"), bcrypt.MinCost))(t)
		if got := must.Get(h.Verify("abcdefgh\x00abcdefgh", password.Hash{
			Alg: password.Legacy, Hash: string(b),
		}))(t); got.OK {
			t.Errorf("Verify = %+v, want a refusal", got)
		}
	})
}

func TestHasher_Verify_refusesHashesItCannotRead(t *testing.T) {
	t.Parallel()
	h := newHasher(t, testPeppers(), password.MinCost)
	good := must.Get(h.Hash("secret123"))(t)
	with := func(change func(*password.Hash)) password.Hash {
		c := good
		change(&c)
		return c
	}
	tests := map[string]password.Hash{
		"no hash":             {},
		"an unknown pepper":   with(func(h *password.Hash) { h.Pepper = "p9" }),
		"no pepper":           with(func(h *password.Hash) { h.Pepper = "" }),
		"an unknown alg":      with(func(h *password.Hash) { h.Alg = "argon2id" }),
		"no alg":              with(func(h *password.Hash) { h.Alg = "" }),
		"nothing behind alg":  with(func(h *password.Hash) { h.Hash = "" }),
		"a short hash":        with(func(h *password.Hash) { h.Hash = h.Hash[:59] }),
		"a long hash":         with(func(h *password.Hash) { h.Hash += "x" }),
		"the broken 2x":       with(func(h *password.Hash) { h.Hash = "$2x" + h.Hash[3:] }),
		"no minor version":    with(func(h *password.Hash) { h.Hash = "$2$" + h.Hash[3:] + "." }),
		"another scheme":      with(func(h *password.Hash) { h.Hash = "$6" + h.Hash[2:] }),
		"a cost of no digits": with(func(h *password.Hash) { h.Hash = "$2a$+4" + h.Hash[6:] }),
		"a cost below four":   with(func(h *password.Hash) { h.Hash = "$2a$03" + h.Hash[6:] }),
		"a cost of days":      with(func(h *password.Hash) { h.Hash = "$2a$31" + h.Hash[6:] }),
		"no base64":           with(func(h *password.Hash) { h.Hash = h.Hash[:59] + "\n" }),
		"base64 of no bcrypt": with(func(h *password.Hash) { h.Hash = h.Hash[:20] + "=" + h.Hash[21:] }),
	}
	for name, hash := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if v, err := h.Verify("secret123", hash); err == nil || v != (password.Verdict{}) {
				t.Errorf("Verify = %+v, %v; want nothing and an error", v, err)
			} else if hash.Hash != "" && strings.Contains(err.Error(), hash.Hash) {
				t.Errorf("the error shows the hash: %v", err)
			}
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, cost := range []int{-1, 0, 3, 17, 31} {
		if _, err := password.New(testPeppers(), cost); err == nil {
			t.Errorf("New took the cost %d", cost)
		}
	}
	if _, err := password.New(secret.Ring{Active: "p3", Keys: testPeppers().Keys}, 4); err == nil {
		t.Error("New took an active pepper that is not there")
	}
	if _, err := password.New(secret.Ring{}, 4); err == nil {
		t.Error("New took no pepper")
	}
}
