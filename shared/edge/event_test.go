package edge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"oms/shared/edge"
	"oms/shared/edge/edgetest"
	"oms/shared/must"
)

// seen is what an endpoint sees of a request.
type seen struct {
	Method, Path, Query, Body string
	Header                    map[string][]string
}

func echo(_ context.Context, c *edge.Call) (*edge.Answer, error) {
	return &edge.Answer{Body: seen{c.Method, c.Path, c.RawQuery, string(c.Body), c.Header}}, nil
}

func TestFunction_readsBothHosts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, event string
		want        seen
	}{
		{
			"API Gateway, nothing but what is needed",
			`{"version":"2.0","routeKey":"GET /x","rawPath":"/x","rawQueryString":"",
			"headers":{"accept":"*/*","content-length":"0","host":"a.execute-api.eu-west-1.amazonaws.com"},
			"requestContext":{
				"http":{"method":"GET","path":"/x","protocol":"HTTP/1.1","sourceIp":"1.2.3.4","userAgent":""},
				"domainName":"a.execute-api.eu-west-1.amazonaws.com","timeEpoch":1587481701067
			},"isBase64Encoded":false}`,
			seen{
				"GET", "/x", "", "", map[string][]string{
					"Accept": {"*/*"}, "Content-Length": {"0"}, "Host": {"a.execute-api.eu-west-1.amazonaws.com"},
				},
			},
		},
		{
			"API Gateway, with cookies and a form in base64",
			`{"version":"2.0","rawPath":"/x","rawQueryString":"a=%20b&a=c","cookies":["c1=v1","c2=v2"],
			"headers":{"content-type":"application/x-www-form-urlencoded"},"queryStringParameters":{"a":" b,c"},
			"requestContext":{"http":{"method":"POST","path":"/x"}},"body":"YT1i/w==","isBase64Encoded":true}`,
			seen{
				"POST", "/x", "a=%20b&a=c", "a=b\ufffd",
				map[string][]string{
					"Content-Type": {"application/x-www-form-urlencoded"}, "Cookie": {"c1=v1", "c2=v2"},
				},
			},
		},
		{
			"SAM local: names in Title-Case, cookies twice, empty instead of absent",
			`{"version":"2.0","rawPath":"/x","rawQueryString":"x=1","cookies":["c1=v1","c2=v2"],
			"headers":{"Content-Type":"application/json","Cookie":"c1=v1; c2=v2","X-Multi":"a,b"},
			"queryStringParameters":{"x":"1"},"pathParameters":{},"stageVariables":null,
			"requestContext":{"http":{"method":"POST","path":"/x"},"timeEpoch":1795417574},
			"body":"{}","isBase64Encoded":false}`,
			seen{
				"POST", "/x", "x=1", "{}", map[string][]string{
					"Content-Type": {"application/json"}, "Cookie": {"c1=v1", "c2=v2"}, "X-Multi": {"a,b"},
				},
			},
		},
		{
			"a cookie header without cookies",
			`{"version":"2.0","rawPath":"/x","headers":{"Cookie":"c=v"},"requestContext":{"http":{"method":"GET"}}}`,
			seen{"GET", "/x", "", "", map[string][]string{"Cookie": {"c=v"}}},
		},
		{
			"headers whole, commas and spaces included",
			`{"version":"2.0","rawPath":"/x","headers":{"if-match":"\"1\", \"2\"","idempotency-key":"a,b",` +
				`"IDEMPOTENCY-KEY-2":" c "},"requestContext":{"http":{"method":"GET"}}}`,
			seen{
				"GET", "/x", "", "", map[string][]string{
					"If-Match": {`"1", "2"`}, "Idempotency-Key": {"a,b"}, "Idempotency-Key-2": {" c "},
				},
			},
		},
		{
			"a decoded path with everything in it",
			`{"version":"2.0","rawPath":"/a b/100%/%zz/ü?x#y\u0001","requestContext":{"http":{"method":"GET"}}}`,
			seen{"GET", "/a b/100%/%zz/ü?x#y\u0001", "", "", map[string][]string{}},
		},
		{
			"a path that looks like a host",
			`{"version":"2.0","rawPath":"//evil.example/x","requestContext":{"http":{"method":"GET"}}}`,
			seen{"GET", "//evil.example/x", "", "", map[string][]string{}},
		},
		{
			"a path from the context only",
			`{"version":"2.0","requestContext":{"http":{"method":"GET","path":"/y"},"domainName":"not a host"}}`,
			seen{"GET", "/y", "", "", map[string][]string{}},
		},
		{
			"a query that is no part of a URL",
			`{"version":"2.0","rawPath":"/x","rawQueryString":"a=ü #\u0001%zz;",` +
				`"requestContext":{"http":{"method":"GET"}}}`,
			seen{"GET", "/x", "a=%C3%BC%20%23%01%zz;", "", map[string][]string{}},
		},
		{
			"a query of which only the decoded form is there",
			`{"version":"2.0","rawPath":"/x","queryStringParameters":{"organization_name":"a,b"},` +
				`"requestContext":{"http":{"method":"GET"}}}`,
			seen{"GET", "/x", "organization_name=a%2Cb", "", map[string][]string{}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := edgetest.Invoke(t, edge.Public(echo), []byte(tt.event))
			if diff := cmp.Diff(tt.want, must.JSON[seen](t, got.Body)); diff != "" || got.Status != 200 {
				t.Errorf("status %d, seen (-want +got):\n%s", got.Status, diff)
			}
		})
	}
}

func TestFunction_answersAnEventThatItCannotRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, event string
		status      int
	}{
		{"nothing", ``, 500},
		{"no object", `[]`, 500},
		{"null", `null`, 500},
		{"an empty object", `{}`, 500},
		{"another trigger's event", `{"Records":[]}`, 500},
		{
			"payload 1.0",
			`{"version":"1.0","httpMethod":"GET","path":"/x","requestContext":{"http":{"method":"GET"}}}`, 500,
		},
		{
			"headers that are no text",
			`{"version":"2.0","headers":{"a":1},"requestContext":{"http":{"method":"GET"}}}`, 500,
		},
		{"no method", `{"version":"2.0","rawPath":"/x"}`, 500},
		{"a method that is none", `{"version":"2.0","rawPath":"/x","requestContext":{"http":{"method":"GE T"}}}`, 500},
		{
			"a body that is no base64", `{"version":"2.0","rawPath":"/x","requestContext":{"http":{"method":"GET"}},` +
				`"body":"{}","isBase64Encoded":true}`, 500,
		},
		{
			"bytes that are no UTF-8",
			`{"version":"2.0","rawPath":"/x","requestContext":{"http":{"method":"GET"}},"body":"` + "\xff" + `"}`, 400,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			called := false
			got := edgetest.Invoke(t, edge.Public(func(context.Context, *edge.Call) (*edge.Answer, error) {
				called = true
				return &edge.Answer{}, nil
			}), []byte(tt.event))
			if called || got.Status != tt.status || got.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("answer = %d %v %s, called %t; want problem %d and no call", got.Status, got.Header, got.Body,
					called, tt.status)
			}
			if strings.Count(got.Log, "\n") != 1 || !strings.Contains(got.Log, fmt.Sprintf(`"status":%d`, tt.status)) {
				t.Errorf("log = %q, want one record", got.Log)
			}
		})
	}
}

func TestFunction_answersForAPlainHandler(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /x", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Set-Cookie", "a=1")
		_, _ = w.Write([]byte("<html>"))
	})
	mux.HandleFunc("GET /silent", func(http.ResponseWriter, *http.Request) {})
	got := edgetest.Invoke(t, mux, edgetest.Event(t, edgetest.Request{Method: "GET", Path: "/x"}))
	if got.Status != 200 || got.Body != "<html>" || got.Header.Get("Content-Type") != "text/html; charset=utf-8" ||
		got.Header.Get("X-Request-Id") == "" {
		t.Errorf("answer = %d %v %s", got.Status, got.Header, got.Body)
	}
	if got := edgetest.Invoke(t, mux,
		edgetest.Event(t, edgetest.Request{Method: "GET", Path: "/silent"})); got.Status != 200 || got.Body != "" {
		t.Errorf("answer of a silent handler = %d %q, want an empty 200", got.Status, got.Body)
	}
}

func FuzzFunction(f *testing.F) {
	for _, seed := range []string{
		`{"version":"2.0","rawPath":"/a%","rawQueryString":"a=%zz","cookies":["a"],"headers":{"Cookie":"b","x":"1,` +
			`2"},"requestContext":{"http":{"method":"POST"},"domainName":"h"},"body":"e30=","isBase64Encoded":true}`,
		`{"version":"2.0","requestContext":{"http":{"method":"GET","path":"\u0000"},` +
			`"authorizer":{"lambda":{"admin_id":"a","org_id":"b","ver":"c","exp":1e99}}}}`,
		`{"version":"2.0","headers":{"a\nb":"c\r\nd","":"x"},"requestContext":{"http":{"method":"get"},` +
			`"domainName":"[::1]:x"}}`,
		`null`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, h := range []http.Handler{edge.Public(echo), edge.Protected(echo)} {
			got := edgetest.Invoke(t, h, payload)
			switch got.Status {
			case 200, 400, 401, 500:
			default:
				t.Fatalf("status = %d %s", got.Status, got.Body)
			}
			if !json.Valid([]byte(got.Body)) || got.Header.Get("X-Request-Id") == "" ||
				strings.Count(got.Log, "\n") != 1 {
				t.Fatalf("answer = %v %q, log %q", got.Header, got.Body, got.Log)
			}
			// What API Gateway could have sent is never refused for its form.
			var event struct {
				Version, RawPath, RawQueryString string
				IsBase64Encoded                  bool
				RequestContext                   struct {
					HTTP struct{ Method string }
				}
			}
			if json.Unmarshal(payload, &event) != nil || event.Version != "2.0" || event.IsBase64Encoded ||
				event.RequestContext.HTTP.Method != "GET" {
				continue
			}
			if got.Status == 500 && !strings.Contains(got.Log, "no payload of version 2.0") {
				t.Fatalf("a GET of %q?%q became a 500: %s", event.RawPath, event.RawQueryString, got.Log)
			}
		}
	})
}
