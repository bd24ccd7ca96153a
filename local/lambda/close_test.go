//go:build unix

package lambda_test

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"oms/local/lambda"
)

func TestClose_leavesNoProcess(t *testing.T) {
	t.Parallel()
	pids, gone := make(chan int, 2), make(chan int, 2)
	s := newSite(t)
	s.visitor(t, "idle", newDesk(t, eventsOnly(func(v visit) string { pids <- v.pid; return "well" })))
	s.visitor(t, "busy", newDesk(t, eventsOnly(func(v visit) string {
		pids <- v.pid
		<-v.gone
		gone <- v.pid
		return ""
	})))
	g := s.open(t, func(l *lambda.Limits) { l.Drain = 0 })
	g.do(t, "idle", "{}").is(t, "well")
	idle := receive(t, pids, "the idle process")
	answer := g.start(t.Context(), "busy", 1)
	busy := receive(t, pids, "the busy process")
	g.Close(t.Context())
	for _, pid := range []int{idle, busy} {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is there after Close: %v", pid, err)
		}
	}
	receive(t, gone, "the busy process to hang up")
	receive(t, answer, "the answer").fails(t, "ended before it answered")
	if got := g.do(t, "idle", "{}"); !errors.Is(got.err, lambda.ErrClosed) {
		t.Errorf("after Close, an event gives %q, %v", got.answer, got.err)
	}
	g.Close(t.Context())
}

func TestClose_letsAnEventEnd(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan int, 1), make(chan string)
	s := newSite(t)
	s.visitor(t, "busy", newDesk(t, eventsOnly(func(v visit) string { arrived <- v.pid; return <-release })))
	g := s.open(t, func(l *lambda.Limits) { l.Drain = 1 << 40 })
	answer := g.start(t.Context(), "busy", 1)
	receive(t, arrived, "the event")
	closed := make(chan struct{})
	go func() {
		g.Close(t.Context())
		close(closed)
	}()
	release <- "well"
	receive(t, answer, "the answer").is(t, "well")
	receive(t, closed, "Close")
}

// TestKill_leavesNoProcess kills a process that runs functions:
// the kernel ends its functions.
func TestKill_leavesNoProcess(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ties a child's life to its parent's")
	}
	arrived, gone := make(chan int, 1), make(chan int, 1)
	desk := newDesk(t, eventsOnly(func(v visit) string {
		arrived <- v.pid
		<-v.gone
		gone <- v.pid
		return ""
	}))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host := exec.CommandContext(t.Context(), self) //nolint:gosec // G204: it is this binary
	host.Env = append(os.Environ(), kindVariable+"=host", "DESK="+desk)
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = host.Process.Kill() })
	pid := receive(t, arrived, "the function")
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, gone, "the function's end"); got != pid {
		t.Errorf("%d ended, want %d", got, pid)
	}
	_ = host.Wait() // it was killed
}
