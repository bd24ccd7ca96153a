package contract_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func testGet(t *testing.T, h *host) {
	f := h.found(t, "Get Me")
	other := h.found(t, "Not Me")
	public := f.view
	public.Email = ""

	t.Run("whoever asks", func(t *testing.T) {
		t.Parallel()
		for about, tc := range map[string]struct {
			token string
			want  view
		}{
			"anybody":          {"", public},
			"its own admin":    {f.token, f.view},
			"another's, valid": {other.token, public},
		} {
			r := h.as(t, tc.token).get("/org/get", named(f.Name)).want(http.StatusOK)
			if got := viewOf(r); got != tc.want {
				t.Errorf("%s sees %+v, want %+v", about, got, tc.want)
			}
			if has := strings.Contains(string(r.body), "admin_email"); has != (tc.want.Email != "") {
				t.Errorf("%s sees %s", about, r.body)
			}
			if got := r.header.Get("ETag"); got != f.etag() {
				t.Errorf("%s: ETag is %s, want %s", about, got, f.etag())
			}
		}
	})
	t.Run("by its token", func(t *testing.T) {
		t.Parallel()
		r := h.as(t, f.token).get("/org/me").want(http.StatusOK)
		if got := viewOf(r); got != f.view || r.header.Get("ETag") != f.etag() {
			t.Errorf("its own admin sees %+v with ETag %s, want %+v", got, r.header.Get("ETag"), f.view)
		}
		gatewayAnswer(h.anyone(t).get("/org/me"), http.StatusUnauthorized, "Unauthorized")
	})
	t.Run("by key", func(t *testing.T) {
		t.Parallel()
		key := f.key()
		for _, typed := range []string{
			strings.ToLower(f.Name), strings.ToUpper(f.Name), "  " + f.Name + " ", key, strings.ReplaceAll(f.Name, " ",
				"-"),
		} {
			if got := viewOf(h.anyone(t).get("/org/get", named(typed)).want(http.StatusOK)); got != public {
				t.Errorf("%q finds %+v, want %+v", typed, got, public)
			}
		}
		// A plus is a space, as in forms.
		if got := viewOf(h.anyone(t).get("/org/get", query("organization_name="+strings.ReplaceAll(f.Name, " ", "+"))).
			want(http.StatusOK)); got != public {
			t.Errorf("with + it finds %+v, want %+v", got, public)
		}
		if got := viewOf(h.anyone(t).get("/org/get", query("x=1&"+url.Values{"organization_name": {f.Name}}.Encode())).
			want(http.StatusOK)); got != public {
			t.Errorf("beside another parameter it finds %+v, want %+v", got, public)
		}
	})
	t.Run("not found", func(t *testing.T) {
		t.Parallel()
		for _, token := range []string{"", f.token} {
			h.as(t, token).get("/org/get", named("Nobody "+suffix())).refused(http.StatusNotFound,
				"organization_not_found")
		}
	})
}
