package lambda_test

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

	"oms/local/lambda"
	"oms/shared/must"
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
		v := visit{
			what: strings.TrimPrefix(r.URL.Path, "/"), function: r.URL.Query().Get("function"), pid: pid,
			event: string(event), gone: r.Context().Done(),
		}
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

// trace is the root that a caller gives an event.
const trace = "Root=1-5e9f0c65-1de4d666d4dd26aced652b6c"

// logBuffer is what is logged, and what the functions print.
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

// site is functions in the making, and what they log and print.
type site struct {
	lambda.Config
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
	log := slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return &site{logs: logs, Config: lambda.Config{Log: log, Stderr: logs}}
}

// function adds a function of a kind; environment is name, value, ….
func (s *site) function(tb testing.TB, name, kind string, environment ...string) *lambda.Function {
	tb.Helper()
	self := must.Get(os.Executable())(tb)
	variables := map[string]string{kindVariable: kind}
	for pair := range slices.Chunk(environment, 2) {
		variables[pair[0]] = pair[1]
	}
	s.Functions = append(s.Functions, lambda.Function{
		Name: name, Bootstrap: self, MemoryMB: 512, Timeout: 20 * time.Second, Variables: variables,
	})
	return &s.Functions[len(s.Functions)-1]
}

// visitor adds a function that visits a desk.
func (s *site) visitor(tb testing.TB, name, desk string) *lambda.Function {
	tb.Helper()
	return s.function(tb, name, "visit", "DESK", desk)
}

// open runs the functions until the test ends.
func (s *site) open(tb testing.TB, adjust ...func(*lambda.Limits)) *running {
	tb.Helper()
	limits := lambda.DefaultLimits()
	for _, f := range adjust {
		f(&limits)
	}
	f := lambda.NewWithLimits(s.Config, limits)
	tb.Cleanup(func() {
		ended, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
		cancel() // nothing in flight is worth waiting for
		f.Close(ended)
	})
	return &running{Functions: f}
}

// running is functions that can be invoked.
type running struct{ *lambda.Functions }

// reply is an answer as a test looks at it.
type reply struct {
	answer string
	err    error
}

func (r *running) invoke(ctx context.Context, function, event string) reply {
	answer, err := r.Invoke(ctx, function, []byte(event), trace)
	return reply{string(answer), err}
}

// do has a function work on an event.
func (r *running) do(tb testing.TB, function, event string) reply {
	tb.Helper()
	return r.invoke(tb.Context(), function, event)
}

// start has a function work on n events at once, and does not wait.
func (r *running) start(ctx context.Context, function string, n int) <-chan reply {
	out := make(chan reply, n)
	for range n {
		go func() { out <- r.invoke(ctx, function, "{}") }()
	}
	return out
}

// is fails the test unless the answer is as wanted.
func (r reply) is(tb testing.TB, want string) {
	tb.Helper()
	if r.err != nil || r.answer != want {
		tb.Errorf("got %.200q, %v, want %.200q", r.answer, r.err, want)
	}
}

// fails fails the test unless the error says so.
func (r reply) fails(tb testing.TB, want string) {
	tb.Helper()
	if r.err == nil || !strings.Contains(r.err.Error(), want) {
		tb.Errorf("got %.200q, %v, want an error: %s", r.answer, r.err, want)
	}
}
