package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"oms/local/lambda"
	"oms/local/template"
)

// The quotas of an HTTP API ("Quotas for configuring and running an HTTP API in
// API Gateway").
const (
	bodyLimit         = 10 << 20 // bytes of a request's body
	headerLimit       = 10_240   // bytes of the request line and all headers
	authorizerTimeout = 10 * time.Second
)

// apiID is the id of the API in events and ARNs: ten characters, as API Gateway
// gives them.
const apiID = "local00000"

// invoker has a function work on an event, as [lambda.Functions] do.
type invoker interface {
	Invoke(ctx context.Context, function string, event []byte, trace string) ([]byte, error)
}

var _ invoker = (*lambda.Functions)(nil)

// Gateway serves a template's HTTP API. [New] makes it.
type Gateway struct {
	router      *router
	cors        *template.CORS
	authorizers map[*template.Authorizer]*authorizer
	buckets     map[*template.Route]*rate.Limiter // of the routes that are throttled
	functions   invoker
	log         *slog.Logger
}

var _ http.Handler = (*Gateway)(nil)

// New makes a gateway for a template, before the functions that it names.
func New(t *template.Template, functions invoker, log *slog.Logger) *Gateway {
	g := &Gateway{
		router: newRouter(t), cors: t.CORS, authorizers: map[*template.Authorizer]*authorizer{},
		buckets: map[*template.Route]*rate.Limiter{}, functions: functions, log: log,
	}
	for _, r := range t.Routes {
		if l := r.Throttle; l != nil {
			g.buckets[r] = rate.NewLimiter(rate.Limit(l.Rate), l.Burst)
		}
		if a := r.Authorizer; a != nil && g.authorizers[a] == nil {
			g.authorizers[a] = &authorizer{Authorizer: a, functions: functions, results: map[string]cachedResult{}}
		}
	}
	return g
}

// ServeHTTP answers one request as API Gateway would, in its order: quota of the
// headers, CORS preflight, route, throttle, quota of the body, authorizer, function.
// Every answer has the id that the function finds in requestContext.requestId.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{gateway: g, request: r, id: newRequestID(), began: time.Now()}
	out, err := x.answer(r.Context())
	if r.Context().Err() != nil {
		return // the client is gone; what was begun goes on without it
	}
	if out.status == http.StatusRequestHeaderFieldsTooLarge || errors.Is(err, errBodyUnread) {
		w.Header().Set("Connection", "close") // what follows is not worth reading
	}
	out.write(w, r, x.id)
	level := slog.LevelDebug
	attrs := []slog.Attr{
		slog.String("request_id", x.id), slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.String("route", x.route), slog.Int("status", out.status),
		slog.Int64("duration_ms", time.Since(x.began).Milliseconds()),
	}
	if err != nil {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("err", err.Error()))
	}
	g.log.LogAttrs(r.Context(), level, "request", attrs...)
}

// exchange is one request on its way to its answer.
type exchange struct {
	gateway *Gateway
	request *http.Request
	id      string
	began   time.Time
	route   string // its key, once known
}

var (
	errBodyUnread = errors.New("the body exceeds 10485760 bytes")
	errEventLarge = errors.New("the event exceeds 6291556 bytes")
)

// answer returns the response, and why it is a refusal of the gateway's own
// that an operator may want to look at.
func (x *exchange) answer(ctx context.Context) (*response, error) {
	g, r := x.gateway, x.request
	if headerSize(r) > headerLimit {
		return refusal(http.StatusRequestHeaderFieldsTooLarge), nil
	}
	m := g.router.find(r.Method, r.URL.Path)
	if g.cors != nil && isPreflight(r) {
		// Except one: "the $default route catches requests for all methods and
		// routes that you haven't explicitly defined, including OPTIONS
		// requests", and with an authorizer it refuses them.
		guarded := m != nil && m.route.Path == nil && m.route.Authorizer != nil
		if _, here := g.router.inStage(r.URL.Path); here && !guarded {
			return preflight(g.cors, r.Header.Get("Origin")), nil
		}
	}
	if m == nil {
		return refusal(http.StatusNotFound), nil
	}
	x.route = m.route.Key()
	if bucket := g.buckets[m.route]; bucket != nil && !bucket.Allow() {
		return refusal(http.StatusTooManyRequests), nil
	}
	e, err := x.event(m)
	if err != nil {
		return failure(err), err
	}
	if a := m.route.Authorizer; a != nil {
		if status, err := g.authorizers[a].authorize(ctx, e); status != 0 {
			return refusal(status), err
		}
	}
	out, err := x.integrate(ctx, m.route, e)
	if err != nil {
		return failure(err), err
	}
	if g.cors != nil {
		applyCORS(g.cors, out.header, r.Header.Get("Origin"))
	}
	return out, nil
}

// event reads the body and describes the request.
func (x *exchange) event(m *match) (*event, error) {
	r := x.request
	if r.ContentLength > bodyLimit {
		return nil, errBodyUnread
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyLimit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBody, err)
	}
	if len(body) > bodyLimit {
		return nil, errBodyUnread
	}
	return newEvent(r, body, m, x.gateway.router.stage, x.id, x.began), nil
}

// errBody says that a body could not be read to its end.
var errBody = errors.New("reading the body")

// integrate has the route's function answer the event.
func (x *exchange) integrate(ctx context.Context, route *template.Route, e *event) (*response, error) {
	payload, err := encode(e)
	if err != nil {
		return nil, err
	}
	if len(payload) > lambda.PayloadLimit {
		return nil, errEventLarge
	}
	ctx, cancel := context.WithTimeout(ctx, route.Timeout)
	defer cancel()
	answer, err := x.gateway.functions.Invoke(ctx, route.Function.Name, payload, e.trace())
	if err != nil {
		return nil, fmt.Errorf("integrating %s: %w", route.Key(), err)
	}
	return newResponse(answer)
}

// failure is what a client sees of an error. The queue before a function is this
// gateway's own: who finds it full is told when to come again, which API Gateway never says.
func failure(err error) *response {
	out := refusal(statusOf(err))
	if errors.Is(err, lambda.ErrBusy) || errors.Is(err, lambda.ErrClosed) {
		out.header.Set("Retry-After", "1")
	}
	return out
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, errBodyUnread), errors.Is(err, errEventLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errBody):
		return http.StatusBadRequest
	case errors.Is(err, lambda.ErrBusy), errors.Is(err, lambda.ErrClosed), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// headerSize is the size of the request line and the headers as they were sent
// with HTTP/1.1.
func headerSize(r *http.Request) int {
	const line = len(": \r\n")
	uri := cmp.Or(r.RequestURI, r.URL.RequestURI())
	n := len(r.Method) + len(" ") + len(uri) + len(" HTTP/1.1\r\n") + len("Host") + len(r.Host) + line
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v) + line
		}
	}
	return n
}
