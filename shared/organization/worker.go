package organization

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"oms/shared/fault"
)

// The bounds of protocol.md, section 1. A test holds LateBound against the
// longest function timeout of the template.
const (
	// Lease is how long a worker works, from its start; it is not renewed.
	Lease = 15 * time.Second
	// LateBound is how long after the end of a lease a command that was sent
	// under it may still take effect, and how long a data writer may use a name.
	LateBound = 60 * time.Second

	leaseReserve  = 3 * time.Second // no command is sent with less of the lease left
	takeoverGrace = 2 * time.Second // an operation is taken over this long after its lease
	clockSkew     = 2 * time.Second // how far two workers' clocks may differ
	maxLost       = 3               // lost answers that a worker counts before it gives up
	remembered    = 24 * time.Hour  // how long a request with an idempotency key is kept
)

// errOvertaken: somebody else has the operation, or has ended it in a way that
// this worker cannot tell. The client asks again.
var errOvertaken error = unavailable("another worker has taken over the operation")

// worker is one invocation at work. Its lease bounds when its commands are sent.
type worker struct {
	*Service
	id    ID
	lease time.Time    // its end, by this worker's clock
	lost  atomic.Int32 // answers that did not come, so far

	beside sync.WaitGroup // what nothing waits for but the end
}

// begin starts a worker. Every command it sends must go by the context
// returned, which ends, by the wall clock, when the lease is nearly over: a
// frozen process that wakes up late sends nothing more.
func (s *Service) begin(ctx context.Context) (context.Context, *worker) {
	now := s.now()
	w := &worker{Service: s, id: NewID(now), lease: now.Add(Lease)}
	return leased{Context: ctx, now: s.now, end: w.lease.Add(-leaseReserve)}, w
}

// leased is a context whose Err reads the wall clock, because timers do not
// run while a Lambda environment is frozen. Stores ask Err before every command.
type leased struct {
	context.Context //nolint:containedctx // it is a context
	now             func() time.Time
	end             time.Time
}

// Err returns context.DeadlineExceeded from the end on.
func (l leased) Err() error {
	if !l.now().Before(l.end) {
		return context.DeadlineExceeded
	}
	return l.Context.Err()
}

// hold is until when a name is kept from others where a command of this worker
// or a data writer may still act on it.
func (w *worker) hold() time.Time {
	return w.lease.Add(takeoverGrace + clockSkew + LateBound)
}

// expired reports whether o has an operation that this worker may take over.
func (w *worker) expired(o Organization) bool {
	return o.State.Running() && o.Op != nil && !w.now().Before(o.Op.Lease.Add(takeoverGrace))
}

// command is one command of a store.
type command func(ctx context.Context) error

// countLost is called with every lost answer; it gives up after a few, so that an
// unreachable database becomes an answer before the function's deadline.
// Giving up is always safe: it is what a crash does.
func (w *worker) countLost(lost error) error {
	if w.lost.Add(1) >= maxLost {
		return storageUnavailable(lost)
	}
	return nil
}

// retry sends a command until it is answered.
func (w *worker) retry(ctx context.Context, c command) error {
	for {
		err := c(ctx)
		if !errors.Is(err, ErrLost) {
			return err
		}
		if err := w.countLost(err); err != nil {
			return err
		}
	}
}

// parallel sends commands that do not wait for one another, and returns when
// all are answered, with their errors in order. The first runs here: a read of
// one document, which most are, then needs no goroutine and no new stack.
func parallel(ctx context.Context, commands ...command) []error {
	errs := make([]error, len(commands))
	var others sync.WaitGroup
	for i, c := range commands[1:] {
		others.Go(func() { errs[1+i] = c(ctx) })
	}
	errs[0] = commands[0](ctx)
	others.Wait()
	return errs
}

// reading sends reads together, each until it is answered. A read that finds
// nothing says so through what it fills in, not through an error.
func (w *worker) reading(ctx context.Context, reads ...command) error {
	for i, read := range reads {
		reads[i] = func(ctx context.Context) error { return w.retry(ctx, read) }
	}
	return errors.Join(parallel(ctx, reads...)...)
}

// ask sends a command until it is answered.
func ask[T any](ctx context.Context, w *worker, command func(ctx context.Context) (T, error)) (T, error) {
	var answer T
	err := w.retry(ctx, func(ctx context.Context) error {
		var err error
		answer, err = command(ctx)
		return err
	})
	return answer, err
}

// finder is a read of what has the key.
type finder[K, T any] func(ctx context.Context, key K) (T, error)

// into makes a command of a read that fills in what it found; what is absent is
// the zero value, which has no ID.
func into[K, T any](found *T, doing string, find finder[K, T], key K) command {
	return func(ctx context.Context) error {
		answer, err := find(ctx, key)
		if err != nil && !errors.Is(err, ErrAbsent) {
			return fmt.Errorf("%s: %w", doing, err)
		}
		*found = answer
		return nil
	}
}

// one is into for a read by itself.
func one[K, T any](ctx context.Context, w *worker, doing string, find finder[K, T], key K) (T, error) {
	var found T
	err := w.retry(ctx, into(&found, doing, find, key))
	return found, err
}

// organization reads an organization; absent, it has no ID.
func (w *worker) organization(id ID, found *Organization) command {
	return into(found, "reading organization "+id.String(), w.store.Organizations.Find, id)
}

// find reads an organization by itself; absent, it has no ID.
func (w *worker) find(ctx context.Context, id ID) (Organization, error) {
	return one(ctx, w, "reading organization "+id.String(), w.store.Organizations.Find, id)
}

// confirm is find for what is about to be believed: that a write whose answer
// was lost has been applied, or that an organization is dead. What it finds
// cannot be rolled back (protocol.md, section 3, rule 8).
func (w *worker) confirm(ctx context.Context, id ID) (Organization, error) {
	return one(ctx, w, "reading organization "+id.String(), w.store.Organizations.FindLinearizable, id)
}

// admin reads an admin; absent, it has no ID.
func (w *worker) admin(id ID, found *Admin) command {
	return into(found, "reading admin "+id.String(), w.store.Admins.Find, id)
}

// asFault turns the end of a worker's lease into what a client may be told: it
// says 503, and the client asks again. What else ends a worker is a fault already.
func asFault(err error) error {
	stopped := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	if stopped && fault.KindOf(err) == fault.Internal {
		return storageUnavailable(err)
	}
	return err
}
