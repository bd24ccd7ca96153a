package adminlogin

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"oms/shared/admin"
	"oms/shared/edge"
	"oms/shared/edge/edgetest"
	"oms/shared/fault"
	"oms/shared/token"
)

type fakeAuthenticator struct {
	email, password string
	from            admin.From
	refresh         token.Refresh
	err             error
}

func (f *fakeAuthenticator) Login(_ context.Context, email, password string, from admin.From) (admin.Grant, error) {
	f.email, f.password, f.from = email, password, from
	if f.err != nil {
		return admin.Grant{}, f.err
	}
	return admin.Grant{
		AccessToken: "a.b.c", ExpiresIn: time.Hour, RefreshToken: f.refresh, RefreshExpiresIn: 168 * time.Hour,
		AdminID: "admin1", OrgID: "org1",
	}, nil
}

func (f *fakeAuthenticator) EmailHash(email string) string {
	return fmt.Sprintf("%016x", len(email))
}

func TestLogin(t *testing.T) {
	t.Parallel()
	refresh := token.NewRefresh([12]byte{1}, [12]byte{2}, [12]byte{3})
	const valid = `{"email":" Admin@test.com","password":" secret123 "}`
	for _, tt := range []struct {
		name, body string
		err        error
		status     int
		want       string
		header     map[string]string
	}{
		{
			"right", valid, nil, 200,
			`{"access_token":"a.b.c","token_type":"bearer","expires_in":3600,"refresh_token":"` +
				refresh.Reveal() + `","refresh_token_expires_in":604800}`,
			map[string]string{"Cache-Control": "no-store", "Www-Authenticate": ""},
		},
		{
			"wrong", valid, fault.New(fault.Unauthenticated, "invalid_credentials", "d"), 401,
			`"code":"invalid_credentials"`,
			map[string]string{"Www-Authenticate": `Bearer error="invalid_grant"`},
		},
		{
			"right, and not confirmed", valid, fault.New(fault.Forbidden, "email_unconfirmed", "d"), 403,
			`"code":"email_unconfirmed"`, nil,
		},
		{
			"an empty object", `{}`, nil, 422, `"errors":[{"field":"email","code":"missing","detail":"this field is ` +
				`needed"},{"field":"password","code":"missing"`, nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fakeAuthenticator{err: tt.err, refresh: refresh}
			got := edgetest.Send(t, edge.Public(login(f)), edgetest.Request{
				Method: "POST", Path: "/admin/login", JSON: tt.body,
				Header: map[string]string{"User-Agent": "curl/8", "X-Forwarded-For": "198.51.100.7"},
			})
			got.Wants(t, tt.status, tt.want)
			for name, want := range tt.header {
				if v := got.Header.Get(name); v != want {
					t.Errorf("header %s = %q, want %q", name, v, want)
				}
			}
			if tt.body == valid && (f.email != " Admin@test.com" || f.password != " secret123 ") ||
				tt.body != valid && f.email != "" ||
				f.email != "" && f.from != (admin.From{Address: "192.0.2.1", Agent: "curl/8"}) {
				t.Errorf("asked for %q, %q from %+v", f.email, f.password, f.from)
			}
			if named := strings.Contains(got.Log, `"admin_id":"admin1","org_id":"org1"`); named != (tt.status == 200) {
				t.Errorf("the log names the admin %t: %s", named, got.Log)
			}
			if hashed := strings.Contains(got.Log, `"email_hash":"000000000000000f"`); hashed != (tt.body == valid) {
				t.Errorf("the log has the hash of the address %t: %s", hashed, got.Log)
			}
			got.Hides(t, "secret123", "dmin@test.com", "a.b.c", refresh.Reveal())
		})
	}
}
