package orgupdate

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"oms/shared/edge"
	"oms/shared/edge/edgetest"
	"oms/shared/fault"
	"oms/shared/organization"
	"oms/shared/token"
)

type fakeUpdater struct {
	who   token.Principal
	asked *organization.Change
	err   error
}

func (f *fakeUpdater) Update(_ context.Context, who token.Principal, c organization.Change) (organization.View, error) {
	f.who, f.asked = who, &c
	if f.err != nil {
		return organization.View{}, f.err
	}
	at := time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC)
	return organization.View{
		ID: organization.ID{0xab, 11: 1}, Name: "New", Collection: "org_new", AdminEmail: "new@test.com",
		CreatedAt: at, UpdatedAt: at.Add(time.Second), Version: 2,
	}, nil
}

func someone() token.Principal {
	return token.Principal{
		AdminID: "0123456789abcdef01234567", OrgID: "76543210fedcba9876543210", CredentialVersion: "v1",
		Expires: time.Now().Add(time.Hour).Truncate(time.Second).UTC(),
	}
}

func put(tb testing.TB, f *fakeUpdater, who token.Principal, body, ifMatch string) edgetest.Response {
	tb.Helper()
	header := map[string]string{}
	if ifMatch != "" {
		header["If-Match"] = ifMatch
	}
	return edgetest.Send(tb, edge.Protected(update(f)), edgetest.Request{
		Method: "PUT", Path: "/org/update", JSON: body, Header: header, Who: who,
	})
}

const shown = `{"id":"ab0000000000000000000001","organization_name":"New","collection_name":"org_new",` +
	`"admin_email":"new@test.com","email_confirmed":false,` +
	`"created_at":"2026-03-04T05:06:07.089Z","updated_at":"2026-03-04T05:06:08.089Z","version":2}`

func TestUpdate_asksForWhatTheFieldsMean(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body, ifMatch string
		want                organization.Change
		emailShown          bool
	}{
		{
			"organization_name alone is the new name", `{"organization_name":"New"}`, "",
			organization.Change{Name: new("New")},
			false,
		},
		{
			"beside a new name it is the old one", `{"organization_name":"Old","new_organization_name":"New"}`, "",
			organization.Change{Organization: new("Old"), Name: new("New")},
			false,
		},
		{
			"a new name alone", `{"new_organization_name":"New"}`, `"3"`, organization.Change{
				Name: new("New"), IfVersion: new(int64(3)),
			}, false,
		},
		{"an email", `{"admin_email":"x@y.com"}`, "*", organization.Change{Email: new("x@y.com")}, true},
		{
			"an email by the original's name", `{"email":"x@y.com"}`, "",
			organization.Change{Email: new("x@y.com")},
			true,
		},
		{
			"one email by both names", `{"email":"x@y.com","admin_email":"x@y.com"}`, "",
			organization.Change{Email: new("x@y.com")},
			true,
		},
		{
			"a password", `{"password":" old ","new_password":"new secret "}`, `"7"`,
			organization.Change{Password: new(" old "), NewPassword: new("new secret "), IfVersion: new(int64(7))},
			false,
		},
		{"a password to be verified", `{"password":""}`, "", organization.Change{Password: new("")}, false},
		{
			"everything", `{"organization_name":"Old","new_organization_name":"New","email":"x@y.com",` +
				`"password":"p","new_password":"new secret"}`, `"1"`,
			organization.Change{
				Organization: new("Old"), Name: new("New"), Email: new("x@y.com"), Password: new("p"),
				NewPassword: new("new secret"), IfVersion: new(int64(1)),
			},
			true,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, who := &fakeUpdater{}, someone()
			got := put(t, f, who, tt.body, tt.ifMatch)
			want := `{"status":"success","data":{"organization":` + shown + `}}`
			if tt.emailShown {
				want = `{"status":"success","data":{"organization":` + shown +
					`,"admin_email_updated_to":"new@test.com"}}`
			}
			if got.Wants(t, 200, want); got.Header.Get("ETag") != `"2"` {
				t.Errorf("ETag = %q", got.Header.Get("ETag"))
			}
			tt.want.Address = "192.0.2.1"
			if diff := cmp.Diff(&tt.want, f.asked); diff != "" {
				t.Errorf("asked of the service (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(who, f.who); diff != "" {
				t.Errorf("on behalf of (-want +got):\n%s", diff)
			}
			if !strings.Contains(got.Log, `"admin_id":"0123456789abcdef01234567","org_id":"76543210fedcba9876543210"`) {
				t.Errorf("the log does not say who: %s", got.Log)
			}
		})
	}
}

func TestUpdate_refuses(t *testing.T) {
	t.Parallel()
	field := func(name, code string) fault.Field { return fault.Field{Field: name, Code: code, Detail: "d"} }
	invalid := fault.NewInvalid(field("organization_name", "conflict"), field("new_organization_name", "too_short"),
		field("admin_email", "invalid"), field("new_password", "too_long"))
	aliased := fault.NewInvalid(field("new_organization_name", "too_short"), field("admin_email", "invalid"))
	t.Cleanup(func() { // after the subtests
		if aliased.Fields[0].Field != "new_organization_name" {
			t.Error("the service's own fault was changed")
		}
	})
	for _, tt := range []struct {
		name, body, ifMatch string
		who                 token.Principal
		err                 error
		status              int
		want                string // the fields and codes of a 422, or a piece of the body
	}{
		{"an empty object", `{}`, "", someone(), nil, 422, `[{"field":"","code":"missing"`},
		{
			"two emails that differ", `{"email":"a@b.com","admin_email":"A@b.com"}`, "", someone(), nil, 422,
			`[{"field":"email","code":"conflict"`,
		},
		{
			"a new password without the old one", `{"new_password":"secret123"}`, "", someone(), nil, 422,
			`[{"field":"password","code":"missing"`,
		},
		{
			"a tag that is none", `{"email":"a@b.com"}`, "3", someone(), nil, 422,
			`[{"field":"If-Match","code":"invalid"`,
		},
		{
			"body and tag at once", `{"x":1}`, "3", someone(), nil, 422, `"code":"unknown","detail":"there is no ` +
				`such field"},{"field":"If-Match"`,
		},
		{"nobody", `{"email":"a@b.com"}`, "", token.Principal{}, nil, 401, `"code":"invalid_token"`},
		{
			"fields by the names of the original", `{"organization_name":"A","email":"x"}`, "", someone(),
			aliased, 422,
			`[{"field":"organization_name","code":"too_short","detail":"d"},{"field":"email","code":"invalid",` +
				`"detail":"d"}]`,
		},
		{
			"fields by their own names", `{"organization_name":"A","new_organization_name":"B","admin_email":"x"}`, "",
			someone(), invalid, 422,
			`[{"field":"organization_name","code":"conflict","detail":"d"},{"field":"new_organization_name",` +
				`"code":"too_short","detail":"d"},` +
				`{"field":"admin_email","code":"invalid","detail":"d"},{"field":"new_password","code":"too_long",` +
				`"detail":"d"}]`,
		},
		{
			"a stale version", `{"email":"x"}`, `"1"`, someone(), fault.New(fault.Precondition, "version_mismatch",
				"d"), 412, `"code":"version_mismatch"`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fakeUpdater{err: tt.err}
			got := put(t, f, tt.who, tt.body, tt.ifMatch)
			got.Wants(t, tt.status, tt.want)
			if asked := f.asked != nil; asked != (tt.err != nil) {
				t.Errorf("the service was asked: %t", asked)
			}
		})
	}
}
