package adminrecovery

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"oms/shared/edge/edgetest"
	"oms/shared/fault"
	"oms/shared/must"
	"oms/shared/token"
)

type fake struct {
	did string
	err error
}

func (f *fake) ForgotPassword(_ context.Context, email string) error {
	f.did = "forgot " + email
	return f.err
}

func (f *fake) ResetPassword(_ context.Context, mailed, password string) (token.Principal, error) {
	f.did = "reset " + mailed + " " + password
	return token.Principal{AdminID: "admin1", OrgID: "org1"}, f.err
}

func (f *fake) ConfirmEmail(_ context.Context, mailed string) (token.Principal, error) {
	f.did = "confirm " + mailed
	return token.Principal{AdminID: "admin1", OrgID: "org1"}, f.err
}

func (f *fake) EmailHash(email string) string { return fmt.Sprintf("%016x", len(email)) }

func send(t *testing.T, f *fake, method, path, body string) edgetest.Response {
	t.Helper()
	h := must.Get(routes(f, f))(t)
	return edgetest.Send(t, h, edgetest.Request{Method: method, Path: path, JSON: body})
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	const (
		forgot, reset, confirm = "/admin/password/forgot", "/admin/password/reset", "/admin/email/confirm"
		address, secret        = "a@acme.io", "correct horse"
	)
	mailed := token.NewMailed(token.ResetPassword, [12]byte{1}, [12]byte{2}).Reveal()
	withToken := `{"token":"` + mailed + `","new_password":"` + secret + `"}`
	for _, tt := range []struct {
		name, path, body string
		err              error
		status           int
		want, did        string
	}{
		{
			"a forgotten one", forgot, `{"email":"a@acme.io"}`, nil, 202, `{"status":"accepted"}`,
			"forgot a@acme.io",
		},
		{"one of nobody", forgot, `{}`, nil, 422, `[{"field":"email","code":"missing"`, ""},
		{
			"one without a database", forgot, `{"email":"a@acme.io"}`,
			fault.New(fault.Unavailable, "storage_unavailable", "d"), 503, `"code":"storage_unavailable"`,
			"forgot a@acme.io",
		},
		{"a reset", reset, withToken, nil, 200, `{"status":"reset"}`, "reset " + mailed + " " + secret},
		{
			"a reset by what is none", reset, `{"token":"x","new_password":"y"}`,
			fault.New(fault.Unauthenticated, "invalid_reset_token", "d"), 401, `"code":"invalid_reset_token"`,
			"reset x y",
		},
		{
			"a reset while the admin changes", reset, withToken,
			fault.New(fault.Conflict, "organization_busy", "d").After(time.Second), 409,
			`"code":"organization_busy"`, "reset " + mailed + " " + secret,
		},
		{"a reset to nothing", reset, `{"token":"x"}`, nil, 422, `[{"field":"new_password","code":"missing"`, ""},
		{
			"a confirmation", confirm, `{"token":"` + mailed + `"}`, nil, 200, `{"status":"confirmed"}`,
			"confirm " + mailed,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{err: tt.err}
			got := send(t, f, "POST", tt.path, tt.body)
			got.Wants(t, tt.status, tt.want)
			if f.did != tt.did {
				t.Errorf("it asked for %q, want %q", f.did, tt.did)
			}
			if named := strings.Contains(got.Log, `"admin_id":"admin1","org_id":"org1"`); named != (tt.status == 200) {
				t.Errorf("the log names the admin %t: %s", named, got.Log)
			}
			if hashed := strings.Contains(got.Log, `"email_hash"`); hashed != strings.HasPrefix(tt.did, "forgot") {
				t.Errorf("the log has the hash of the address %t: %s", hashed, got.Log)
			}
			got.Hides(t, mailed, address, secret)
			if got.Status == 401 && got.Header.Get("WWW-Authenticate") != `Bearer error="invalid_grant"` {
				t.Errorf("WWW-Authenticate = %q", got.Header.Get("WWW-Authenticate"))
			}
		})
	}
}

// TestPage: what is between its tags is what its policy lets run, to the byte.
func TestPage(t *testing.T) {
	t.Parallel()
	got := send(t, &fake{}, "GET", "/admin/recover", "")
	if got.Status != 200 || got.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("GET /admin/recover = %d %v", got.Status, got.Header)
	}
	policy := got.Header.Get("Content-Security-Policy")
	for _, tag := range []string{"script", "style"} {
		inline := regexp.MustCompile(`(?s)<` + tag + `>(.*)</` + tag + `>`).FindStringSubmatch(got.Body)
		if inline == nil || !strings.Contains(policy, tag+"-src "+source([]byte(inline[1]))+";") {
			t.Errorf("the policy %q lets another %s run", policy, tag)
		}
	}
	if regexp.MustCompile(` style=| on[a-z]+=|javascript:|(src|href)=`).
		MatchString(strings.Replace(got.Body, `href="data:,"`, "", 1)) {
		t.Error("the page has what its policy does not let run, or loads something")
	}
}
