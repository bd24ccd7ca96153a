//go:build unix

package lambda_test

import (
	"errors"
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
