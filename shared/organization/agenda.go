package organization

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// item is one thing that is to be done.
type item struct {
	id  string
	due time.Time // since when; zero: not known
	do  func(ctx context.Context) error
}

// errUnfinished: an item has used up its agenda's share of the time, and goes on in the next.
var errUnfinished = errors.New("out of time for now")

// keptError is why a ghost stays until a person has decided about it.
type keptError struct{ why string }

// Error says why.
func (k *keptError) Error() string { return k.why }

// lister lists what is to be done from a place on, and the next place.
type lister func(ctx context.Context, after *Place) ([]item, *Place, error)

// agenda is one list of things to do, read page by page. What is done leaves
// the list by itself; what cannot be done stays in it, and is passed over.
type agenda struct {
	name string
	list lister

	todo  []item // what is left of the page
	after *Place
	begun bool
}

// items makes items of a page. A document that cannot be read is one that fails.
func items[T any](p Page[T], of func(T) item) []item {
	all := make([]item, 0, len(p.Items)+len(p.Unreadable))
	for _, i := range p.Items {
		all = append(all, of(i))
	}
	for _, u := range p.Unreadable {
		all = append(all, item{id: u.ID, do: func(context.Context) error { return u.Err }})
	}
	return all
}

// run works through the agendas. Each in turn gets an equal share of the time
// that is left, and those that are not through get another turn, so that none
// waits for the end of a long one.
func (r *reconciliation) run(ctx context.Context, agendas []*agenda) error {
	var wrong error
	end := r.deadline(ctx)
	r.report.Complete = true
	defer func() { r.aside.count(&r.report, r.now(), r.report.Complete) }()
	for open := agendas; len(open) > 0; {
		var again []*agenda
		for i, a := range open {
			now := r.now()
			r.turn = now.Add(end.Sub(now) / time.Duration(len(open)-i+len(again)))
			through, err := r.takeTurn(ctx, a)
			switch {
			case ctx.Err() != nil:
				r.report.Complete = false
				for _, a := range agendas {
					for _, i := range a.todo {
						r.report.leave(i.due, r.now())
					}
				}
				return wrong // out of time, not of order: the next run goes on
			case err != nil:
				r.report.Complete = false
				wrong = errors.Join(wrong, fmt.Errorf("listing what is to be done, %s: %w", a.name, err))
			case !through:
				again = append(again, a)
			}
		}
		open = again
	}
	return wrong
}

// deadline is when a run must deadline: its lease, or its caller, is over then.
func (w *worker) deadline(ctx context.Context) time.Time {
	end := w.lease.Add(-leaseReserve)
	if deadline, ok := ctx.Deadline(); ok {
		if by := w.now().Add(time.Until(deadline)); by.Before(end) {
			return by
		}
	}
	return end
}

// takeTurn does what there is to do, until the turn is over. through: there is nothing more.
func (r *reconciliation) takeTurn(ctx context.Context, a *agenda) (through bool, err error) {
	for first := true; first || r.now().Before(r.turn); first = false {
		if len(a.todo) == 0 {
			if a.begun && a.after == nil {
				return true, nil
			}
			r.lost.Store(0)
			if a.todo, a.after, err = a.list(ctx, a.after); err != nil {
				return false, err
			}
			a.begun = true
			continue
		}
		next := a.todo[0]
		unfinished := r.attempt(ctx, a.name, next)
		if ctx.Err() != nil {
			return false, nil //nolint:nilerr // the run is over, and nothing is wrong
		}
		a.todo = a.todo[1:]
		if unfinished {
			a.todo = append(a.todo, next)
		}
	}
	return len(a.todo) == 0 && a.begun && a.after == nil, nil
}

// attempt does one item, whose failure keeps no other from being done.
func (r *reconciliation) attempt(ctx context.Context, list string, i item) (unfinished bool) {
	name := list + " " + i.id
	if r.aside.waits(name, r.now()) {
		return false
	}
	r.lost.Store(0)
	err := i.do(ctx)
	switch {
	case ctx.Err() != nil:
		return false
	case err == nil:
		r.aside.clear(name)
		return false
	case errors.Is(err, errUnfinished):
		return true
	}
	_, kept := errors.AsType[*keptError](err)
	if first := r.aside.put(name, i.due, kept, r.now()); first {
		level := slog.LevelError
		if kept {
			level = slog.LevelWarn
		}
		r.log.LogAttrs(ctx, level, "not done; it is counted in every run and tried again now and then",
			slog.String("list", list), slog.String("id", i.id), slog.Bool("kept", kept),
			slog.String("err", err.Error()))
	}
	return false
}

// aside remembers what could not be done, for as long as the process lives, so
// that it is logged once and not tried in every run. A new process tries
// everything once more.
type aside struct {
	mu    sync.Mutex
	items map[string]trial
}

// trial is what became of the tries to do one thing.
type trial struct {
	due   time.Time // since when it was to be done
	met   time.Time // when it was last in a list
	next  time.Time // when it may be tried again
	pause time.Duration
	kept  bool
}

const (
	firstPause = time.Minute
	longPause  = time.Hour
)

// waits reports whether something is not to be tried yet.
func (a *aside) waits(name string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	t, there := a.items[name]
	if !there || !now.Before(t.next) {
		return false
	}
	t.met = now
	a.items[name] = t
	return true
}

// put puts something aside, each time for twice as long. first: it was not aside before.
func (a *aside) put(name string, due time.Time, kept bool, now time.Time) (first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t, there := a.items[name]
	if !there {
		t.due = due // a try can put off when it is due: a take-over renews a lease
	}
	t.pause = min(max(2*t.pause, firstPause), longPause)
	t.met, t.next, t.kept = now, now.Add(t.pause), kept
	if a.items == nil {
		a.items = map[string]trial{}
	}
	a.items[name] = t
	return !there
}

// clear forgets what has been done.
func (a *aside) clear(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.items, name)
}

// count adds what is aside to a report. complete: every list was read to its
// end; then others have done what has not been met for longer than a try can
// keep it out of its list.
func (a *aside) count(into *Report, now time.Time, complete bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, t := range a.items {
		switch {
		case complete && now.Sub(t.met) > 2*LateBound:
			delete(a.items, name)
		case t.kept:
			into.Kept++
		default:
			into.Failed++
			into.leave(t.due, now)
		}
	}
}

// leave notes the age of something that was due and is not done.
func (r *Report) leave(due, now time.Time) {
	if !due.IsZero() {
		r.Oldest = max(r.Oldest, now.Sub(due))
	}
}
