package contract_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"oms/shared/must"
)

// claims are what a token says.
type claims map[string]any

// decodeToken returns a token's header and claims without verifying it.
func decodeToken(tb testing.TB, token string) (header, body claims) {
	tb.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		tb.Fatalf("a token has %d parts, want 3", len(parts))
	}
	for i, into := range []*claims{&header, &body} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			tb.Fatalf("part %d of a token: %v", i, err)
		}
	}
	return header, body
}

// signToken makes a token with HS256.
func signToken(tb testing.TB, header, body claims, secret string) string {
	tb.Helper()
	var parts []string
	for _, part := range []claims{header, body} {
		text := must.Get(json.Marshal(part))(tb)
		parts = append(parts, base64.RawURLEncoding.EncodeToString(text))
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strings.Join(parts, ".")))
	return strings.Join(append(parts, base64.RawURLEncoding.EncodeToString(mac.Sum(nil))), ".")
}

func testLogin(t *testing.T, h *host) {
	f := h.found(t, "Login")
	t.Run("a token", func(t *testing.T) {
		t.Parallel()
		before := time.Now()
		r := h.anyone(t).post("/admin/login", fields{"email": f.Email, "password": f.password}).want(http.StatusOK)
		s := decode[session](r)
		if s.Type != "bearer" || s.ExpiresIn != 3600 && h.program != nil || s.ExpiresIn < 60 {
			t.Errorf("it is %+v", s)
		}
		header, body := decodeToken(t, s.Token)
		if alg, _ := header["alg"].(string); !strings.HasPrefix(alg, "HS") || alg != "HS256" && h.program != nil ||
			header["kid"] == "" {
			t.Errorf("the header is %v", header)
		}
		if body["org_id"] != f.ID || body["sub"] != body["admin_id"] {
			t.Errorf("the claims are %v, want org_id %s and sub = admin_id", body, f.ID)
		}
		iat, _ := body["iat"].(float64)
		exp, _ := body["exp"].(float64)
		if at, _ := body["auth_time"].(float64); at > iat || at < iat-60 {
			t.Errorf("auth_time is %v, iat %v", body["auth_time"], iat)
		}
		if body["nbf"] != body["iat"] || int64(exp-iat) != s.ExpiresIn || iat < float64(before.Unix()-60) ||
			iat > float64(time.Now().Unix()+60) {
			t.Errorf("the times are %v; it is %d now", body, before.Unix())
		}
		_, other := decodeToken(t, h.login(t, f.Email, f.password))
		if other["jti"] == body["jti"] || other["sid"] == body["sid"] || other["ver"] != body["ver"] {
			t.Errorf("the next token says %v, after %v", other, body)
		}
	})
	t.Run("an unknown address and a wrong password are one answer", func(t *testing.T) {
		t.Parallel()
		unknown := h.anyone(t).post("/admin/login", fields{"email": freshEmail(), "password": f.password})
		wrong := h.anyone(t).post("/admin/login", fields{"email": f.Email, "password": f.password + "x"})
		a, b := unknown.refused(http.StatusUnauthorized, "invalid_credentials"), wrong.refused(http.StatusUnauthorized,
			"invalid_credentials")
		a.RequestID, b.RequestID = "", ""
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("they differ (-unknown +wrong):\n%s", diff)
		}
		for _, name := range []string{
			"Www-Authenticate", "Content-Type", "Content-Length", "Cache-Control", "Retry-After",
		} {
			if unknown.header.Get(name) != wrong.header.Get(name) {
				t.Errorf("%s is %q and %q", name, unknown.header.Get(name), wrong.header.Get(name))
			}
		}
	})
}

func testTokens(t *testing.T, h *host) {
	// everywhere fails the test where a token is not refused with that code.
	everywhere := func(t *testing.T, token, name, code string) {
		t.Helper()
		admin := h.as(t, token)
		admin.put("/org/update", fields{"organization_name": freshName("No")}).refused(http.StatusUnauthorized, code)
		admin.delete("/org/delete", nil, named(name)).refused(http.StatusUnauthorized, code)
		admin.delete("/org/delete", fields{"organization_name": name}).refused(http.StatusUnauthorized, code)
		admin.get("/org/me").refused(http.StatusUnauthorized, code)
		admin.get("/admin/sessions").refused(http.StatusUnauthorized, code)
		admin.delete("/admin/sessions/"+strings.Repeat("0", 24), nil).refused(http.StatusUnauthorized, code)
		admin.post("/admin/logout", nil).refused(http.StatusUnauthorized, code)
		admin.post("/admin/logout-all", nil).refused(http.StatusUnauthorized, code)
	}
	t.Run("revoked by a new password", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Revoked")
		second := h.begin(t, f)
		h.as(t, f.token).put("/org/update", fields{"password": f.password, "new_password": f.password + "2"}).
			want(http.StatusOK)
		everywhere(t, f.token, f.Name, "token_revoked")
		h.over(t, f, second)
		h.locked(t, f.Email, f.password)
		fresh := h.login(t, f.Email, f.password+"2")
		h.as(t, fresh).put("/org/update", fields{"email": f.Email}).want(http.StatusOK)
		if h.program == nil { // for the clean-up
			h.as(t, fresh).put("/org/update", fields{"password": f.password + "2", "new_password": f.password}).
				want(http.StatusOK)
		}
	})
	t.Run("revoked by a new email", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Revoked")
		second, email := h.begin(t, f), freshEmail()
		h.as(t, f.token).put("/org/update", fields{"admin_email": email}).want(http.StatusOK)
		everywhere(t, f.token, f.Name, "token_revoked")
		h.over(t, f, second)
		h.locked(t, f.Email, f.password)
		admin := h.as(t, h.login(t, email, f.password))
		if got := viewOf(admin.get("/org/me").want(http.StatusOK)); got.Email != email {
			t.Errorf("its admin sees %+v", got)
		}
		admin.delete("/org/delete", nil, named(f.Name)).want(http.StatusOK)
	})
	t.Run("revoked by a deletion", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Revoked")
		second := h.begin(t, f)
		h.as(t, f.token).delete("/org/delete", nil, named(f.Name)).want(http.StatusOK)
		everywhere(t, f.token, f.Name, "token_revoked")
		h.over(t, f, second)
		h.locked(t, f.Email, f.password)
		// A new organization with the same admin does not bring them back.
		other := freshName("Next")
		h.create(t, other, f.Email, f.password).want(http.StatusCreated)
		everywhere(t, f.token, other, "token_revoked")
	})
	t.Run("kept by everything else", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Kept")
		admin := h.as(t, f.token)
		name := freshName("Kept on")
		admin.put("/org/update", fields{"organization_name": name}).want(http.StatusOK)
		admin.put("/org/update", fields{"admin_email": f.Email}).want(http.StatusOK)
		admin.put("/org/update", fields{"password": f.password}).want(http.StatusOK)
		h.locked(t, f.Email, "wrong")
		if got := h.look(t, f, name); got.Email != f.Email {
			t.Errorf("its admin sees %+v", got)
		}
		admin.delete("/org/delete", nil, named(name)).want(http.StatusOK)
	})
	t.Run("forged and expired", func(t *testing.T) {
		t.Parallel()
		secret := h.signingKey(t)
		f := h.found(t, "Forged")
		header, body := decodeToken(t, f.token)
		change := func(of, by claims) claims {
			c := maps.Clone(of)
			maps.Copy(c, by)
			return c
		}
		if r := h.as(t, signToken(t, header, body, secret)).get("/org/get", named(f.Name)); r.status != http.StatusOK {
			t.Fatalf("a token that is right = %d %s: the others would prove nothing", r.status, r.body)
		}
		now := time.Now().Unix()
		for about, tc := range map[string]struct{ token, code string }{
			"expired": {
				signToken(t, header, change(body, claims{
					"iat": now - 7200, "nbf": now - 7200, "exp": now - 3600,
				}), secret),
				"token_expired",
			},
			"another key":  {signToken(t, header, body, "another secret of thirty-two bytes"), "invalid_token"},
			"no algorithm": {signToken(t, change(header, claims{"alg": "none"}), body, ""), "invalid_token"},
			"no token":     {"x.y.z", "invalid_token"},
		} {
			h.as(t, tc.token).get("/org/get", named(f.Name)).refused(http.StatusUnauthorized, tc.code)
			forbidden(h.as(t, tc.token).put("/org/update", fields{"organization_name": freshName("No")}))
			forbidden(h.as(t, tc.token).delete("/org/delete", nil, named(f.Name)))
			if t.Failed() {
				t.Fatalf("the token was %s", about)
			}
		}
		// Signed rightly, for an admin, an organization or a session that is not there.
		for _, who := range []string{"ver", "admin_id", "org_id", "sid"} {
			c := change(body, claims{who: strings.Repeat("0", 24)})
			c["sub"] = c["admin_id"]
			everywhere(t, signToken(t, header, c, secret), f.Name, "token_revoked")
		}
		if got := h.look(t, f, f.Name); got != f.view {
			t.Errorf("it is %+v, was %+v", got, f.view)
		}
	})
}
