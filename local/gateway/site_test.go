package gateway_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"oms/local/gateway"
	"oms/local/template"
	"oms/shared/must"
)

// function answers an event, as a Lambda function does.
type function func(ctx context.Context, event []byte) ([]byte, error)

func echo(_ context.Context, event []byte) ([]byte, error) { return event, nil }

func fixed(answer string) function {
	return func(context.Context, []byte) ([]byte, error) { return []byte(answer), nil }
}

// site is an HTTP API in the making, and the functions behind it.
type site struct {
	api       string   // properties of the API, in YAML
	routes    []string // method, path, function and perhaps authorizer
	functions map[string]function
}

// Invoke has one of the functions answer.
func (s *site) Invoke(ctx context.Context, name string, event []byte, _ string) ([]byte, error) {
	return s.functions[name](ctx, event)
}

// open makes a gateway of the template that declares the site.
func (s *site) open(tb testing.TB) *running {
	tb.Helper()
	text := "Transform: AWS::Serverless-2016-10-31\nResources:\n" +
		"  Api: {Type: AWS::Serverless::HttpApi, Properties: {" + s.api + "}}\n"
	for _, name := range slices.Sorted(maps.Keys(s.functions)) {
		text += "  " + name + ":\n    Type: AWS::Serverless::Function\n    Properties:\n" +
			"      {CodeUri: f, Runtime: provided.al2023, Handler: bootstrap, Events: {"
		for i, route := range s.routes {
			method, rest, _ := strings.Cut(route, " ")
			path, rest, _ := strings.Cut(rest, " ")
			function, authorizer, guarded := strings.Cut(rest, " ")
			if function != name {
				continue
			}
			if guarded {
				authorizer = ", Auth: {Authorizer: " + authorizer + "}"
			}
			text += fmt.Sprintf("E%d: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: %s, Path: '%s'%s}}, ",
				i, method, path, authorizer)
		}
		text += "}}\n"
	}
	t, err := template.Parse("site", []byte(text), nil)
	if err != nil {
		tb.Fatalf("%v in\n%s", err, text)
	}
	return &running{gateway.New(t, s, slog.New(slog.DiscardHandler))}
}

// newEcho is a gateway whose routes all echo their events.
func newEcho(tb testing.TB, api string, routes ...string) *running {
	tb.Helper()
	s := &site{api: api, functions: map[string]function{"Echo": echo}}
	for _, r := range routes {
		s.routes = append(s.routes, r+" Echo")
	}
	return s.open(tb)
}

// newFixed is a gateway whose one route, at /, has one answer.
func newFixed(tb testing.TB, api, answer string) *running {
	tb.Helper()
	s := &site{api: api, routes: []string{"ANY / F"}, functions: map[string]function{"F": fixed(answer)}}
	return s.open(tb)
}

// running is a gateway that can be asked.
type running struct{ *gateway.Gateway }

// reply is an answer as a test looks at it.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request; header is name, value, ….
func (r *running) do(tb testing.TB, method, target, body string, header ...string) reply {
	tb.Helper()
	request := httptest.NewRequestWithContext(tb.Context(), method, target, strings.NewReader(body))
	for pair := range slices.Chunk(header, 2) {
		request.Header.Add(pair[0], pair[1])
	}
	return r.ask(request)
}

func (r *running) ask(request *http.Request) reply {
	w := httptest.NewRecorder()
	r.ServeHTTP(w, request)
	return reply{w.Code, w.Header(), w.Body.String()}
}

// send writes a request to a server of the gateway, byte for byte, and returns
// the answer.
func (r *running) send(tb testing.TB, method, text string) reply {
	tb.Helper()
	server := httptest.NewServer(r)
	tb.Cleanup(server.Close)
	response, err := exchange(tb, &url.URL{Host: server.Listener.Addr().String()}, method, text)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body := must.Get(io.ReadAll(response.Body))(tb)
	if response.Close { // package http has moved it
		response.Header.Set("Connection", "close")
	}
	return reply{response.StatusCode, response.Header, string(body)}
}

// is fails the test unless the answer has the status and the body.
func (r reply) is(tb testing.TB, status int, body string) {
	tb.Helper()
	if r.status != status || r.body != body {
		tb.Errorf("got %d %.200q, want %d %.200q", r.status, r.body, status, body)
	}
}

// refuses fails the test unless the answer is the gateway's own refusal.
func (r reply) refuses(tb testing.TB, status int, message string) {
	tb.Helper()
	r.is(tb, status, `{"message":"`+message+`"}`)
	contentType := "application/json"
	if status == http.StatusServiceUnavailable {
		contentType = "" // as it was recorded
	}
	if got := r.header.Get("Content-Type"); got != contentType || len(r.header.Get("Apigw-Requestid")) != 16 {
		tb.Errorf("%d has the headers %v", status, r.header)
	}
}
