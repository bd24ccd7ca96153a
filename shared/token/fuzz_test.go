package token_test

import (
	"strings"
	"testing"

	"oms/shared/fault"
	"oms/shared/token"
)

// FuzzVerify: no input makes Verify panic or answer with anything but a
// principal or a refusal, and what it accepts it reads as the issuer meant it.
func FuzzVerify(f *testing.F) {
	tokens := newTokens(f, testKeys(), 0)
	good := mustIssue(f, tokens)
	f.Add(good)
	f.Add(forge(f, map[string]any{"alg": "none"}, nil))
	f.Add(forge(f, nil, map[string]any{"exp": "x"}))
	f.Add("..")
	f.Add("")
	f.Fuzz(func(t *testing.T, compact string) {
		who, err := tokens.Verify(t.Context(), compact)
		if err != nil && (fault.KindOf(err) != fault.Unauthenticated || !who.Anonymous()) {
			t.Errorf("Verify = %+v, %v", who, err)
		}
		if err == nil && (who.AdminID != adminID || who.OrgID != orgID) {
			t.Errorf("Verify = %+v: a forged token was accepted", who)
		}
	})
}

// FuzzVerifySigned: the same for a holder of the key, who gets further.
func FuzzVerifySigned(f *testing.F) {
	tokens := newTokens(f, testKeys(), 0)
	f.Add(edit(f, goodHeader(), nil), edit(f, goodClaims(), nil))
	f.Add(`{"alg":"HS256","typ":"at+jwt","kid":"k2"}`, `{"exp":1e308,"nbf":-1e308,"iat":0.5}`)
	f.Fuzz(func(t *testing.T, header, claims string) {
		who, err := tokens.Verify(t.Context(), sign(t, header, claims))
		switch {
		case err != nil && (fault.KindOf(err) != fault.Unauthenticated || !who.Anonymous()):
			t.Errorf("Verify = %+v, %v", who, err)
		case err == nil && (len(who.AdminID) != 24 || len(who.OrgID) != 24 || who.CredentialVersion == "" ||
			who.Expires.IsZero()):
			t.Errorf("Verify = %+v: it is incomplete", who)
		}
	})
}

func FuzzBearer(f *testing.F) {
	f.Add("Bearer abc")
	f.Add("bearer  a==")
	f.Fuzz(func(t *testing.T, value string) {
		compact, err := token.Bearer(value)
		if (err == nil) != (compact != "") {
			t.Errorf("Bearer(%q) = %q, %v", value, compact, err)
		}
		if strings.ContainsAny(compact, " ,\t\r\n") {
			t.Errorf("Bearer(%q) = %q", value, compact)
		}
	})
}
