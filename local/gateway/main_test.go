package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"oms/local/gateway"
)

// kindVariable makes this test binary a function: the gateway starts the very
// binary that tests it, with the variable naming what it shall do.
const kindVariable = "TEST_FUNCTION"

func TestMain(m *testing.M) {
	if kind := os.Getenv(kindVariable); kind != "" {
		runFunction(kind)
		return
	}
	os.Exit(m.Run())
}

// runFunction is the main of a test function.
func runFunction(kind string) {
	note := func(line string) {
		if path := os.Getenv("NOTES"); path != "" {
			appendLine(path, line)
		}
	}
	note(fmt.Sprintf("start %d", os.Getpid()))
	switch kind {
	case "init-exit":
		os.Exit(3)
	case "init-hang":
		select {}
	case "not-executable":
	default:
	}
	lambda.Start(func(ctx context.Context, event json.RawMessage) (json.RawMessage, error) {
		note("event")
		var e struct {
			Body   string            `json:"body"`
			Query  map[string]string `json:"queryStringParameters"`
			Header map[string]string `json:"headers"`
		}
		_ = json.Unmarshal(event, &e)
		switch kind {
		case "echo":
			return event, nil
		case "answer": // the answer is in the variable
			return json.RawMessage(os.Getenv("ANSWER")), nil
		case "environment":
			return json.Marshal(os.Environ())
		case "file": // the answer is in a file that the test changes
			return os.ReadFile(os.Getenv("ANSWER_FILE"))
		case "error":
			return nil, errors.New("out of order")
		case "panic":
			panic("out of order")
		case "exit":
			os.Exit(1)
		case "hang":
			child := exec.CommandContext(context.Background(), "sleep", "600")
			if err := child.Start(); err != nil {
				return nil, err
			}
			note(fmt.Sprintf("child %d", child.Process.Pid))
			select {}
		case "pid":
			return json.Marshal(os.Getpid())
		case "meet": // answers when another process is at the same event too
			return meet(ctx)
		case "large":
			return json.Marshal(map[string]any{"statusCode": 200, "body": strings.Repeat("a", size(e.Query["size"]))})
		case "switch": // does what the query says, for tests of what comes after
			switch e.Query["do"] {
			case "exit":
				os.Exit(1)
			case "hang":
				select {}
			}
			return json.Marshal(os.Getpid())
		}
		return nil, fmt.Errorf("unknown kind %s", kind)
	})
}

func size(text string) int {
	var n int
	_, _ = fmt.Sscan(text, &n)
	return n
}

// meet counts itself in a directory, and waits until so many have.
func meet(ctx context.Context) (json.RawMessage, error) {
	dir := os.Getenv("MEETING")
	name := filepath.Join(dir, fmt.Sprintf("%d-%d", os.Getpid(), time.Now().UnixNano()))
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		return nil, err
	}
	for {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		if len(entries) >= size(os.Getenv("PARTIES")) {
			return json.Marshal(os.Getpid())
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func appendLine(path, line string) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	_, _ = fmt.Fprintln(f, line)
	_ = f.Close()
}

// site is a template in the making, and the functions behind it.
type site struct {
	gateway.Config
	logs *logBuffer
}

// logBuffer is what the gateway logs and the functions print.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newSite(tb testing.TB) *site {
	tb.Helper()
	logs := &logBuffer{}
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
	for i := 0; i < len(environment); i += 2 {
		variables[environment[i]] = environment[i+1]
	}
	s.Template.Functions = append(s.Template.Functions, gateway.Function{Name: name, MemoryMB: 512, Timeout: 10 * time.Second, Line: 10})
	s.Bootstraps[name] = self
	s.Environment[name] = variables
	return &s.Template.Functions[len(s.Template.Functions)-1]
}

// route adds a route, as in "GET /pets/{id}".
func (s *site) route(key, function string) *gateway.Route {
	method, path, _ := strings.Cut(key, " ")
	if path == "" {
		method, path = "ANY", key
	}
	s.Template.Routes = append(s.Template.Routes, gateway.Route{Method: method, Path: path, Function: function, Timeout: 20 * time.Second, Line: 20})
	return &s.Template.Routes[len(s.Template.Routes)-1]
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
		server.Close()
		if err := g.Close(context.WithoutCancel(tb.Context())); err != nil {
			tb.Errorf("Close: %v", err)
		}
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
}

// do sends a request; header is name, value, ….
func (r *running) do(tb testing.TB, method, target, body string, header ...string) reply {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), method, r.url+target, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	got, err := r.send(request)
	if err != nil {
		tb.Fatalf("%s %s: %v", method, target, err)
	}
	return got
}

func (r *running) send(request *http.Request) (reply, error) {
	response, err := r.client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	return reply{status: response.StatusCode, header: response.Header, body: string(content)}, err
}

// refuses fails the test unless the answer is the gateway's own refusal.
func (r reply) refuses(tb testing.TB, status int, message string) {
	tb.Helper()
	if want := `{"message":"` + message + `"}`; r.status != status || r.body != want {
		tb.Errorf("got %d %s, want %d %s", r.status, r.body, status, want)
	}
}
