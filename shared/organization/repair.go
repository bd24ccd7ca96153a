package organization

import (
	"context"
	"errors"
	"log/slog"
)

// errChanged ends a repair that does not find what the examination found.
var errChanged = errors.New("it has changed since it was examined")

// repair mends one finding, while clients and reconcile are at work. What was
// found is a while old: so a repair holds the name first, then reads again, and only
// then acts. It ends with errChanged where there is nothing to mend any more.
type repair func(ctx context.Context, w *worker) error

// Repaired counts what a run of [Service.Repair] did.
type Repaired struct {
	Mended  int
	Changed int // what was found was not so any more: somebody was faster, or is at work on it
	Failed  int // the log says why
}

// Repair mends what Examine finds and a program may mend: it lets Reconcile
// work until that has nothing left to do, and then does what only an operator may ask
// for. It is safe at any time, beside clients, Reconcile and itself. What needs a
// person's decision stays; what is left is for Examine to tell. Each repair is a
// worker of its own, and one that fails keeps no other from being done: an error
// says that the database could not be read, or that ctx is over.
func (s *Service) Repair(ctx context.Context) (Repaired, error) {
	var r Repaired
	if err := s.catchUp(ctx); err != nil {
		s.log.LogAttrs(ctx, slog.LevelError, "reconcile left something undone", slog.String("err", err.Error()))
		r.Failed++
	}
	findings, err := s.Examine(ctx)
	if err != nil {
		return r, err
	}
	for _, f := range findings {
		if f.repair == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return r, asFault(err)
		}
		leased, w := s.begin(ctx)
		err := f.repair(leased, w)
		what := []slog.Attr{slog.String("kind", f.Kind), slog.String("subject", f.Subject)}
		switch {
		case err == nil:
			r.Mended++
			s.log.LogAttrs(ctx, slog.LevelInfo, "repaired", what...)
		case errors.Is(err, errChanged):
			r.Changed++
			s.log.LogAttrs(ctx, slog.LevelInfo, "nothing to repair: it has changed since it was examined", what...)
		default:
			r.Failed++
			s.log.LogAttrs(ctx, slog.LevelError, "a repair failed", append(what, slog.String("err", err.Error()))...)
		}
	}
	return r, asFault(ctx.Err())
}

// catchUp lets Reconcile work until it is through, or gets nowhere.
func (s *Service) catchUp(ctx context.Context) error {
	for {
		r, err := s.Reconcile(ctx)
		undone := Report{Failed: r.Failed, Kept: r.Kept, Oldest: r.Oldest}
		if err != nil || r.Complete || r == undone {
			return err
		}
	}
}

// take makes a claim that nobody has; errChanged where somebody has one.
func (w *worker) take(ctx context.Context, c Claim) error {
	lost := false
	err := w.retry(ctx, func(ctx context.Context) error {
		err := w.store.Claims.Insert(ctx, c)
		lost = lost || errors.Is(err, ErrLost)
		return err
	})
	if !errors.Is(err, ErrExists) {
		return err
	}
	if !lost {
		return errChanged
	}
	return w.keep(ctx, c.Key, c.ID)
}

// keep raises a claim; errChanged where it is not there.
func (w *worker) keep(ctx context.Context, key string, id ID) error {
	there, err := w.raised(ctx, key, id)
	if err == nil && !there {
		err = errChanged
	}
	return err
}

// claimAgain gives an organization its claim back.
func claimAgain(c Claim) repair {
	return func(ctx context.Context, w *worker) error {
		c.Until = w.hold()
		if err := w.take(ctx, c); err != nil {
			return err
		}
		o, err := w.confirm(ctx, c.OrgID)
		if err != nil {
			return err
		}
		if o.State != Active || !o.refersTo(c) {
			return errChanged // where nobody refers to it the claim is a dead one, and runs out
		}
		// Whoever wanted to raise the claim before it was there has not found it, and
		// would leave a name that it does not hold: its decision must fail.
		_, v, err := w.compareAndSwap(ctx, "giving a claim back", o, o, nil)
		if err == nil && v != applied {
			return errChanged
		}
		return err
	}
}

// makeCollection makes the collection of an organization that has none. It is
// made late or not under a name that is held.
func makeCollection(c Claim, name string) repair {
	return func(ctx context.Context, w *worker) error {
		if err := w.keep(ctx, c.Key, c.ID); err != nil {
			return err
		}
		o, err := w.confirm(ctx, c.OrgID)
		if err != nil {
			return err
		}
		if o.State != Active || !o.refersTo(c) || o.Collection != name {
			return errChanged
		}
		err = w.retry(ctx, func(ctx context.Context) error { return w.store.Collections.Create(ctx, name) })
		if errors.Is(err, ErrExists) {
			return errChanged
		}
		return err
	}
}

// moveAway moves a collection that nobody explains to a ghost, which is kept.
// The claim that it takes keeps the name from whoever would adopt the
// collection, also while a move that was not answered may still act; then it
// is a dead one, and reconcile frees it.
func moveAway(key string) repair {
	return func(ctx context.Context, w *worker) error {
		c := Claim{Key: key, OrgID: NewID(w.now()), ID: NewID(w.now()), Until: w.hold()}
		if err := w.take(ctx, c); err != nil {
			return err
		}
		orgs, err := ask(ctx, w, func(ctx context.Context) ([]Organization, error) {
			return w.store.Organizations.FindClaimants(ctx, key)
		})
		if err != nil {
			return err
		}
		if len(orgs) > 0 { // its claim is missing; nothing was sent that ours would have to outlast
			if _, err := w.store.Claims.Delete(ctx, c); err != nil {
				return err
			}
			return errChanged
		}
		err = w.store.Collections.Rename(ctx, CollectionName(key), ghostUnknown+NewID(w.now()).String())
		if errors.Is(err, ErrAbsent) {
			return errChanged
		}
		return err
	}
}

// unsettle gives a claim that nobody refers to an end: reconcile does the rest.
func unsettle(key string, id ID) repair {
	return func(ctx context.Context, w *worker) error {
		return w.keep(ctx, key, id)
	}
}

// deleteAdmins deletes the admins of an organization that is not there. It
// needs no hold: an organization that is dead, or gone, never comes back.
func deleteAdmins(org ID, admins []ID) repair {
	return func(ctx context.Context, w *worker) error {
		o, err := w.confirm(ctx, org)
		if err != nil {
			return err
		}
		if !o.ID.IsZero() && !o.State.Dead() {
			return errChanged
		}
		for _, id := range admins {
			err := w.retry(ctx, func(ctx context.Context) error { return w.store.Admins.Delete(ctx, id, org) })
			if err != nil {
				return err
			}
		}
		return nil
	}
}
