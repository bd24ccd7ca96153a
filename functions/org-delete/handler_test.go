package orgdelete

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"oms/shared/edge"
	"oms/shared/edge/edgetest"
	"oms/shared/fault"
	"oms/shared/organization"
	"oms/shared/token"
)

type fakeRemover struct {
	who   token.Principal
	asked *organization.Deletion
	err   error
}

func (f *fakeRemover) Delete(_ context.Context, who token.Principal, d organization.Deletion) (string, error) {
	f.who, f.asked = who, &d
	return "TestOrg", f.err
}

func TestDelete(t *testing.T) {
	t.Parallel()
	const deleted = `{"status":"deleted","organization":"TestOrg"}`
	who := token.Principal{
		AdminID: "0123456789abcdef01234567", OrgID: "76543210fedcba9876543210", CredentialVersion: "v1",
		Expires: time.Now().Add(time.Hour).Truncate(time.Second).UTC(),
	}
	for _, tt := range []struct {
		name, query, body, ifMatch string
		who                        token.Principal
		err                        error
		status                     int
		want                       string
		asked                      *organization.Deletion // but for the address
	}{
		{
			"by the query", "organization_name=Test+Org", "", "", who, nil, 200, deleted,
			&organization.Deletion{Name: "Test Org"},
		},
		{
			"by the body", "", `{"organization_name":"TestOrg"}`, "", who, nil, 200, deleted,
			&organization.Deletion{Name: "TestOrg"},
		},
		{
			"by both", "organization_name=TestOrg", `{"organization_name":"TestOrg"}`, "", who, nil, 200, deleted,
			&organization.Deletion{Name: "TestOrg"},
		},
		{
			"by both, and they differ", "organization_name=testorg", `{"organization_name":"TestOrg"}`, "", who, nil,
			422, `[{"field":"organization_name","code":"conflict"`, nil,
		},
		{
			"by both, one of them empty", "organization_name=", `{"organization_name":"TestOrg"}`, "", who, nil, 422,
			`[{"field":"organization_name","code":"too_short"`, nil,
		},
		{
			"by neither", "", "", "", who, nil, 422, `[{"field":"organization_name","code":"missing",` +
				`"detail":"this query parameter is needed"}]`, nil,
		},
		{
			"by an empty object", "", "{}", "", who, nil, 422,
			`[{"field":"organization_name","code":"missing","detail":"this field is needed, or the query parameter ` +
				`of that name"}]`, nil,
		},
		{
			"by the query, with the password in the body", "organization_name=TestOrg", `{"password":" secret123"}`,
			"*", who, nil, 200, deleted, &organization.Deletion{Name: "TestOrg", Password: new(" secret123")},
		},
		{
			"by the body, with the password", "", `{"password":" secret123","organization_name":"TestOrg"}`, `"4"`, who,
			nil, 200, deleted,
			&organization.Deletion{Name: "TestOrg", Password: new(" secret123"), IfVersion: new(int64(4))},
		},
		{
			"a tag that is none, and no name", "", "", "x", who, nil, 422,
			`"code":"missing","detail":"this query parameter is needed"},{"field":"If-Match","code":"invalid"`, nil,
		},
		{"nobody", "organization_name=Test", "", "", token.Principal{}, nil, 401, `"code":"invalid_token"`, nil},
		{
			"another organization", "organization_name=Test", "", "", who,
			fault.New(fault.Forbidden, "not_your_organization", "d"), 403, `"code":"not_your_organization"`,
			&organization.Deletion{Name: "Test"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, header := &fakeRemover{err: tt.err}, map[string]string{}
			if tt.ifMatch != "" {
				header["If-Match"] = tt.ifMatch
			}
			got := edgetest.Send(t, edge.Protected(remove(f)), edgetest.Request{
				Method: "DELETE", Path: "/org/delete", Query: tt.query, JSON: tt.body, Header: header, Who: tt.who,
			})
			got.Wants(t, tt.status, tt.want)
			got.Hides(t, "secret123")
			if tt.asked != nil {
				tt.asked.Address = "192.0.2.1"
			}
			if diff := cmp.Diff(tt.asked, f.asked); diff != "" || f.asked != nil && f.who != who {
				t.Errorf("asked of the service on behalf of %+v (-want +got):\n%s", f.who, diff)
			}
		})
	}
}
