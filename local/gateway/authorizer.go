package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"oms/local/lambda"
	"oms/local/template"
)

// cachedResults bounds an authorizer's cache, in results. The oldest goes first.
const cachedResults = 4096

// errAuthorizer says that an authorizer's answer has not the required format.
// Clients see 500 ("Troubleshooting Lambda authorizers").
var errAuthorizer = errors.New("the authorizer's response is malformed")

// authorizerEvent is what a REQUEST authorizer of payload 2.0 gets: the event
// without the body ("Control access to HTTP APIs with AWS Lambda authorizers").
type authorizerEvent struct {
	*event
	Type            string    `json:"type"`
	RouteARN        string    `json:"routeArn"`
	IdentitySource  []string  `json:"identitySource,omitempty"`
	Body            *struct{} `json:"body,omitempty"` // nil, in the place of the event's
	IsBase64Encoded *struct{} `json:"isBase64Encoded,omitempty"`
}

// authorizer asks a function whether a request may reach its route, and
// remembers what it said.
type authorizer struct {
	*template.Authorizer
	functions invoker

	mu      sync.Mutex
	results map[string]cachedResult
	order   []string // the keys, the oldest first
}

type cachedResult struct {
	verdict *verdict
	until   time.Time
}

// verdict is an authorizer's answer, of all routes.
type verdict struct {
	allowed bool
	context json.RawMessage
}

// identity collects the values of the identity sources, in order. One that is
// missing or empty refuses the request.
func (a *authorizer) identity(e *event) ([]string, bool) {
	var values []string
	for _, name := range a.Headers {
		values = append(values, e.Headers[strings.ToLower(name)])
	}
	if a.ByRoute {
		values = append(values, e.RouteKey)
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
	key := fmt.Sprintf("%q", values) // no two lists have one
	v := a.cached(key)
	if v == nil {
		answer, err := a.ask(ctx, e, values)
		if err != nil {
			return http.StatusInternalServerError, err
		}
		if v, err = newVerdict(answer); err != nil {
			return http.StatusInternalServerError, err
		}
		a.remember(key, v)
	}
	if !v.allowed {
		return http.StatusForbidden, nil
	}
	e.RequestContext.Authorizer = &authorizerContext{Lambda: v.context}
	return 0, nil
}

// ask invokes the authorizer's function.
func (a *authorizer) ask(ctx context.Context, e *event, values []string) ([]byte, error) {
	payload, err := encode(authorizerEvent{event: e, Type: "REQUEST", RouteARN: routeARN(e), IdentitySource: values})
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, authorizerTimeout)
	defer cancel()
	answer, err := a.functions.Invoke(bounded, a.Function.Name, payload, e.trace())
	if err != nil {
		return nil, fmt.Errorf("asking authorizer %s: %w", a.Name, err)
	}
	return answer, nil
}

// routeARN names the method and path of a request.
func routeARN(e *event) string {
	stage := e.RequestContext.Stage
	path := e.RawPath
	if stage != template.DefaultStage {
		path = strings.TrimPrefix(path, "/"+stage)
	}
	return "arn:aws:execute-api:" + lambda.Region + ":" + lambda.AccountID + ":" + apiID + "/" + stage + "/" +
		e.RequestContext.HTTP.Method + path
}

func (a *authorizer) cached(key string) *verdict {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.results[key]
	if !ok || !time.Now().Before(r.until) {
		return nil
	}
	return r.verdict
}

// remember caches a verdict, allowed or denied, for its TTL, which may be zero.
// Errors never come here.
func (a *authorizer) remember(key string, v *verdict) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.results[key]; !known {
		a.order = append(a.order, key)
		if len(a.order) > cachedResults {
			delete(a.results, a.order[0])
			a.order = a.order[1:]
		}
	}
	a.results[key] = cachedResult{verdict: v, until: time.Now().Add(a.TTL)}
}

// newVerdict reads a simple response. It looks at the exact names of members:
// isAuthorized in another case does not let anybody in.
func newVerdict(payload []byte) (*verdict, error) {
	var members map[string]json.RawMessage
	var allowed *bool
	err := json.Unmarshal(payload, &members)
	if err == nil {
		err = json.Unmarshal(members["isAuthorized"], &allowed)
	}
	if err != nil || allowed == nil {
		return nil, fmt.Errorf("%w: isAuthorized is not a boolean", errAuthorizer)
	}
	v := &verdict{allowed: *allowed, context: json.RawMessage("{}")}
	if raw := bytes.TrimSpace(members["context"]); len(raw) > 0 && !bytes.Equal(raw, []byte("null")) {
		if raw[0] != '{' {
			return nil, fmt.Errorf("%w: its context is not an object", errAuthorizer)
		}
		v.context = raw
	}
	return v, nil
}
