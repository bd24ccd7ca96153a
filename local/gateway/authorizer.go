package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// cachedResults bounds an authorizer's cache, in results. The oldest goes first.
const cachedResults = 4096

// errAuthorizer tells that an authorizer's answer has not the required format.
// Clients see 500 ("Troubleshooting Lambda authorizers").
var errAuthorizer = errors.New("the authorizer's response is malformed")

// authorizerEvent is what a REQUEST authorizer of payload 2.0 gets: the event
// without the body ("Control access to HTTP APIs with AWS Lambda authorizers").
type authorizerEvent struct {
	Version               string            `json:"version"`
	Type                  string            `json:"type"`
	RouteARN              string            `json:"routeArn"`
	IdentitySource        []string          `json:"identitySource,omitempty"`
	RouteKey              string            `json:"routeKey"`
	RawPath               string            `json:"rawPath"`
	RawQueryString        string            `json:"rawQueryString"`
	Cookies               []string          `json:"cookies,omitempty"`
	Headers               map[string]string `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters,omitempty"`
	RequestContext        requestContext    `json:"requestContext"`
	PathParameters        map[string]string `json:"pathParameters,omitempty"`
}

// authorizer asks a function whether a request may reach its route, and
// remembers what it said.
type authorizer struct {
	Authorizer
	pool    *pool
	now     func() time.Time
	timeout time.Duration

	mu      sync.Mutex
	results map[string]cachedResult
	order   []string // the keys, the oldest first
}

type cachedResult struct {
	verdict *verdict
	until   time.Time
}

// verdict is an authorizer's answer: of all routes, or by a policy.
type verdict struct {
	allowed bool
	policy  *policy // nil for a simple response
	context json.RawMessage
}

// check refuses an authorizer that API Gateway would refuse, or whose identity
// sources are not understood.
func (a *Authorizer) check() error {
	if a.TTL > 0 && len(a.Headers)+len(a.Query)+len(a.Context) == 0 {
		return errors.New("results are cached by identity sources, and there is none")
	}
	if a.TTL < 0 || a.TTL > time.Hour {
		return fmt.Errorf("results cannot be cached for %s: at most an hour", a.TTL)
	}
	for _, name := range a.Context {
		if _, ok := (&event{}).variable(name); !ok {
			return fmt.Errorf("the context variable %q is not understood", name)
		}
	}
	if slices.Contains(a.Headers, "") || slices.Contains(a.Query, "") {
		return errors.New("an identity source has no name")
	}
	return nil
}

// variable is the value of a context variable ("Customize HTTP API access
// logs"), as far as a request has it before it is authorized.
func (e *event) variable(name string) (string, bool) {
	c := &e.RequestContext
	switch name {
	case "accountId":
		return c.AccountID, true
	case "apiId":
		return c.APIID, true
	case "domainName":
		return c.DomainName, true
	case "domainPrefix":
		return c.DomainPrefix, true
	case "httpMethod":
		return c.HTTP.Method, true
	case "identity.sourceIp":
		return c.HTTP.SourceIP, true
	case "identity.userAgent":
		return c.HTTP.UserAgent, true
	case "path":
		return c.HTTP.Path, true
	case "protocol":
		return c.HTTP.Protocol, true
	case "requestId":
		return c.RequestID, true
	case "routeKey":
		return c.RouteKey, true
	case "stage":
		return c.Stage, true
	default:
		return "", false
	}
}

// identity collects the values of the identity sources, in order. One that is
// missing or empty refuses the request.
func (a *authorizer) identity(e *event) ([]string, bool) {
	var values []string
	for _, name := range a.Headers {
		values = append(values, e.Headers[strings.ToLower(name)])
	}
	for _, name := range a.Query {
		values = append(values, e.QueryStringParameters[name])
	}
	for _, name := range a.Context {
		value, _ := e.variable(name)
		values = append(values, value)
	}
	return values, !slices.Contains(values, "")
}

// authorize decides about a request: status 0 lets it pass, and gives the event
// the authorizer's context; 401, 403 and 500 refuse it. The error says why, for
// the log.
func (a *authorizer) authorize(ctx context.Context, e *event) (int, error) {
	values, ok := a.identity(e)
	if !ok {
		return http.StatusUnauthorized, nil
	}
	arn := routeARN(e)
	key := cacheKey(values)
	v := a.cached(key)
	if v == nil {
		answer, err := a.ask(ctx, e, arn, values)
		if err != nil {
			return http.StatusInternalServerError, err
		}
		if v, err = newVerdict(answer, a.Simple); err != nil {
			return http.StatusInternalServerError, err
		}
		a.remember(key, v)
	}
	allowed := v.allowed
	if v.policy != nil {
		allowed = v.policy.allows(arn)
	}
	if !allowed {
		return http.StatusForbidden, nil
	}
	e.RequestContext.Authorizer = &authorizerContext{Lambda: v.context}
	return 0, nil
}

// ask invokes the authorizer's function.
func (a *authorizer) ask(ctx context.Context, e *event, arn string, values []string) ([]byte, error) {
	payload, err := encode(authorizerEvent{
		Version: e.Version, Type: "REQUEST", RouteARN: arn, IdentitySource: values,
		RouteKey: e.RouteKey, RawPath: e.RawPath, RawQueryString: e.RawQueryString,
		Cookies: e.Cookies, Headers: e.Headers, QueryStringParameters: e.QueryStringParameters,
		RequestContext: e.RequestContext, PathParameters: e.PathParameters,
	})
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	answer, err := a.pool.invoke(bounded, payload, e.trace())
	if err != nil {
		return nil, fmt.Errorf("asking authorizer %s: %w", a.Name, err)
	}
	return answer, nil
}

// routeARN names the method and path of a request, as policies do.
func routeARN(e *event) string {
	stage := e.RequestContext.Stage
	path := e.RawPath
	if stage != defaultRoute {
		path = strings.TrimPrefix(path, "/"+stage)
	}
	return "arn:aws:execute-api:" + defaultRegion + ":" + accountID + ":" + apiID + "/" + stage + "/" + e.RequestContext.HTTP.Method + path
}

// cacheKey joins values so that no two lists have one key.
func cacheKey(values []string) string {
	var b strings.Builder
	for _, v := range values {
		b.WriteString(strconv.Itoa(len(v)))
		b.WriteByte(':')
		b.WriteString(v)
	}
	return b.String()
}

func (a *authorizer) cached(key string) *verdict {
	if a.TTL == 0 {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.results[key]
	if !ok || !a.now().Before(r.until) {
		return nil
	}
	return r.verdict
}

// remember caches a verdict, allowed or denied. Errors never come here.
func (a *authorizer) remember(key string, v *verdict) {
	if a.TTL == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.results == nil {
		a.results = map[string]cachedResult{}
	}
	if _, known := a.results[key]; !known {
		a.order = append(a.order, key)
		if len(a.order) > cachedResults {
			delete(a.results, a.order[0])
			a.order = a.order[1:]
		}
	}
	a.results[key] = cachedResult{verdict: v, until: a.now().Add(a.TTL)}
}

// newVerdict reads an authorizer's answer in the format it is configured for.
func newVerdict(payload []byte, simple bool) (*verdict, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(payload, &members); err != nil || members == nil {
		return nil, fmt.Errorf("%w: it is no JSON object", errAuthorizer)
	}
	v := &verdict{context: json.RawMessage("{}")}
	if raw := bytes.TrimSpace(members["context"]); len(raw) > 0 && !bytes.Equal(raw, []byte("null")) {
		if raw[0] != '{' {
			return nil, fmt.Errorf("%w: its context is no object", errAuthorizer)
		}
		v.context = raw
	}
	if simple {
		var allowed *bool
		if err := json.Unmarshal(members["isAuthorized"], &allowed); err != nil || allowed == nil {
			return nil, fmt.Errorf("%w: isAuthorized is no boolean", errAuthorizer)
		}
		v.allowed = *allowed
		return v, nil
	}
	var principal string
	if err := json.Unmarshal(members["principalId"], &principal); err != nil || principal == "" {
		return nil, fmt.Errorf("%w: principalId is missing", errAuthorizer)
	}
	p, err := newPolicy(members["policyDocument"])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAuthorizer, err)
	}
	v.policy = p
	return v, nil
}

// decodeStrictly refuses members that are not known, and anything that follows.
func decodeStrictly(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("decoding: more follows")
	}
	return nil
}
