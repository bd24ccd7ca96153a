package gateway

import (
	"fmt"
	"net/http"
	"time"
)

// Limits are the bounds that tests look at and shorten.
type Limits struct {
	Init, Authorizer, Patience, Idle, Queue, Drain, Terminate, Backoff time.Duration
	WholeDepth, Depth, PerPool                                         int
}

// DefaultLimits are those of New.
func DefaultLimits() Limits {
	d := defaultLimits()
	return Limits{d.init, d.authorizer, d.patience, d.idle, d.queue, d.drain, d.terminate, d.backoff, d.wholeDepth, d.depth, d.perPool}
}

// NewWithLimits is New with other bounds.
func NewWithLimits(c Config, adjust ...func(*Limits)) (*Gateway, error) {
	l := DefaultLimits()
	for _, f := range adjust {
		f(&l)
	}
	return newGateway(c, limits{
		init: l.Init, authorizer: l.Authorizer, patience: l.Patience, idle: l.Idle, queue: l.Queue,
		drain: l.Drain, terminate: l.Terminate, backoff: l.Backoff,
		wholeDepth: l.WholeDepth, depth: l.Depth, perPool: l.PerPool,
	})
}

// EventOf is the JSON event of a request.
func EventOf(r *http.Request, body []byte, stage string, routes []Route, now time.Time) ([]byte, error) {
	router, err := newRouter(stage, routes)
	if err != nil {
		return nil, err
	}
	m := router.find(r.Method, r.URL.Path)
	if m == nil {
		return nil, fmt.Errorf("no route for %s %s", r.Method, r.URL.Path)
	}
	return encode(newEvent(r, body, m, stage, newRequestID(), now))
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

// Find is the route key and the path variables for a request; "" for none.
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

// CachedResults is the bound of an authorizer's cache.
const CachedResults = cachedResults

// PayloadLimit is the bound of an event and of an answer.
const PayloadLimit = payloadLimit

// Remember caches an authorizer's consent to the value of its one source.
func (g *Gateway) Remember(name, value string) {
	g.authorizers[name].remember(cacheKey([]string{value}), &verdict{allowed: true})
}

// Cached is how many results an authorizer remembers.
func (g *Gateway) Cached(name string) int {
	a := g.authorizers[name]
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.results)
}

// Verdict is what an authorizer's answer means for a route.
func Verdict(answer []byte, simple bool, arn string) (bool, []byte, error) {
	v, err := newVerdict(answer, simple)
	if err != nil {
		return false, nil, err
	}
	if v.policy != nil {
		return v.policy.allows(arn), v.context, nil
	}
	return v.allowed, v.context, nil
}

// RunAnswered runs an event on a process that has answered it, and asks for the
// next one, before anybody looks: as on a busy machine. It returns what the
// client gets, and whether the process is taken for free.
func RunAnswered(payload []byte) (got []byte, free bool, err error) {
	p := &process{
		function: &Function{Timeout: time.Minute},
		asking:   make(chan struct{}), work: make(chan *invocation), stopped: make(chan struct{}),
		gone: true, // there is nothing to kill
	}
	inv := &invocation{answer: make(chan answer, 1)}
	inv.answer <- answer{payload: payload}
	asked := make(chan struct{})
	go func() {
		close(asked)
		p.asking <- struct{}{}
	}()
	go func() { <-p.work }()
	<-asked
	delivered := make(chan answer, 1)
	done := make(chan bool, 1)
	go func() { done <- p.run(inv, func(a answer) { delivered <- a }) }()
	a := <-delivered
	if a.err != nil {
		close(p.stopped)
	}
	return a.payload, <-done, a.err
}
