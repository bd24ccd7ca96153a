package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"oms/local/gateway"
)

const app = "https://app.example"

func corsConfiguration() *gateway.CORS {
	return &gateway.CORS{
		AllowOrigins:     []string{app, "http://localhost:5173"},
		AllowMethods:     []string{"GET", "POST"},
		AllowHeaders:     []string{"authorization", "content-type"},
		ExposeHeaders:    []string{"etag", "location"},
		MaxAge:           600,
		AllowCredentials: true,
	}
}

// corsOf are the headers of an answer that CORS is about.
func corsOf(h http.Header) http.Header {
	out := http.Header{}
	for name, values := range h {
		if strings.HasPrefix(name, "Access-Control-") || name == "Vary" {
			out[name] = values
		}
	}
	return out
}

func (r *running) preflight(tb testing.TB, target, origin string) reply {
	tb.Helper()
	return r.do(tb, "OPTIONS", target, "", "Origin", origin, "Access-Control-Request-Method", "POST")
}

func TestCORS_preflight(t *testing.T) {
	t.Parallel()
	asked := newCrowd(t)
	s := newSite(t)
	s.Template.CORS = corsConfiguration()
	s.function(t, "Auth", "visit", "DESK", asked.desk)
	s.function(t, "Any", "visit", "DESK", asked.desk)
	s.Template.Authorizers["Jwt"] = gateway.Authorizer{Function: "Auth", Simple: true, Headers: []string{"Authorization"}}
	s.route("ANY /a/{proxy+}", "Any").Authorizer = "Jwt"
	g := s.open(t)
	// Before routes and authorizers: a path without a route is answered too.
	for _, target := range []string{"/a/b", "/nowhere"} {
		got := g.preflight(t, target, app)
		got.is(t, 204, "")
		want := http.Header{
			"Access-Control-Allow-Origin":      {app},
			"Access-Control-Allow-Methods":     {"GET,POST"},
			"Access-Control-Allow-Headers":     {"authorization,content-type"},
			"Access-Control-Allow-Credentials": {"true"},
			"Access-Control-Expose-Headers":    {"etag,location"},
			"Access-Control-Max-Age":           {"600"},
			"Vary":                             {"Origin"},
		}
		if d := cmp.Diff(want, corsOf(got.header)); d != "" {
			t.Errorf("%s: headers (-want +got):\n%s", target, d)
		}
		if got.header.Get("Apigw-Requestid") == "" {
			t.Errorf("%s: there is no request id", target)
		}
	}
	for _, origin := range []string{"https://evil.example", app + ".evil.example", "null", "http://app.example"} {
		got := g.preflight(t, "/a/b", origin)
		got.is(t, 204, "")
		if d := cmp.Diff(http.Header{"Vary": {"Origin"}}, corsOf(got.header)); d != "" {
			t.Errorf("%s: headers (-want +got):\n%s", origin, d)
		}
	}
	if n := len(asked.arrived); n != 0 {
		t.Errorf("%d preflights reached a function", n)
	}
	// OPTIONS that is no preflight goes where the routes say.
	g.do(t, "OPTIONS", "/nowhere", "", "Origin", app).refuses(t, 404, "Not Found")
	g.do(t, "OPTIONS", "/a/b", "").refuses(t, 401, "Unauthorized")
}

func TestCORS_defaultRouteWithAnAuthorizer(t *testing.T) {
	t.Parallel()
	for _, open := range []bool{false, true} {
		s := newSite(t)
		s.Template.CORS = corsConfiguration()
		s.function(t, "Echo", "echo")
		s.Template.Authorizers["Jwt"] = gateway.Authorizer{Function: "Echo", Simple: true, Headers: []string{"Authorization"}}
		s.route("$default", "Echo").Authorizer = "Jwt"
		if open {
			s.route("OPTIONS /{proxy+}", "Echo")
		}
		got := s.open(t).preflight(t, "/a", app)
		if open {
			got.is(t, 204, "")
		} else {
			got.refuses(t, 401, "Unauthorized")
		}
	}
}

func TestCORS_answer(t *testing.T) {
	t.Parallel()
	const own = `{"statusCode":200,"body":"a","headers":{
		"Access-Control-Allow-Origin":"*","access-control-allow-headers":"x","Access-Control-Expose-Headers":"y","Vary":"Accept"}}`
	allowed := http.Header{
		"Access-Control-Allow-Origin":      {app},
		"Access-Control-Allow-Credentials": {"true"},
		"Access-Control-Expose-Headers":    {"etag,location"},
		"Vary":                             {"Accept", "Origin"},
	}
	tests := []struct {
		name, origin string
		adjust       func(*gateway.CORS)
		want         http.Header
	}{
		{"the configured headers in place of the function's", app, func(*gateway.CORS) {}, allowed},
		{"none for another origin", "https://evil.example", func(*gateway.CORS) {}, http.Header{"Vary": {"Accept", "Origin"}}},
		{"none without an origin", "", func(*gateway.CORS) {}, http.Header{"Vary": {"Accept", "Origin"}}},
		{"any origin", "https://evil.example", func(c *gateway.CORS) {
			*c = gateway.CORS{AllowOrigins: []string{"*"}}
		}, http.Header{"Access-Control-Allow-Origin": {"*"}, "Vary": {"Accept"}}},
		{"any origin of a scheme", "https://evil.example", func(c *gateway.CORS) {
			*c = gateway.CORS{AllowOrigins: []string{"https://*"}}
		}, http.Header{"Access-Control-Allow-Origin": {"https://evil.example"}, "Vary": {"Accept", "Origin"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.Template.CORS = corsConfiguration()
			tt.adjust(s.Template.CORS)
			s.function(t, "Own", "fixed", "ANSWER", own)
			s.route("GET /own", "Own")
			g := s.open(t)
			var header []string
			if tt.origin != "" {
				header = []string{"Origin", tt.origin}
			}
			got := g.do(t, "GET", "/own", "", header...)
			got.is(t, 200, "a")
			if d := cmp.Diff(tt.want, corsOf(got.header)); d != "" {
				t.Errorf("headers (-want +got):\n%s", d)
			}
		})
	}
}

func TestCORS_isNotForRefusals(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Template.CORS = corsConfiguration()
	g := s.open(t)
	got := g.do(t, "GET", "/nowhere", "", "Origin", app)
	got.refuses(t, 404, "Not Found")
	if len(corsOf(got.header)) != 0 {
		t.Errorf("a refusal has %v", corsOf(got.header))
	}
}

func TestCORS_withoutConfigurationIsTheFunctions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.function(t, "Own", "fixed", "ANSWER", `{"statusCode":200,"headers":{"access-control-allow-origin":"*"}}`)
	s.route("ANY /own", "Own")
	g := s.open(t)
	for _, got := range []reply{g.do(t, "GET", "/own", "", "Origin", app), g.preflight(t, "/own", app)} {
		if v := got.header.Get("Access-Control-Allow-Origin"); got.status != 200 || v != "*" {
			t.Errorf("got %d, Access-Control-Allow-Origin %q", got.status, v)
		}
	}
	g.preflight(t, "/nowhere", app).refuses(t, 404, "Not Found")
}
