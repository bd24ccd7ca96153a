package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	app               = "https://app.example"
	corsConfiguration = "CorsConfiguration: {AllowOrigins: [" + app + ", 'http://localhost:5173'], " +
		"AllowMethods: [GET, POST], AllowHeaders: [authorization, content-type], ExposeHeaders: [etag, location], " +
		"MaxAge: 600, AllowCredentials: true}"
	anyOrigin = "CorsConfiguration: {AllowOrigins: ['*']}"
)

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
	s := newGuarded("{Headers: [Authorization]}", `{"isAuthorized":true}`)
	s.api += ", " + corsConfiguration
	s.routes = []string{"ANY /a/{proxy+} Echo Token"}
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
	// An OPTIONS request that is not a preflight goes where the routes say.
	g.do(t, "OPTIONS", "/nowhere", "", "Origin", app).refuses(t, 404, "Not Found")
	g.do(t, "OPTIONS", "/a/b", "").refuses(t, 401, "Unauthorized")
	if n := len(s.asked); n != 0 {
		t.Errorf("%d preflights reached the authorizer", n)
	}
}

func TestCORS_defaultRouteWithAnAuthorizer(t *testing.T) {
	t.Parallel()
	s := newGuarded("{Headers: [Authorization]}", "")
	s.api += ", " + corsConfiguration
	s.routes = []string{"ANY $default Echo Token"}
	s.open(t).preflight(t, "/a", app).refuses(t, 401, "Unauthorized")
	s.routes = append(s.routes, "OPTIONS /{proxy+} Echo")
	s.open(t).preflight(t, "/a", app).is(t, 204, "")
}

func TestCORS_answer(t *testing.T) {
	t.Parallel()
	const own = `{"statusCode":200,"body":"a","headers":{"Access-Control-Allow-Origin":"*",
		"access-control-allow-headers":"x","Access-Control-Expose-Headers":"y","Vary":"Accept"}}`
	allowed := http.Header{
		"Access-Control-Allow-Origin":      {app},
		"Access-Control-Allow-Credentials": {"true"},
		"Access-Control-Expose-Headers":    {"etag,location"},
		"Vary":                             {"Accept", "Origin"},
	}
	const evil = "https://evil.example"
	tests := []struct {
		name, origin, api string
		want              http.Header
	}{
		{"the configured headers in place of the function's", app, corsConfiguration, allowed},
		{"none for another origin", evil, corsConfiguration, http.Header{"Vary": {"Accept", "Origin"}}},
		{"none without an origin", "", corsConfiguration, http.Header{"Vary": {"Accept", "Origin"}}},
		{"any origin", evil, anyOrigin, http.Header{
			"Access-Control-Allow-Origin": {"*"}, "Vary": {"Accept"},
		}},
		{"none for none, though any is allowed", "", anyOrigin, http.Header{"Vary": {"Accept"}}},
		{"any origin of a scheme", evil, "CorsConfiguration: {AllowOrigins: ['https://*']}", http.Header{
			"Access-Control-Allow-Origin": {evil}, "Vary": {"Accept", "Origin"},
		}},
		{"the function's own where nothing is configured", app, "", http.Header{
			"Access-Control-Allow-Origin": {"*"}, "Access-Control-Allow-Headers": {"x"},
			"Access-Control-Expose-Headers": {"y"}, "Vary": {"Accept"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newFixed(t, tt.api, own)
			got := g.do(t, "GET", "/", "", "Origin", tt.origin)
			got.is(t, 200, "a")
			if d := cmp.Diff(tt.want, corsOf(got.header)); d != "" {
				t.Errorf("headers (-want +got):\n%s", d)
			}
			refused := g.do(t, "GET", "/nowhere", "", "Origin", tt.origin)
			if refused.refuses(t, 404, "Not Found"); len(corsOf(refused.header)) != 0 {
				t.Errorf("a refusal has %v", corsOf(refused.header))
			}
		})
	}
}

func TestCORS_preflightOfTheShortestConfiguration(t *testing.T) {
	t.Parallel()
	got := newFixed(t, anyOrigin, "").preflight(t, "/", app)
	if d := cmp.Diff(http.Header{"Access-Control-Allow-Origin": {"*"}}, corsOf(got.header)); d != "" {
		t.Errorf("headers (-want +got):\n%s", d)
	}
}

func TestCORS_withoutConfigurationPreflightsAreTheFunctions(t *testing.T) {
	t.Parallel()
	g := newFixed(t, "", `"well"`)
	g.preflight(t, "/", app).is(t, 200, "well")
	g.preflight(t, "/nowhere", app).refuses(t, 404, "Not Found")
}
