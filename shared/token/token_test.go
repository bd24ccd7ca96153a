package token_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"oms/shared/fault"
	"oms/shared/must"
	"oms/shared/secret"
	"oms/shared/token"
)

const (
	adminID   = "65f0c0ffee65f0c0ffee65f0"
	orgID     = "0123456789abcdef01234567"
	sessionID = "fedcba9876543210fedcba98"
)

// issued is when the tokens of these tests are made.
func issued() time.Time { return time.Date(2030, 1, 2, 3, 4, 5, 678_000_000, time.UTC) }

func principal() token.Principal {
	return token.Principal{
		AdminID: adminID, OrgID: orgID, CredentialVersion: "v1",
		Session: sessionID, AuthTime: issued().Add(-time.Minute).Truncate(time.Second),
	}
}

func testKeys() token.Keys {
	return token.Keys{Algorithm: "HS256", Ring: secret.Ring{Active: "k2", Keys: map[string][]byte{
		"k1": []byte(strings.Repeat("1", 32)),
		"k2": []byte(strings.Repeat("2", 32)),
	}}}
}

// newTokens returns Tokens whose clock stands at d after the issue.
func newTokens(tb testing.TB, keys token.Keys, d time.Duration) *token.Tokens {
	tb.Helper()
	return token.New(token.Static(keys), time.Hour, func() time.Time { return issued().Add(d) })
}

func mustIssue(tb testing.TB, t *token.Tokens) string {
	tb.Helper()
	compact, _, err := t.Issue(tb.Context(), principal())
	if err != nil {
		tb.Fatalf("Issue: %v", err)
	}
	return compact
}

// mustDecode returns one part of a compact token as JSON fields.
func mustDecode(tb testing.TB, compact string, part int) map[string]any {
	tb.Helper()
	raw := must.Get(base64.RawURLEncoding.DecodeString(strings.Split(compact, ".")[part]))(tb)
	return must.JSON[map[string]any](tb, raw)
}

func TestTokens_Issue(t *testing.T) {
	t.Parallel()
	compact, ttl, err := newTokens(t, testKeys(), 0).Issue(t.Context(), principal())
	if err != nil {
		t.Fatalf("Issue: %v", err)
	}
	if ttl != time.Hour {
		t.Errorf("Issue returned the lifetime %v, want %v", ttl, time.Hour)
	}
	if diff := cmp.Diff(map[string]any{"alg": "HS256", "typ": "at+jwt", "kid": "k2"},
		mustDecode(t, compact, 0)); diff != "" {
		t.Errorf("the header differs (-want +got):\n%s", diff)
	}
	claims := mustDecode(t, compact, 1)
	if jti, _ := claims["jti"].(string); len(jti) < 22 {
		t.Errorf("jti = %q, want at least 128 bits", jti)
	}
	delete(claims, "jti")
	at := float64(issued().Unix())
	want := map[string]any{
		"admin_id": adminID, "org_id": orgID, "sub": adminID, "ver": "v1", "iss": "oms", "aud": "oms",
		"iat": at, "nbf": at, "exp": at + 3600, "sid": sessionID, "auth_time": at - 60,
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("the claims differ (-want +got):\n%s", diff)
	}
	if again := mustIssue(t, newTokens(t, testKeys(), 0)); again == compact {
		t.Error("two tokens of one moment are equal")
	}
}

func TestTokens_Issue_refuses(t *testing.T) {
	t.Parallel()
	ok := token.Static(testKeys())
	keys := func(algorithm, active string) token.Source {
		return token.Static(token.Keys{
			Algorithm: algorithm, Ring: secret.Ring{Active: active, Keys: testKeys().Keys},
		})
	}
	none := func(context.Context, bool) (token.Keys, error) { return token.Keys{}, errors.New("no keys") }
	tests := []struct {
		name string
		keys token.Source
		ttl  time.Duration
		p    func(*token.Principal)
	}{
		{"nobody", ok, time.Hour, func(p *token.Principal) { *p = token.Principal{} }},
		{"an admin id that is none", ok, time.Hour, func(p *token.Principal) { p.AdminID = "me" }},
		{
			"an organization id that is none", ok, time.Hour,
			func(p *token.Principal) { p.OrgID = strings.ToUpper(orgID + "a")[1:] },
		},
		{"no version", ok, time.Hour, func(p *token.Principal) { p.CredentialVersion = "" }},
		{"no session", ok, time.Hour, func(p *token.Principal) { p.Session = "" }},
		{"no time of a login", ok, time.Hour, func(p *token.Principal) { p.AuthTime = time.Time{} }},
		{"no lifetime", ok, 0, nil},
		{"less than a second", ok, 999 * time.Millisecond, nil},
		{"no keys", none, time.Hour, nil},
		{"an unknown algorithm", keys("none", "k2"), time.Hour, nil},
		{"a missing active key", keys("HS256", "k3"), time.Hour, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := principal()
			if tt.p != nil {
				tt.p(&p)
			}
			compact, _, err := token.New(tt.keys, tt.ttl, nil).Issue(t.Context(), p)
			if err == nil || compact != "" {
				t.Errorf("Issue = %q, %v; want an error", compact, err)
			}
			if fault.KindOf(err) != fault.Internal {
				t.Errorf("Issue = %v, a fault of the client; want an internal error", err)
			}
		})
	}
}

func TestTokens_Verify(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		for _, active := range []string{"k1", "k2"} {
			keys := testKeys()
			keys.Algorithm, keys.Active = alg, active
			compact := mustIssue(t, newTokens(t, keys, 0))
			keys.Active = "k2"
			got, err := newTokens(t, keys, time.Minute).Verify(t.Context(), compact)
			want := principal()
			want.Expires = issued().Truncate(time.Second).Add(time.Hour)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%s, signed by %s: Verify: %v (-want +got):\n%s", alg, active, err, diff)
			}
		}
	}
}

// TestTokens_Verify_withoutASession: an older version of the service made it, and
// it holds until it expires, without a login that could be recent.
func TestTokens_Verify_withoutASession(t *testing.T) {
	t.Parallel()
	compact := forge(t, nil, map[string]any{"sid": without{}, "auth_time": without{}})
	got, err := newTokens(t, testKeys(), 0).Verify(t.Context(), compact)
	want := principal()
	want.Session, want.AuthTime, want.Expires = "", time.Time{}, issued().Truncate(time.Second).Add(time.Hour)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Verify: %v (-want +got):\n%s", err, diff)
	}
}

func TestTokens_Verify_time(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		at   time.Duration
		code string
	}{
		{"before it is valid, beyond the leeway", -32 * time.Second, "invalid_token"},
		{"before it is valid, within the leeway", -29 * time.Second, ""},
		{"in its last second", 59*time.Minute + 59*time.Second, ""},
		{"at its end, without any leeway", time.Hour, "token_expired"},
		{"a year later", 365 * 24 * time.Hour, "token_expired"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := newTokens(t, testKeys(), tt.at).Verify(t.Context(), mustIssue(t, newTokens(t, testKeys(), 0)))
			if got := codeOf(t, err); got != tt.code {
				t.Errorf("Verify = %q (%v), want %q", got, err, tt.code)
			}
		})
	}
}

// codeOf returns the code of the fault err, which has to be of kind Unauthenticated; "" where there is no error.
func codeOf(tb testing.TB, err error) string {
	tb.Helper()
	if err == nil {
		return ""
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Unauthenticated {
		tb.Fatalf("the error is %v, not a fault of kind unauthenticated", err)
	}
	return f.Code
}

// sign makes a token of any header and claims with the key k2.
func sign(tb testing.TB, header, claims string) string {
	tb.Helper()
	return signWith(tb, header, claims, "HS256", testKeys().Keys["k2"])
}

func signWith(tb testing.TB, header, claims, alg string, key any) string {
	tb.Helper()
	enc := base64.RawURLEncoding
	unsigned := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString([]byte(claims))
	sig := must.Get(jwt.GetSigningMethod(alg).Sign(unsigned, key))(tb)
	return unsigned + "." + enc.EncodeToString(sig)
}

func TestTokens_Verify_asksForFreshKeysOnce(t *testing.T) {
	t.Parallel()
	rotated := testKeys()
	rotated.Active = "k3"
	rotated.Keys["k3"] = []byte(strings.Repeat("3", 32))
	compact := mustIssue(t, newTokens(t, rotated, 0))

	t.Run("a rotated key is found", func(t *testing.T) {
		t.Parallel()
		var asked []bool
		verifier := token.New(func(_ context.Context, fresh bool) (token.Keys, error) {
			asked = append(asked, fresh)
			if fresh {
				return rotated, nil
			}
			return testKeys(), nil
		}, 0, issued)
		if _, err := verifier.Verify(t.Context(), compact); err != nil {
			t.Errorf("Verify: %v", err)
		}
		if diff := cmp.Diff([]bool{false, true}, asked); diff != "" {
			t.Errorf("the keys were asked for (-want +got):\n%s", diff)
		}
	})

	t.Run("a known key needs none", func(t *testing.T) {
		t.Parallel()
		verifier := token.New(func(_ context.Context, fresh bool) (token.Keys, error) {
			if fresh {
				t.Error("fresh keys were asked for")
			}
			return rotated, nil
		}, 0, issued)
		if _, err := verifier.Verify(t.Context(), compact); err != nil {
			t.Errorf("Verify: %v", err)
		}
	})

	t.Run("keys that cannot be read are no fault of the token", func(t *testing.T) {
		t.Parallel()
		broken := errors.New("no keys")
		for _, failing := range []bool{false, true} {
			verifier := token.New(func(_ context.Context, fresh bool) (token.Keys, error) {
				if fresh == failing {
					return token.Keys{}, broken
				}
				return testKeys(), nil
			}, 0, issued)
			if _, err := verifier.Verify(t.Context(), compact); !errors.Is(err, broken) ||
				fault.KindOf(err) != fault.Internal {
				t.Errorf("Verify = %v, want %v", err, broken)
			}
		}
	})
}
