// Package edgetest sends requests to a handler the way a function gets them.
//
// It owns one road: the request becomes an event of an HTTP API, the event
// goes through [edge.Function], the response is read back. So a handler's test
// sees the body and the headers that a client would, problem documents
// included, and is held against the OpenAPI document. It refuses to reach a
// handler in any other way.
//
//	got := edgetest.Send(t, edge.Protected(update(fake)), edgetest.Request{
//		Method: "PUT", Path: "/org/update", JSON: `{"new_organization_name":"Acme"}`,
//		Who: token.Principal{AdminID: …, OrgID: …, CredentialVersion: …, Expires: time.Now().Add(time.Hour)},
//	})
package edgetest

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"oms/shared/edge"
	"oms/shared/must"
	"oms/shared/openapi/openapitest"
	"oms/shared/token"
)

// Request is a request as a client makes it. Zero fields are absent.
type Request struct {
	Method string
	Path   string
	Query  string // raw, as sent
	Header map[string]string
	JSON   string          // a body with Content-Type application/json, unless Header has another
	Who    token.Principal // what the authorizer says; zero: there is no authorizer
	Route  string          // the key of the route, where Path is not its path
}

// Response is what the client gets.
type Response struct {
	Status int
	Header http.Header
	Body   string
	Log    string // the records, one JSON object a line
}

// Wants fails the test unless the answer has the status and the body: the whole
// one of a success, a piece of a problem.
func (r Response) Wants(tb testing.TB, status int, body string) {
	tb.Helper()
	if r.Status != status || !strings.Contains(r.Body, body) || status < 300 && r.Body != body {
		tb.Errorf("answer = %d %s, want %d %s", r.Status, r.Body, status, body)
	}
}

// Hides fails the test where the log has one of the secrets.
func (r Response) Hides(tb testing.TB, secrets ...string) {
	tb.Helper()
	for _, s := range secrets {
		if strings.Contains(r.Log, s) {
			tb.Errorf("the log has %q: %s", s, r.Log)
		}
	}
}

// Send sends r to h and returns the response. It fails the test where the
// exchange is not one that the OpenAPI document has ([openapitest.Checker.Exchange]).
func Send(tb testing.TB, h http.Handler, r Request) Response {
	tb.Helper()
	got := Invoke(tb, h, Event(tb, r))
	target := url.URL{Path: r.Path, RawQuery: r.Query}
	req := httptest.NewRequestWithContext(tb.Context(), r.Method, target.String(), http.NoBody)
	for name, value := range headers(r) {
		req.Header.Set(name, value)
	}
	if !r.Who.Anonymous() {
		req.Header.Set("Authorization", "Bearer token") // what the authorizer has seen
	}
	resp := &http.Response{StatusCode: got.Status, Header: got.Header}
	openapitest.New(tb).Exchange(tb, req, []byte(r.JSON), resp, []byte(got.Body))
	return got
}

// Event returns r as the event of an HTTP API.
func Event(tb testing.TB, r Request) []byte {
	tb.Helper()
	return must.Get(json.Marshal(event(r)))(tb)
}

// Invoke sends an event, whatever it is, to h and returns the response.
func Invoke(tb testing.TB, h http.Handler, payload []byte) Response {
	tb.Helper()
	var records bytes.Buffer
	out := must.Get(edge.NewFunction(h, edge.NewLogger(&records)).Invoke(tb.Context(), payload))(tb)
	var answer struct {
		StatusCode      int               `json:"statusCode"`
		Headers         map[string]string `json:"headers"`
		Body            string            `json:"body"`
		IsBase64Encoded bool              `json:"isBase64Encoded"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		tb.Fatalf("reading the response %q: %v", out, err)
	}
	if answer.IsBase64Encoded {
		body := must.Get(base64.StdEncoding.DecodeString(answer.Body))(tb)
		answer.Body = string(body)
	}
	header := http.Header{}
	for name, value := range answer.Headers {
		header.Set(name, value)
	}
	return Response{Status: answer.StatusCode, Header: header, Body: answer.Body, Log: records.String()}
}

func headers(r Request) map[string]string {
	all := map[string]string{}
	if r.JSON != "" {
		all["content-type"] = "application/json"
	}
	for name, value := range r.Header {
		all[strings.ToLower(name)] = value
	}
	return all
}

// event is r as API Gateway sends it: names in lower case, absent parts left out.
func event(r Request) map[string]any {
	route := cmp.Or(r.Route, r.Method+" "+r.Path)
	request := map[string]any{
		"http": map[string]any{
			"method": r.Method, "path": r.Path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "",
		},
		"domainName": "api.example.com", "routeKey": route, "stage": "$default", "requestId": "JCJM3j95PHcEJHg=",
	}
	if !r.Who.Anonymous() {
		said := map[string]any{
			"admin_id": r.Who.AdminID, "org_id": r.Who.OrgID, "ver": r.Who.CredentialVersion,
			"exp": r.Who.Expires.Unix(),
		}
		if r.Who.Session != "" {
			said["sid"], said["auth_time"] = r.Who.Session, r.Who.AuthTime.Unix()
		}
		request["authorizer"] = map[string]any{"lambda": said}
	}
	e := map[string]any{
		"version": "2.0", "routeKey": route, "rawPath": r.Path, "rawQueryString": r.Query,
		"headers": headers(r), "requestContext": request, "isBase64Encoded": false,
	}
	if r.JSON != "" {
		e["body"] = r.JSON
	}
	return e
}
