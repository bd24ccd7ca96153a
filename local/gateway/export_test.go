package gateway

import (
	"net/http"
	"time"
)

// Limits are the bounds that tests shorten.
type Limits struct {
	Init, Authorizer, Patience, Idle, Queue, Drain, Terminate, Backoff time.Duration
}

// NewWithLimits is New with other bounds.
func NewWithLimits(c Config, adjust ...func(*Limits)) (*Gateway, error) {
	d := defaultLimits()
	l := Limits{d.init, d.authorizer, d.patience, d.idle, d.queue, d.drain, d.terminate, d.backoff}
	for _, f := range adjust {
		f(&l)
	}
	d.init, d.authorizer, d.patience, d.idle, d.queue = l.Init, l.Authorizer, l.Patience, l.Idle, l.Queue
	d.drain, d.terminate, d.backoff = l.Drain, l.Terminate, l.Backoff
	return newGateway(c, d)
}

// EventOf is the JSON event of a request that matched a route key.
func EventOf(r *http.Request, body []byte, route Route, parameters map[string]string, now time.Time) ([]byte, error) {
	return encode(newEvent(r, body, &match{route: &route, parameters: parameters}, defaultRoute, newRequestID(), now))
}

// RespondWith writes what a function answered, as the gateway does.
func RespondWith(w http.ResponseWriter, r *http.Request, payload []byte) error {
	out, err := newResponse(payload)
	if err != nil {
		out = refusal(statusOf(err))
	}
	out.write(w, r, newRequestID())
	return err
}

// Find is the route key and the path variables for a request.
func Find(stage string, routes []Route, method, path string) (string, map[string]string, error) {
	r, err := newRouter(stage, routes)
	if err != nil {
		return "", nil, err
	}
	m := r.find(method, path)
	if m == nil {
		return "", nil, nil
	}
	return m.route.key(), m.parameters, nil
}

// Wildcard matches as IAM policies do.
func Wildcard(pattern, value string) bool { return wildcard(pattern, value) }
