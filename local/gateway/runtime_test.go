//go:build unix

package gateway_test

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"oms/local/gateway"
)

func TestRuntime_answersThroughAProcess(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.function(t, "Raw", "fixed", "ANSWER", `{"cut": `)
	s.route("GET /raw", "Raw")
	s.function(t, "Binary", "fixed", "ANSWER", `{"statusCode":200,"headers":{"content-type":"image/png"},"body":"AAEC/w==","isBase64Encoded":true}`)
	s.route("ANY /binary", "Binary")
	s.function(t, "Empty", "fixed", "ANSWER", `{"statusCode":204}`)
	s.route("GET /empty", "Empty")
	g := s.open(t)

	g.do(t, "GET", "/raw", "").is(t, 200, `{"cut": `)
	g.do(t, "POST", "/binary", "\x00\xff").is(t, 200, "\x00\x01\x02\xff")
	head := g.do(t, "HEAD", "/binary", "")
	head.is(t, 200, "")
	if got := head.header.Get("Content-Length"); got != "4" {
		t.Errorf("HEAD says Content-Length %q", got)
	}
	empty := g.do(t, "GET", "/empty", "")
	empty.is(t, 204, "")
	if _, said := empty.header["Content-Length"]; said || empty.header.Get("Content-Type") != "" {
		t.Errorf("204 has headers of a body: %v", empty.header)
	}
	for _, name := range []string{"Date", "Apigw-Requestid"} {
		if empty.header.Get(name) == "" {
			t.Errorf("there is no header %s", name)
		}
	}
	if got := empty.header.Get("Connection"); got != "keep-alive" {
		t.Errorf("Connection is %q", got)
	}
	for name := range empty.header {
		if strings.HasPrefix(name, "X-Amz") {
			t.Errorf("there is a header of REST APIs: %s", name)
		}
	}
}

func TestRuntime_givesTheRequestsIDToBoth(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.function(t, "Echo", "echo")
	s.route("POST /{proxy+}", "Echo")
	g := s.open(t)
	got := g.do(t, "POST", "/a/b", "\xff\x00", "Content-Type", "application/octet-stream")
	var e struct {
		Body           string `json:"body"`
		RequestContext struct {
			RequestID string `json:"requestId"`
		} `json:"requestContext"`
	}
	mustUnmarshal(t, []byte(got.body), &e)
	if id := got.header.Get("Apigw-Requestid"); id == "" || id != e.RequestContext.RequestID {
		t.Errorf("Apigw-Requestid is %q, requestContext.requestId %q", id, e.RequestContext.RequestID)
	}
	if e.Body != "/wA=" {
		t.Errorf("body is %q", e.Body)
	}
}

func TestRuntime_functionFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, answer string
		reused       bool // the process goes on
		logged       string
	}{
		{"an error", "!error", true, "out of order"},
		{"a panic", "!panic", false, "out of order"},
		{"an exit", "!exit", false, "ended before it answered"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pids := make(chan int, 2)
			answers := make(chan string, 2)
			answers <- tt.answer
			answers <- "well"
			s := newSite(t)
			s.visitor(t, "visit", newDesk(t, eventsOnly(func(v visit) string { pids <- v.pid; return <-answers })))
			g := s.open(t)
			got := g.do(t, "GET", "/visit", "")
			got.refuses(t, 500, "Internal Server Error")
			if ct := got.header.Get("Content-Type"); ct != "application/json" {
				t.Errorf("content type is %q", ct)
			}
			s.logs.await(t, tt.logged)
			g.do(t, "GET", "/visit", "").is(t, 200, "well")
			if first, second := <-pids, <-pids; (first == second) != tt.reused {
				t.Errorf("processes are %d and %d", first, second)
			}
		})
	}
}

func TestRuntime_killsAProcessThatOverran(t *testing.T) {
	t.Parallel()
	gone := make(chan int, 2)
	s := newSite(t)
	f, _ := s.visitor(t, "visit", newDesk(t, eventsOnly(func(v visit) string {
		if strings.Contains(v.event, "slow") {
			<-v.gone // until the process is killed
			gone <- v.pid
		}
		return "well"
	})))
	f.Timeout = 300 * time.Millisecond
	g := s.open(t)
	g.do(t, "GET", "/visit?slow", "").refuses(t, 500, "Internal Server Error")
	receive(t, gone, "the process to be killed")
	s.logs.await(t, "task timed out after 0.30 seconds")
	g.do(t, "GET", "/visit", "").is(t, 200, "well")
}

func TestRuntime_killsWhatAProcessStarted(t *testing.T) {
	t.Parallel()
	arrived, gone := make(chan int, 1), make(chan int, 1)
	s := newSite(t)
	s.visitor(t, "visit", newDesk(t, func(v visit) string {
		switch {
		case v.what == "grandchild":
			arrived <- v.pid
			<-v.gone
			gone <- v.pid
		case strings.Contains(v.event, "exit"):
			return "!exit"
		case v.what == "event":
			return "!grandchild"
		}
		return ""
	}))
	g := s.open(t)
	g.do(t, "GET", "/visit", "").is(t, 200, "started")
	pid := receive(t, arrived, "the grandchild")
	g.do(t, "GET", "/visit?exit", "").refuses(t, 500, "Internal Server Error")
	if got := receive(t, gone, "the grandchild's end"); got != pid {
		t.Errorf("%d ended, want %d", got, pid)
	}
}

func TestRuntime_integrationTimeout(t *testing.T) {
	t.Parallel()
	release, arrived := make(chan string), make(chan int, 4)
	s := newSite(t)
	_, r := s.visitor(t, "visit", newDesk(t, eventsOnly(func(v visit) string { arrived <- v.pid; return <-release })))
	r.Timeout = 200 * time.Millisecond
	s.route("GET /patient", "visit")
	g := s.open(t)
	g.warm(t, "visit", arrived, release)

	got := g.do(t, "GET", "/visit", "")
	got.refuses(t, 503, "Service Unavailable")
	if ct, said := got.header["Content-Type"]; said {
		t.Errorf("503 has the content type %q", ct)
	}
	first := receive(t, arrived, "the event")
	release <- "late" // the function goes on without its client
	patient := g.start(t.Context(), "/patient")
	if second := receive(t, arrived, "the next event"); second != first {
		t.Errorf("process %d got the next event, want %d", second, first)
	}
	release <- "well"
	(<-patient).is(t, 200, "well")
}

// warm has a function take one event, so that what follows finds a process.
func (r *running) warm(tb testing.TB, function string, arrived <-chan int, release chan<- string) {
	tb.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := r.Invoke(tb.Context(), function, []byte("{}"))
		done <- err
	}()
	receive(tb, arrived, "the first event")
	release <- "warm"
	if err := <-done; err != nil {
		tb.Fatal(err)
	}
}

func TestRuntime_finishesAnEventWithoutItsClient(t *testing.T) {
	t.Parallel()
	release, arrived := make(chan string), make(chan int, 2)
	s := newSite(t)
	s.visitor(t, "visit", newDesk(t, eventsOnly(func(v visit) string { arrived <- v.pid; return <-release })))
	g := s.open(t)
	ctx, hangUp := context.WithCancel(t.Context())
	client := g.start(ctx, "/visit")
	first := receive(t, arrived, "the event")
	hangUp()
	if got := <-client; got.err == nil {
		t.Fatalf("the client that hung up got %d", got.status)
	}
	release <- "unheard"
	next := g.start(t.Context(), "/visit")
	if second := receive(t, arrived, "the next event"); second != first {
		t.Errorf("process %d got the next event, want %d", second, first)
	}
	release <- "well"
	(<-next).is(t, 200, "well")
}

func TestRuntime_replacesAProcessThatDiedIdle(t *testing.T) {
	t.Parallel()
	pids := make(chan int, 2)
	s := newSite(t)
	s.visitor(t, "visit", newDesk(t, eventsOnly(func(v visit) string { pids <- v.pid; return "well" })))
	g := s.open(t)
	g.do(t, "GET", "/visit", "").is(t, 200, "well")
	first := <-pids
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.logs.await(t, "process ended")
	g.do(t, "GET", "/visit", "").is(t, 200, "well")
	if second := <-pids; second == first {
		t.Errorf("process %d answered after its end", second)
	}
}

func TestRuntime_answersWhenTheProcessWorksOn(t *testing.T) {
	t.Parallel()
	leaving := make(chan string)
	s := newSite(t)
	s.visitor(t, "visit", newDesk(t, func(v visit) string {
		if v.what == "leaving" {
			return <-leaving
		}
		return "!exit when answered"
	}))
	g := s.open(t)
	g.do(t, "GET", "/visit", "").is(t, 200, "answered")
	close(leaving)
	s.logs.await(t, "process ended")
}

func TestRuntime_init(t *testing.T) {
	t.Parallel()
	t.Run("a process that ends is a 500, and is not started for every event", func(t *testing.T) {
		t.Parallel()
		starts := make(chan int, 100)
		s := newSite(t)
		s.function(t, "bad", "init-exit", "DESK", newDesk(t, func(v visit) string { starts <- v.pid; return "" }))
		s.route("GET /bad", "bad")
		g := s.open(t, func(l *gateway.Limits) { l.Backoff = time.Hour })
		for range 10 {
			g.do(t, "GET", "/bad", "").refuses(t, 500, "Internal Server Error")
		}
		if n := len(starts); n != 1 {
			t.Errorf("10 events started %d processes, want 1", n)
		}
		s.logs.await(t, "bad | cannot start")
	})
	t.Run("it is tried again later", func(t *testing.T) {
		t.Parallel()
		starts := make(chan int, 100)
		s := newSite(t)
		s.function(t, "bad", "init-exit", "DESK", newDesk(t, func(v visit) string { starts <- v.pid; return "" }))
		s.route("GET /bad", "bad")
		g := s.open(t, func(l *gateway.Limits) { l.Backoff = 0 })
		for range 2 {
			g.do(t, "GET", "/bad", "").refuses(t, 500, "Internal Server Error")
			receive(t, starts, "a process")
		}
	})
	t.Run("one that takes too long is killed", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		s.function(t, "slow", "init-hang", "DESK", newDesk(t, func(visit) string { return "" }))
		s.route("GET /slow", "slow")
		g := s.open(t, func(l *gateway.Limits) { l.Init = 300 * time.Millisecond })
		g.do(t, "GET", "/slow", "").refuses(t, 500, "Internal Server Error")
		s.logs.await(t, "process ended")
	})
	t.Run("a bootstrap that is no program is a 500", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		s.function(t, "none", "echo")
		s.Bootstraps["none"] = t.TempDir() + "/bootstrap"
		s.route("GET /none", "none")
		g := s.open(t)
		g.do(t, "GET", "/none", "").refuses(t, 500, "Internal Server Error")
		s.logs.await(t, "no such file")
	})
}

func TestRuntime_environment(t *testing.T) {
	t.Setenv("GATEWAY_TEST_LEAK", "1") // hence not parallel
	s := newSite(t)
	f := s.function(t, "Env", "environment", "STAGE", "local", "TZ", "Europe/Vienna")
	f.MemoryMB = 1024
	g := s.open(t)
	answer, err := g.Invoke(t.Context(), "Env", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for line := range strings.SplitSeq(string(answer), "\n") {
		name, value, _ := strings.Cut(line, "=")
		got[name] = value
	}
	for name, prefix := range map[string]string{
		"AWS_LAMBDA_RUNTIME_API":     "127.0.0.1:",
		"AWS_LAMBDA_LOG_STREAM_NAME": time.Now().UTC().Format("2006/01/"),
		"_X_AMZN_TRACE_ID":           "Root=1-", // set by the runtime, from the event
	} {
		if !strings.HasPrefix(got[name], prefix) {
			t.Errorf("%s is %q, want %s…", name, got[name], prefix)
		}
		delete(got, name)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"_HANDLER":                        "bootstrap",
		"AWS_LAMBDA_FUNCTION_NAME":        "Env",
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/Env",
		"AWS_REGION":                      "us-east-1",
		"AWS_DEFAULT_REGION":              "us-east-1",
		"AWS_XRAY_CONTEXT_MISSING":        "LOG_ERROR",
		"LAMBDA_TASK_ROOT":                self[:strings.LastIndexByte(self, '/')],
		"LAMBDA_RUNTIME_DIR":              "/var/runtime",
		"LANG":                            "en_US.UTF-8",
		"HOME":                            os.Getenv("HOME"),
		"PATH":                            os.Getenv("PATH"),
		"TZ":                              "Europe/Vienna",
		"STAGE":                           "local",
		kindVariable:                      "environment",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("environment (-want +got):\n%s", d)
	}
}

// TestProcess_AnsweredAndAskingAtOnce: on a busy machine the gateway may see a
// process's answer and its next question at once, and in any order.
func TestProcess_AnsweredAndAskingAtOnce(t *testing.T) {
	t.Parallel()
	for range 1000 {
		got, free, err := gateway.RunAnswered([]byte("answer"))
		if string(got) != "answer" || err != nil || !free {
			t.Fatalf("the client gets %q, %v, and the process is free: %v; want the answer, and true", got, err, free)
		}
	}
}
