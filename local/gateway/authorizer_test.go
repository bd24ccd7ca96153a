package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"oms/shared/must"
)

// guarded is a site with two routes behind one authorizer, which says what the
// test wants: "" is an error.
type guarded struct {
	site
	says  string
	asked []string // the events that it got
}

// newGuarded makes one, whose requests come one after the other.
func newGuarded(identity, says string) *guarded {
	g := &guarded{says: says, site: site{
		api: "Auth: {Authorizers: {Token: {FunctionArn: !GetAtt Auth.Arn, AuthorizerPayloadFormatVersion: '2.0', " +
			"EnableSimpleResponses: true, Identity: " + identity + "}}}",
		routes: []string{"GET /a/{id} Echo Token", "GET /b Echo Token", "GET /open Echo"},
	}}
	g.functions = map[string]function{"Echo": echo, "Auth": func(_ context.Context, event []byte) ([]byte, error) {
		g.asked = append(g.asked, string(event))
		if g.says == "" {
			return nil, errors.New("out of order")
		}
		return []byte(g.says), nil
	}}
	return g
}

// wasAsked fails the test unless the authorizer was invoked so often by now.
func (g *guarded) wasAsked(tb testing.TB, times int) {
	tb.Helper()
	if got := len(g.asked); got != times {
		tb.Errorf("the authorizer was asked %d times, want %d", got, times)
	}
}

func TestAuthorizer_event(t *testing.T) {
	t.Parallel()
	s := newGuarded("{Headers: [Authorization, X-Key], Context: [routeKey]}",
		`{"isAuthorized":true,"context":{"sub":"1","n":1,"list":["a"],"map":{"k":true}}}`)
	reached := s.open(t).do(t, "GET", "/a/1?q=1", "body",
		"authorization", "Bearer x", "x-key", "k", "Cookie", "c=d", "User-Agent", "me")
	function := sameAsLibrary[events.APIGatewayV2HTTPRequest](t, reached.body)
	context := map[string]any{"sub": "1", "n": 1.0, "list": []any{"a"}, "map": map[string]any{"k": true}}
	if d := cmp.Diff(context, function.RequestContext.Authorizer.Lambda); d != "" {
		t.Errorf("context (-want +got):\n%s", d)
	}
	e := sameAsLibrary[events.APIGatewayV2CustomAuthorizerV2Request](t, s.asked[0])
	if d := cmp.Diff([]string{"Bearer x", "k", "GET /a/{id}"}, e.IdentitySource); d != "" {
		t.Errorf("identity source (-want +got):\n%s", d)
	}
	const arn = "arn:aws:execute-api:us-east-1:123456789012:local00000/$default/GET/a/1"
	if e.RouteArn != arn || e.Type != "REQUEST" {
		t.Errorf("routeArn is %q, type %q", e.RouteArn, e.Type)
	}
	// All else is the event that the function gets, without the body.
	forAuthorizer, forFunction := must.JSON[map[string]any](t, s.asked[0]), must.JSON[map[string]any](t, reached.body)
	for _, name := range []string{"type", "routeArn", "identitySource"} {
		delete(forAuthorizer, name)
	}
	delete(forFunction, "body")
	delete(forFunction, "isBase64Encoded")
	delete(forFunction["requestContext"].(map[string]any), "authorizer")
	if d := cmp.Diff(forFunction, forAuthorizer); d != "" {
		t.Errorf("events (-function +authorizer):\n%s", d)
	}
}

func TestAuthorizer_routeARNOfANamedStage(t *testing.T) {
	t.Parallel()
	s := newGuarded("{Headers: [Authorization]}", `{"isAuthorized":true}`)
	s.api += ", StageName: dev"
	s.open(t).do(t, "GET", "/dev/b", "", "Authorization", "x")
	e := must.JSON[events.APIGatewayV2CustomAuthorizerV2Request](t, s.asked[0])
	if want := "arn:aws:execute-api:us-east-1:123456789012:local00000/dev/GET/b"; e.RouteArn != want {
		t.Errorf("routeArn is %q, want %q", e.RouteArn, want)
	}
}

func TestAuthorizer_identitySources(t *testing.T) {
	t.Parallel()
	s := newGuarded("{Headers: [Authorization, X-Key], Context: [routeKey]}", `{"isAuthorized":true}`)
	g := s.open(t)
	g.do(t, "GET", "/b", "", "X-Key", "k").refuses(t, 401, "Unauthorized")
	g.do(t, "GET", "/b", "", "X-Key", "k", "Authorization", "").refuses(t, 401, "Unauthorized")
	g.do(t, "GET", "/b", "", "Authorization", "x").refuses(t, 401, "Unauthorized")
	if got := g.do(t, "GET", "/open", ""); got.status != 200 {
		t.Errorf("the open route gives %d", got.status)
	}
	s.wasAsked(t, 0)
}

// TestAuthorizer_answers has what the table of TestFidelity has not.
func TestAuthorizer_answers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, says string
		status     int
	}{
		{"null context", `{"isAuthorized":true,"context":null}`, 200},
		{"context that is not an object", `{"isAuthorized":true,"context":"a"}`, 500},
		{"text for a boolean", `{"isAuthorized":"true"}`, 500},
		{"null for a boolean", `{"isAuthorized":null}`, 500},
		{"another case", `{"IsAuthorized":true}`, 500},
		{"nothing", `{}`, 500},
		{"true alone", `true`, 500},
		{"half of JSON", `{"isAuthorized":true`, 500},
		{"an IAM policy", `{"principalId":"p","policyDocument":{"Statement":` +
			`{"Effect":"Allow","Action":"*","Resource":"*"}}}`, 500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGuarded("{Headers: [Authorization]}", tt.says).open(t)
			switch got := g.do(t, "GET", "/b", "", "Authorization", "x"); {
			case tt.status == 500:
				got.refuses(t, 500, "Internal Server Error")
			case got.status != tt.status:
				t.Errorf("got %d %s, want %d", got.status, got.body, tt.status)
			}
		})
	}
}

func TestAuthorizer_timeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newGuarded("{Headers: [Authorization]}", "")
		s.functions["Auth"] = hanging(time.Hour)
		began := time.Now()
		s.open(t).do(t, "GET", "/b", "", "Authorization", "x").refuses(t, 500, "Internal Server Error")
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("the authorizer had %v, want 10s", took)
		}
	})
}

func TestAuthorizer_cache(t *testing.T) {
	t.Parallel()
	const (
		allow, deny = `{"isAuthorized":true,"context":{"sub":"1"}}`, `{"isAuthorized":false}`
		cached      = "{Headers: [Authorization], ReauthorizeEvery: 60}"
	)
	type step struct {
		target, token string        // the token, and perhaps X-Key
		says          string        // what the authorizer would say
		after         time.Duration // since the step before
		status, asked int
	}
	tests := []struct {
		name, identity string
		steps          []step
	}{
		{"none without a TTL", "{Headers: [Authorization]}", []step{
			{"/b", "x", allow, 0, 200, 1},
			{"/b", "x", allow, 0, 200, 2},
		}},
		{"one result for all routes, until the TTL is over", cached, []step{
			{"/b", "x", allow, 0, 200, 1},
			{"/a/1", "x", deny, 0, 200, 1},
			{"/b", "y", deny, 0, 403, 2},
			{"/b", "x", deny, 60*time.Second - 1, 200, 2},
			{"/b", "x", deny, 1, 403, 3},
		}},
		{"denials too", cached, []step{
			{"/b", "x", deny, 0, 403, 1},
			{"/a/1", "x", allow, 0, 403, 1},
		}},
		{"errors not", cached, []step{
			{"/b", "x", "", 0, 500, 1},
			{"/b", "x", `{}`, 0, 500, 2},
			{"/b", "x", allow, 0, 200, 3},
		}},
		{
			"by route where the route key is a source",
			"{Headers: [Authorization], Context: [routeKey], ReauthorizeEvery: 60}",
			[]step{
				{"/a/1", "x", allow, 0, 200, 1},
				{"/a/2", "x", allow, 0, 200, 1},
				{"/b", "x", allow, 0, 200, 2},
			},
		},
		{
			"by all sources, however they are cut",
			"{Headers: [Authorization, X-Key], ReauthorizeEvery: 60}",
			[]step{
				{"/b", "x 1", allow, 0, 200, 1},
				{"/b", "1 x", allow, 0, 200, 2},
				{"/b", "a bc", allow, 0, 200, 3},
				{"/b", "ab c", allow, 0, 200, 4},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newGuarded(tt.identity, "")
				g := s.open(t)
				for i, step := range tt.steps {
					time.Sleep(step.after)
					s.says = step.says
					token, key, _ := strings.Cut(step.token, " ")
					got := g.do(t, "GET", step.target, "", "Authorization", token, "X-Key", key)
					if got.status != step.status {
						t.Errorf("step %d: got %d %s, want %d", i, got.status, got.body, step.status)
					}
					if got.status == 200 {
						e := must.JSON[events.APIGatewayV2HTTPRequest](t, got.body)
						if e.RequestContext.Authorizer.Lambda["sub"] != "1" {
							t.Errorf("step %d: the context is lost: %s", i, got.body)
						}
					}
					s.wasAsked(t, step.asked)
				}
			})
		})
	}
}

func FuzzAuthorizerAnswer(f *testing.F) {
	f.Add(`{"isAuthorized":true,"context":{"a":1}}`)
	f.Add(`{"isAuthorized":null,"isAuthorized":true,"context":[]}`)
	f.Fuzz(func(t *testing.T, says string) {
		got := newGuarded("{Headers: [Authorization]}", says).open(t).do(t, "GET", "/b", "", "Authorization", "x")
		var answer map[string]any
		valid := json.Unmarshal([]byte(says), &answer) == nil
		if got.status == 200 && (!valid || answer["isAuthorized"] != true) {
			t.Errorf("a malformed answer lets in: %s", says)
		}
		if got.status == 200 {
			e := must.JSON[events.APIGatewayV2HTTPRequest](t, got.body)
			if a := e.RequestContext.Authorizer; a == nil || a.Lambda == nil {
				t.Errorf("the context is not an object: %s", got.body)
			}
		}
	})
}
