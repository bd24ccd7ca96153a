package lambda

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

// wholeCPU is the memory, in MB, of a function that asks for a whole vCPU
// ("Configure Lambda function memory", AWS Lambda developer guide).
const wholeCPU = 1769

// limits are the bounds that tests shorten. AWS documents that of the init
// phase ("Lambda execution environment lifecycle"); the others are ours.
type limits struct {
	Init       time.Duration // until a process asks for its first event
	SpareAfter time.Duration // before a further process is started for a waiting event
	Idle       time.Duration // before a process that is not the function's last is ended
	Queue      time.Duration // an event waits for its turn
	WholeWidth int           // events at once of one function that asks for a whole CPU
	WholeDepth int           // those that wait
	PerPool    int           // events at once of one other function
	Depth      int           // those that wait
	Backoff    time.Duration // after a process that did not start; doubled up to maxBackoff
	Drain      time.Duration // events in flight are given at Close
	Terminate  time.Duration // between SIGTERM and SIGKILL
}

func defaultLimits() limits {
	return limits{
		Init: 10 * time.Second, SpareAfter: 20 * time.Millisecond, Idle: 2 * time.Minute, Queue: 10 * time.Second,
		WholeWidth: max(1, runtime.NumCPU()-1), WholeDepth: 16, Depth: 256, PerPool: 8,
		Backoff: 200 * time.Millisecond, Drain: 3 * time.Second, Terminate: time.Second,
	}
}

// ErrBusy says that an event was not begun: the queue before its function is
// full, or it waited there for 10 s.
var ErrBusy = errors.New("too many events are waiting")

// gate lets so many events of one function in at once, and so many wait for a while.
type gate struct {
	slots chan struct{}
	wait  time.Duration

	mu      sync.Mutex
	waiting int
	depth   int
}

func newGate(width, depth int, wait time.Duration) *gate {
	return &gate{slots: make(chan struct{}, width), depth: depth, wait: wait}
}

// enter waits for a slot, first come first served. It returns [ErrBusy], or the
// context's error.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	g.mu.Lock()
	if g.waiting >= g.depth {
		g.mu.Unlock()
		return ErrBusy
	}
	g.waiting++
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		g.waiting--
		g.mu.Unlock()
	}()
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return ErrBusy
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *gate) leave() { <-g.slots }
