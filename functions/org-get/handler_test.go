package orgget

import (
	"context"
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
		CreatedAt: time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC),
		UpdatedAt: time.Date(2026, 3, 4, 5, 6, 8, 0, time.UTC), Version: 7,
	}
	if !who.Anonymous() {
		v.AdminEmail, v.EmailConfirmed = "admin@test.com", true
	}
	return v, nil
}

func (f *fakeGetter) Own(ctx context.Context, who token.Principal) (organization.View, error) {
	return f.Get(ctx, who, "its own")
}

// fakeVerifier knows one token.
type fakeVerifier struct{}

func (fakeVerifier) Verify(_ context.Context, compact string) (token.Principal, error) {
	if compact != "good.token" {
		return token.Principal{}, fault.New(fault.Unauthenticated, "invalid_token", "d")
	}
	return token.Principal{AdminID: "a", OrgID: "o", CredentialVersion: "v"}, nil
}

const (
	public = `{"status":"success","data":{"id":"ab0000000000000000000001","organization_name":"Test Org",` +
		`"collection_name":"org_test_org",` +
		`"created_at":"2026-03-04T05:06:07.089Z","updated_at":"2026-03-04T05:06:08.000Z","version":7}}`
	private = `{"status":"success","data":{"id":"ab0000000000000000000001","organization_name":"Test Org",` +
		`"collection_name":"org_test_org",` +
		`"admin_email":"admin@test.com","email_confirmed":true,"created_at":"2026-03-04T05:06:07.089Z",` +
		`"updated_at":"2026-03-04T05:06:08.000Z","version":7}}`
)

func TestGet(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		query  string
		header map[string]string
		getErr error
		status int
		body   string
		asked  string
	}{
		{name: "anybody", query: "organization_name=Test+Org", status: 200, body: public, asked: "Test Org"},
		{
			name: "percent encoding", query: "a=b&organization%5fname=Z%C3%BCrich%20100%25&c", status: 200,
			body: public, asked: "Zürich 100%",
		},
		{
			name: "the organization's admin", query: "organization_name=Test",
			header: map[string]string{"Authorization": "bearer good.token"}, status: 200, body: private,
			asked: "Test",
		},
		{
			name: "a token that does not verify", query: "organization_name=Test",
			header: map[string]string{"Authorization": "Bearer bad"}, status: 401, body: `"code":"invalid_token"`,
		},
		{
			name: "another scheme", query: "organization_name=Test",
			header: map[string]string{"Authorization": "Basic good.token"}, status: 401,
			body: `"code":"invalid_token"`,
		},
		{
			name: "no organization", query: "organization_name=Test", getErr: fault.New(fault.NotFound,
				"organization_not_found", "d"), status: 404, body: `"code":"organization_not_found"`, asked: "Test",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fakeGetter{err: tt.getErr}
			got := edgetest.Send(t, edge.Public(get(f, fakeVerifier{})),
				edgetest.Request{Method: "GET", Path: "/org/get", Query: tt.query, Header: tt.header})
			if got.Wants(t, tt.status, tt.body); f.name != tt.asked {
				t.Errorf("asked for %q, want %q", f.name, tt.asked)
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
			got.Hides(t, "good.token", "organization_name")
		})
	}
}

func TestGet_refusesQuery(t *testing.T) {
	t.Parallel()
	for query, code := range map[string]string{
		"": "missing", "Organization_Name=x": "missing", "organization_name=": "too_short",
		"organization_name": "too_short", "organization_name=Test&organization_name=Test": "repeated",
		"organization_name=%zz": "invalid", "organization_name=%ff": "invalid",
	} {
		f := &fakeGetter{}
		got := edgetest.Send(t, edge.Public(get(f, fakeVerifier{})),
			edgetest.Request{Method: "GET", Path: "/org/get", Query: query})
		want := `"errors":[{"field":"organization_name","code":"` + code
		if got.Status != 422 || !strings.Contains(got.Body, want) || f.name != "" {
			t.Errorf("%q is answered with %d %s, asked for %q; want %s", query, got.Status, got.Body, f.name, want)
		}
	}
}

func TestOwn(t *testing.T) {
	t.Parallel()
	who := token.Principal{
		AdminID: "a", OrgID: "o", CredentialVersion: "v",
		Expires: time.Now().Add(time.Hour).Truncate(time.Second).UTC(),
	}
	for _, tt := range []struct {
		name   string
		who    token.Principal
		err    error
		status int
		body   string
	}{
		{"the organization's admin", who, nil, 200, private},
		{"nobody", token.Principal{}, nil, 401, `"code":"invalid_token"`},
		{"a revoked token", who, fault.New(fault.Unauthenticated, "token_revoked", "d"), 401, `"code":"token_revoked"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fakeGetter{err: tt.err}
			got := edgetest.Send(t, edge.Protected(own(f)),
				edgetest.Request{Method: "GET", Path: "/org/me", Who: tt.who})
			if got.Wants(t, tt.status, tt.body); f.who != tt.who {
				t.Errorf("it asked for %+v, want %+v", f.who, tt.who)
			}
			if tt.status == 200 && got.Header.Get("ETag") != `"7"` {
				t.Errorf("ETag = %q", got.Header.Get("ETag"))
			}
		})
	}
}
