package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"
	"github.com/google/go-cmp/cmp"

	"oms/shared/must"
)

// The forms that the random parts of an event have in recorded ones.
const (
	requestIDForm = `^[A-Za-z0-9_-]{15}=$`
	traceForm     = `^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$`
)

// eventTime is the time of the recording in aws-lambda-go's test data.
func eventTime() time.Time { return time.UnixMilli(1587481701067) }

// TestEvent compares events with the files of testdata/event: requests as they
// go over the wire, and events as API Gateway makes them, after recordings. The
// random parts are REQUEST and TRACE there. The adapter that the functions use
// makes the request again of its event.
func TestEvent(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/event/*.http")
	if err != nil || len(files) < 8 {
		t.Fatalf("found %d requests, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			want := must.JSON[map[string]any](t, mustRead(t, strings.TrimSuffix(file, "http")+"json"))
			stage, _ := want["requestContext"].(map[string]any)["stage"].(string)
			key, _ := want["routeKey"].(string)
			if key == "$default" {
				key = "ANY $default"
			}
			sent, body := mustRequest(t, mustRead(t, file))
			var got string
			synctest.Test(t, func(t *testing.T) {
				g := newEcho(t, "StageName: "+stage, key)
				time.Sleep(time.Until(eventTime())) // the time is the request's, not the start's
				got = g.ask(sent).body
			})
			event := must.JSON[map[string]any](t, got)
			blank(t, event["requestContext"], "requestId", requestIDForm, "REQUEST")
			blank(t, event["headers"], "x-amzn-trace-id", traceForm, "TRACE")
			if d := cmp.Diff(want, event); d != "" {
				t.Errorf("event (-want +got):\n%s", d)
			}
			e := sameAsLibrary[events.APIGatewayV2HTTPRequest](t, got)
			again := must.Get((&core.RequestAccessorV2{}).EventToRequestWithContext(t.Context(), e))(t)
			content := must.Get(io.ReadAll(again.Body))(t)
			if d := cmp.Diff(summary(sent, body), summary(again, string(content))); d != "" {
				t.Errorf("request (-sent +again):\n%s", d)
			}
		})
	}
}

// summary is what a function reads of a request.
func summary(r *http.Request, body string) []any {
	var accept, cookies []string
	for _, v := range r.Header.Values("Accept") {
		accept = append(accept, strings.Split(v, ",")...)
	}
	for _, c := range r.Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	return []any{r.Method, r.URL.Path, r.URL.RawQuery, r.Host, accept, cookies, body}
}

// sameAsLibrary decodes an event into aws-lambda-go's type for it, which must
// know every member, and compares what that type encodes with the event.
func sameAsLibrary[E any](tb testing.TB, event string) E {
	tb.Helper()
	d := json.NewDecoder(strings.NewReader(event))
	d.DisallowUnknownFields()
	var typed E
	must.Do(tb, d.Decode(&typed))
	again := must.Get(json.Marshal(typed))(tb)
	want, got := must.JSON[map[string]any](tb, event), must.JSON[map[string]any](tb, string(again))
	// The type writes an empty client certificate and null lists where there
	// are none; recorded events have nothing there.
	delete(got["requestContext"].(map[string]any), "authentication")
	for name, value := range got {
		if value == nil {
			delete(got, name)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		tb.Errorf("event encoded again (-event +again):\n%s", d)
	}
	return typed
}

// eventOf is the event of a request to /a.
func eventOf(tb testing.TB, r *http.Request) events.APIGatewayV2HTTPRequest {
	tb.Helper()
	return sameAsLibrary[events.APIGatewayV2HTTPRequest](tb, newEcho(tb, "", "ANY /a").ask(r).body)
}

func TestEvent_hasAFreshIDAndTrace(t *testing.T) {
	t.Parallel()
	var ids, traces []string
	for range 2 {
		e := eventOf(t, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/a", nil))
		ids, traces = append(ids, e.RequestContext.RequestID), append(traces, e.Headers["x-amzn-trace-id"])
	}
	if ids[0] == ids[1] || traces[0] == traces[1] {
		t.Errorf("two requests have ids %q and traces %q", ids, traces)
	}
}

func TestEvent_givesItsIDToTheClient(t *testing.T) {
	t.Parallel()
	got := newEcho(t, "", "ANY /a").do(t, "GET", "/a", "")
	e := sameAsLibrary[events.APIGatewayV2HTTPRequest](t, got.body)
	if id := got.header.Get("Apigw-Requestid"); id == "" || id != e.RequestContext.RequestID {
		t.Errorf("Apigw-Requestid is %q, requestContext.requestId %q", id, e.RequestContext.RequestID)
	}
}

func TestEvent_keepsAClientsTrace(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/a", nil)
	r.Header.Set("X-Amzn-Trace-Id", "Root=1-5e9f0c65-1de4d666d4dd26aced652b6c")
	if got := eventOf(t, r).Headers["x-amzn-trace-id"]; got != "Root=1-5e9f0c65-1de4d666d4dd26aced652b6c" {
		t.Errorf("trace is %q", got)
	}
}

func TestEvent_addresses(t *testing.T) {
	t.Parallel()
	tests := []struct{ remote, host, ip, domain, prefix, port string }{
		{"192.0.2.7:5000", "localhost:8000", "192.0.2.7", "localhost", "localhost", "8000"},
		{"[2001:db8::1%eth0]:5000", "[::1]:8000", "2001:db8::1", "::1", "::1", "8000"},
		{"192.0.2.7:5000", "api.example.com", "192.0.2.7", "api.example.com", "api", "80"},
		{"192.0.2.7:5000", "served.example.com", "192.0.2.7", "served.example.com", "served", "8443"},
	}
	for _, tt := range tests {
		t.Run(tt.host, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			if tt.prefix == "served" { // by a server, which knows its own port
				ctx = context.WithValue(ctx, http.LocalAddrContextKey, &net.TCPAddr{Port: 8443})
			}
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/a", nil)
			r.RemoteAddr, r.Host = tt.remote, tt.host
			e := eventOf(t, r)
			c, h := e.RequestContext, e.Headers
			got := []string{
				c.HTTP.SourceIP, h["x-forwarded-for"], c.DomainName, c.DomainPrefix, h["x-forwarded-port"],
				h["host"], h["x-forwarded-proto"],
			}
			want := []string{tt.ip, tt.ip, tt.domain, tt.prefix, tt.port, tt.host, "http"}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("addresses (-want +got):\n%s", d)
			}
		})
	}
}

func TestEvent_encodesBodies(t *testing.T) {
	t.Parallel()
	for contentType, text := range map[string]bool{
		"text/plain":                        true,
		"text/html; charset=utf-8":          true,
		"TEXT/CSV":                          true,
		"application/json":                  true,
		"Application/Json;charset=utf-8":    true,
		"application/xml":                   true,
		"application/javascript":            true,
		"application/x-www-form-urlencoded": false,
		"multipart/form-data; boundary=x":   false,
		"application/octet-stream":          false,
		"image/png":                         false,
		"application/problem+json":          false,
		"":                                  false,
	} {
		for body, encoded := range map[string]string{"a=ö": "YT3Dtg==", "\xff\xfe": "//4="} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/a", strings.NewReader(body))
			if contentType != "" {
				r.Header.Set("Content-Type", contentType)
			}
			want, base64 := encoded, true
			if text && utf8.ValidString(body) {
				want, base64 = body, false
			}
			if got := eventOf(t, r); got.Body != want || got.IsBase64Encoded != base64 {
				t.Errorf("%s: body is %q (base64 %t), want %q (base64 %t)", contentType, got.Body, got.IsBase64Encoded,
					want, base64)
			}
		}
	}
}

func FuzzEvent(f *testing.F) {
	f.Add("POST", "/a b/c", "x=1&x=%20", "Cookie", "a=b; ; c;", "text/plain", []byte("body"))
	f.Add("GET", "/%ff", "%zz&&=", "Connection", "x, close", "", []byte{0xff, 0x00})
	f.Add("PATCH", "/\u2028", "q=\xff", "X-Forwarded-For", "::1", "application/json;", []byte(nil))
	f.Fuzz(func(t *testing.T, method, path, query, name, value, contentType string, body []byte) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", bytes.NewReader(body))
		r.Method, r.URL, r.RequestURI = method, &url.URL{Path: "/" + path, RawQuery: query}, ""
		r.Header.Set("Content-Type", contentType)
		r.Header[http.CanonicalHeaderKey(name)] = []string{value}
		got := newEcho(t, "", "ANY $default").ask(r)
		if got.status != http.StatusOK {
			return // beyond a quota
		}
		var e events.APIGatewayV2HTTPRequest
		d := json.NewDecoder(strings.NewReader(got.body))
		d.DisallowUnknownFields()
		must.Do(t, d.Decode(&e))
		content := []byte(e.Body)
		if e.IsBase64Encoded {
			content = must.Get(base64.StdEncoding.DecodeString(e.Body))(t)
		}
		if !bytes.Equal(content, body) {
			t.Errorf("body is %q, want %q", content, body)
		}
		if utf8.ValidString(path) && e.RawPath != "/"+path {
			t.Errorf("rawPath is %q, want %q", e.RawPath, "/"+path)
		}
		if utf8.ValidString(query) && e.RawQueryString != query {
			t.Errorf("rawQueryString is %q, want %q", e.RawQueryString, query)
		}
		for name := range e.Headers {
			if name != strings.ToLower(name) ||
				slices.Contains([]string{"cookie", "connection", "transfer-encoding"}, name) {
				t.Errorf("the event has a header %q", name)
			}
		}
		if slices.Contains(e.Cookies, "") {
			t.Errorf("cookies %q has an empty one", e.Cookies)
		}
	})
}

// mustRequest reads a request as a TLS connection of 192.0.2.7 would bring it.
func mustRequest(tb testing.TB, raw string) (*http.Request, string) {
	tb.Helper()
	r := must.Get(http.ReadRequest(bufio.NewReader(strings.NewReader(raw))))(tb)
	r.RemoteAddr = "192.0.2.7:40000"
	r.TLS = &tls.ConnectionState{}
	body := must.Get(io.ReadAll(r.Body))(tb)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r, string(body)
}

// blank replaces a member, after a look at its form.
func blank(tb testing.TB, object any, name, form, with string) {
	tb.Helper()
	members, _ := object.(map[string]any)
	value, _ := members[name].(string)
	if !regexp.MustCompile(form).MatchString(value) {
		tb.Errorf("%s is %q, want the form %s", name, value, form)
	}
	members[name] = with
}

func mustRead(tb testing.TB, file string) string {
	tb.Helper()
	return string(must.Get(os.ReadFile(file))(tb)) //nolint:gosec // G304: a test names its own file
}
