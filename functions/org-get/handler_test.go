package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"oms/shared/edge"
	"oms/shared/edge/edgetest"
	"oms/shared/fault"
	"oms/shared/organization"
	"oms/shared/token"
)

type fakeGetter struct {
	who  token.Principal
	name string
	err  error
}

func (f *fakeGetter) Get(_ context.Context, who token.Principal, name string) (organization.View, error) {
	f.who, f.name = who, name
	if f.err != nil {
		return organization.View{}, f.err
	}
	v := organization.View{
		ID: organization.ID{0xab, 11: 1}, Name: "Test Org", Collection: "org_test_org",
		CreatedAt: time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC), UpdatedAt: time.Date(2026, 3, 4, 5, 6, 8, 0, time.UTC), Version: 7,
	}
	if !who.Anonymous() {
		v.AdminEmail = "admin@test.com"
	}
	return v, nil
}

// fakeVerifier knows one token.
type fakeVerifier struct{ err error }

func (f fakeVerifier) Verify(_ context.Context, compact string) (token.Principal, error) {
	switch {
	case f.err != nil:
		return token.Principal{}, f.err
	case compact != "good.token":
		return token.Principal{}, fault.New(fault.Unauthenticated, "invalid_token", "d")
	}
	return token.Principal{AdminID: "a", OrgID: "o", CredentialVersion: "v"}, nil
}

const (
	public = `{"status":"success","data":{"id":"ab0000000000000000000001","organization_name":"Test Org","collection_name":"org_test_org",` +
		`"created_at":"2026-03-04T05:06:07.089Z","updated_at":"2026-03-04T05:06:08.000Z","version":7}}`
	private = `{"status":"success","data":{"id":"ab0000000000000000000001","organization_name":"Test Org","collection_name":"org_test_org",` +
		`"admin_email":"admin@test.com","created_at":"2026-03-04T05:06:07.089Z","updated_at":"2026-03-04T05:06:08.000Z","version":7}}`
)

func TestGet(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		query     string
		header    map[string]string
		getErr    error
		verifyErr error
		status    int
		body      string // whole where it starts with {"status", otherwise a piece of it
		asked     string
	}{
		{name: "anybody", query: "organization_name=Test+Org", status: 200, body: public, asked: "Test Org"},
		{name: "percent encoding", query: "a=b&organization%5fname=Z%C3%BCrich%20100%25&c", status: 200, body: public, asked: "Zürich 100%"},
		{name: "the organization's admin", query: "organization_name=Test", header: map[string]string{"Authorization": "bearer good.token"}, status: 200, body: private, asked: "Test"},
		{name: "a token that does not verify", query: "organization_name=Test", header: map[string]string{"Authorization": "Bearer bad"}, status: 401, body: `"code":"invalid_token"`},
		{name: "an empty token", query: "organization_name=Test", header: map[string]string{"Authorization": "Bearer "}, status: 401, body: `"code":"invalid_token"`},
		{name: "an empty header", query: "organization_name=Test", header: map[string]string{"Authorization": ""}, status: 401, body: `"code":"invalid_token"`},
		{name: "another scheme", query: "organization_name=Test", header: map[string]string{"Authorization": "Basic good.token"}, status: 401, body: `"code":"invalid_token"`},
		{name: "keys that cannot be read", query: "organization_name=Test", header: map[string]string{"Authorization": "Bearer good.token"}, verifyErr: errors.New("arn:secret"), status: 500, body: `"code":"internal_error"`},
		{name: "no parameter", query: "", status: 422, body: `"errors":[{"field":"organization_name","code":"missing"`},
		{name: "a parameter in another case", query: "Organization_Name=x", status: 422, body: `"errors":[{"field":"organization_name","code":"missing"`},
		{name: "an empty parameter", query: "organization_name=", status: 422, body: `"errors":[{"field":"organization_name","code":"too_short"`},
		{name: "a parameter without a value", query: "organization_name", status: 422, body: `"errors":[{"field":"organization_name","code":"too_short"`},
		{name: "a parameter twice", query: "organization_name=Test&organization_name=Test", status: 422, body: `"errors":[{"field":"organization_name","code":"repeated"`},
		{name: "a broken escape", query: "organization_name=%zz", status: 422, body: `"errors":[{"field":"organization_name","code":"invalid"`},
		{name: "bytes that are no UTF-8", query: "organization_name=%ff", status: 422, body: `"errors":[{"field":"organization_name","code":"invalid"`},
		{name: "no organization", query: "organization_name=Test", getErr: fault.New(fault.NotFound, "organization_not_found", "d"), status: 404, body: `"code":"organization_not_found"`, asked: "Test"},
		{name: "a revoked token", query: "organization_name=Test", getErr: fault.New(fault.Unauthenticated, "token_revoked", "d"), status: 401, body: `"code":"token_revoked"`, asked: "Test"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fakeGetter{err: tt.getErr}
			got := edgetest.Send(t, edge.Public(get(f, fakeVerifier{tt.verifyErr})),
				edgetest.Request{Method: "GET", Path: "/org/get", Query: tt.query, Header: tt.header})
			if got.Status != tt.status || f.name != tt.asked {
				t.Errorf("status = %d %s, asked for %q; want %d, %q", got.Status, got.Body, f.name, tt.status, tt.asked)
			}
			if whole := strings.HasPrefix(tt.body, `{"status"`); whole && got.Body != tt.body || !strings.Contains(got.Body, tt.body) {
				t.Errorf("body = %s, want %s", got.Body, tt.body)
			}
			if tt.status == 200 && got.Header.Get("ETag") != `"7"` {
				t.Errorf("ETag = %q, want %q", got.Header.Get("ETag"), `"7"`)
			}
			if named := strings.Contains(got.Log, `"admin_id":"a","org_id":"o"`); named != (f.who.AdminID == "a") {
				t.Errorf("the log names the caller %t: %s", named, got.Log)
			}
			if tt.status == 401 && got.Header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
				t.Errorf("WWW-Authenticate = %q", got.Header.Get("WWW-Authenticate"))
			}
			if strings.Contains(got.Log, "good.token") || strings.Contains(got.Log, "organization_name") {
				t.Errorf("the log has the token or the query: %s", got.Log)
			}
		})
	}
}
