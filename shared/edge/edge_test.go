package edge_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"oms/shared/edge"
	"oms/shared/edge/edgetest"
	"oms/shared/fault"
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
	for _, tt := range []struct {
		name   string
		err    error
		status int
		header map[string]string
		detail string
	}{
		{"malformed", fault.New(fault.Malformed, "malformed_json", "a"), 400, nil, "a"},
		{"unauthenticated", fault.New(fault.Unauthenticated, "token_revoked", "a"), 401, map[string]string{"Www-Authenticate": `Bearer error="invalid_token"`}, "a"},
		{"wrong password", fault.New(fault.Unauthenticated, "invalid_credentials", "a"), 401, map[string]string{"Www-Authenticate": `Bearer error="invalid_grant"`}, "a"},
		{"forbidden", fault.New(fault.Forbidden, "not_your_organization", "a"), 403, map[string]string{"Www-Authenticate": ""}, "a"},
		{"not found", fault.New(fault.NotFound, "organization_not_found", "a"), 404, nil, "a"},
		{"conflict", fault.New(fault.Conflict, "organization_name_taken", "a"), 409, map[string]string{"Retry-After": ""}, "a"},
		{"held", fault.New(fault.Conflict, "organization_name_held", "a").After(80*time.Second + time.Millisecond), 409, map[string]string{"Retry-After": "81"}, "a"},
		{"busy for a moment", fault.New(fault.Conflict, "organization_busy", "a").After(time.Nanosecond), 409, map[string]string{"Retry-After": "1"}, "a"},
		{"precondition", fault.New(fault.Precondition, "version_mismatch", "a"), 412, nil, "a"},
		{"too many", fault.New(fault.TooMany, "too_many_attempts", "a"), 429, map[string]string{"Retry-After": "1"}, "a"},
		{"unavailable", fault.New(fault.Unavailable, "storage_unavailable", "a").Because(secret), 503, map[string]string{"Retry-After": "1"}, "a"},
		{"a fault that somebody wrapped", wrap(fault.New(fault.NotFound, "organization_not_found", "a")), 404, nil, "a"},
		{"anything else", secret, 500, nil, "something went wrong on our side; the request id tells us what"},
		{"an internal fault", fault.New(fault.Internal, "broken", "secret"), 500, nil, "something went wrong on our side; the request id tells us what"},
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
			for name, want := range tt.header {
				if v := got.Header.Get(name); v != want {
					t.Errorf("header %s = %q, want %q", name, v, want)
				}
			}
			var body map[string]any
			if err := json.Unmarshal([]byte(got.Body), &body); err != nil {
				t.Fatalf("body %q: %v", got.Body, err)
			}
			code := "internal_error"
			if f, ok := errors.AsType[*fault.Error](tt.err); ok && f.Kind != fault.Internal {
				code = f.Code
			}
			title, _ := body["title"].(string)
			if title == "" {
				t.Error("the problem has no title")
			}
			want := map[string]any{
				"type": "urn:oms:problem:" + code, "title": title, "status": float64(tt.status),
				"detail": tt.detail, "code": code, "request_id": got.Header.Get("X-Request-Id"),
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
		fault.Field{Field: "email", Code: "missing", Detail: "d"}, fault.Field{Field: "password", Code: "too_short", Detail: "e"})))
	var body struct {
		Title  string
		Errors []map[string]string
	}
	if err := json.Unmarshal([]byte(got.Body), &body); err != nil {
		t.Fatalf("body %q: %v", got.Body, err)
	}
	want := []map[string]string{
		{"field": "email", "code": "missing", "detail": "d"}, {"field": "password", "code": "too_short", "detail": "e"},
	}
	if diff := cmp.Diff(want, body.Errors); diff != "" || body.Title != "Invalid request" {
		t.Errorf("title %q, errors (-want +got):\n%s", body.Title, diff)
	}
}

func TestEndpoint_deadlineOfItsOwnIsInternal(t *testing.T) {
	t.Parallel()
	if got := get(t, answering(nil, wrap(context.DeadlineExceeded))); got.Status != 500 {
		t.Errorf("status = %d, want 500: the request had time left", got.Status)
	}
}

func TestEndpoint_withoutAnswerOrErrorIsInternal(t *testing.T) {
	t.Parallel()
	if got := get(t, answering(nil, nil)); got.Status != 500 {
		t.Errorf("status = %d, want 500", got.Status)
	}
}

func TestEndpoint_thatCannotBeEncodedIsInternal(t *testing.T) {
	t.Parallel()
	got := get(t, answering(&edge.Answer{Header: http.Header{"Etag": {"x"}}, Body: make(chan int)}, nil))
	if got.Status != 500 || got.Header.Get("Etag") != "" || got.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("answer = %d %v, want a clean 500", got.Status, got.Header)
	}
}

func someone() token.Principal {
	return token.Principal{AdminID: "0123456789abcdef01234567", OrgID: "76543210fedcba9876543210", CredentialVersion: "v1"}
}

func TestProtected(t *testing.T) {
	t.Parallel()
	var whoAmI edge.Endpoint = func(_ context.Context, c *edge.Call) (*edge.Answer, error) {
		return &edge.Answer{Body: map[string]string{"who": c.Who.AdminID + "/" + c.Who.OrgID + "/" + c.Who.CredentialVersion}}, nil
	}
	const said = `{"who":"0123456789abcdef01234567/76543210fedcba9876543210/v1"}`
	valid := `"admin_id":"0123456789abcdef01234567","org_id":"76543210fedcba9876543210","ver":"v1"`
	// In the bubble it is midnight of 2000-01-01 UTC: 946684800.
	for _, tt := range []struct {
		name, authorizer string
		status           int
		code             string
	}{
		{"lets a principal in", `{"lambda":{` + valid + `,"exp":946684801}}`, 200, ""},
		{"reads exp that a host made text", `{"lambda":{` + valid + `,"exp":"946684801"}}`, 200, ""},
		{"refuses without an authorizer", `null`, 401, "invalid_token"},
		{"refuses an authorizer that says nothing", `{"lambda":{}}`, 401, "invalid_token"},
		{"refuses a null context", `{"lambda":null}`, 401, "invalid_token"},
		{"refuses claims of another authorizer", `{"jwt":{"claims":{"admin_id":"a"}}}`, 401, "invalid_token"},
		{"refuses an admin that is no text", `{"lambda":{"admin_id":1,"org_id":"o","ver":"v","exp":946684801}}`, 401, "invalid_token"},
		{"refuses an empty organization", `{"lambda":{"admin_id":"a","org_id":"","ver":"v","exp":946684801}}`, 401, "invalid_token"},
		{"refuses without exp", `{"lambda":{` + valid + `}}`, 401, "invalid_token"},
		{"refuses exp with a fraction", `{"lambda":{` + valid + `,"exp":946684801.5}}`, 401, "invalid_token"},
		{"refuses exp out of range", `{"lambda":{` + valid + `,"exp":1e300}}`, 401, "invalid_token"},
		{"refuses exp that is no number", `{"lambda":{` + valid + `,"exp":"soon"}}`, 401, "invalid_token"},
		{"refuses an allow that outlived its token", `{"lambda":{` + valid + `,"exp":946684800}}`, 401, "token_expired"},
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
					if got.Body != said {
						t.Errorf("body = %s, want %s", got.Body, said)
					}
					return
				}
				var body struct{ Code string }
				if err := json.Unmarshal([]byte(got.Body), &body); err != nil || body.Code != tt.code {
					t.Errorf("code = %q, want %q (%v)", body.Code, tt.code, err)
				}
				if v := got.Header.Get("WWW-Authenticate"); v != `Bearer error="invalid_token"` {
					t.Errorf("WWW-Authenticate = %q", v)
				}
			})
		})
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
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "8476a536-e9f4-11e8-9739-2dfe598c3fcd"})
	f := edge.NewFunction(edge.Public(answering(nil, fault.New(fault.NotFound, "c", "d"))), edge.NewLogger(discard{}))
	out, err := f.Invoke(ctx, []byte(`{"version":"2.0","requestContext":{"requestId":"gateway","http":{"method":"GET","path":"/x"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Headers map[string]string
		Body    string
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(got.Body), &body); err != nil {
		t.Fatal(err)
	}
	const want = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
	if got.Headers["X-Request-Id"] != want || body["request_id"] != want {
		t.Errorf("x-request-id = %q, request_id = %q, want both %q", got.Headers["X-Request-Id"], body["request_id"], want)
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

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
				out, err := edge.NewFunction(edge.Public(waits), edge.NewLogger(discard{})).Invoke(ctx,
					[]byte(`{"version":"2.0","requestContext":{"http":{"method":"GET","path":"/x"}}}`))
				if err != nil {
					t.Fatal(err)
				}
				var got struct {
					StatusCode int
					Headers    map[string]string
				}
				if err := json.Unmarshal(out, &got); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); took != tt.want || got.StatusCode != 503 || got.Headers["Retry-After"] == "" {
					t.Errorf("answered %d after %v with %v, want 503 after %v with Retry-After", got.StatusCode, took, got.Headers, tt.want)
				}
			})
		})
	}
}
