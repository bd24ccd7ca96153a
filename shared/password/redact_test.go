package password_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"oms/shared/must"
	"oms/shared/password"
	"oms/shared/secret"
)

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	hash := must.Get(newHasher(t, testPeppers(), password.MinCost).Hash("secret123"))(t)
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
			must.Do(t, json.NewEncoder(&out).Encode(v))
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
	one := must.Get(password.ParsePeppers(raw, false))(t)
	hash := must.Get(newHasher(t, one, password.MinCost).Hash("secret123"))(t)
	// printf 'oms key id: password pepper' | openssl dgst -sha256 -hmac abcdefghijklmnopqrstuvwxyz012345
	if hash.Pepper != "43112425" {
		t.Errorf("the pepper's id is %s: hashes that are stored name another", hash.Pepper)
	}

	t.Run("a raw pepper that becomes one of several keeps its hashes", func(t *testing.T) {
		t.Parallel()
		text := `{"active":"p2","keys":{"p1":"` + raw + `","p2":"` + strings.ToUpper(raw) + `"}}`
		several := must.Get(password.ParsePeppers(text, false))(t)
		got := must.Get(newHasher(t, several, password.MinCost).Verify("secret123", hash))(t)
		if want := (password.Verdict{OK: true, Upgrade: true}); got != want {
			t.Errorf("Verify = %+v, want %+v", got, want)
		}
	})
}
