package openapitest_test

import (
	"slices"
	"strings"
	"testing"

	"oms/shared/openapi/openapitest"
)

// answered returns the request as an exchange that a lax service answered with a 2xx.
func answered(r openapitest.Request) exchange {
	e := creation()
	e.method, e.target, e.reqBody, e.reqHeader = r.Method, r.Path, string(r.Body), r.Header.Clone()
	if len(r.Query) > 0 {
		e.target += "?" + r.Query.Encode()
	}
	if r.Secured {
		e.reqHeader.Set("Authorization", "Bearer a.b.c")
	}
	switch r.Path {
	case "/admin/login", "/admin/refresh":
		e.status, e.body = 200, `{"access_token":"a.b.c","token_type":"bearer","expires_in":3600,`+
			`"refresh_token":"omsr_`+strings.Repeat("A", 112)+`","refresh_token_expires_in":604800}`
	case "/admin/password/forgot":
		e.status, e.body = 202, `{"status":"accepted"}`
	case "/admin/password/reset":
		e.status, e.body = 200, `{"status":"reset"}`
	case "/admin/email/confirm":
		e.status, e.body = 200, `{"status":"confirmed"}`
	case "/org/get":
		e.status = 200
	case "/org/update":
		e.status, e.body = 200, `{"status":"success","data":{"organization":`+organization+`}}`
	case "/org/delete":
		e.status, e.body = 200, `{"status":"deleted","organization":"TestOrg"}`
	}
	return e
}

func TestBeyond(t *testing.T) {
	t.Parallel()
	c := openapitest.New(t)
	all := c.Beyond(t)

	t.Run("every request is one that the document refuses", func(t *testing.T) {
		t.Parallel()
		for _, r := range all {
			if r.Name == "organization_name: missing in the query and in the body" {
				continue // the one rule that the document has in words alone
			}
			got := failures(t, c, answered(r))
			if len(got) != 1 || !strings.Contains(got[0], "accepted") {
				t.Errorf("%s %s: %s: the checker says %q, want that it was accepted, and no more", r.Method, r.Path,
					r.Name, got)
			}
		}
	})
	t.Run("names are unique within an operation", func(t *testing.T) {
		t.Parallel()
		seen := map[string]bool{}
		for _, r := range all {
			name := r.Method + r.Path + r.Name
			if seen[name] {
				t.Errorf("%s %s: %s is there twice", r.Method, r.Path, r.Name)
			}
			seen[name] = true
		}
	})
	t.Run("every documented bound has its request", func(t *testing.T) {
		t.Parallel()
		var names []string
		for _, r := range all {
			names = append(names, r.Method+" "+r.Path+" "+r.Name)
		}
		for _, want := range []string{
			"POST /org/create organization_name: 1 characters",
			"POST /org/create organization_name: 1 characters within white space",
			"POST /org/create organization_name: 101 characters",
			"POST /org/create organization_name: neither a letter nor a digit",
			"POST /org/create organization_name: a control character",
			"POST /org/create organization_name: missing",
			"POST /org/create organization_name: a number",
			"POST /org/create email: 255 characters",
			"POST /org/create email: without an @",
			"POST /org/create email: without a dot in the domain",
			"POST /org/create password: 7 bytes",
			"POST /org/create password: 1025 bytes in 1024 characters",
			"POST /org/create password: null",
			"POST /org/create undocumented: not documented",
			"POST /org/create Email: not documented",
			"POST /org/create null",
			"POST /org/create Idempotency-Key: 0 characters",
			"POST /org/create Idempotency-Key: 256 characters",
			"POST /org/create Idempotency-Key: not of the pattern: né",
			"POST /admin/login email: missing",
			"POST /admin/login password: an object",
			"GET /org/get organization_name: missing in the query",
			"GET /org/get organization_name: 0 characters in the query",
			"GET /org/get organization_name: twice in the query",
			"PUT /org/update no field",
			"PUT /org/update password: missing beside new_password",
			"PUT /org/update new_password: 7 bytes",
			"PUT /org/update If-Match: not of the pattern: 1",
			"DELETE /org/delete organization_name: missing in the query and in the body",
			"DELETE /org/delete organization_name: twice in the query",
			"DELETE /org/delete organization_name: an object",
		} {
			if !slices.Contains(names, want) {
				t.Errorf("there is no request %s", want)
			}
		}
		if t.Failed() {
			t.Log(strings.Join(names, "\n"))
		}
	})
}
