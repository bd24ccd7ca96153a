package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"
)

// The quotas of an HTTP API ("Quotas for configuring and running an HTTP API in
// API Gateway").
const (
	bodyLimit   = 10 << 20 // bytes of a request's body
	headerLimit = 10_240   // bytes of the request line and all headers
)

// What Lambda and API Gateway take where a template says nothing.
const (
	defaultTimeout     = 3 * time.Second
	defaultIntegration = 30 * time.Second
)

// Config is what a gateway needs.
type Config struct {
	Template    *Template
	Bootstraps  map[string]string            // logical id → path of its bootstrap executable
	Environment map[string]map[string]string // logical id → variables, complete (template + caller's overrides)
	Log         *slog.Logger                 // the gateway's own records; nil: none
	Stderr      io.Writer                    // what functions print, each line marked with its function; nil: nowhere
	Now         func() time.Time             // nil: time.Now
	Cores       int                          // 0: runtime.NumCPU()
}

// Gateway serves a template's HTTP API. [New] makes it, [Gateway.Close] ends it.
type Gateway struct {
	template    *Template
	router      *router
	stage       string
	pools       map[string]*pool
	authorizers map[string]*authorizer
	launcher    *launcher
	log         *slog.Logger
	now         func() time.Time

	schedules sync.WaitGroup
	mu        sync.Mutex
	ended     bool                 // Close was called
	stop      []context.CancelFunc // of what Start began
	closed    chan struct{}        // closed when Close has ended everything
	closing   sync.Once
}

var _ http.Handler = (*Gateway)(nil)

// New makes a gateway for a template. It starts no process: they start with
// [Gateway.Start], or with the first event. It refuses a template that it
// cannot serve as API Gateway would: an unknown function or authorizer, a
// function without a bootstrap, a route that is malformed or there twice.
func New(c Config) (*Gateway, error) { return newGateway(c, defaultLimits()) }

func newGateway(c Config, l limits) (*Gateway, error) {
	if c.Template == nil {
		return nil, errors.New("making the gateway: there is no template")
	}
	t := c.Template
	g := &Gateway{
		template:    t,
		stage:       cmp.Or(t.Stage, defaultRoute),
		pools:       map[string]*pool{},
		authorizers: map[string]*authorizer{},
		log:         c.Log,
		now:         c.Now,
		closed:      make(chan struct{}),
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	if g.now == nil {
		g.now = time.Now
	}
	var err error
	if g.router, err = newRouter(t.Stage, t.Routes); err != nil {
		return nil, err
	}
	if err := g.addFunctions(c, l); err != nil {
		return nil, err
	}
	if err := g.addAuthorizers(l); err != nil {
		return nil, err
	}
	if err := g.checkTriggers(); err != nil {
		return nil, err
	}
	g.launcher = newLauncher()
	for _, p := range g.pools {
		p.launcher = g.launcher
	}
	return g, nil
}

func (g *Gateway) addFunctions(c Config, l limits) error {
	cores := cmp.Or(c.Cores, runtime.NumCPU())
	whole := newGate(max(1, cores-1), l.wholeDepth, l.queue)
	out := &lines{out: io.Discard}
	if c.Stderr != nil {
		out.out = c.Stderr
	}
	for i := range g.template.Functions {
		f := g.template.Functions[i] // a copy: the defaults below are not the template's
		f.Timeout = cmp.Or(f.Timeout, defaultTimeout)
		f.MemoryMB = cmp.Or(f.MemoryMB, 128)
		bootstrap := c.Bootstraps[f.Name]
		if bootstrap == "" {
			return fmt.Errorf("line %d: function %s has no bootstrap", f.Line, f.Name)
		}
		absolute, err := filepath.Abs(bootstrap)
		if err != nil {
			return fmt.Errorf("line %d: finding the bootstrap of %s: %w", f.Line, f.Name, err)
		}
		for name := range c.Environment[f.Name] {
			if reserved(name) {
				return fmt.Errorf("line %d: function %s: Lambda does not let %s be set", f.Line, f.Name, name)
			}
		}
		if g.pools[f.Name] != nil {
			return fmt.Errorf("line %d: function %s is there twice", f.Line, f.Name)
		}
		turn := whole
		if !f.WholeCPU() {
			turn = newGate(l.perPool, l.depth, l.queue)
		}
		g.pools[f.Name] = &pool{
			function: &f, bootstrap: absolute, variables: c.Environment[f.Name],
			gate: turn, limits: l, lines: out, log: g.log,
			live: map[*process]struct{}{}, drained: make(chan struct{}),
		}
	}
	return nil
}

func (g *Gateway) addAuthorizers(l limits) error {
	for _, name := range slices.Sorted(maps.Keys(g.template.Authorizers)) {
		a := g.template.Authorizers[name]
		p := g.pools[a.Function]
		if p == nil {
			return fmt.Errorf("line %d: authorizer %s: there is no function %q", a.Line, name, a.Function)
		}
		if err := a.check(); err != nil {
			return fmt.Errorf("line %d: authorizer %s: %w", a.Line, name, err)
		}
		g.authorizers[name] = &authorizer{Authorizer: a, pool: p, now: g.now, timeout: l.authorizer}
	}
	return nil
}

func (g *Gateway) checkTriggers() error {
	for _, r := range g.template.Routes {
		if g.pools[r.Function] == nil {
			return fmt.Errorf("line %d: route %s: there is no function %q", r.Line, r.key(), r.Function)
		}
		if r.Authorizer != "" && g.authorizers[r.Authorizer] == nil {
			return fmt.Errorf("line %d: route %s: there is no authorizer %q", r.Line, r.key(), r.Authorizer)
		}
	}
	for _, s := range g.template.Schedules {
		if g.pools[s.Function] == nil {
			return fmt.Errorf("line %d: schedule %s: there is no function %q", s.Line, s.Name, s.Function)
		}
		if s.Every <= 0 {
			return fmt.Errorf("line %d: schedule %s: it has no rate", s.Line, s.Name)
		}
		if s.Input != "" && !json.Valid([]byte(s.Input)) {
			return fmt.Errorf("line %d: schedule %s: its input is no JSON", s.Line, s.Name)
		}
	}
	if g.template.CORS != nil {
		if err := g.template.CORS.check(); err != nil {
			return fmt.Errorf("line %d: %w", g.template.Line, err)
		}
	}
	return nil
}

// Start warms one process per function and runs the schedules: each once at
// once, then at its rate, until the context ends or the gateway is closed. It
// does not wait for any of them. After Close it does nothing.
func (g *Gateway) Start(ctx context.Context) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	g.stop = append(g.stop, cancel)
	for _, p := range g.pools {
		g.schedules.Go(p.warm)
	}
	for _, s := range g.template.Schedules {
		g.schedules.Go(func() { g.run(ctx, s) })
	}
}

// Invoke has a function work on one event, as schedules do. The payload must be
// JSON. It returns what the function answered, a [*FunctionError] where the
// function reported one, or [ErrBusy]; other errors tell that the process ended
// or overran its timeout. The context bounds the wait, not the work.
func (g *Gateway) Invoke(ctx context.Context, function string, payload []byte) ([]byte, error) {
	p := g.pools[function]
	if p == nil {
		return nil, fmt.Errorf("invoking %s: there is no such function", function)
	}
	if !json.Valid(payload) || len(payload) > payloadLimit {
		return nil, fmt.Errorf("invoking %s: the event is no JSON of at most %d bytes", function, payloadLimit)
	}
	answer, err := p.invoke(ctx, payload, newTraceRoot(g.now())+newTraceParent())
	if err != nil {
		return nil, fmt.Errorf("invoking %s: %w", function, err)
	}
	return answer, nil
}

// Close ends every process and waits for them: the idle ones at once, those at
// work when they have answered or after 3 s, or when the context ends. Each is
// sent SIGTERM, and SIGKILL a second later. Events that wait, and those that
// come after, are refused. A second call waits for the first.
func (g *Gateway) Close(ctx context.Context) error {
	g.closing.Do(func() {
		defer close(g.closed)
		g.mu.Lock()
		g.ended = true
		for _, cancel := range g.stop {
			cancel()
		}
		g.mu.Unlock()
		var pools sync.WaitGroup
		for _, p := range g.pools {
			pools.Go(func() { p.close(ctx) })
		}
		pools.Wait()
		g.schedules.Wait()
		g.launcher.close() // after the last process: its thread's end would kill them
	})
	<-g.closed
	return nil
}
