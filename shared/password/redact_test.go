package password_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"oms/shared/password"
	"oms/shared/secret"
)

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	hash := mustHash(t, newHasher(t, testPeppers(), password.MinCost), "secret123")
	values := map[string]any{
		"a hash":              hash,
		"a pointer to a hash": &hash,
		"hashes":              []password.Hash{hash},
		"a hash inside":       struct{ Password password.Hash }{hash},
	}
	for name, v := range values {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%t"} {
				_, _ = fmt.Fprintf(&out, verb+"\n", v)
			}
			slog.New(slog.NewTextHandler(&out, nil)).Info("text", slog.Any("value", v))
			slog.New(slog.NewJSONHandler(&out, nil)).Info("json", slog.Any("value", v))
			if err := json.NewEncoder(&out).Encode(v); err != nil {
				t.Fatalf("marshalling: %v", err)
			}
			for _, part := range []string{
				hash.Hash[7:], fmt.Sprintf("%x", hash.Hash[7:]),
			} {
				if strings.Contains(out.String(), part) {
					t.Errorf("%q is in\n%s", part, out.String())
				}
			}
			if !strings.Contains(out.String(), secret.Redacted) {
				t.Errorf("%s is not in\n%s", secret.Redacted, out.String())
			}
		})
	}
	if got := hash.String() + fmt.Sprintf("%#v", hash); got != secret.Redacted+secret.Redacted {
		t.Errorf("String and %%#v = %q", got)
	}
}

func TestParsePeppers(t *testing.T) {
	t.Parallel()
	raw := "abcdefghijklmnopqrstuvwxyz012345"
	one, err := password.ParsePeppers(raw, false)
	if err != nil {
		t.Fatalf("ParsePeppers of raw text: %v", err)
	}
	hash := mustHash(t, newHasher(t, one, password.MinCost), "secret123")
	// printf 'oms key id: password pepper' | openssl dgst -sha256 -hmac abcdefghijklmnopqrstuvwxyz012345
	if hash.Pepper != "43112425" {
		t.Errorf("the pepper's id is %s: hashes that are stored name another", hash.Pepper)
	}

	t.Run("a raw pepper that becomes one of several keeps its hashes", func(t *testing.T) {
		t.Parallel()
		several, err := password.ParsePeppers(`{"active":"p2","keys":{"p1":"`+raw+`","p2":"`+strings.ToUpper(raw)+`"}}`,
			false)
		if err != nil {
			t.Fatalf("ParsePeppers: %v", err)
		}
		got := mustVerify(t, newHasher(t, several, password.MinCost), "secret123", hash)
		if want := (password.Verdict{OK: true, Upgrade: true}); got != want {
			t.Errorf("Verify = %+v, want %+v", got, want)
		}
	})
}
