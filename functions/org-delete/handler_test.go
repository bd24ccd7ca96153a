package orgdelete

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

type fakeRemover struct {
	asked   bool
	who     token.Principal
	name    string
	version *int64
	proof   string // the password, "none" without one
	address string
	err     error
}

func (f *fakeRemover) Delete(_ context.Context, who token.Principal, d organization.Deletion) (string, error) {
	f.asked, f.who, f.name, f.version, f.proof, f.address = true, who, d.Name, d.IfVersion, "none", d.Address
	if d.Password != nil {
		f.proof = *d.Password
	}
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
		name, query, body string
		header            map[string]string
		who               token.Principal
		err               error
		status            int
		want              string
		asked             string // the name
	}{
		{"by the query", "organization_name=Test+Org", "", nil, who, nil, 200, deleted, "Test Org"},
		{"by the body", "", `{"organization_name":"TestOrg"}`, nil, who, nil, 200, deleted, "TestOrg"},
		{
			"by both", "organization_name=TestOrg", `{"organization_name":"TestOrg"}`, nil, who, nil, 200, deleted,
			"TestOrg",
		},
		{
			"by both, and they differ", "organization_name=testorg", `{"organization_name":"TestOrg"}`, nil, who, nil,
			422, `[{"field":"organization_name","code":"conflict"`, "",
		},
		{
			"by both, one of them empty", "organization_name=", `{"organization_name":"TestOrg"}`, nil, who, nil, 422,
			`[{"field":"organization_name","code":"too_short"`, "",
		},
		{
			"by neither", "", "", nil, who, nil, 422, `[{"field":"organization_name","code":"missing",` +
				`"detail":"this query parameter is needed"}]`, "",
		},
		{
			"by an empty object", "", "{}", nil, who, nil, 422,
			`[{"field":"organization_name","code":"missing","detail":"this field is needed, or the query parameter ` +
				`of that name"}]`,
			"",
		},
		{
			"by the query, with the password in the body", "organization_name=TestOrg", `{"password":" secret123"}`,
			nil, who, nil, 200, deleted, "TestOrg",
		},
		{
			"by the body, with the password", "", `{"password":" secret123","organization_name":"TestOrg"}`, nil, who,
			nil, 200, deleted, "TestOrg",
		},
		{
			"a tag that is none, and no name", "", "",
			map[string]string{"If-Match": "x"},
			who, nil, 422,
			`"code":"missing","detail":"this query parameter is needed"},{"field":"If-Match","code":"invalid"`, "",
		},
		{"nobody", "organization_name=Test", "", nil, token.Principal{}, nil, 401, `"code":"invalid_token"`, ""},
		{
			"another organization", "organization_name=Test", "", nil, who,
			fault.New(fault.Forbidden, "not_your_organization", "d"), 403, `"code":"not_your_organization"`, "Test",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fakeRemover{err: tt.err}
			got := edgetest.Send(t, edge.Protected(remove(f)), edgetest.Request{
				Method: "DELETE", Path: "/org/delete", Query: tt.query, JSON: tt.body, Header: tt.header, Who: tt.who,
			})
			if got.Status != tt.status || !strings.Contains(got.Body, tt.want) {
				t.Errorf("answer = %d %s, want %d with %s", got.Status, got.Body, tt.status, tt.want)
			}
			if f.asked != (tt.asked != "") || f.name != tt.asked {
				t.Errorf("asked the service %t for %q, want %q", f.asked, f.name, tt.asked)
			}
			proof := "none"
			if strings.Contains(tt.body, "secret") {
				proof = " secret123"
			}
			if f.asked && f.proof != proof {
				t.Errorf("with the password %q, want %q", f.proof, proof)
			}
			if strings.Contains(got.Log, "secret123") {
				t.Errorf("the log has the password: %s", got.Log)
			}
			if f.asked && (f.who != who || f.address != "192.0.2.1") {
				t.Errorf("on behalf of %+v from %s, want %+v", f.who, f.address, who)
			}
		})
	}
}

func TestDelete_handsTheVersionOn(t *testing.T) {
	t.Parallel()
	who := token.Principal{AdminID: "a", OrgID: "o", CredentialVersion: "v", Expires: time.Now().Add(time.Hour)}
	for tag, want := range map[string]*int64{`"4"`: new(int64(4)), "*": nil} {
		f := &fakeRemover{}
		edgetest.Send(t, edge.Protected(remove(f)), edgetest.Request{
			Method: "DELETE", Path: "/org/delete", Query: "organization_name=Test",
			Header: map[string]string{"If-Match": tag}, Who: who,
		})
		if !f.asked || (f.version == nil) != (want == nil) || want != nil && *f.version != *want {
			t.Errorf("If-Match %s: version %v, want %v", tag, f.version, want)
		}
	}
}
