package adminsessions

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"oms/shared/admin"
	"oms/shared/edge/edgetest"
	"oms/shared/fault"
	"oms/shared/organization"
	"oms/shared/token"
)

const own = "fedcba9876543210fedcba98"

// fake is an admin with two sessions.
type fake struct {
	did     string // what was asked, and of whom
	refresh token.Refresh
	err     error
}

func (f *fake) Refresh(_ context.Context, text string) (admin.Grant, error) {
	f.did = "refresh " + text
	return admin.Grant{
		AccessToken: "a.b.c", ExpiresIn: time.Hour, RefreshToken: f.refresh, RefreshExpiresIn: 168 * time.Hour,
		AdminID: "admin1", OrgID: "org1",
	}, f.err
}

func (f *fake) Sessions(_ context.Context, who token.Principal) ([]organization.Session, error) {
	f.did = "list " + who.Session
	at := time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC)
	id, err := organization.ParseID(own)
	return []organization.Session{
		{
			ID:       organization.ID{0xab, 11: 1},
			LoggedIn: at,
			Used:     at.Add(time.Hour),
			Expires:  at.Add(2 * time.Hour),
			Address:  "198.51.100.9",
			Agent:    `curl <"8">`,
			Current:  "hash",
			Family:   "hash",
		},
		{ID: id, LoggedIn: at, Used: at, Expires: at},
	}, errors.Join(err, f.err)
}

func (f *fake) EndSession(_ context.Context, who token.Principal, id string) error {
	f.did = "end " + id + " " + who.Session
	return f.err
}

func (f *fake) Logout(_ context.Context, who token.Principal) error {
	f.did = "logout " + who.Session
	return f.err
}

func (f *fake) LogoutAll(_ context.Context, who token.Principal) error {
	f.did = "logout-all " + who.Session
	return f.err
}

func TestSessions(t *testing.T) {
	t.Parallel()
	who := token.Principal{
		AdminID: "0123456789abcdef01234567", OrgID: "76543210fedcba9876543210", CredentialVersion: "v1",
		Session: own, AuthTime: time.Unix(1, 0), Expires: time.Now().Add(time.Hour),
	}
	const (
		tokens = `{"access_token":"a.b.c","token_type":"bearer","expires_in":3600,"refresh_token":"`
		listed = `{"status":"success","data":{"sessions":[` +
			`{"id":"ab0000000000000000000001","created_at":"2026-03-04T05:06:07.089Z",` +
			`"last_used_at":"2026-03-04T06:06:07.089Z","expires_at":"2026-03-04T07:06:07.089Z",` +
			`"address":"198.51.100.9","agent":"curl <\"8\">","current":false},` +
			`{"id":"fedcba9876543210fedcba98","created_at":"2026-03-04T05:06:07.089Z",` +
			`"last_used_at":"2026-03-04T05:06:07.089Z","expires_at":"2026-03-04T05:06:07.089Z",` +
			`"address":"","agent":"","current":true}]}}`
		ended = `{"status":"ended"}`
		route = "DELETE /admin/sessions/{id}"
	)
	var nobody token.Principal
	next := token.NewRefresh(organization.ID{1}, organization.ID{2}, organization.ID{3})
	refresh := next.Reveal()
	invalid := fault.New(fault.Unauthenticated, "invalid_refresh_token", "d")
	for _, tt := range []struct {
		name, method, path, route, body string
		who                             token.Principal
		err                             error
		status                          int
		want, did                       string
	}{
		{
			"a refresh", "POST", "/admin/refresh", "", `{"refresh_token":"` + refresh + `"}`,
			nobody, nil, 200, tokens + refresh + `","refresh_token_expires_in":604800}`, "refresh " + refresh,
		},
		{
			"a refresh by what is none", "POST", "/admin/refresh", "", `{"refresh_token":"x"}`,
			nobody, invalid, 401, `"code":"invalid_refresh_token"`, "refresh x",
		},
		{
			"a refresh by nothing", "POST", "/admin/refresh", "", `{}`,
			nobody, nil, 422, `[{"field":"refresh_token","code":"missing"`, "",
		},
		{"the list", "GET", "/admin/sessions", "", "", who, nil, 200, listed, "list " + own},
		{
			"the list of a token that was revoked", "GET", "/admin/sessions", "", "", who,
			fault.New(fault.Unauthenticated, "token_revoked", "d"), 401, `"code":"token_revoked"`, "list " + own,
		},
		{"the list of nobody", "GET", "/admin/sessions", "", "", nobody, nil, 401, `"code":"invalid_token"`, ""},
		{
			"an end", "DELETE", "/admin/sessions/ab0000000000000000000001", route, "", who, nil, 200, ended,
			"end ab0000000000000000000001 " + own,
		},
		{
			"an end of none", "DELETE", "/admin/sessions/x", route, "", who,
			fault.New(fault.NotFound, "session_not_found", "d"), 404, `"code":"session_not_found"`, "end x " + own,
		},
		{"an end by nobody", "DELETE", "/admin/sessions/x", route, "", nobody, nil, 401, `"code":"invalid_token"`, ""},
		{"a logout", "POST", "/admin/logout", "", "", who, nil, 200, ended, "logout " + own},
		{"a logout everywhere", "POST", "/admin/logout-all", "", "", who, nil, 200, ended, "logout-all " + own},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{refresh: next, err: tt.err}
			got := edgetest.Send(t, routes(f, f),
				edgetest.Request{Method: tt.method, Path: tt.path, Route: tt.route, JSON: tt.body, Who: tt.who})
			got.Wants(t, tt.status, tt.want)
			if f.did != tt.did {
				t.Errorf("it asked for %q, want %q", f.did, tt.did)
			}
			named := strings.Contains(got.Log, `"admin_id":"admin1","org_id":"org1"`)
			if refreshed := tt.status == 200 && tt.path == "/admin/refresh"; named != refreshed {
				t.Errorf("the log names the admin %t: %s", named, got.Log)
			}
			got.Hides(t, refresh, "a.b.c", "curl", "198.51")
		})
	}
}
