package lambda_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"oms/local/lambda"
)

func TestLimits_areThoseOfTheDocuments(t *testing.T) {
	t.Parallel()
	l := lambda.DefaultLimits()
	// AWS: the init phase has 10 s. Ours: 16 events wait 10 s for a whole CPU; a
	// function has several processes.
	if l.Init != 10*time.Second || l.Queue != 10*time.Second || l.WholeDepth != 16 || l.PerPool < 2 {
		t.Errorf("limits are %+v", l)
	}
	if lambda.PayloadLimit != 6_291_556 {
		t.Errorf("payloads are limited to %d bytes", lambda.PayloadLimit)
	}
}

// crowd is a desk at which events wait until they are let go.
type crowd struct {
	arrived chan visit
	release chan string
	desk    string
}

func newCrowd(tb testing.TB) *crowd {
	tb.Helper()
	c := &crowd{arrived: make(chan visit, 100), release: make(chan string)}
	c.desk = newDesk(tb, eventsOnly(func(v visit) string {
		c.arrived <- v
		select {
		case answer := <-c.release:
			return answer
		case <-v.gone:
			return ""
		}
	}))
	return c
}

// let lets one event go, with its answer.
func (c *crowd) let(tb testing.TB, answer string) {
	tb.Helper()
	select {
	case c.release <- answer:
	case <-time.After(30 * time.Second):
		tb.Fatal("waited in vain for an event to let go")
	}
}

func TestPool_worksOnTenEventsAtATimeOfFew(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	s := newSite(t)
	s.visitor(t, "slow", c.desk)
	g := s.open(t)
	answers := g.start(t.Context(), "slow", 10)
	// None is let go before as many as there may be processes are at work at
	// once: one after the other they would never be.
	pids := map[int]bool{}
	for range lambda.DefaultLimits().PerPool {
		pids[receive(t, c.arrived, "a further process").pid] = true
	}
	if len(pids) != lambda.DefaultLimits().PerPool {
		t.Errorf("%d processes are at work", len(pids))
	}
	for range 10 {
		c.let(t, "well")
		receive(t, answers, "an answer").is(t, "well")
	}
	for len(c.arrived) > 0 {
		pids[(<-c.arrived).pid] = true
	}
	if len(pids) > lambda.DefaultLimits().PerPool {
		t.Errorf("10 events had %d processes, want at most %d", len(pids), lambda.DefaultLimits().PerPool)
	}
}

func TestPool_prefersTheMostRecentlyUsed(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	s := newSite(t)
	s.visitor(t, "slow", c.desk)
	g := s.open(t)
	// Two at once, so that there are two processes; then the one that came free
	// last gets each further event.
	answers := g.start(t.Context(), "slow", 2)
	receive(t, c.arrived, "one")
	receive(t, c.arrived, "another")
	for range 2 {
		c.let(t, "well")
		receive(t, answers, "an answer").is(t, "well")
	}
	var pids []int
	for range 3 {
		one := g.start(t.Context(), "slow", 1)
		pids = append(pids, receive(t, c.arrived, "the event").pid)
		c.let(t, "well")
		receive(t, one, "an answer").is(t, "well")
	}
	if pids[0] != pids[1] || pids[1] != pids[2] {
		t.Errorf("three events one after the other had the processes %v", pids)
	}
}

func TestPool_endsProcessesThatAreIdle(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	s := newSite(t)
	s.visitor(t, "slow", c.desk)
	g := s.open(t, func(l *lambda.Limits) { l.Idle = 10 * time.Millisecond })
	answers := g.start(t.Context(), "slow", 3)
	pids := map[int]bool{}
	for range 3 {
		pids[receive(t, c.arrived, "a process").pid] = true
	}
	for range 3 {
		c.let(t, "well")
		receive(t, answers, "an answer").is(t, "well")
	}
	s.logs.awaitCount(t, "process ended", 2)
	one := g.start(t.Context(), "slow", 1)
	if pid := receive(t, c.arrived, "the event").pid; !pids[pid] {
		t.Errorf("process %d is new: the last one did not stay", pid)
	}
	c.let(t, "well")
	receive(t, one, "an answer").is(t, "well")
}

func TestPool_wholeCPU(t *testing.T) {
	t.Parallel()
	c, others := newCrowd(t), newCrowd(t)
	s := newSite(t)
	s.visitor(t, "login", c.desk).MemoryMB = 1769
	s.visitor(t, "update", others.desk).MemoryMB = 1769
	g := s.open(t, func(l *lambda.Limits) { l.WholeWidth, l.Queue = 1, time.Hour })

	// One is at work and 16 wait; the 18th is refused at once.
	answers := make(chan reply, 18)
	ask := func(name string) { go func() { answers <- g.invoke(t.Context(), name, "{}") }() }
	ask("login")
	receive(t, c.arrived, "an event at work")
	for range 17 {
		ask("login")
	}
	if refused := receive(t, answers, "the refusal of one too many"); !errors.Is(refused.err, lambda.ErrBusy) {
		t.Errorf("one too many gives %q, %v, want ErrBusy", refused.answer, refused.err)
	}

	// That is no other's queue.
	update := g.start(t.Context(), "update", 1)
	receive(t, others.arrived, "the event of the other function")
	others.let(t, "updated")
	receive(t, update, "an answer").is(t, "updated")

	if n := len(c.arrived); n != 0 {
		t.Errorf("%d more are at work than may be", n)
	}
	for range 17 {
		c.let(t, "well")
		receive(t, answers, "an answer").is(t, "well")
	}
}

func TestPool_queueEnds(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	s := newSite(t)
	s.visitor(t, "login", c.desk).MemoryMB = 3008
	g := s.open(t, func(l *lambda.Limits) { l.WholeWidth, l.Queue = 1, 50*time.Millisecond })
	first := g.start(t.Context(), "login", 1)
	receive(t, c.arrived, "the event")
	if got := g.do(t, "login", "{}"); !errors.Is(got.err, lambda.ErrBusy) {
		t.Errorf("an event that waited gives %q, %v, want ErrBusy", got.answer, got.err)
	}
	c.let(t, "well")
	receive(t, first, "an answer").is(t, "well")
	if n := len(c.arrived); n != 0 {
		t.Errorf("the event that was refused arrived")
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, answer, want string }{
		{
			"JSON records are made readable",
			`{"time":"2026-01-01T00:00:00Z","level":"INFO","msg":"request","status":200,"route":"GET /a b"}`,
			"Print | INFO  request status=200 route=\"GET /a b\"\n",
		},
		{
			"so are Lambda's", `{"timestamp":"2026-01-01T00:00:00Z","level":"WARN","message":"slow"}`,
			"Print | WARN  slow\n",
		},
		{"other lines stay", "plain {text", "Print | plain {text\n"},
		{"other JSON stays", `{"a":1}`, "Print | {\"a\":1}\n"},
		{"control characters do not", "a\x1b[2Kb", "Print | a\uFFFD[2Kb\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.function(t, "Print", "print", "LINE", tt.answer)
			s.open(t).do(t, "Print", "{}").is(t, "")
			s.logs.await(t, tt.want)
			if strings.Count(s.logs.String(), "Print | ") != 1 {
				t.Errorf("the log is %q", s.logs)
			}
		})
	}
}
