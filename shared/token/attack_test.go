package token_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"oms/shared/must"
	"oms/shared/token"
)

// without, as a value of edit, takes a name away.
type without struct{}

// edit returns the JSON of fields with changes applied.
func edit(tb testing.TB, fields, changes map[string]any) string {
	tb.Helper()
	fields = maps.Clone(fields)
	for name, v := range changes {
		if v == (without{}) {
			delete(fields, name)
			continue
		}
		fields[name] = v
	}
	raw := must.Get(json.Marshal(fields))(tb)
	return string(raw)
}

func goodHeader() map[string]any {
	return map[string]any{"alg": "HS256", "typ": "at+jwt", "kid": "k2"}
}

func goodClaims() map[string]any {
	at := issued().Unix()
	return map[string]any{
		"admin_id": adminID, "org_id": orgID, "sub": adminID, "ver": "v1", "iss": "oms", "aud": "oms",
		"iat": at, "nbf": at, "exp": at + 3600, "jti": "j", "sid": sessionID, "auth_time": at - 60,
	}
}

// forge makes a token with the right key, whose header and claims are changed.
func forge(tb testing.TB, header, claims map[string]any) string {
	tb.Helper()
	return sign(tb, edit(tb, goodHeader(), header), edit(tb, goodClaims(), claims))
}

// TestTokens_Verify_refusesAttacks has the attacks of RFC 8725 section 2 and
// then some. But for the first group, every token is signed with a key that
// the verifier has: nothing but the check named can refuse it.
func TestTokens_Verify_refusesAttacks(t *testing.T) {
	t.Parallel()
	good := forge(t, nil, nil)
	parts := strings.Split(good, ".")
	k1 := testKeys().Keys["k1"]
	at := issued().Unix()
	header := func(changes ...any) map[string]any {
		m := make(map[string]any)
		for pair := range slices.Chunk(changes, 2) {
			m[pair[0].(string)] = pair[1]
		}
		return m
	}
	rsaKey := must.Get(rsa.GenerateKey(rand.Reader, 2048))(t)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey)})
	claimsJSON := edit(t, goodClaims(), nil)
	headerJSON := edit(t, goodHeader(), nil)

	tests := map[string]string{
		// the signature
		"alg none, no signature":   b64(edit(t, goodHeader(), header("alg", "none"))) + "." + parts[1] + ".",
		"alg none, some signature": b64(edit(t, goodHeader(), header("alg", "none"))) + "." + parts[1] + "." + parts[2],
		"alg None":                 b64(edit(t, goodHeader(), header("alg", "None"))) + "." + parts[1] + "." + parts[2],
		"alg none by its own method": signWith(t, edit(t, goodHeader(), header("alg", "none")), claimsJSON, "none",
			jwt.UnsafeAllowNoneSignatureType) + "AA",
		"no signature": parts[0] + "." + parts[1] + ".",
		"two parts":    parts[0] + "." + parts[1],
		"RS256 by a stranger": signWith(t, edit(t, goodHeader(), header("alg", "RS256")), claimsJSON, "RS256",
			rsaKey),
		"HS256 with a public key": signWith(t, headerJSON, claimsJSON, "HS256", public),
		"HS256 with an empty key": signWith(t, headerJSON, claimsJSON, "HS256", []byte{}),
		"HS384 of the right key": signWith(t, edit(t, goodHeader(), header("alg", "HS384")), claimsJSON, "HS384",
			testKeys().Keys["k2"]),
		"HS256 header over an HS512 one": signWith(t, headerJSON, claimsJSON, "HS512", testKeys().Keys["k2"]),
		"alg in lower case":              forge(t, header("alg", "hs256"), nil),
		"the kid of another key":         signWith(t, headerJSON, claimsJSON, "HS256", k1),
		"the other way round":            forge(t, header("kid", "k1"), nil),
		"a changed claim": parts[0] + "." + b64(edit(t, goodClaims(), header("org_id", strings.Repeat("f", 24)))) +
			"." + parts[2],
		"a changed header": b64(edit(t, goodHeader(), header("kid", "k1"))) + "." + parts[1] + "." + parts[2],
		"the signature of another token": parts[0] + "." + parts[1] + "." +
			strings.Split(forge(t, nil, header("jti", "other")), ".")[2],
		"a truncated signature":            good[:len(good)-4],
		"a truncated token":                good[:len(good)/2],
		"a signature with bits that are 1": flipLastBits(good),

		// the header
		"an unknown kid":                 forge(t, header("kid", "k9"), nil),
		"no kid":                         forge(t, header("kid", without{}), nil),
		"an empty kid":                   forge(t, header("kid", ""), nil),
		"a kid that is a number":         forge(t, header("kid", 2), nil),
		"a kid that is a list":           forge(t, header("kid", []string{"k2"}), nil),
		"a kid that is a path":           forge(t, header("kid", "../../dev/null"), nil),
		"typ JWT":                        forge(t, header("typ", "JWT"), nil),
		"typ of another kind":            forge(t, header("typ", "id+jwt"), nil),
		"no typ":                         forge(t, header("typ", without{}), nil),
		"no alg":                         forge(t, header("alg", without{}), nil),
		"a critical field":               forge(t, header("crit", []string{"b64"}, "b64", false), nil),
		"an empty list of critical ones": forge(t, header("crit", []string{}), nil),
		"a key of its own, jwk":          forge(t, header("jwk", map[string]string{"kty": "oct", "k": "AAAA"}), nil),
		"a key's address, jku":           forge(t, header("jku", "https://attacker.example/keys"), nil),
		"a certificate, x5c":             forge(t, header("x5c", []string{"AAAA"}), nil),
		"compression":                    forge(t, header("zip", "DEF"), nil),
		"two algs":                       sign(t, `{"alg":"none","alg":"HS256","typ":"at+jwt","kid":"k2"}`, claimsJSON),
		"two kids":                       sign(t, `{"alg":"HS256","typ":"at+jwt","kid":"k1","kid":"k2"}`, claimsJSON),
		"a name in another case":         sign(t, `{"ALG":"HS256","typ":"at+jwt","kid":"k2"}`, claimsJSON),
		"a header that is null":          sign(t, `null`, claimsJSON),
		"a header that is a list":        sign(t, `["HS256"]`, claimsJSON),
		"data behind the header":         sign(t, headerJSON+`{}`, claimsJSON),
		"white space behind the header":  sign(t, headerJSON+"\n", claimsJSON),
		"a header that does not end":     sign(t, headerJSON[:len(headerJSON)-1], claimsJSON),

		// the claims
		"another issuer":                forge(t, nil, header("iss", "evil")),
		"no issuer":                     forge(t, nil, header("iss", without{})),
		"another audience":              forge(t, nil, header("aud", "other")),
		"no audience":                   forge(t, nil, header("aud", without{})),
		"an audience among others":      forge(t, nil, header("aud", []string{"oms", "other"})),
		"an audience that is an object": forge(t, nil, header("aud", map[string]string{"oms": "oms"})),
		"no exp":                        forge(t, nil, header("exp", without{})),
		"exp null":                      forge(t, nil, header("exp", nil)),
		"exp as text":                   forge(t, nil, header("exp", "2099-01-01")),
		"exp that is no number": sign(t, headerJSON,
			strings.Replace(claimsJSON, `"exp":`, `"exp":1e999,"x":`, 1)),
		"no nbf":                         forge(t, nil, header("nbf", without{})),
		"nbf in the future":              forge(t, nil, header("nbf", at+31)),
		"no iat":                         forge(t, nil, header("iat", without{})),
		"iat in the future":              forge(t, nil, header("iat", at+60)),
		"no jti":                         forge(t, nil, header("jti", without{})),
		"no sub":                         forge(t, nil, header("sub", without{})),
		"the sub of another admin":       forge(t, nil, header("sub", orgID)),
		"no admin_id":                    forge(t, nil, header("admin_id", without{})),
		"no org_id":                      forge(t, nil, header("org_id", without{})),
		"an org_id of 23 digits":         forge(t, nil, header("org_id", orgID[1:])),
		"an org_id of 25 digits":         forge(t, nil, header("org_id", orgID+"0")),
		"an org_id in capitals":          forge(t, nil, header("org_id", strings.ToUpper(orgID))),
		"an org_id of other digits":      forge(t, nil, header("org_id", strings.Repeat("٣", 12))),
		"an org_id that is an operator":  forge(t, nil, header("org_id", map[string]any{"$ne": nil})),
		"an admin_id that is an address": forge(t, nil, header("admin_id", "admin@test.com", "sub", "admin@test.com")),
		"no ver":                         forge(t, nil, header("ver", without{})),
		"an empty ver":                   forge(t, nil, header("ver", "")),
		"a ver that is a number":         forge(t, nil, header("ver", 1)),
		"no sid":                         forge(t, nil, header("sid", without{})),
		"an empty sid":                   forge(t, nil, header("sid", "")),
		"a sid that is a path":           forge(t, nil, header("sid", "../../../../../../../../.")),
		"no auth_time":                   forge(t, nil, header("auth_time", without{})),
		"an auth_time before time":       forge(t, nil, header("auth_time", -1)),
		"an auth_time as text":           forge(t, nil, header("auth_time", "now")),
		"a claim that is there twice": sign(t, headerJSON,
			strings.Replace(claimsJSON, `"org_id":`, `"org_id":"`+orgID+`","org_id":`, 1)),
		"a claim in another case too": sign(t, headerJSON,
			strings.Replace(claimsJSON, `"org_id":`, `"ORG_ID":"`+strings.Repeat("f", 24)+`","org_id":`, 1)),
		"a claim under an escaped name": sign(t, headerJSON,
			strings.Replace(claimsJSON, `"org_id":`, `"org\u005fid":"`+strings.Repeat("f", 24)+`","org_id":`, 1)),
		"a claim with a long s":  sign(t, headerJSON, strings.Replace(claimsJSON, `"sub":`, `"ſub":"x","sub":`, 1)),
		"claims that are a list": sign(t, headerJSON, `[`+claimsJSON+`]`),
		"claims that are null":   sign(t, headerJSON, `null`),
		"data behind the claims": sign(t, headerJSON, claimsJSON+claimsJSON),
		"a byte order mark":      sign(t, headerJSON, "\ufeff"+claimsJSON),

		// the form
		"nothing":                   "",
		"dots":                      "..",
		"more dots":                 strings.Repeat(".", 4000),
		"trailing data":             good + ".AAAA",
		"a trailing dot":            good + ".",
		"a leading space":           " " + good,
		"a trailing line end":       good + "\n",
		"a line end inside":         parts[0] + "\n." + parts[1] + "." + parts[2],
		"a line end in the payload": parts[0] + "." + parts[1][:8] + "\r\n" + parts[1][8:] + "." + parts[2],
		"padding":                   parts[0] + "=." + parts[1] + "." + parts[2],
		"standard base64": strings.NewReplacer("-", "+", "_", "/").Replace(forge(t, nil, header("jti", "???>>>~~~"))) +
			"+/",
		"other letters":    "а" + good[1:],
		"NUL":              good + "\x00",
		"huge":             forge(t, nil, header("jti", strings.Repeat("x", token.MaxLength))),
		"an encrypted one": good + ".AAAA.AAAA",
		"JSON serialisation": `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] +
			`"}`,
		"the scheme is still before": "Bearer " + good,
	}
	verifier := newTokens(t, testKeys(), 0)
	must.Do(t, must.Err(verifier.Verify(t.Context(), good))) // what the attacks start from
	for name, compact := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			who, err := verifier.Verify(t.Context(), compact)
			if codeOf(t, err) != "invalid_token" || !who.Anonymous() {
				t.Errorf("Verify = %+v, %v; want invalid_token", who, err)
			}
		})
	}
}

// b64 encodes one part of a token.
func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// flipLastBits sets the bits of the last character that decode to nothing: 43
// characters are 258 bits, and an HS256 signature has 256.
func flipLastBits(compact string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, compact[len(compact)-1])
	return compact[:len(compact)-1] + string(alphabet[last|1])
}

func TestTokens_Verify_expiredAndForged(t *testing.T) {
	t.Parallel()
	compact := signWith(t, edit(t, goodHeader(), nil), edit(t, goodClaims(), nil), "HS256", testKeys().Keys["k1"])
	_, err := newTokens(t, testKeys(), 48*time.Hour).Verify(t.Context(), compact)
	if got := codeOf(t, err); got != "invalid_token" {
		t.Errorf("Verify = %q; a forged token learns that it has expired", got)
	}
}

func TestBearer(t *testing.T) {
	t.Parallel()
	tests := []struct{ value, want string }{
		{"Bearer abc.def.ghi", "abc.def.ghi"},
		{"bearer abc", "abc"},
		{"BEARER abc", "abc"},
		{"Bearer   abc", "abc"},
		{"Bearer abc ", "abc"},
		{"Bearer a-._~+/9==", "a-._~+/9=="},
		{"", ""},
		{"Bearer", ""},
		{"Bearer ", ""},
		{"Bearer =", ""},
		{"Bearerabc", ""},
		{"abc", ""},
		{"Basic abc", ""},
		{"Bearer abc def", ""},
		{"Bearer abc, Bearer def", ""},
		{"Bearer abc,def", ""},
		{"Bearer a=b", ""},
		{"Bearer\tabc", ""},
		{" Bearer abc", ""},
		{"Bearer abc\n", ""},
		{"Bearer \"abc\"", ""},
		{"Bearer äbc", ""},
		{"Bearer a\x00", ""},
		{"\uff22earer abc", ""}, // a full-width letter
		{"Bea\u0280er abc", ""}, // a small capital
	}
	for _, tt := range tests {
		got, err := token.Bearer(tt.value)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("Bearer(%q) = %q, %v; want %q", tt.value, got, err, tt.want)
		}
		if err != nil && codeOf(t, err) != "invalid_token" {
			t.Errorf("Bearer(%q) = %v, want invalid_token", tt.value, err)
		}
	}
}
