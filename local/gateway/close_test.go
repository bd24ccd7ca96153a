//go:build unix

package gateway_test

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"oms/local/gateway"
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
	g := s.open(t, func(l *gateway.Limits) { l.Drain = 0 })
	g.do(t, "GET", "/idle", "").is(t, 200, "well")
	idle := receive(t, pids, "the idle process")
	answer := g.start(t.Context(), "/busy")
	busy := receive(t, pids, "the busy process")
	if err := g.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{idle, busy} {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is there after Close: %v", pid, err)
		}
	}
	receive(t, gone, "the busy process to hang up")
	(<-answer).refuses(t, 500, "Internal Server Error")
	g.do(t, "GET", "/idle", "").refuses(t, 503, "Service Unavailable")
	if err := g.Close(t.Context()); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestClose_letsAnEventEnd(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan int, 1), make(chan string)
	s := newSite(t)
	s.visitor(t, "busy", newDesk(t, eventsOnly(func(v visit) string { arrived <- v.pid; return <-release })))
	g := s.open(t, func(l *gateway.Limits) { l.Drain = 1 << 40 })
	answer := g.start(t.Context(), "/busy")
	receive(t, arrived, "the event")
	closed := make(chan error, 1)
	go func() { closed <- g.Close(t.Context()) }()
	release <- "well"
	(<-answer).is(t, 200, "well")
	if err := receive(t, closed, "Close"); err != nil {
		t.Error(err)
	}
}

// TestKill_leavesNoProcess kills a gateway that runs in a process of its own:
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
