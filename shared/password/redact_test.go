package password_test

import (
	"bytes"
	"encoding/json"
	"errors"
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
		"a hash":               hash,
		"a pointer to a hash":  &hash,
		"hashes":               []password.Hash{hash},
		"a hash inside":        struct{ Password password.Hash }{hash},
		"peppers":              testPeppers(),
		"a pointer to peppers": new(testPeppers()),
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
			for _, part := range []string{hash.Hash[7:], fmt.Sprintf("%x", hash.Hash[7:]), "pepper of the tests", "706570706572"} {
				if strings.Contains(out.String(), part) {
					t.Errorf("%q is in\n%s", part, out.String())
				}
			}
			if !strings.Contains(out.String(), secret.Redacted) {
				t.Errorf("%s is not in\n%s", secret.Redacted, out.String())
			}
		})
	}
	if got := hash.String() + hash.GoString() + testPeppers().String(); got != strings.Repeat(secret.Redacted, 3) {
		t.Errorf("String and GoString = %q", got)
	}
}

func TestParsePeppers(t *testing.T) {
	t.Parallel()
	raw := strings.Repeat("0123456789abcdef", 3)
	one, err := password.ParsePeppers(raw, false)
	if err != nil {
		t.Fatalf("ParsePeppers of raw text: %v", err)
	}
	hash := mustHash(t, newHasher(t, one, password.MinCost), "secret123")

	t.Run("a raw pepper that becomes one of several keeps its hashes", func(t *testing.T) {
		t.Parallel()
		several, err := password.ParsePeppers(`{"active":"p2","keys":{"p1":"`+raw+`","p2":"`+strings.ToUpper(raw)+`"}}`, false)
		if err != nil {
			t.Fatalf("ParsePeppers: %v", err)
		}
		got := mustVerify(t, newHasher(t, several, password.MinCost), "secret123", hash)
		if want := (password.Verdict{OK: true, Upgrade: true}); got != want {
			t.Errorf("Verify = %+v, want %+v", got, want)
		}
	})

	t.Run("a weak pepper is refused unless it may be weak", func(t *testing.T) {
		t.Parallel()
		if _, err := password.ParsePeppers("short", false); !errors.Is(err, secret.ErrWeak) {
			t.Errorf("ParsePeppers = %v, want %v", err, secret.ErrWeak)
		}
		if _, err := password.ParsePeppers("short", true); err != nil {
			t.Errorf("ParsePeppers of a weak one that may be = %v", err)
		}
	})
}
