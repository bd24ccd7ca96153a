package contract_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// shown is a session as it is listed.
type shown struct {
	ID       string `json:"id"`
	Created  string `json:"created_at"`
	LastUsed string `json:"last_used_at"`
	Expires  string `json:"expires_at"`
	Address  string `json:"address"`
	Agent    string `json:"agent"`
	Current  bool   `json:"current"`
}

// sessions lists those of the token's admin, by id.
func (h *host) sessions(tb testing.TB, token string) map[string]shown {
	tb.Helper()
	all := map[string]shown{}
	for _, s := range decode[struct {
		Data struct{ Sessions []shown }
	}](h.as(tb, token).get("/admin/sessions").want(http.StatusOK)).Data.Sessions {
		all[s.ID] = s
	}
	return all
}

// begin logs in, and returns all that a login gives.
func (h *host) begin(tb testing.TB, f founded) session {
	tb.Helper()
	return decode[session](h.anyone(tb).post("/admin/login", fields{"email": f.Email, "password": f.password},
		with("User-Agent", "contract")).want(http.StatusOK))
}

func (h *host) refresh(tb testing.TB, token string) reply {
	tb.Helper()
	return h.anyone(tb).post("/admin/refresh", fields{"refresh_token": token})
}

// over fails the test unless a session has ended: its access tokens and its refresh token are refused.
func (h *host) over(tb testing.TB, f founded, s session) {
	tb.Helper()
	h.as(tb, s.Token).get("/org/me").refused(http.StatusUnauthorized, "token_revoked")
	h.as(tb, s.Token).get("/org/get", named(f.Name)).refused(http.StatusUnauthorized, "token_revoked")
	h.as(tb, s.Token).
		put("/org/update", fields{"password": f.password}).
		refused(http.StatusUnauthorized, "token_revoked")
	r := h.refresh(tb, s.Refresh)
	r.refused(http.StatusUnauthorized, "invalid_refresh_token")
	if got := r.header.Get("Www-Authenticate"); got != `Bearer error="invalid_grant"` {
		tb.Errorf("%s: WWW-Authenticate is %s", r.what, got)
	}
}

func idOf(tb testing.TB, s session) string {
	tb.Helper()
	_, c := decodeToken(tb, s.Token)
	id, _ := c["sid"].(string)
	return id
}

func testSessions(t *testing.T, h *host) {
	t.Run("are refreshed, without another login", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Refreshed")
		first := h.begin(t, f)
		if first.RefreshExpiresIn != 7*24*3600 {
			t.Errorf("the refresh token is good for %d seconds, want a week", first.RefreshExpiresIn)
		}
		next := decode[session](h.refresh(t, first.Refresh).want(http.StatusOK))
		_, was := decodeToken(t, first.Token)
		_, is := decodeToken(t, next.Token)
		if is["jti"] == was["jti"] || next.Refresh == first.Refresh || next.RefreshExpiresIn != first.RefreshExpiresIn {
			t.Errorf("a refresh gives %+v, after %+v", is, was)
		}
		for _, same := range []string{"sid", "auth_time", "ver", "admin_id", "org_id"} {
			if is[same] != was[same] {
				t.Errorf("%s is %v, was %v", same, is[same], was[same])
			}
		}
		for _, s := range []session{first, next} { // the session lives, and so do all its access tokens
			if got := viewOf(h.as(t, s.Token).get("/org/me").want(http.StatusOK)); got != f.view {
				t.Errorf("its admin sees %+v", got)
			}
		}
		again := decode[session](h.refresh(t, first.Refresh).want(http.StatusOK))
		if again.Refresh != next.Refresh || idOf(t, again) != idOf(t, next) {
			t.Error("a retry is not given the same refresh token, of the same session")
		}
		all := h.sessions(t, next.Token)
		listed, other := all[idOf(t, next)], all[idOf(t, session{Token: f.token})]
		if len(all) != 2 || !listed.Current || other.Current || listed.Agent != "contract" || listed.Address == "" ||
			listed.Address != other.Address ||
			listed.Created > listed.LastUsed ||
			listed.LastUsed >= listed.Expires ||
			other.Created != other.LastUsed {
			t.Errorf("the sessions are %+v", all)
		}
	})
	t.Run("end with a refresh token that is used again", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Replayed")
		first := h.begin(t, f)
		second := decode[session](h.refresh(t, first.Refresh).want(http.StatusOK))
		third := decode[session](h.refresh(t, second.Refresh).want(http.StatusOK))
		h.refresh(t, "omsr_"+strings.Repeat("A", 112)).refused(http.StatusUnauthorized, "invalid_refresh_token")
		h.refresh(t, first.Token).refused(http.StatusUnauthorized, "invalid_refresh_token")
		h.as(t, third.Token).get("/org/me").want(http.StatusOK)
		h.refresh(t, first.Refresh).refused(http.StatusUnauthorized, "invalid_refresh_token")
		for _, s := range []session{first, second, third} {
			h.over(t, f, s)
		}
		h.as(t, f.token).get("/org/me").want(http.StatusOK) // another session
	})
	t.Run("end one by one, and all at once", func(t *testing.T) {
		t.Parallel()
		f, stranger := h.found(t, "Ended"), h.found(t, "Stranger")
		all := []session{h.begin(t, f), h.begin(t, f), h.begin(t, f)}
		ended := func(r reply) {
			t.Helper()
			if body := decode[struct{ Status string }](r.want(http.StatusOK)); body.Status != "ended" {
				t.Errorf("%s = %s", r.what, r.body)
			}
		}
		for _, none := range []string{idOf(t, session{Token: stranger.token}), "x", strings.Repeat("0", 24)} {
			h.as(t, f.token).delete("/admin/sessions/"+none, nil).refused(http.StatusNotFound, "session_not_found")
		}
		ended(h.as(t, all[0].Token).post("/admin/logout", nil))
		h.over(t, f, all[0])
		ended(h.as(t, f.token).delete("/admin/sessions/"+idOf(t, all[1]), nil))
		h.over(t, f, all[1])
		h.as(t, f.token).
			delete("/admin/sessions/"+idOf(t, all[1]), nil).
			refused(http.StatusNotFound, "session_not_found")
		if got := h.sessions(t, f.token); len(got) != 2 || got[idOf(t, all[2])].ID == "" {
			t.Errorf("then the sessions are %+v", got)
		}
		ended(h.as(t, f.token).post("/admin/logout-all", nil))
		h.over(t, f, all[2])
		h.as(t, f.token).get("/org/me").refused(http.StatusUnauthorized, "token_revoked")
		h.as(t, stranger.token).get("/org/me").want(http.StatusOK)
		h.login(t, f.Email, f.password)
	})
	t.Run("are needed, but for tokens that an older version made", func(t *testing.T) {
		t.Parallel()
		key := h.signingKey(t)
		f := h.found(t, "Older")
		header, body := decodeToken(t, f.token)
		delete(body, "sid")
		one := signToken(t, header, body, key)
		forbidden(h.as(t, one).get("/org/me"))
		delete(body, "auth_time")
		older := signToken(t, header, body, key)
		if all := h.sessions(t, older); len(all) != 1 || all[idOf(t, session{Token: f.token})].Current {
			t.Errorf("its sessions are %+v", all)
		}
		h.as(t, older).put("/org/update", fields{"email": freshEmail()}).
			refused(http.StatusUnauthorized, "reauthentication_required")
		h.as(t, older).post("/admin/logout", nil).want(http.StatusOK)
		for _, token := range []string{older, f.token} {
			h.as(t, token).get("/org/me").refused(http.StatusUnauthorized, "token_revoked")
		}
	})
}

// testOldLogins: what a login of a while ago is not good for.
func testOldLogins(t *testing.T, h *host) {
	key := h.signingKey(t)
	f := h.found(t, "Old Login")
	// aged is a token like another, of a login of so long ago.
	aged := func(token string, ago time.Duration) string {
		t.Helper()
		header, body := decodeToken(t, token)
		body = maps.Clone(body)
		body["auth_time"] = time.Now().Add(-ago).Unix()
		return signToken(t, header, body, key)
	}
	admin, email := h.as(t, aged(f.token, 16*time.Minute)), freshEmail()
	for _, r := range []reply{
		admin.put("/org/update", fields{"email": email}),
		admin.put("/org/update", fields{"email": email, "organization_name": freshName("No")}),
		admin.delete("/org/delete", nil, named(f.Name)),
		admin.delete("/org/delete", fields{"organization_name": f.Name}),
	} {
		r.refused(http.StatusUnauthorized, "reauthentication_required")
		want := `Bearer error="insufficient_user_authentication", error_description="`
		if got := r.header.Get("Www-Authenticate"); !strings.HasPrefix(got, want) ||
			!strings.HasSuffix(got, `", max_age="900"`) {
			t.Errorf("%s: WWW-Authenticate is %s", r.what, got)
		}
	}
	admin.put("/org/update", fields{"email": email, "password": "wrong"}).
		refused(http.StatusForbidden, "wrong_password")
	admin.delete("/org/delete", fields{"organization_name": f.Name, "password": "wrong"}).
		refused(http.StatusForbidden, "wrong_password")
	if got := h.look(t, f, f.Name); got != f.view {
		t.Errorf("it is %+v, was %+v", got, f.view)
	}
	// All else it is good for; and with the password for all.
	renamed := freshName("Old Login")
	admin.put("/org/update", fields{"organization_name": renamed, "email": f.Email}).want(http.StatusOK)
	admin.put("/org/update", fields{"email": email, "password": f.password}).want(http.StatusOK)
	admin = h.as(t, aged(h.login(t, email, f.password), 16*time.Minute))
	admin.put("/org/update", fields{"password": f.password, "new_password": f.password + " new"}).want(http.StatusOK)
	admin = h.as(t, aged(h.login(t, email, f.password+" new"), 14*time.Minute))
	admin.put("/org/update", fields{"email": f.Email}).want(http.StatusOK)
	admin = h.as(t, aged(h.login(t, f.Email, f.password+" new"), 16*time.Minute))
	admin.delete("/org/delete", fields{"password": f.password + " new"}, named(renamed)).want(http.StatusOK)
}
