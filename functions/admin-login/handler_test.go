package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"oms/shared/admin"
	"oms/shared/edge"
	"oms/shared/edge/edgetest"
	"oms/shared/fault"
)

type fakeAuthenticator struct {
	email, password string
	err             error
}

func (f *fakeAuthenticator) Login(_ context.Context, email, password string) (admin.Session, error) {
	f.email, f.password = email, password
	if f.err != nil {
		return admin.Session{}, f.err
	}
	return admin.Session{AccessToken: "a.b.c", ExpiresIn: time.Hour, AdminID: "admin1", OrgID: "org1"}, nil
}

func TestLogin(t *testing.T) {
	t.Parallel()
	const valid = `{"email":" Admin@test.com","password":" secret123 "}`
	for _, tt := range []struct {
		name, body string
		err        error
		status     int
		want       string
		header     map[string]string
	}{
		{"right", valid, nil, 200, `{"access_token":"a.b.c","token_type":"bearer","expires_in":3600}`, map[string]string{"Cache-Control": "no-store", "Www-Authenticate": ""}},
		{
			"wrong", valid, fault.New(fault.Unauthenticated, "invalid_credentials", "d"), 401, `"code":"invalid_credentials"`,
			map[string]string{"Www-Authenticate": `Bearer error="invalid_grant"`},
		},
		{"without a database", valid, fault.New(fault.Unavailable, "storage_unavailable", "d"), 503, `"code":"storage_unavailable"`, map[string]string{"Retry-After": "1"}},
		{"with a defect", valid, errors.New("hash of admin@test.com"), 500, `"code":"internal_error"`, nil},
		{"an empty object", `{}`, nil, 422, `"errors":[{"field":"email","code":"missing","detail":"this field is needed"},{"field":"password","code":"missing"`, nil},
		{"a field in another case", `{"Email":"a","password":"b"}`, nil, 422, `{"field":"Email","code":"unknown"`, nil},
		{"a selector", `{"email":{"$gt":""},"password":null}`, nil, 422, `"errors":[{"field":"email","code":"wrong_type","detail":"this field must be a string"},{"field":"password","code":"wrong_type"`, nil},
		{"no JSON", `email=a&password=b`, nil, 400, `"code":"malformed_json"`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fakeAuthenticator{err: tt.err}
			got := edgetest.Send(t, edge.Public(login(f)), edgetest.Request{Method: "POST", Path: "/admin/login", JSON: tt.body})
			if got.Status != tt.status || !strings.Contains(got.Body, tt.want) || tt.status == 200 && got.Body != tt.want {
				t.Errorf("answer = %d %s, want %d %s", got.Status, got.Body, tt.status, tt.want)
			}
			for name, want := range tt.header {
				if v := got.Header.Get(name); v != want {
					t.Errorf("header %s = %q, want %q", name, v, want)
				}
			}
			if tt.body == valid && (f.email != " Admin@test.com" || f.password != " secret123 ") || tt.body != valid && f.email != "" {
				t.Errorf("asked for %q, %q", f.email, f.password)
			}
			if named := strings.Contains(got.Log, `"admin_id":"admin1","org_id":"org1"`); named != (tt.status == 200) {
				t.Errorf("the log names the admin %t: %s", named, got.Log)
			}
			for _, secret := range []string{"secret123", "dmin@test.com", "a.b.c"} {
				if strings.Contains(got.Log, secret) {
					t.Errorf("the log has %q: %s", secret, got.Log)
				}
			}
		})
	}
}
