package lambda

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// attempts bounds how often an event is given to a process that ends, idle,
// before it takes the event.
const attempts = 3

// freeGrace is how long an answer is held for the process to be free again.
const freeGrace = 50 * time.Millisecond

// maxBackoff bounds how long a function that does not start is left alone.
const maxBackoff = 5 * time.Second

// ErrClosed says that an event was not begun, as the functions are being ended.
var ErrClosed = errors.New("the functions are being ended")

var errBackoff = errors.New("the function did not start, and is not tried again yet")

// pool is the processes of one function: started when an event needs one,
// reused warm, the most recently used first, and ended when idle for a while.
type pool struct {
	function Function
	gate     *gate
	limits   limits
	launcher *launcher
	lines    *lines
	log      *slog.Logger

	mu       sync.Mutex
	live     map[*process]struct{} // until they have ended
	idle     []*process            // the most recently used last
	starting int
	waiters  []chan grant // events that wait for a process, first come first; each has one slot
	failures int          // starts that failed in a row
	notUntil time.Time    // no start before that
	watching bool         // a call of retire is due
	closed   bool
	drained  chan struct{} // closed when closed and nothing lives
}

// grant is a process for an event, or why there is none.
type grant struct {
	process *process
	err     error
}

// invoke has one event worked on. The context bounds the wait for a process
// and for the answer; the work itself goes on without a client, as in Lambda.
func (p *pool) invoke(ctx context.Context, payload []byte, trace string) ([]byte, error) {
	for range attempts {
		if err := p.gate.enter(ctx); err != nil {
			return nil, err
		}
		proc, err := p.acquire(ctx)
		if err != nil {
			p.gate.leave()
			return nil, err
		}
		inv := &invocation{id: newUUID(), payload: payload, trace: trace, answer: make(chan answer, 1)}
		delivered := make(chan answer, 1)
		go func() {
			defer p.gate.leave() // after the process is idle: the next event finds it
			if proc.run(inv, func(a answer) { delivered <- a }) {
				p.release(proc)
			}
		}()
		select {
		case a := <-delivered:
			if errors.Is(a.err, errNotTaken) {
				continue // it died idle: the event is whole, and another can have it
			}
			return a.payload, a.err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return nil, errNotTaken
}

// acquire takes an idle process, or waits for one. A further process is started
// when all are busy or starting and none has come free meanwhile: a
// burst of short events then needs few processes, and a slow event holds up
// nobody.
func (p *pool) acquire(ctx context.Context) (*process, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if n := len(p.idle); n > 0 {
		proc := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return proc, nil
	}
	granted := make(chan grant, 1)
	p.waiters = append(p.waiters, granted)
	if len(p.live) == 0 {
		p.supply()
	}
	p.mu.Unlock()

	timer := time.NewTimer(p.limits.SpareAfter)
	defer timer.Stop()
	for {
		select {
		case g := <-granted:
			return g.process, g.err
		case <-timer.C:
			p.mu.Lock()
			p.supply()
			p.mu.Unlock()
		case <-ctx.Done():
			p.abandon(granted)
			return nil, context.Cause(ctx)
		}
	}
}

// abandon takes a waiter out of the queue; what it was granted goes back.
func (p *pool) abandon(granted chan grant) {
	p.mu.Lock()
	p.waiters = slices.DeleteFunc(p.waiters, func(other chan grant) bool { return other == granted })
	p.mu.Unlock()
	select {
	case g := <-granted:
		if g.process != nil {
			p.release(g.process)
		}
	default:
	}
}

// release makes a process available: to the event that waits longest, or idle.
func (p *pool) release(proc *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, alive := p.live[proc]; !alive {
		return
	}
	if p.closed {
		go proc.terminate(p.limits.Terminate)
		return
	}
	if len(p.waiters) > 0 {
		p.grant(grant{process: proc})
		return
	}
	proc.idleSince = time.Now()
	p.idle = append(p.idle, proc)
	p.watch()
}

// watch has the idle processes looked at when the longest idle one is due,
// unless it is the only one. The caller holds the lock.
func (p *pool) watch() {
	if !p.watching && len(p.idle) > 1 {
		p.watching = true
		time.AfterFunc(time.Until(p.idle[0].idleSince.Add(p.limits.Idle)), p.retire)
	}
}

// grant answers the event that has waited longest. The caller holds the lock.
func (p *pool) grant(g grant) {
	p.waiters[0] <- g
	p.waiters = p.waiters[1:]
}

// supply starts processes until there is one under way for each waiting event.
// Where none can be started, the events wait for those that are at work, and
// fail if there are none. The caller holds the lock.
func (p *pool) supply() {
	for p.starting < len(p.waiters) {
		err := p.spawn()
		if err == nil {
			continue
		}
		if len(p.live) > p.starting {
			return
		}
		p.grant(grant{err: err})
	}
}

// spawn starts one process; it goes to whoever waits longest when it is ready.
// The caller holds the lock.
func (p *pool) spawn() error {
	if p.closed {
		return ErrClosed
	}
	if time.Now().Before(p.notUntil) {
		return errBackoff
	}
	proc, err := p.startProcess(p.ended)
	if err != nil {
		p.failed()
		return err
	}
	p.live[proc] = struct{}{}
	p.starting++
	go p.await(proc)
	return nil
}

// await sees a process through its init phase. One that ends, or takes longer
// than Lambda allows, costs the event that has waited longest.
func (p *pool) await(proc *process) {
	timer := time.NewTimer(p.limits.Init)
	defer timer.Stop()
	var ready bool
	select {
	case <-proc.asking:
		ready = true
	case <-proc.stopped:
	case <-timer.C:
		proc.kill()
	}
	p.mu.Lock()
	p.starting--
	if ready {
		p.failures = 0
		p.notUntil = time.Time{}
		p.mu.Unlock()
		p.release(proc)
		return
	}
	p.failed()
	if len(p.waiters) > 0 {
		p.grant(grant{err: errInit})
	}
	p.supply()
	p.mu.Unlock()
}

// failed notes a start that failed, and leaves the function alone for a while:
// a function that cannot start must not be started as fast as events come. The
// caller holds the lock.
func (p *pool) failed() {
	wait := maxBackoff
	if p.failures < 5 {
		wait = min(maxBackoff, p.limits.Backoff<<p.failures)
	}
	p.failures++
	p.notUntil = time.Now().Add(wait)
	if !p.closed {
		p.log.Error("function does not start", slog.String("function", p.function.Name),
			slog.Int("attempt", p.failures), slog.Duration("next_in", wait))
	}
}

// ended forgets a process that is gone, and replaces it where an event waits.
func (p *pool) ended(proc *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.live, proc)
	p.idle = slices.DeleteFunc(p.idle, func(other *process) bool { return other == proc })
	if p.closed && len(p.live) == 0 {
		close(p.drained)
		return
	}
	if len(p.live) == p.starting {
		p.supply()
	}
}

// retire ends the processes that were idle for long, but for the last one.
func (p *pool) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watching = false
	for len(p.idle) > 1 && time.Since(p.idle[0].idleSince) >= p.limits.Idle {
		go p.idle[0].terminate(p.limits.Terminate)
		p.idle = p.idle[1:]
	}
	p.watch()
}

// warm starts one process, unless there is one.
func (p *pool) warm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.live) == 0 {
		_ = p.spawn() // the log has it, and the first event will see it
	}
}

// close ends the idle processes at once, and the others when they have
// answered or the drain time is over. It returns when none is left.
func (p *pool) close(ctx context.Context) {
	p.mu.Lock()
	p.closed = true
	for len(p.waiters) > 0 {
		p.grant(grant{err: ErrClosed})
	}
	idle := p.idle
	p.idle = nil
	if len(p.live) == 0 {
		close(p.drained)
	}
	p.mu.Unlock()
	for _, proc := range idle {
		go proc.terminate(p.limits.Terminate)
	}
	timer := time.NewTimer(p.limits.Drain)
	defer timer.Stop()
	select {
	case <-p.drained:
		return
	case <-timer.C:
	case <-ctx.Done():
	}
	p.mu.Lock()
	for proc := range p.live {
		go proc.terminate(p.limits.Terminate)
	}
	p.mu.Unlock()
	<-p.drained
}
