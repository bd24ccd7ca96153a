package token_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"oms/shared/must"
	"oms/shared/secret"
	"oms/shared/token"
)

func TestParseKeys(t *testing.T) {
	t.Parallel()
	raw := "abcdefghijklmnopqrstuvwxyz012345"
	one := must.Get(token.ParseKeys(raw, "HS256", false))(t)
	compact := mustIssue(t, newTokens(t, one, 0))

	t.Run("a raw key that becomes one of several keeps its tokens", func(t *testing.T) {
		t.Parallel()
		text := `{"active":"k2","keys":{"k1":"` + raw + `","k2":"` + strings.ToUpper(raw) + `"}}`
		several := must.Get(token.ParseKeys(text, "HS256", false))(t)
		if _, err := newTokens(t, several, 0).Verify(t.Context(), compact); err != nil {
			t.Errorf("Verify: %v", err)
		}
		if kid := mustDecode(t, mustIssue(t, newTokens(t, several, 0)), 0)["kid"]; kid != "k2" {
			t.Errorf("kid = %v, want k2", kid)
		}
	})

	t.Run("a key that is taken away takes its tokens with it", func(t *testing.T) {
		t.Parallel()
		other := must.Get(token.ParseKeys(strings.ToUpper(raw), "HS256", false))(t)
		if _, err := newTokens(t, other, 0).Verify(t.Context(), compact); codeOf(t, err) != "invalid_token" {
			t.Errorf("Verify = %v, want invalid_token", err)
		}
	})

	for _, alg := range []string{"", "none", "RS256", "hs256", "HS1"} {
		if _, err := token.ParseKeys(raw, alg, true); err == nil {
			t.Errorf("ParseKeys took the algorithm %q", alg)
		}
	}
}

func TestKeysAreNeverPrinted(t *testing.T) {
	t.Parallel()
	keys := testKeys()
	var out bytes.Buffer
	for _, v := range []any{keys, &keys, []token.Keys{keys}, struct{ Keys token.Keys }{keys}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			_, _ = fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", slog.Any("value", v))
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", slog.Any("value", v))
		must.Do(t, json.NewEncoder(&out).Encode(v))
	}
	for _, part := range []string{"2222", "3232", "50 50", "50, 50", "MjIy"} {
		if strings.Contains(out.String(), part) {
			t.Errorf("%q is in\n%s", part, out.String())
		}
	}
	if got := keys.String(); got != secret.Redacted {
		t.Errorf("String = %q", got)
	}
}

func BenchmarkTokens_Verify(b *testing.B) {
	tokens := newTokens(b, testKeys(), time.Minute)
	compact := mustIssue(b, newTokens(b, testKeys(), 0))
	for b.Loop() {
		must.Do(b, must.Err(tokens.Verify(b.Context(), compact)))
	}
}
