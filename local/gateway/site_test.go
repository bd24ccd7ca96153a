package gateway_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"oms/local/gateway"
)

// visit is a function's process that asks the test what to do.
type visit struct {
	what     string // start, event, grandchild, leaving
	function string
	pid      int
	event    string
	gone     <-chan struct{} // closed when the process hangs up: answered, or dead
}

// newDesk answers visits; the answer may take as long as it likes. It returns
// the desk's URL.
func newDesk(tb testing.TB, answer func(visit) string) string {
	tb.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		pid, _ := strconv.Atoi(r.URL.Query().Get("pid"))
		v := visit{what: strings.TrimPrefix(r.URL.Path, "/"), function: r.URL.Query().Get("function"), pid: pid, event: string(event), gone: r.Context().Done()}
		_, _ = io.WriteString(w, answer(v))
	}))
	tb.Cleanup(server.Close)
	return server.URL
}

// eventsOnly answers events, and lets every start pass.
func eventsOnly(answer func(visit) string) func(visit) string {
	return func(v visit) string {
		if v.what != "event" {
			return ""
		}
		return answer(v)
	}
}

// receive takes what comes next, and fails the test if nothing does.
func receive[T any](tb testing.TB, c <-chan T, what string) T {
	tb.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(30 * time.Second):
		tb.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// logBuffer is what the gateway logs and the functions print.
type logBuffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	written chan struct{} // closed and renewed at each write
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.written)
	l.written = make(chan struct{})
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// await waits until the log has a text.
func (l *logBuffer) await(tb testing.TB, text string) {
	tb.Helper()
	l.awaitCount(tb, text, 1)
}

// awaitCount waits until the log has a text so many times.
func (l *logBuffer) awaitCount(tb testing.TB, text string, n int) {
	tb.Helper()
	for {
		l.mu.Lock()
		found, written := strings.Count(l.b.String(), text), l.written
		l.mu.Unlock()
		if found >= n {
			return
		}
		receive(tb, written, "the log to say "+text)
	}
}

// site is a template in the making, and the functions behind it.
type site struct {
	gateway.Config
	logs *logBuffer
}

func newSite(tb testing.TB) *site {
	tb.Helper()
	logs := &logBuffer{written: make(chan struct{})}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Log(logs.String())
		}
	})
	return &site{logs: logs, Config: gateway.Config{
		Template:    &gateway.Template{Authorizers: map[string]gateway.Authorizer{}, Line: 7},
		Bootstraps:  map[string]string{},
		Environment: map[string]map[string]string{},
		Log:         slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Stderr:      logs,
		Cores:       3,
	}}
}

// function adds a function of a kind; environment is name, value, ….
func (s *site) function(tb testing.TB, name, kind string, environment ...string) *gateway.Function {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	variables := map[string]string{kindVariable: kind}
	for pair := range slices.Chunk(environment, 2) {
		variables[pair[0]] = pair[1]
	}
	s.Template.Functions = append(s.Template.Functions, gateway.Function{Name: name, MemoryMB: 512, Timeout: 20 * time.Second, Line: 10})
	s.Bootstraps[name] = self
	s.Environment[name] = variables
	return &s.Template.Functions[len(s.Template.Functions)-1]
}

// visitor adds a function that visits a desk, and a route to it at /name.
func (s *site) visitor(tb testing.TB, name, desk string) (*gateway.Function, *gateway.Route) {
	tb.Helper()
	return s.function(tb, name, "visit", "DESK", desk), s.route("ANY /"+name, name)
}

// route adds a route, as in "GET /pets/{id}", or "$default".
func (s *site) route(key, function string) *gateway.Route {
	s.Template.Routes = append(s.Template.Routes, parseRoute(key, function))
	return &s.Template.Routes[len(s.Template.Routes)-1]
}

func parseRoute(key, function string) gateway.Route {
	method, path, found := strings.Cut(key, " ")
	if !found {
		method, path = "ANY", key
	}
	return gateway.Route{Method: method, Path: path, Function: function, Timeout: 25 * time.Second, Line: 20}
}

// open serves the site until the test ends.
func (s *site) open(tb testing.TB, adjust ...func(*gateway.Limits)) *running {
	tb.Helper()
	g, err := gateway.NewWithLimits(s.Config, adjust...)
	if err != nil {
		tb.Fatalf("New: %v", err)
	}
	server := httptest.NewServer(g)
	tb.Cleanup(func() {
		ended, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
		cancel() // nothing in flight is worth waiting for
		_ = g.Close(ended)
		server.Close()
	})
	return &running{Gateway: g, url: server.URL, client: server.Client()}
}

// running is a gateway behind a server.
type running struct {
	*gateway.Gateway
	url    string
	client *http.Client
}

// reply is an answer as a test looks at it.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

// do sends a request; header is name, value, ….
func (r *running) do(tb testing.TB, method, target, body string, header ...string) reply {
	tb.Helper()
	got := r.send(tb.Context(), method, target, body, header...)
	if got.err != nil {
		tb.Fatalf("%s %s: %v", method, target, got.err)
	}
	return got
}

// start sends a request and does not wait for the answer.
func (r *running) start(ctx context.Context, target string) <-chan reply {
	out := make(chan reply, 1)
	go func() { out <- r.send(ctx, http.MethodGet, target, "") }()
	return out
}

func (r *running) send(ctx context.Context, method, target, body string, header ...string) reply {
	request, err := http.NewRequestWithContext(ctx, method, r.url+target, strings.NewReader(body))
	if err != nil {
		return reply{err: err}
	}
	for pair := range slices.Chunk(header, 2) {
		request.Header.Add(pair[0], pair[1])
		if pair[0] == "Host" {
			request.Host = pair[1]
		}
	}
	response, err := r.client.Do(request)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	return reply{status: response.StatusCode, header: response.Header, body: string(content), err: err}
}

// refuses fails the test unless the answer is the gateway's own refusal.
func (r reply) refuses(tb testing.TB, status int, message string) {
	tb.Helper()
	if want := `{"message":"` + message + `"}`; r.status != status || r.body != want {
		tb.Errorf("got %d %s (%v), want %d %s", r.status, r.body, r.err, status, want)
	}
}

// is fails the test unless the answer has the status and the body.
func (r reply) is(tb testing.TB, status int, body string) {
	tb.Helper()
	if r.status != status || r.body != body {
		tb.Errorf("got %d %.200q (%v), want %d %.200q", r.status, r.body, r.err, status, body)
	}
}
