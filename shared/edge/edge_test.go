package edge_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"oms/shared/edge"
	"oms/shared/edge/edgetest"
	"oms/shared/fault"
	"oms/shared/must"
	"oms/shared/token"
)

// answering returns an endpoint that always says the same.
func answering(a *edge.Answer, err error) edge.Endpoint {
	return func(context.Context, *edge.Call) (*edge.Answer, error) { return a, err }
}

func get(tb testing.TB, e edge.Endpoint) edgetest.Response {
	tb.Helper()
	return edgetest.Invoke(tb, edge.Public(e), edgetest.Event(tb, edgetest.Request{Method: "GET", Path: "/x"}))
}

// answered is what a host gets.
type answered struct {
	StatusCode int
	Headers    map[string]string
	Body       string
}

// invoke sends a function a request as API Gateway does.
func invoke(ctx context.Context, tb testing.TB, f *edge.Function) answered {
	tb.Helper()
	out := must.Get(f.Invoke(ctx, []byte(`{"version":"2.0","requestContext":{"requestId":"gateway",`+
		`"http":{"method":"GET","path":"/x"}}}`)))(tb)
	return must.JSON[answered](tb, string(out))
}

func TestPublic_answers(t *testing.T) {
	t.Parallel()
	got := get(t, answering(&edge.Answer{
		Status: 201,
		Header: http.Header{"etag": {`"1"`}},
		Body: struct {
			Name string    `json:"name"`
			At   edge.Time `json:"at"`
		}{"<Ä & Co>", edge.Time(time.Date(2026, 1, 2, 3, 4, 5, 6_789_000, time.FixedZone("", 3600)))},
	}, nil))
	if want := `{"name":"<Ä & Co>","at":"2026-01-02T02:04:05.006Z"}`; got.Body != want || got.Status != 201 {
		t.Errorf("answer = %d %s, want 201 %s", got.Status, got.Body, want)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store", "Etag": `"1"`,
		"Strict-Transport-Security": "max-age=63072000; includeSubDomains",
		"X-Content-Type-Options":    "nosniff", "Referrer-Policy": "no-referrer",
	} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("header %s = %q, want %q", name, v, want)
		}
	}
}

func TestPublic_sendsBytesAsTheyAre(t *testing.T) {
	t.Parallel()
	got := get(t, answering(&edge.Answer{
		Header: http.Header{"Content-Type": {"image/png"}, "Cache-Control": {"public, max-age=31536000, immutable"}},
		Body:   []byte{0x89, 'P', 'N', 'G', 0xff},
	}, nil))
	if got.Status != 200 || got.Body != "\x89PNG\xff" {
		t.Errorf("answer = %d %q, want 200 and the bytes", got.Status, got.Body)
	}
	if v := got.Header.Get("Cache-Control"); v != "public, max-age=31536000, immutable" {
		t.Errorf("Cache-Control = %q, want the endpoint's own", v)
	}
	if v := got.Header.Get("Content-Type"); v != "image/png" {
		t.Errorf("Content-Type = %q, want the endpoint's own", v)
	}
}

func TestEndpoint_errorsBecomeProblems(t *testing.T) {
	t.Parallel()
	secret := errors.New("E11000 duplicate key {email: x@example.com} at mongodb://u:p@host")
	says := func(k fault.Kind, code string) *fault.Error { return fault.New(k, code, "a") }
	for _, tt := range []struct {
		name          string
		err           error
		status        int
		header, value string
	}{
		{"malformed", says(fault.Malformed, "malformed_json"), 400, "", ""},
		{
			"unauthenticated", says(fault.Unauthenticated, "token_revoked"), 401,
			"Www-Authenticate", `Bearer error="invalid_token"`,
		},
		{
			"wrong password", says(fault.Unauthenticated, "invalid_credentials"), 401,
			"Www-Authenticate", `Bearer error="invalid_grant"`,
		},
		{
			"old refresh token", says(fault.Unauthenticated, "invalid_refresh_token"), 401,
			"Www-Authenticate", `Bearer error="invalid_grant"`,
		},
		{
			"old login", says(fault.Unauthenticated, "reauthentication_required").LoggedInWithin(15 * time.Minute), 401,
			"Www-Authenticate",
			`Bearer error="insufficient_user_authentication", error_description="a", max_age="900"`,
		},
		{"forbidden", says(fault.Forbidden, "not_your_organization"), 403, "Www-Authenticate", ""},
		{"not found", says(fault.NotFound, "organization_not_found"), 404, "", ""},
		{"conflict", says(fault.Conflict, "organization_name_taken"), 409, "Retry-After", ""},
		{
			"held", says(fault.Conflict, "organization_name_held").After(80*time.Second + time.Millisecond), 409,
			"Retry-After", "81",
		},
		{
			"busy for a moment", says(fault.Conflict, "organization_busy").After(time.Nanosecond), 409,
			"Retry-After", "1",
		},
		{"precondition", says(fault.Precondition, "version_mismatch"), 412, "", ""},
		{"too many", says(fault.TooMany, "too_many_attempts"), 429, "Retry-After", "1"},
		{
			"unavailable", says(fault.Unavailable, "storage_unavailable").Because(secret), 503,
			"Retry-After", "1",
		},
		{"a fault that somebody wrapped", wrap(says(fault.NotFound, "organization_not_found")), 404, "", ""},
		{"a deadline of its own, while the request has time left", wrap(context.DeadlineExceeded), 500, "", ""},
		{"neither an answer nor an error", nil, 500, "", ""},
		{"anything else", secret, 500, "", ""},
		{"an internal fault", says(fault.Internal, "broken"), 500, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := get(t, answering(nil, tt.err))
			if got.Status != tt.status {
				t.Errorf("status = %d, want %d", got.Status, tt.status)
			}
			if v := got.Header.Get("Content-Type"); v != "application/problem+json" {
				t.Errorf("Content-Type = %q", v)
			}
			if v := got.Header.Get(tt.header); v != tt.value {
				t.Errorf("header %s = %q, want %q", tt.header, v, tt.value)
			}
			body := must.JSON[map[string]any](t, got.Body)
			code, detail := "internal_error", "something went wrong on our side; the request id tells us what"
			if f, ok := errors.AsType[*fault.Error](tt.err); ok && f.Kind != fault.Internal {
				code, detail = f.Code, f.Detail
			}
			if body["title"] == nil || body["title"] == "" {
				t.Error("the problem has no title")
			}
			want := map[string]any{
				"type": "urn:oms:problem:" + code, "title": body["title"], "status": float64(tt.status),
				"detail": detail, "code": code, "request_id": got.Header.Get("X-Request-Id"),
			}
			if diff := cmp.Diff(want, body); diff != "" {
				t.Errorf("problem (-want +got):\n%s", diff)
			}
		})
	}
}

func wrap(err error) error { return errors.Join(errors.New("looking"), err) }

func TestEndpoint_namesEveryWrongField(t *testing.T) {
	t.Parallel()
	got := get(t, answering(nil, fault.NewInvalid(
		fault.Field{Field: "email", Code: "missing", Detail: "d"},
		fault.Field{Field: "password", Code: "too_short", Detail: "e"},
	)))
	body := must.JSON[struct {
		Title  string
		Errors []map[string]string
	}](t, got.Body)
	want := []map[string]string{
		{"field": "email", "code": "missing", "detail": "d"}, {"field": "password", "code": "too_short", "detail": "e"},
	}
	if diff := cmp.Diff(want, body.Errors); diff != "" || body.Title != "Invalid request" {
		t.Errorf("title %q, errors (-want +got):\n%s", body.Title, diff)
	}
}

func TestEndpoint_thatCannotBeEncodedIsInternal(t *testing.T) {
	t.Parallel()
	got := get(t, answering(&edge.Answer{Header: http.Header{"Etag": {"x"}}, Body: make(chan int)}, nil))
	if got.Status != 500 || got.Header.Get("Etag") != "" ||
		got.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("answer = %d %v, want a clean 500", got.Status, got.Header)
	}
}

func someone() token.Principal {
	return token.Principal{
		AdminID: "0123456789abcdef01234567", OrgID: "76543210fedcba9876543210", CredentialVersion: "v1",
	}
}

func TestProtected(t *testing.T) {
	t.Parallel()
	var whoAmI edge.Endpoint = func(_ context.Context, c *edge.Call) (*edge.Answer, error) {
		who := c.Who.AdminID + "/" + c.Who.OrgID + "/" + c.Who.CredentialVersion
		if c.Who.Session != "" {
			who += "/" + c.Who.Session + c.Who.AuthTime.Format(" 15:04")
		}
		return &edge.Answer{Body: map[string]string{"who": who}}, nil
	}
	const said = `{"who":"0123456789abcdef01234567/76543210fedcba9876543210/v1`
	lambda := func(more string) string {
		return `{"lambda":{"admin_id":"0123456789abcdef01234567","org_id":"76543210fedcba9876543210","ver":"v1"` +
			more + `}}`
	}
	// In the bubble it is midnight of 2000-01-01 UTC: 946684800.
	for _, tt := range []struct {
		name, authorizer string
		status           int
		code             string // of a refusal; else what is said beside the ids and the version
	}{
		{"lets a principal in", lambda(`,"exp":946684801`), 200, ""},
		{"reads exp that a host made text", lambda(`,"exp":"946684801"`), 200, ""},
		{"reads of which session it is", lambda(`,"exp":946684801,"sid":"s","auth_time":946684740`), 200, "/s 23:59"},
		{
			"reads auth_time that a host made text",
			lambda(`,"exp":946684801,"sid":"s","auth_time":"946684740"`), 200, "/s 23:59",
		},
		{"refuses a session without its login", lambda(`,"exp":946684801,"sid":"s"`), 401, "invalid_token"},
		{
			"refuses a session that is no text",
			lambda(`,"exp":946684801,"sid":null,"auth_time":946684740`), 401, "invalid_token",
		},
		{"refuses an empty session", lambda(`,"exp":946684801,"sid":"","auth_time":946684740`), 401, "invalid_token"},
		{"refuses without an authorizer", `null`, 401, "invalid_token"},
		{"refuses an authorizer that says nothing", `{"lambda":{}}`, 401, "invalid_token"},
		{"refuses a null context", `{"lambda":null}`, 401, "invalid_token"},
		{"refuses claims of another authorizer", `{"jwt":{"claims":{"admin_id":"a"}}}`, 401, "invalid_token"},
		{
			"refuses an admin that is no text", `{"lambda":{"admin_id":1,"org_id":"o","ver":"v","exp":946684801}}`, 401,
			"invalid_token",
		},
		{
			"refuses an empty organization", `{"lambda":{"admin_id":"a","org_id":"","ver":"v","exp":946684801}}`, 401,
			"invalid_token",
		},
		{"refuses without exp", lambda(""), 401, "invalid_token"},
		{"refuses exp with a fraction", lambda(`,"exp":946684801.5`), 401, "invalid_token"},
		{"refuses exp out of range", lambda(`,"exp":1e300`), 401, "invalid_token"},
		{"refuses exp that is no number", lambda(`,"exp":"soon"`), 401, "invalid_token"},
		{"refuses an allow that outlived its token", lambda(`,"exp":946684800`), 401, "token_expired"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				payload := `{"version":"2.0","routeKey":"PUT /x","rawPath":"/x",
					"headers":{"authorization":"Bearer x","admin_id":"h","x-admin-id":"h"},
					"requestContext":{"http":{"method":"PUT"},"routeKey":"PUT /x","authorizer":` + tt.authorizer + `}}`
				got := edgetest.Invoke(t, edge.Protected(whoAmI), []byte(payload))
				if got.Status != tt.status {
					t.Fatalf("status = %d %s, want %d", got.Status, got.Body, tt.status)
				}
				if tt.status == 200 {
					if want := said + tt.code + `"}`; got.Body != want {
						t.Errorf("body = %s, want %s", got.Body, want)
					}
					return
				}
				if code := must.JSON[struct{ Code string }](t, got.Body).Code; code != tt.code {
					t.Errorf("code = %q, want %q", code, tt.code)
				}
				if v := got.Header.Get("WWW-Authenticate"); v != `Bearer error="invalid_token"` {
					t.Errorf("WWW-Authenticate = %q", v)
				}
			})
		})
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	says := func(what string) http.Handler {
		return edge.Public(func(_ context.Context, c *edge.Call) (*edge.Answer, error) {
			return &edge.Answer{Body: what + " to " + c.Address}, nil
		})
	}
	h := edge.Routes(map[string]http.Handler{"GET /x/{id}": says("a"), "DELETE /x/{id}": says("b")})
	for _, tt := range []struct {
		method, path, route string
		status              int
		want                string
	}{
		{"GET", "/x/1", "GET /x/{id}", 200, `"a to 192.0.2.1"`},
		{"DELETE", "/x/../1", "DELETE /x/{id}", 200, `"b to 192.0.2.1"`},
		{"GET", "/x/1", "", 500, `"code":"internal_error"`},
	} {
		got := edgetest.Invoke(t, h, edgetest.Event(t, edgetest.Request{
			Method: tt.method, Path: tt.path, Route: tt.route,
			Header: map[string]string{"X-Forwarded-For": "198.51.100.7"},
		}))
		if got.Status != tt.status || !strings.Contains(got.Body, tt.want) {
			t.Errorf("%s = %d %s, want %d %s", tt.route, got.Status, got.Body, tt.status, tt.want)
		}
	}
}

func TestPublic_ignoresThePrincipal(t *testing.T) {
	t.Parallel()
	p := someone()
	p.Expires = time.Now().Add(time.Hour)
	got := edgetest.Invoke(t, edge.Public(func(_ context.Context, c *edge.Call) (*edge.Answer, error) {
		return &edge.Answer{Body: c.Who.Anonymous()}, nil
	}), edgetest.Event(t, edgetest.Request{Method: "GET", Path: "/x", Who: p}))
	if got.Body != "true" {
		t.Errorf("anonymous = %s, want true", got.Body)
	}
}

func TestRequestID_isTheInvocations(t *testing.T) {
	t.Parallel()
	ctx := lambdacontext.NewContext(t.Context(),
		&lambdacontext.LambdaContext{AwsRequestID: "8476a536-e9f4-11e8-9739-2dfe598c3fcd"})
	f := edge.NewFunction(edge.Public(answering(nil, fault.New(fault.NotFound, "c", "d"))), edge.NewLogger(io.Discard))
	got := invoke(ctx, t, f)
	body := must.JSON[map[string]any](t, got.Body)
	const want = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
	if got.Headers["X-Request-Id"] != want || body["request_id"] != want {
		t.Errorf("x-request-id = %q, request_id = %q, want both %q", got.Headers["X-Request-Id"], body["request_id"],
			want)
	}
}

func TestFunction_endsTheRequestBeforeItsOwnDeadline(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		left, want time.Duration
	}{
		{"a second before", 10 * time.Second, 9 * time.Second},
		{"half of a short time before", time.Second, 500 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), tt.left)
				defer cancel()
				waits := func(ctx context.Context, _ *edge.Call) (*edge.Answer, error) {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				got := invoke(ctx, t, edge.NewFunction(edge.Public(waits), edge.NewLogger(io.Discard)))
				if took := time.Since(start); took != tt.want || got.StatusCode != 503 ||
					got.Headers["Retry-After"] == "" {
					t.Errorf("answered %d after %v with %v, want 503 after %v with Retry-After", got.StatusCode, took,
						got.Headers, tt.want)
				}
			})
		})
	}
}
