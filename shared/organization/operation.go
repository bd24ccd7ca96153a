package organization

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// errEnded: the operation has ended, but not (or not surely) by this worker's
// command; what became of it is to be read.
var errEnded = errors.New("the operation has ended")

// errUndecided: the decision was not taken; the organization has changed since it was read.
var errUndecided = errors.New("the organization has changed since it was read")

// operation is an operation in a worker's hands.
type operation struct {
	*worker
	org             Organization // as this worker last wrote it, from the decision on
	everyAnswerSeen bool         // begun by this worker, and every command so far was answered
	helper          bool         // begun by another worker, or an earlier one of the same request
}

// finish takes over an operation whose lease has passed and ends it. That it
// was somebody else's in the meantime, or ended with a conflict for whoever had
// begun it, is not an error here.
func (w *worker) finish(ctx context.Context, o Organization) error {
	x := &operation{worker: w}
	err := x.takeOver(ctx, o)
	if errors.Is(err, errOvertaken) {
		return nil
	}
	if err != nil {
		return err
	}
	err = x.forward(ctx)
	w.log.LogAttrs(ctx, slog.LevelWarn, "finished an operation that was left behind",
		slog.String("op", o.Op.ID.String()), slog.String("kind", string(o.Op.Kind)),
		slog.String("org_id", o.ID.String()))
	if errors.Is(err, errOvertaken) || isConflict(err) {
		return nil
	}
	return err
}

// forward does whatever steps are left.
func (x *operation) forward(ctx context.Context) error {
	switch x.org.Op.Kind {
	case OpCreate:
		return x.forwardCreate(ctx)
	case OpUpdate:
		return x.forwardUpdate(ctx)
	case OpDelete:
		return x.forwardDelete(ctx)
	default:
		return fmt.Errorf("operation %s has the unknown kind %q", x.org.Op.ID, x.org.Op.Kind)
	}
}

// takeOver makes an expired operation this worker's, and raises its claims
// before anything else is done. errOvertaken where somebody else was first.
func (x *operation) takeOver(ctx context.Context, o Organization) error {
	mine := o
	op := *o.Op
	op.Worker, op.Lease, op.EveryAnswerSeen = x.id, x.lease, false
	mine.Op = &op
	now, v, err := x.compareAndSwap(ctx, "taking over operation "+op.ID.String(), o, mine, nil)
	if err != nil {
		return err
	}
	if v != applied {
		return errOvertaken
	}
	x.org, x.everyAnswerSeen, x.helper = now, false, true
	return x.raiseAll(ctx)
}

// until is the end of a new claim: a hold where an answer was lost already.
func (x *operation) until() time.Time {
	if x.everyAnswerSeen {
		return x.lease.Add(takeoverGrace)
	}
	return x.hold()
}

// raiseAll raises every claim that the operation stands on.
func (x *operation) raiseAll(ctx context.Context) error {
	var raises []command
	if x.org.Key != "" {
		raises = append(raises, x.raise(x.org.Key, x.org.ClaimID))
	}
	if x.org.Op.To != "" {
		raises = append(raises, x.raise(x.org.Op.To, x.org.Op.ToClaim))
	}
	if len(raises) == 0 {
		return nil
	}
	return x.reading(ctx, raises...)
}

// doubt is called with every lost answer: not every answer is seen any more, and
// the names it stands on are held for as long as the lost command may act.
func (x *operation) doubt(ctx context.Context, lost error) error {
	x.everyAnswerSeen = false
	if err := x.countLost(lost); err != nil {
		return err
	}
	return x.raiseAll(ctx)
}

// do sends a command until it is answered, doubting after each lost answer.
func (x *operation) do(ctx context.Context, c command) error {
	for {
		err := c(ctx)
		if !errors.Is(err, ErrLost) {
			return err
		}
		if err := x.doubt(ctx, err); err != nil {
			return err
		}
	}
}

// decide takes the decision: one compare-and-set from was to is, which begins
// is.Op. errUndecided where the organization has changed and nothing is in doubt.
func (x *operation) decide(ctx context.Context, was, is Organization) error {
	x.org = is // what a doubt holds
	now, v, err := x.compareAndSwap(ctx, "beginning operation "+is.Op.ID.String(), was, is, x.doubt)
	switch {
	case err != nil:
		return err
	case v == refused:
		return errUndecided
	case v == overtaken:
		return errOvertaken // by somebody's change, or ours has come and gone
	}
	x.org = now
	return nil
}

// end ends the operation: one compare-and-set from x.org to is, which is x.org then.
// errEnded where somebody else has ended it, errOvertaken where somebody is about to.
func (x *operation) end(ctx context.Context, is Organization) error {
	op := x.org.Op.ID
	now, v, err := x.compareAndSwap(ctx, "ending operation "+op.String(), x.org, is, x.doubt)
	if err == nil && v == refused {
		now, err = x.confirm(ctx, x.org.ID)
	}
	switch {
	case err != nil:
		return err
	case v == applied:
		x.org = now
		return nil
	case now.State.Running() && now.Op != nil && now.Op.ID == op:
		return errOvertaken
	default:
		return errEnded
	}
}

// dislodge ends creations that stand under a key without its claim: they came
// late, when the claim had been given to another organization, self. Whoever
// has the key by its claim meets them as ErrKeyTaken.
func (w *worker) dislodge(ctx context.Context, key string, self ID) error {
	all, err := ask(ctx, w, func(ctx context.Context) ([]Organization, error) {
		return w.store.Organizations.FindClaimants(ctx, key)
	})
	if err != nil {
		return fmt.Errorf("reading who has %s: %w", key, err)
	}
	for _, o := range all {
		switch {
		case o.ID == self || o.Key != key:
		case !w.expired(o):
			return fmt.Errorf("organization %s has the key %s: %w", o.ID, key, errOvertaken)
		default:
			if err := w.finish(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// evictDeadOwner makes sure that no admin of a dead organization has the address. It
// reports whether it is worth trying again, and whether it is the admin self that has it.
func (w *worker) evictDeadOwner(ctx context.Context, email string, self ID) (again, mine bool, err error) {
	a, err := one(ctx, w, "looking for the owner of an email address", w.store.Admins.FindByEmail, email)
	if err != nil || a.ID.IsZero() {
		return err == nil, false, err
	}
	if a.ID == self {
		return false, true, nil
	}
	o, err := w.confirm(ctx, a.OrgID) // that it is dead must not be rolled back
	if err != nil {
		return false, false, err
	}
	if !o.ID.IsZero() && !o.State.Dead() {
		return false, false, nil
	}
	err = w.retry(ctx, func(ctx context.Context) error { return w.store.Admins.Delete(ctx, a.ID, a.OrgID) })
	return err == nil, false, err
}
