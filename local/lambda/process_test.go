//go:build unix

package lambda_test

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"oms/local/lambda"
	"oms/shared/must"
)

func TestInvoke(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.function(t, "Echo", "echo")
	s.function(t, "Raw", "fixed", "ANSWER", `{"cut": `)
	g := s.open(t)
	g.do(t, "Echo", `{"a":1}`).is(t, `{"a":1}`)
	g.do(t, "Raw", "{}").is(t, `{"cut": `) // what it means is for whoever invokes
	g.do(t, "None", "{}").fails(t, "there is no such function")
}

func TestRuntime_functionFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, answer string
		reused       bool // the process goes on
		err          string
	}{
		{"an error", "!error", true, "visit: errorString: out of order"},
		{"a panic", "!panic", false, "visit: string: out of order"},
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
			g.do(t, "visit", "{}").fails(t, tt.err)
			g.do(t, "visit", "{}").is(t, "well")
			first, second := receive(t, pids, "an event"), receive(t, pids, "another")
			if (first == second) != tt.reused {
				t.Errorf("processes are %d and %d", first, second)
			}
		})
	}
}

func TestRuntime_killsAProcessThatOverran(t *testing.T) {
	t.Parallel()
	gone := make(chan int, 2)
	s := newSite(t)
	f := s.visitor(t, "visit", newDesk(t, eventsOnly(func(v visit) string {
		if strings.Contains(v.event, "slow") {
			<-v.gone // until the process is killed
			gone <- v.pid
		}
		return "well"
	})))
	f.Timeout = 2 * time.Second
	g := s.open(t)
	g.do(t, "visit", `"slow"`).fails(t, "task timed out after 2.00 seconds")
	receive(t, gone, "the process to be killed")
	g.do(t, "visit", "{}").is(t, "well")
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
	g.do(t, "visit", "{}").is(t, "started")
	pid := receive(t, arrived, "the grandchild")
	g.do(t, "visit", `"exit"`).fails(t, "ended before it answered")
	if got := receive(t, gone, "the grandchild's end"); got != pid {
		t.Errorf("%d ended, want %d", got, pid)
	}
}

// TestRuntime_finishesAnEvent hangs up: the function goes on without whoever
// invoked it.
func TestRuntime_finishesAnEvent(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	s := newSite(t)
	s.visitor(t, "visit", c.desk)
	g := s.open(t)
	ctx, hangUp := context.WithCancel(t.Context())
	client := g.start(ctx, "visit", 1)
	first := receive(t, c.arrived, "the event")
	hangUp()
	receive(t, client, "the client's end").fails(t, "context canceled")
	c.let(t, "unheard")
	next := g.start(t.Context(), "visit", 1)
	if second := receive(t, c.arrived, "the next event"); second.pid != first.pid {
		t.Errorf("process %d got the next event, want %d", second.pid, first.pid)
	}
	c.let(t, "well")
	receive(t, next, "an answer").is(t, "well")
}

func TestRuntime_replacesAProcessThatDiedIdle(t *testing.T) {
	t.Parallel()
	pids := make(chan int, 2)
	s := newSite(t)
	s.visitor(t, "visit", newDesk(t, eventsOnly(func(v visit) string { pids <- v.pid; return "well" })))
	g := s.open(t)
	g.do(t, "visit", "{}").is(t, "well")
	first := receive(t, pids, "an event")
	must.Do(t, syscall.Kill(first, syscall.SIGKILL))
	s.logs.await(t, "process ended")
	g.do(t, "visit", "{}").is(t, "well")
	if second := receive(t, pids, "another"); second == first {
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
	g.do(t, "visit", "{}").is(t, "answered")
	close(leaving)
	s.logs.await(t, "process ended")
}

func TestRuntime_init(t *testing.T) {
	t.Parallel()
	const failed = "before it asked for an event"
	t.Run("a process that ends is an error, and is not started for every event", func(t *testing.T) {
		t.Parallel()
		starts := make(chan int, 100)
		s := newSite(t)
		s.function(t, "bad", "init-exit", "DESK", newDesk(t, func(v visit) string { starts <- v.pid; return "" }))
		g := s.open(t, func(l *lambda.Limits) { l.Backoff = time.Hour })
		g.do(t, "bad", "{}").fails(t, failed)
		for range 9 {
			g.do(t, "bad", "{}").fails(t, "is not tried again yet")
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
		g := s.open(t, func(l *lambda.Limits) { l.Backoff = 0 })
		for range 2 {
			g.do(t, "bad", "{}").fails(t, failed)
			receive(t, starts, "a process")
		}
	})
	t.Run("one that takes too long is killed", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		s.function(t, "slow", "init-hang", "DESK", newDesk(t, func(visit) string { return "" }))
		g := s.open(t, func(l *lambda.Limits) { l.Init = 300 * time.Millisecond })
		g.do(t, "slow", "{}").fails(t, failed)
		s.logs.await(t, "process ended")
	})
	t.Run("a bootstrap that is not a program is an error", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		s.function(t, "none", "echo").Bootstrap = t.TempDir() + "/bootstrap"
		s.open(t).do(t, "none", "{}").fails(t, "no such file")
	})
}

func TestRuntime_environment(t *testing.T) {
	t.Setenv("LAMBDA_TEST_LEAK", "1") // hence not parallel
	s := newSite(t)
	f := s.function(t, "Env", "environment", "STAGE", "local", "TZ", "Europe/Vienna")
	f.MemoryMB = 1024
	g := s.open(t)
	got := map[string]string{}
	for line := range strings.SplitSeq(g.do(t, "Env", "{}").answer, "\n") {
		name, value, _ := strings.Cut(line, "=")
		got[name] = value
	}
	for name, prefix := range map[string]string{
		"AWS_LAMBDA_RUNTIME_API":     "127.0.0.1:",
		"AWS_LAMBDA_LOG_STREAM_NAME": time.Now().UTC().Format("2006/01/"),
		"_X_AMZN_TRACE_ID":           trace + ";Parent=", // set by the runtime, from the event
	} {
		if !strings.HasPrefix(got[name], prefix) {
			t.Errorf("%s is %q, want %s…", name, got[name], prefix)
		}
		delete(got, name)
	}
	self := must.Get(os.Executable())(t)
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
		"GOMAXPROCS":                      "1",
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

// TestProcess_AnsweredAndAskingAtOnce: on a busy machine one may see a
// process's answer and its next question at once, and in any order.
func TestProcess_AnsweredAndAskingAtOnce(t *testing.T) {
	t.Parallel()
	for range 1000 {
		got, free, err := lambda.RunAnswered([]byte("answer"))
		if string(got) != "answer" || err != nil || !free {
			t.Fatalf("the client gets %q, %v, and the process is free: %v; want the answer, and true", got, err, free)
		}
	}
}
