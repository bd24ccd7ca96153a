package organization

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// errEnded: the operation has ended, but not (or not surely) by this worker's
// command; what became of it is to be read.
var errEnded = errors.New("the operation has ended")

// errUndecided: the decision was not taken; the organization has changed since it was read.
var errUndecided = errors.New("the organization has changed since it was read")

// operation is an operation in a worker's hands, after its decision.
type operation struct {
	*worker
	o      Organization // as this worker last wrote it
	sure   bool         // begun by this worker, and every command so far was answered
	helper bool         // begun by another worker, or an earlier one of the same request
}

// finish takes over an operation whose lease has passed and ends it. That it
// was somebody else's in the meantime, or ended with a conflict for whoever had
// begun it, is no error here.
func (w *worker) finish(ctx context.Context, o Organization) error {
	x, err := w.takeOver(ctx, o)
	if errors.Is(err, errOvertaken) {
		return nil
	}
	if err != nil {
		return err
	}
	err = x.forward(ctx)
	w.log.LogAttrs(ctx, slog.LevelWarn, "finished an operation that was left behind",
		slog.String("op", o.Op.ID.String()), slog.String("kind", string(o.Op.Kind)), slog.String("org_id", o.ID.String()))
	if errors.Is(err, errOvertaken) || isConflict(err) {
		return nil
	}
	return err
}

// forward does whatever steps are left.
func (x *operation) forward(ctx context.Context) error {
	switch x.o.Op.Kind {
	case OpCreate:
		return x.forwardCreate(ctx)
	case OpUpdate:
		return x.forwardUpdate(ctx)
	case OpDelete:
		return x.forwardDelete(ctx)
	default:
		return fmt.Errorf("operation %s has the unknown kind %q", x.o.Op.ID, x.o.Op.Kind)
	}
}

// takeOver makes an expired operation this worker's, and raises its claims
// before anything else is done. errOvertaken where somebody else was first.
func (w *worker) takeOver(ctx context.Context, o Organization) (*operation, error) {
	mine := o
	op := *o.Op
	op.Worker, op.Lease, op.Sure = w.id, w.lease, false
	mine.Op = &op
	for {
		ok, err := w.store.Organizations.Swap(ctx, o, mine)
		if err != nil && !errors.Is(err, ErrLost) {
			return nil, fmt.Errorf("taking over operation %s: %w", op.ID, err)
		}
		if ok {
			break
		}
		if err == nil {
			return nil, errOvertaken
		}
		if err := w.endure(err); err != nil {
			return nil, err
		}
		now, err := w.find(ctx, o.ID)
		if err != nil {
			return nil, err
		}
		if now.Op != nil && now.Op.Worker == w.id {
			break
		}
		if now.Rev != o.Rev {
			return nil, errOvertaken
		}
	}
	mine.Rev = o.Rev + 1
	x := &operation{worker: w, o: mine, helper: true}
	return x, x.raiseAll(ctx)
}

// raiseAll raises every claim that the operation stands on.
func (x *operation) raiseAll(ctx context.Context) error {
	var raises []command
	if x.o.Key != "" {
		raises = append(raises, x.raise(x.o.Key, x.o.ClaimID, false, nil))
	}
	if x.o.Op.To != "" {
		raises = append(raises, x.raise(x.o.Op.To, x.o.Op.ToClaim, false, nil))
	}
	if len(raises) == 0 {
		return nil
	}
	return x.reading(ctx, raises...)
}

// doubt is called with every lost answer: the worker is not sure any more, and
// the names it stands on are held for as long as the lost command may act.
func (x *operation) doubt(ctx context.Context, lost error) error {
	x.sure = false
	if err := x.endure(lost); err != nil {
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
// is.Op. claims are raised after a lost answer. errUndecided where the
// organization has changed and nothing is in doubt.
func (x *operation) decide(ctx context.Context, was, is Organization, claims ...command) error {
	lost := false
	for {
		ok, err := x.store.Organizations.Swap(ctx, was, is)
		if err != nil && !errors.Is(err, ErrLost) {
			return fmt.Errorf("beginning operation %s: %w", is.Op.ID, err)
		}
		if ok {
			x.o = is
			x.o.Rev = was.Rev + 1
			return nil
		}
		if err == nil && !lost {
			return errUndecided
		}
		lost = true
		x.sure = false
		if err != nil {
			if err := x.endure(err); err != nil {
				return err
			}
		}
		if err := x.reading(ctx, claims...); err != nil {
			return err
		}
		now, err := x.find(ctx, was.ID)
		switch {
		case err != nil:
			return err
		case now.Op != nil && now.Op.ID == is.Op.ID && now.Op.Worker == x.id:
			x.o = now
			return nil
		case now.Rev != was.Rev:
			return errOvertaken // by somebody's change, or ours has come and gone
		}
	}
}

// end ends the operation: one compare-and-set from x.o to is.
func (x *operation) end(ctx context.Context, is Organization) error {
	op := x.o.Op.ID
	for {
		ok, err := x.store.Organizations.Swap(ctx, x.o, is)
		if err != nil && !errors.Is(err, ErrLost) {
			return fmt.Errorf("ending operation %s: %w", op, err)
		}
		if ok {
			return nil
		}
		if err != nil {
			if err := x.doubt(ctx, err); err != nil {
				return err
			}
		}
		now, err := x.find(ctx, x.o.ID)
		switch {
		case err != nil:
			return err
		case !now.State.Running() || now.Op == nil || now.Op.ID != op:
			return errEnded
		case now.Rev != x.o.Rev:
			return errOvertaken
		}
	}
}

// vacate makes sure that no admin of a dead organization has the address. It
// tells whether it is worth trying again, and whether it is the admin self that has it.
func (w *worker) vacate(ctx context.Context, email string, self ID) (again, mine bool, err error) {
	var a Admin
	err = w.reading(ctx, func(ctx context.Context) error {
		var err error
		if a, err = w.store.Admins.FindByEmail(ctx, email); err != nil && !errors.Is(err, ErrAbsent) {
			return fmt.Errorf("looking for the owner of an email address: %w", err)
		}
		return nil
	})
	if err != nil || a.ID.IsZero() {
		return err == nil, false, err
	}
	if a.ID == self {
		return false, true, nil
	}
	o, err := w.find(ctx, a.OrgID)
	if err != nil {
		return false, false, err
	}
	if !o.ID.IsZero() && !o.State.Dead() {
		return false, false, nil
	}
	err = w.retry(ctx, func(ctx context.Context) error { return w.store.Admins.Delete(ctx, a.ID, a.OrgID) })
	return err == nil, false, err
}
