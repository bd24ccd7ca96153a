package gateway

import (
	"context"
	"errors"
	"sync"
	"time"
)

// limits are the bounds that tests shorten. AWS documents those of the init
// phase ("Lambda execution environment lifecycle") and of authorizers ("Quotas
// for configuring and running an HTTP API"); the others are ours.
type limits struct {
	init       time.Duration // until a process asks for its first event
	authorizer time.Duration // until an authorizer answers
	patience   time.Duration // before a further process is started for a waiting event
	idle       time.Duration // before a process that is not the function's last is ended
	queue      time.Duration // an event waits for its turn
	wholeDepth int           // events that wait for a whole CPU
	depth      int           // events of one other function that wait
	perPool    int           // processes of one other function
	backoff    time.Duration // after a process that did not start; doubled up to maxBackoff
	drain      time.Duration // events in flight are given at Close
	terminate  time.Duration // between SIGTERM and SIGKILL
}

func defaultLimits() limits {
	return limits{
		init: 10 * time.Second, authorizer: 10 * time.Second,
		patience: 20 * time.Millisecond, idle: 2 * time.Minute,
		queue: 10 * time.Second, wholeDepth: 16, depth: 256, perPool: 8,
		backoff: 200 * time.Millisecond, drain: 3 * time.Second, terminate: time.Second,
	}
}

// ErrBusy tells that an event was not begun: the queue before its function is
// full, or it waited there for 10 s. Clients see 503.
var ErrBusy = errors.New("too many events are waiting")

// gate lets so many events in at once, and so many wait for a while: one
// function's, or those of all functions that ask for a whole CPU.
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
