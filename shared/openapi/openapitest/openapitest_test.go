package openapitest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"oms/shared/openapi/openapitest"
)

// recorder is a test that notes its failures instead of failing.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

// exchange is a request and its response; newExchange makes a valid one.
type exchange struct {
	method, target string
	reqHeader      http.Header
	reqBody        string
	status         int
	header         http.Header
	body           string
}

const (
	organization = `{"id":"6743f1d2a5b4c3d2e1f00918","organization_name":"TestOrg","collection_name":"org_testorg",` +
		`"admin_email":"admin@test.com","email_confirmed":false,"created_at":"2025-11-24T10:15:30.123Z",` +
		`"updated_at":"2025-11-24T10:15:30.123Z","version":1}`
	created = `{"status":"success","data":` + organization + `}`
	busy    = `{"type":"urn:oms:problem:organization_busy","title":"Organization busy","status":409,` +
		`"detail":"another change is under way","code":"organization_busy","request_id":"r-1"}`
	taken = `{"type":"urn:oms:problem:organization_name_taken","title":"Organization name taken",` +
		`"status":409,"detail":"in use","code":"organization_name_taken","request_id":"r-1"}`
	invalid = `{"type":"urn:oms:problem:invalid_request","title":"Invalid request","status":422,"detail":"not ` +
		`valid","code":"invalid_request","request_id":"r-1","errors":[{"field":"email","code":"missing",` +
		`"detail":"this field is needed"}]}`
	revoked = `{"type":"urn:oms:problem:token_revoked","title":"Token revoked","status":401,"detail":"no more",` +
		`"code":"token_revoked","request_id":"r-1"}`
)

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i+1 < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// served returns the headers that every answer of a function has, and these.
func served(pairs ...string) http.Header {
	return headers(append([]string{
		"X-Request-Id", "r-1", "Cache-Control", "no-store", "Strict-Transport-Security",
		"max-age=63072000; includeSubDomains",
		"X-Content-Type-Options", "nosniff", "Referrer-Policy", "no-referrer",
	}, pairs...)...)
}

func creation() exchange {
	return exchange{
		method: "POST", target: "/org/create", reqHeader: headers("Content-Type", "application/json"),
		reqBody: `{"organization_name":"TestOrg","email":"admin@test.com","password":"secret123"}`,
		status:  201, body: created,
		header: served("Content-Type", "application/json", "ETag", `"1"`, "Location",
			"/org/get?organization_name=TestOrg"),
	}
}

func problem(method, target string, status int, body string, pairs ...string) exchange {
	h := served(append([]string{"Content-Type", "application/problem+json"}, pairs...)...)
	return exchange{method: method, target: target, reqHeader: http.Header{}, status: status, header: h, body: body}
}

// failures returns what the checker finds wrong with the exchange.
func failures(t *testing.T, c *openapitest.Checker, e exchange) []string {
	t.Helper()
	u, err := url.Parse("http://localhost" + e.target)
	if err != nil {
		t.Fatalf("parsing %q: %v", e.target, err)
	}
	r := &recorder{TB: t}
	c.Exchange(r, &http.Request{Method: e.method, URL: u, Header: e.reqHeader}, []byte(e.reqBody),
		&http.Response{StatusCode: e.status, Header: e.header}, []byte(e.body))
	return r.failures
}

func TestExchange_Accepts(t *testing.T) {
	t.Parallel()
	c := openapitest.New(t)
	gateway := func(method, target string, status int, body string) exchange {
		return exchange{
			method: method, target: target, reqHeader: http.Header{}, status: status, header: headers("Content-Type",
				"application/json", "Apigw-Requestid", "g-1"), body: body,
		}
	}
	replayed := creation()
	replayed.reqHeader.Set("Idempotency-Key", "k")
	replayed.header.Set("Idempotent-Replayed", "true")
	padded := creation()
	padded.reqBody = `{"organization_name":"  Test   ` + strings.Repeat("x", 95) + strings.Repeat(" ", 50) +
		`","email":" admin@test.com ","password":"éééé"}`
	untyped := gateway("GET", "/health", 503, `{"message":"Service Unavailable"}`)
	untyped.header.Del("Content-Type")
	asset := exchange{
		method: "GET", target: "/docs/assets/0123456789abcdef/docs.js", reqHeader: http.Header{},
		status: 200, body: "js", header: served(
			"Content-Type", "text/javascript; charset=utf-8", "Cache-Control", "public, max-age=31536000, immutable",
			"Vary", "Accept-Encoding"),
	}
	varied := asset // by the service's own line and the gateway's
	varied.header = asset.header.Clone()
	varied.header.Add("Vary", "Origin")
	anyVersion := exchange{
		method: "DELETE", target: "/org/delete?organization_name=TestOrg",
		reqHeader: headers("Authorization", "Bearer a.b.c", "If-Match", "*"),
		status:    200, body: `{"status":"deleted","organization":"TestOrg"}`, header: creation().header,
	}
	for name, e := range map[string]exchange{
		"a creation":          creation(),
		"a replayed creation": replayed,
		"names counted after normalisation and passwords in bytes": padded,
		"a conflict that passes, with Retry-After": problem("POST", "/org/create", 409, busy,
			"Retry-After", "2"),
		"a conflict that stays, without": problem("POST", "/org/create", 409, taken),
		"an invalid request":             problem("POST", "/org/create", 422, invalid),
		"a revoked token": problem("PUT", "/org/update", 401, revoked,
			"WWW-Authenticate", `Bearer error="invalid_token"`),
		"the gateway's 401": gateway("PUT", "/org/update", 401, `{"message":"Unauthorized"}`),
		"the gateway's 403": gateway("DELETE", "/org/delete", 403, `{"message":"Forbidden"}`),
		"the gateway's 500": gateway("POST", "/admin/login", 500, `{"message":"Internal Server Error"}`),

		"the gateway's 503, which has no content type": untyped,
		"an asset": asset,
		"an asset that varies by two things, in two lines": varied,
		"a change of any version":                          anyVersion,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, f := range failures(t, c, e) {
				t.Errorf("refused: %s", f)
			}
		})
	}
}

func TestExchange_Refuses(t *testing.T) {
	t.Parallel()
	c := openapitest.New(t)
	// change returns a valid creation with one thing changed.
	change := func(f func(*exchange)) exchange {
		e := creation()
		f(&e)
		return e
	}
	swap := func(e exchange, old, with string) exchange {
		if !strings.Contains(e.body, old) {
			t.Fatalf("the body has no %s", old)
		}
		e.body = strings.Replace(e.body, old, with, 1)
		return e
	}
	drop := func(e exchange, header string) exchange {
		e.header.Del(header)
		return e
	}
	busy409 := func() exchange { return problem("POST", "/org/create", 409, busy, "Retry-After", "2") }
	for name, tc := range map[string]struct {
		exchange exchange
		want     string // part of the failure
	}{
		"a path that is not documented":   {change(func(e *exchange) { e.target = "/org/creates" }), "not documented"},
		"a method that is not documented": {change(func(e *exchange) { e.method = "PUT" }), "not documented"},
		"a status that is not documented": {change(func(e *exchange) { e.status = 200 }), "status is not documented"},
		"a content type that is not documented": {
			change(func(e *exchange) { e.header.Set("Content-Type", "text/html") }), "text/html is not documented",
		},
		"another charset": {change(func(e *exchange) {
			e.header.Set("Content-Type", "application/json; charset=latin1")
		}), "want UTF-8"},
		"no content type":        {drop(creation(), "Content-Type"), "no Content-Type"},
		"no x-request-id":        {drop(creation(), "X-Request-Id"), "x-request-id is missing"},
		"no Cache-Control":       {drop(creation(), "Cache-Control"), "Cache-Control is missing"},
		"no ETag":                {drop(creation(), "ETag"), "ETag is missing"},
		"no Location":            {drop(creation(), "Location"), "Location is missing"},
		"an ETag without quotes": {change(func(e *exchange) { e.header.Set("ETag", "1") }), "ETag"},
		"a header twice":         {change(func(e *exchange) { e.header.Add("ETag", `"2"`) }), "2 times"},
		"another Cache-Control": {
			change(func(e *exchange) { e.header.Set("Cache-Control", "no-cache") }), "Cache-Control",
		},
		"a Location with a space": {
			change(func(e *exchange) { e.header.Set("Location", "/org/get?organization_name=Test Org") }), "Location",
		},
		"a body that is no JSON":           {change(func(e *exchange) { e.body = "{" }), "no JSON"},
		"a body with something after it":   {change(func(e *exchange) { e.body += "{}" }), "no JSON"},
		"an undocumented field":            {swap(creation(), `"version":1`, `"version":1,"x":1`), "x"},
		"an undocumented field at the top": {swap(creation(), `"status"`, `"x":1,"status"`), "x"},
		"a missing field":                  {swap(creation(), `"admin_email":"admin@test.com",`, ``), "admin_email"},
		"an id in capitals":                {swap(creation(), `6743f1d2`, `6743F1D2`), "id"},
		"a time without milliseconds":      {swap(creation(), `30.123Z`, `30Z`), "created_at"},
		"a time that does not exist":       {swap(creation(), `2025-11-24`, `2025-13-24`), "created_at"},
		"a version as text":                {swap(creation(), `"version":1`, `"version":"1"`), "version"},
		"a version of zero":                {swap(creation(), `"version":1`, `"version":0`), "version"},
		"a shown name of one character":    {swap(creation(), `"TestOrg"`, `"T"`), "organization_name"},
		"a problem code that is not documented": {
			swap(busy409(), `organization_busy","request`, `wrong_password","request`), "code",
		},
		"a problem of another status": {swap(busy409(), `"status":409`, `"status":422`), "status"},
		"a problem of another type": {
			swap(busy409(), `problem:organization_busy`, `problem:admin_email_taken`), "type",
		},
		"a problem of another request":           {swap(busy409(), `r-1`, `r-2`), "request_id"},
		"a passing conflict without Retry-After": {drop(busy409(), "Retry-After"), "Retry-After is missing"},
		"a Retry-After of zero": {
			problem("POST", "/org/create", 409, busy, "Retry-After", "0"), "Retry-After",
		},
		"a Retry-After that is a date": {
			problem("POST", "/org/create", 409, busy, "Retry-After", "Mon, 24 Nov 2025 10:15:30 GMT"), "Retry-After",
		},
		"a 422 without its fields": {
			swap(problem("POST", "/org/create", 422, invalid), `,"errors":[{"field":"email","code":"missing",`+
				`"detail":"this field is needed"}]`, ``), "errors",
		},
		"a field error of an unknown code": {
			swap(problem("POST", "/org/create", 422, invalid), `"missing"`, `"absent"`), "code",
		},
		"a 401 without a challenge": {problem("PUT", "/org/update", 401, revoked), "WWW-Authenticate is missing"},
		"a challenge without an error": {
			problem("PUT", "/org/update", 401, revoked, "WWW-Authenticate", "Bearer"), "WWW-Authenticate",
		},
		"a gateway's body where no gateway answers so": {
			exchange{
				method: "POST", target: "/admin/login", status: 401, header: headers("Content-Type",
					"application/json"), body: `{"message":"Unauthorized"}`,
			}, "not documented",
		},
		"a gateway's answer without its id": {
			exchange{
				method: "PUT", target: "/org/update", status: 401, header: headers("Content-Type", "application/json"),
				body: `{"message":"Unauthorized"}`,
			}, "Apigw-Requestid is missing",
		},
		"an asset that is not cached": {
			exchange{
				method: "GET", target: "/docs/assets/0123456789abcdef/docs.js", status: 200, body: "js",
				header: served("Content-Type", "text/javascript", "Vary", "Accept-Encoding"),
			},
			"Cache-Control",
		},
		"accepting an undocumented field": {
			change(func(e *exchange) { e.reqBody = strings.Replace(e.reqBody, "{", `{"x":1,`, 1) }), "accepted",
		},
		"accepting no body": {change(func(e *exchange) { e.reqBody = "" }), "accepted without a body"},
		"accepting another content type": {
			change(func(e *exchange) { e.reqHeader.Set("Content-Type", "text/plain") }),
			"accepted with the Content-Type",
		},
		"accepting a key with a space": {
			change(func(e *exchange) { e.reqHeader.Set("Idempotency-Key", "a b") }),
			"accepted with the header parameter",
		},
		"accepting a parameter twice": {
			exchange{
				method: "GET", target: "/org/get?organization_name=a&organization_name=b", status: 200, body: created,
				header: creation().header,
			}, "2 times",
		},
		"accepting no parameter": {
			exchange{method: "GET", target: "/org/get", status: 200, body: created, header: creation().header},
			"accepted without the query parameter",
		},
		"accepting no token": {
			exchange{
				method: "DELETE", target: "/org/delete?organization_name=TestOrg", status: 200,
				body: `{"status":"deleted","organization":"TestOrg"}`, header: creation().header,
			}, "accepted without a token",
		},
		"accepting a body where none is documented": {
			exchange{
				method: "GET", target: "/health", status: 200, reqBody: "{}", body: `{"status":"ok"}`,
				header: creation().header,
			}, "accepted with a body",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(failures(t, c, tc.exchange), "\n")
			if !strings.Contains(got, tc.want) {
				t.Errorf("Exchange says %q, want it to say %q", got, tc.want)
			}
		})
	}
}
