// Package edge is the only package that knows HTTP and Lambda.
//
// It owns the way of a request from the Lambda event to an endpoint and of the
// answer back: the event is put into order and handed to
// aws-lambda-go-api-proxy, the principal is taken from the authorizer's
// context, a body is decoded strictly, an error becomes a problem document
// (RFC 9457), and every request leaves one log record. It refuses to know what
// an organization is: endpoints live in functions/, rules in the packages below.
//
// A function's main is three lines around [Main]; an endpoint takes a [Call]
// and returns an [Answer] or an error:
//
//	func get(orgs getter) edge.Endpoint {
//		return func(ctx context.Context, c *edge.Call) (*edge.Answer, error) {
//			name, wrong := c.Parameter("organization_name")
//			if wrong != nil {
//				return nil, fault.NewInvalid(*wrong)
//			}
//			…
//		}
//	}
package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/awslabs/aws-lambda-go-api-proxy/core"

	"oms/shared/token"
)

// Endpoint answers one kind of request. An error that is not a fault is
// answered as a 500 that says nothing, and logged.
type Endpoint func(ctx context.Context, c *Call) (*Answer, error)

// Call is one request as an [Endpoint] sees it.
type Call struct {
	Who      token.Principal // from the authorizer's context; zero on a [Public] endpoint
	Address  string          // of the connection, which no header can change
	Method   string
	Path     string // decoded
	RawQuery string // as sent; see [Call.Parameter]
	// canonical names; a header that came twice has the values that the gateway joined with a comma
	Header http.Header
	Body   []byte  // decoded from base64; see [Decode]
	record *record // nil where a test made the call by hand
}

// Identify tells the log record who is calling, for an endpoint that finds it
// out by itself. It changes nothing else: an endpoint hands who on.
func (c *Call) Identify(who token.Principal) {
	if c.record != nil {
		c.record.who = who
	}
}

// RecordEmail tells the log record which account the request was about: by a keyed
// hash of its email address, for no record may have the address itself.
func (c *Call) RecordEmail(hash string) {
	if c.record != nil {
		c.record.emailHash = hash
	}
}

// Answer is what an [Endpoint] answers.
type Answer struct {
	Status int         // 200 where zero
	Header http.Header // beside those that every answer has
	// Body is encoded as JSON; a []byte is sent as it is, and Header then has
	// its Content-Type. Nil: no body.
	Body any
}

// Public returns the handler of an endpoint that anybody may call. It ignores
// what an authorizer said, for there is none before a public route.
func Public(e Endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve(w, r, e, token.Principal{})
	})
}

// Protected returns the handler of an endpoint behind the authorizer. Without
// a principal in the authorizer's context the answer is a 401: a route that
// lost its authorizer in the template then fails closed. A principal whose
// token has expired is a 401 too: an API caches an authorizer's answer, which
// must not outlive the token ("Control access to HTTP APIs with AWS Lambda
// authorizers", API Gateway developer guide).
func Protected(e Endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc, _ := core.GetAPIGatewayV2ContextFromContext(r.Context())
		who, err := principal(rc, time.Now())
		if err != nil {
			recordOf(r.Context()).who = who
			fail(w, r, err)
			return
		}
		serve(w, r, e, who)
	})
}

// Routes returns the handler of a function with several routes: each has its own,
// by its key in the template, such as "DELETE /admin/sessions/{id}". What the API
// has decided is not decided again from a path.
func Routes(handlers map[string]http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc, _ := core.GetAPIGatewayV2ContextFromContext(r.Context())
		h, ok := handlers[rc.RouteKey]
		if !ok {
			fail(w, r, fmt.Errorf("the template sends the route %q here, and nothing answers it", rc.RouteKey))
			return
		}
		h.ServeHTTP(w, r)
	})
}

func serve(w http.ResponseWriter, r *http.Request, e Endpoint, who token.Principal) {
	rec := recordOf(r.Context())
	rec.who = who
	rc, _ := core.GetAPIGatewayV2ContextFromContext(r.Context())
	body, err := io.ReadAll(r.Body) // bounded by the event: 6 MB (Lambda quotas, AWS Lambda developer guide)
	if err != nil {
		fail(w, r, fmt.Errorf("reading the body of an event: %w", err))
		return
	}
	answer, err := e(r.Context(), &Call{
		Who: who, Address: rc.HTTP.SourceIP, Method: r.Method, Path: r.URL.Path, RawQuery: r.URL.RawQuery,
		Header: r.Header, Body: body, record: rec,
	})
	if err != nil {
		fail(w, r, err)
		return
	}
	if err := send(w, answer); err != nil {
		fail(w, r, err)
	}
}

// send encodes first and writes then, so that an answer that cannot be encoded is a clean 500.
func send(w http.ResponseWriter, a *Answer) error {
	if a == nil {
		return fmt.Errorf("an endpoint returned neither an answer nor an error")
	}
	var body []byte
	switch b := a.Body.(type) {
	case nil:
	case []byte:
		body = b
	default:
		var err error
		if body, err = encode(b); err != nil {
			return fmt.Errorf("encoding an answer: %w", err)
		}
		w.Header().Set("Content-Type", "application/json")
	}
	for name, values := range a.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	status := a.Status
	if status == 0 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // into memory: the adapter's writer does not fail
	return nil
}

// encode writes v as JSON without the escapes that encoding/json makes for
// HTML: no answer is put into a page.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// fail answers err as a problem document and leaves it to the record.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	rec := recordOf(r.Context())
	rec.err = err
	p := problemOf(r.Context(), err)
	rec.code = p.fault.Code
	body, encodeErr := encode(p.document(rec.requestID))
	if encodeErr != nil { // strings and numbers only: it cannot happen
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	p.headers(w.Header())
	w.WriteHeader(p.status)
	_, _ = w.Write(body) //nolint:gosec // G705: it is application/problem+json, which no browser runs
}

// Time is a time as answers show it: RFC 3339, UTC, milliseconds.
type Time time.Time

// MarshalJSON returns t as a JSON string.
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format(`"2006-01-02T15:04:05.000Z"`)), nil
}

var _ json.Marshaler = Time{}
