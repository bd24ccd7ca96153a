package gateway_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"oms/local/gateway"
)

func TestNew_refuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(*gateway.Config)
		want  string
	}{
		{"a route to no function", func(c *gateway.Config) { c.Template.Routes[0].Function = "None" }, `line 20: route GET /a: there is no function "None"`},
		{"a route behind no authorizer", func(c *gateway.Config) { c.Template.Routes[0].Authorizer = "None" }, `line 20: route GET /a: there is no authorizer "None"`},
		{"an authorizer without its function", func(c *gateway.Config) {
			c.Template.Authorizers["Jwt"] = gateway.Authorizer{Function: "None", Line: 30}
		}, `line 30: authorizer Jwt: there is no function "None"`},
		{"a cache without identity sources", func(c *gateway.Config) {
			c.Template.Authorizers["Jwt"] = gateway.Authorizer{Function: "A", TTL: time.Minute, Line: 30}
		}, "line 30: authorizer Jwt: "},
		{"a cache for longer than an hour", func(c *gateway.Config) {
			c.Template.Authorizers["Jwt"] = gateway.Authorizer{Function: "A", TTL: time.Hour + 1, Headers: []string{"a"}, Line: 30}
		}, "line 30: authorizer Jwt: "},
		{"a context variable that is not understood", func(c *gateway.Config) {
			c.Template.Authorizers["Jwt"] = gateway.Authorizer{Function: "A", Context: []string{"authorizer.sub"}, Line: 30}
		}, `line 30: authorizer Jwt: the context variable "authorizer.sub"`},
		{"an identity source without a name", func(c *gateway.Config) {
			c.Template.Authorizers["Jwt"] = gateway.Authorizer{Function: "A", Headers: []string{""}, Line: 30}
		}, "line 30: authorizer Jwt: "},
		{"a schedule of no function", func(c *gateway.Config) {
			c.Template.Schedules = []gateway.Schedule{{Name: "S", Function: "None", Every: time.Hour, Line: 40}}
		}, `line 40: schedule S: there is no function "None"`},
		{"a schedule without a rate", func(c *gateway.Config) {
			c.Template.Schedules = []gateway.Schedule{{Name: "S", Function: "A", Line: 40}}
		}, "line 40: schedule S: "},
		{"a schedule whose input is no JSON", func(c *gateway.Config) {
			c.Template.Schedules = []gateway.Schedule{{Name: "S", Function: "A", Every: time.Hour, Input: "{", Line: 40}}
		}, "line 40: schedule S: "},
		{"a function without a bootstrap", func(c *gateway.Config) { delete(c.Bootstraps, "A") }, "line 10: function A has no bootstrap"},
		{"a variable that Lambda reserves", func(c *gateway.Config) { c.Environment["A"]["_HANDLER"] = "x" }, "line 10: function A: Lambda does not let _HANDLER be set"},
		{"a function twice", func(c *gateway.Config) {
			c.Template.Functions = append(c.Template.Functions, c.Template.Functions[0])
		}, "line 10: function A is there twice"},
		{"a route twice", func(c *gateway.Config) {
			c.Template.Routes = append(c.Template.Routes, c.Template.Routes[0])
		}, "line 20: route GET /a: line 20 "},
		{"credentials for any origin", func(c *gateway.Config) {
			c.Template.CORS = &gateway.CORS{AllowOrigins: []string{"*"}, AllowCredentials: true}
		}, "line 7: cors: "},
		{"a wildcard in an origin", func(c *gateway.Config) {
			c.Template.CORS = &gateway.CORS{AllowOrigins: []string{"https://*.example.com"}}
		}, "line 7: cors: "},
		{"an origin that is none", func(c *gateway.Config) {
			c.Template.CORS = &gateway.CORS{AllowOrigins: []string{"example.com"}}
		}, "line 7: cors: "},
		{"no template", func(c *gateway.Config) { c.Template = nil }, "making the gateway: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.function(t, "A", "echo")
			s.route("GET /a", "A")
			tt.spoil(&s.Config)
			g, err := gateway.New(s.Config)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("New = %v, %v; want an error that starts with %q", g, err, tt.want)
			}
		})
	}
}

func TestNew_servesATemplateThatWasRead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Template = mustReadTemplate(t, "testdata/skeleton.yaml", nil)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Template.Functions {
		s.Bootstraps[f.Name], s.Environment[f.Name] = self, map[string]string{kindVariable: "echo"}
	}
	for name, value := range s.Template.Functions[0].Environment {
		s.Environment[s.Template.Functions[0].Name][name] = value
	}
	g := s.open(t)
	r := s.Template.Routes[0]
	g.do(t, r.Method, r.Path, "").refuses(t, 401, "Unauthorized")
	g.do(t, "GET", "/none", "").refuses(t, 404, "Not Found")
}

func TestInvoke(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.function(t, "Bad", "visit", "DESK", newDesk(t, eventsOnly(func(visit) string { return "!error" })))
	s.function(t, "Echo", "echo")
	g := s.open(t)
	if got, err := g.Invoke(t.Context(), "Echo", []byte(`{"a":1}`)); err != nil || string(got) != `{"a":1}` {
		t.Errorf("Invoke = %s, %v", got, err)
	}
	_, err := g.Invoke(t.Context(), "Bad", []byte("{}"))
	if f, ok := errors.AsType[*gateway.FunctionError](err); !ok || f.Function != "Bad" || f.Message != "out of order" || f.Type != "errorString" {
		t.Errorf("the error of a function is %#v", err)
	}
	for name, payload := range map[string]string{"None": "{}", "Echo": "{"} {
		if got, err := g.Invoke(t.Context(), name, []byte(payload)); err == nil {
			t.Errorf("Invoke(%s, %s) = %s, want an error", name, payload, got)
		}
	}
}

func TestStage_named(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Template.Stage = "dev"
	s.Template.CORS = corsConfiguration()
	s.function(t, "Echo", "echo")
	s.route("GET /a/{id}", "Echo")
	g := s.open(t)
	var e struct {
		RawPath        string
		RequestContext struct {
			Stage string
			HTTP  struct{ Path string }
		}
	}
	mustUnmarshal(t, []byte(g.do(t, "GET", "/dev/a/1", "").body), &e)
	if e.RawPath != "/dev/a/1" || e.RequestContext.HTTP.Path != "/dev/a/1" || e.RequestContext.Stage != "dev" {
		t.Errorf("the event is %+v", e)
	}
	g.do(t, "GET", "/a/1", "").refuses(t, 404, "Not Found")
	g.preflight(t, "/dev/a/1", app).is(t, 204, "")
	g.preflight(t, "/a/1", app).refuses(t, 404, "Not Found")
}

func TestServeHTTP_takesTheTimeForEachRequest(t *testing.T) {
	t.Parallel()
	var clock atomic.Int64
	s := newSite(t)
	s.Now = func() time.Time { return time.UnixMilli(1587481701067 + clock.Load()) }
	s.function(t, "Echo", "echo")
	s.route("GET /a", "Echo")
	g := s.open(t)
	for _, want := range []string{"21/Apr/2020:15:08:21 +0000 1587481701067", "21/Apr/2020:15:08:22 +0000 1587481702067"} {
		var e events.APIGatewayV2HTTPRequest
		mustUnmarshal(t, []byte(g.do(t, "GET", "/a", "").body), &e)
		if got := fmt.Sprint(e.RequestContext.Time, " ", e.RequestContext.TimeEpoch); got != want {
			t.Errorf("time is %s, want %s", got, want)
		}
		clock.Add(1000)
	}
}

// BenchmarkHop is one request through an authorizer, whose result is not
// cached, and a function.
func BenchmarkHop(b *testing.B) {
	s := newSite(b)
	s.Log = nil
	s.function(b, "Auth", "fixed", "ANSWER", `{"isAuthorized":true}`)
	s.function(b, "Echo", "echo")
	a := simple()
	a.Function = "Auth"
	s.Template.Authorizers["Jwt"] = a
	s.route("GET /a", "Echo").Authorizer = "Jwt"
	g := s.open(b)
	g.do(b, "GET", "/a", "", "Authorization", "x")
	for b.Loop() {
		if got := g.do(b, "GET", "/a", "", "Authorization", "x"); got.status != 200 {
			b.Fatalf("got %d %s", got.status, got.body)
		}
	}
}
