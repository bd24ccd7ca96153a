package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"oms/local/gateway"
)

// guarded is a site with two routes behind one authorizer.
type guarded struct {
	*site
	asked  atomic.Int32
	answer atomic.Value // what the authorizer answers
	event  atomic.Value // what it was asked last
	clock  atomic.Int64 // seconds
}

func newGuarded(tb testing.TB, a gateway.Authorizer) *guarded {
	tb.Helper()
	g := &guarded{site: newSite(tb)}
	g.Now = func() time.Time { return time.Unix(1_600_000_000+g.clock.Load(), 0) }
	g.function(tb, "Auth", "visit", "DESK", newDesk(tb, eventsOnly(func(v visit) string {
		g.asked.Add(1)
		g.event.Store(v.event)
		answer, _ := g.answer.Load().(string)
		return answer
	})))
	g.function(tb, "Echo", "echo")
	a.Name, a.Function, a.Line = "Jwt", "Auth", 30
	g.Template.Authorizers["Jwt"] = a
	for _, key := range []string{"GET /a/{id}", "GET /b"} {
		g.route(key, "Echo").Authorizer = "Jwt"
	}
	g.route("GET /open", "Echo")
	return g
}

func (g *guarded) says(answer string) { g.answer.Store(answer) }

// wasAsked fails the test unless the authorizer was invoked so often by now.
func (g *guarded) wasAsked(tb testing.TB, times int32) {
	tb.Helper()
	if got := g.asked.Load(); got != times {
		tb.Errorf("the authorizer was asked %d times, want %d", got, times)
	}
}

func simple() gateway.Authorizer {
	return gateway.Authorizer{Simple: true, Headers: []string{"Authorization"}}
}

func TestAuthorizer_letsPassWithItsContext(t *testing.T) {
	t.Parallel()
	s := newGuarded(t, simple())
	s.says(`{"isAuthorized":true,"context":{"sub":"1","n":1,"list":["a"],"map":{"k":true}}}`)
	g := s.open(t)
	got := g.do(t, "GET", "/a/1", "", "Authorization", "Bearer x")
	if got.status != 200 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	e := sameAsLibrary[events.APIGatewayV2HTTPRequest](t, []byte(got.body))
	want := map[string]any{"sub": "1", "n": 1.0, "list": []any{"a"}, "map": map[string]any{"k": true}}
	if d := cmp.Diff(want, e.RequestContext.Authorizer.Lambda); d != "" {
		t.Errorf("context (-want +got):\n%s", d)
	}
}

func TestAuthorizer_event(t *testing.T) {
	t.Parallel()
	a := simple()
	a.Headers, a.Query, a.Context = []string{"Authorization", "X-Key"}, []string{"tenant"}, []string{"routeKey"}
	s := newGuarded(t, a)
	s.says(`{"isAuthorized":true}`)
	g := s.open(t)
	reached := g.do(t, "GET", "/a/1?tenant=t", "", "authorization", "Bearer x", "x-key", "k", "Cookie", "c=d")
	if reached.status != 200 {
		t.Fatalf("got %d %s", reached.status, reached.body)
	}
	asked, _ := s.event.Load().(string)
	e := sameAsLibrary[events.APIGatewayV2CustomAuthorizerV2Request](t, []byte(asked))
	if d := cmp.Diff([]string{"Bearer x", "k", "t", "GET /a/{id}"}, e.IdentitySource); d != "" {
		t.Errorf("identity source (-want +got):\n%s", d)
	}
	if want := "arn:aws:execute-api:us-east-1:123456789012:local00000/$default/GET/a/1"; e.RouteArn != want || e.Type != "REQUEST" {
		t.Errorf("routeArn is %q, type %q", e.RouteArn, e.Type)
	}
	// All else is the event that the function gets.
	var forAuthorizer, forFunction map[string]any
	mustUnmarshal(t, []byte(asked), &forAuthorizer)
	mustUnmarshal(t, []byte(reached.body), &forFunction)
	for _, name := range []string{"type", "routeArn", "identitySource"} {
		delete(forAuthorizer, name)
	}
	delete(forFunction, "isBase64Encoded")
	delete(forFunction["requestContext"].(map[string]any), "authorizer")
	if d := cmp.Diff(forFunction, forAuthorizer); d != "" {
		t.Errorf("events (-function +authorizer):\n%s", d)
	}
}

func TestAuthorizer_identitySources(t *testing.T) {
	t.Parallel()
	a := simple()
	a.Query = []string{"tenant"}
	s := newGuarded(t, a)
	s.says(`{"isAuthorized":true}`)
	g := s.open(t)
	g.do(t, "GET", "/b?tenant=t", "").refuses(t, 401, "Unauthorized")
	g.do(t, "GET", "/b?tenant=t", "", "Authorization", "").refuses(t, 401, "Unauthorized")
	g.do(t, "GET", "/b", "", "Authorization", "x").refuses(t, 401, "Unauthorized")
	g.do(t, "GET", "/b?Tenant=t", "", "Authorization", "x").refuses(t, 401, "Unauthorized")
	s.wasAsked(t, 0)
	if got := g.do(t, "GET", "/open", ""); got.status != 200 {
		t.Errorf("the open route gives %d", got.status)
	}
	s.wasAsked(t, 0)
}

func TestAuthorizer_answers(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:execute-api:us-east-1:123456789012:local00000/$default/GET/"
	iam := func(statements string) string {
		return `{"principalId":"p","policyDocument":{"Version":"2012-10-17","Statement":` + statements + `}}`
	}
	allow := func(resource string) string {
		return fmt.Sprintf(`{"Effect":"Allow","Action":"execute-api:Invoke","Resource":%q}`, resource)
	}
	deny := strings.Replace(allow(arn+"b"), "Allow", "Deny", 1)
	tests := []struct {
		name   string
		simple bool
		answer string
		status int
	}{
		{"simple: allowed", true, `{"isAuthorized":true}`, 200},
		{"simple: denied", true, `{"isAuthorized":false,"context":{"a":1}}`, 403},
		{"simple: null context", true, `{"isAuthorized":true,"context":null}`, 200},
		{"simple: context that is no object", true, `{"isAuthorized":true,"context":"a"}`, 500},
		{"simple: no boolean", true, `{"isAuthorized":"true"}`, 500},
		{"simple: null", true, `{"isAuthorized":null}`, 500},
		{"simple: another case", true, `{"IsAuthorized":true}`, 500},
		{"simple: nothing", true, `{}`, 500},
		{"simple: no object", true, `true`, 500},
		{"simple: no JSON", true, `{"isAuthorized":true`, 500},
		{"simple: a policy", true, iam("[" + allow("*") + "]"), 500},
		{"simple: an error", true, `!error`, 500},
		{"simple: an exit", true, `!exit`, 500},

		{"policy: allowed", false, iam("[" + allow(arn+"b") + "]"), 200},
		{"policy: one statement", false, iam(allow(arn + "b")), 200},
		{"policy: wildcards", false, iam("[" + allow("arn:aws:execute-api:*:*:*/*/GET/?") + "]"), 200},
		{"policy: lists", false, iam(`[{"Effect":"Allow","Action":["EXECUTE-API:invoke"],"Resource":["x","*"],"Sid":"s"}]`), 200},
		{"policy: any action", false, iam(`[{"Effect":"Allow","Action":"execute-api:*","Resource":"*"}]`), 200},
		{"policy: another action", false, iam(`[{"Effect":"Allow","Action":"lambda:Invoke","Resource":"*"}]`), 403},
		{"policy: another route", false, iam("[" + allow(arn+"a/1") + "]"), 403},
		{"policy: an explicit deny wins", false, iam("[" + allow("*") + "," + deny + "]"), 403},
		{"policy: denied", false, iam("[" + deny + "]"), 403},
		{"policy: a condition is not ignored", false, iam(`[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"a":"b"}}}]`), 500},
		{"policy: NotAction is not ignored", false, iam(`[{"Effect":"Allow","Action":"*","Resource":"*","NotAction":"*"}]`), 500},
		{"policy: an unknown effect", false, iam(`[{"Effect":"allow","Action":"*","Resource":"*"}]`), 500},
		{"policy: no statement", false, iam(`[]`), 500},
		{"policy: no principal", false, `{"policyDocument":{"Statement":` + allow("*") + `}}`, 500},
		{"policy: a simple response", false, `{"isAuthorized":true}`, 500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := simple()
			a.Simple = tt.simple
			s := newGuarded(t, a)
			s.says(tt.answer)
			g := s.open(t)
			got := g.do(t, "GET", "/b", "", "Authorization", "x")
			switch tt.status {
			case 403:
				got.refuses(t, 403, "Forbidden")
			case 500:
				got.refuses(t, 500, "Internal Server Error")
			default:
				if got.status != tt.status {
					t.Errorf("got %d %s, want %d", got.status, got.body, tt.status)
				}
			}
			if id := got.header.Get("Apigw-Requestid"); id == "" {
				t.Error("there is no request id")
			}
		})
	}
}

func TestAuthorizer_timeout(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.function(t, "Auth", "visit", "DESK", newDesk(t, eventsOnly(func(v visit) string { <-v.gone; return "" })))
	s.function(t, "Echo", "echo")
	a := simple()
	a.Function = "Auth"
	s.Template.Authorizers["Jwt"] = a
	s.route("GET /b", "Echo").Authorizer = "Jwt"
	g := s.open(t, func(l *gateway.Limits) { l.Authorizer = 100 * time.Millisecond; l.Drain = 0 })
	g.do(t, "GET", "/b", "", "Authorization", "x").refuses(t, 500, "Internal Server Error")
}

func TestAuthorizer_thatCannotBeInvoked(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.function(t, "Auth", "init-exit", "DESK", newDesk(t, func(visit) string { return "" }))
	s.function(t, "Echo", "echo")
	a := simple()
	a.Function = "Auth"
	s.Template.Authorizers["Jwt"] = a
	s.route("GET /b", "Echo").Authorizer = "Jwt"
	g := s.open(t)
	g.do(t, "GET", "/b", "", "Authorization", "x").refuses(t, 500, "Internal Server Error")
}

func TestAuthorizer_cache(t *testing.T) {
	t.Parallel()
	cached := func(adjust ...func(*gateway.Authorizer)) gateway.Authorizer {
		a := simple()
		a.TTL = time.Minute
		for _, f := range adjust {
			f(&a)
		}
		return a
	}
	ask := func(t *testing.T, g *running, target, token string, want int) {
		t.Helper()
		if got := g.do(t, "GET", target, "", "Authorization", token); got.status != want {
			t.Errorf("%s with %s: got %d %s, want %d", target, token, got.status, got.body, want)
		}
	}
	t.Run("none without a TTL", func(t *testing.T) {
		t.Parallel()
		s := newGuarded(t, simple())
		s.says(`{"isAuthorized":true}`)
		g := s.open(t)
		ask(t, g, "/b", "x", 200)
		ask(t, g, "/b", "x", 200)
		s.wasAsked(t, 2)
	})
	t.Run("one result for all routes, until the TTL is over", func(t *testing.T) {
		t.Parallel()
		s := newGuarded(t, cached())
		s.says(`{"isAuthorized":true,"context":{"sub":"1"}}`)
		g := s.open(t)
		ask(t, g, "/b", "x", 200)
		s.says(`{"isAuthorized":false}`)
		ask(t, g, "/a/1", "x", 200)
		s.wasAsked(t, 1)
		got := g.do(t, "GET", "/b", "", "Authorization", "x")
		if !strings.Contains(got.body, `"authorizer":{"lambda":{"sub":"1"}}`) {
			t.Errorf("the cached context is lost: %s", got.body)
		}
		ask(t, g, "/b", "y", 403)
		s.wasAsked(t, 2)
		s.clock.Add(59)
		ask(t, g, "/b", "x", 200)
		s.clock.Add(1)
		ask(t, g, "/b", "x", 403)
		s.wasAsked(t, 3)
	})
	t.Run("denials are cached", func(t *testing.T) {
		t.Parallel()
		s := newGuarded(t, cached())
		s.says(`{"isAuthorized":false}`)
		g := s.open(t)
		ask(t, g, "/b", "x", 403)
		s.says(`{"isAuthorized":true}`)
		ask(t, g, "/a/1", "x", 403)
		s.wasAsked(t, 1)
	})
	t.Run("errors are not", func(t *testing.T) {
		t.Parallel()
		s := newGuarded(t, cached())
		for _, answer := range []string{`!error`, `{}`} {
			s.says(answer)
			g := s.open(t)
			ask(t, g, "/b", "x", 500)
			s.says(`{"isAuthorized":true}`)
			ask(t, g, "/b", "x", 200)
		}
	})
	t.Run("by route where the route key is a source", func(t *testing.T) {
		t.Parallel()
		s := newGuarded(t, cached(func(a *gateway.Authorizer) { a.Context = []string{"routeKey"} }))
		s.says(`{"isAuthorized":true}`)
		g := s.open(t)
		ask(t, g, "/a/1", "x", 200)
		ask(t, g, "/a/2", "x", 200)
		s.wasAsked(t, 1)
		ask(t, g, "/b", "x", 200)
		s.wasAsked(t, 2)
	})
	t.Run("by all sources, however they are cut", func(t *testing.T) {
		t.Parallel()
		s := newGuarded(t, cached(func(a *gateway.Authorizer) { a.Query = []string{"q"} }))
		s.says(`{"isAuthorized":true}`)
		g := s.open(t)
		ask(t, g, "/b?q=1", "x", 200)
		ask(t, g, "/b?q=x", "1", 200)
		ask(t, g, "/b?q=bc", "a", 200)
		ask(t, g, "/b?q=c", "ab", 200)
		s.wasAsked(t, 4)
	})
	t.Run("a policy is evaluated for each route", func(t *testing.T) {
		t.Parallel()
		s := newGuarded(t, cached(func(a *gateway.Authorizer) { a.Simple = false }))
		s.says(`{"principalId":"p","policyDocument":{"Statement":{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"*/GET/b"}}}`)
		g := s.open(t)
		ask(t, g, "/b", "x", 200)
		ask(t, g, "/a/1", "x", 403)
		s.wasAsked(t, 1)
	})
	t.Run("it does not grow without bound", func(t *testing.T) {
		t.Parallel()
		s := newGuarded(t, cached())
		s.says(`{"isAuthorized":true}`)
		g := s.open(t)
		ask(t, g, "/b", "first", 200)
		for i := range gateway.CachedResults {
			g.Remember("Jwt", fmt.Sprint("token ", i))
		}
		if n := g.Cached("Jwt"); n != gateway.CachedResults {
			t.Errorf("the cache has %d results, want %d", n, gateway.CachedResults)
		}
		asked := s.asked.Load()
		ask(t, g, "/b", "first", 200)
		s.wasAsked(t, asked+1) // the oldest made room
	})
}

func FuzzAuthorizerAnswer(f *testing.F) {
	f.Add([]byte(`{"isAuthorized":true,"context":{"a":1}}`), true)
	f.Add([]byte(`{"principalId":"p","policyDocument":{"Statement":[{"Effect":"Allow","Action":"*","Resource":["*"]}]}}`), false)
	f.Fuzz(func(t *testing.T, answer []byte, simple bool) {
		allowed, context, err := gateway.Verdict(answer, simple, "arn:aws:execute-api:us-east-1:123456789012:a/$default/GET/b")
		if err != nil && allowed {
			t.Errorf("a malformed answer lets in: %v", err)
		}
		if err == nil {
			var object map[string]any
			if json.Unmarshal(context, &object) != nil || object == nil {
				t.Errorf("the context is no object: %s", context)
			}
		}
	})
}
