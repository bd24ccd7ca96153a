package organization

import (
	"context"
	"errors"
	"log/slog"
)

// move does step 4 of an update: it renames the organization's collection, and
// leaves only when the organization's own collection stands under the new name.
func (x *operation) move(ctx context.Context) error {
	op := x.org.Op
	from, to := CollectionName(op.From), CollectionName(op.To)
	if op.Aside != "" {
		if err := x.block(ctx); err != nil {
			return err
		}
	}
	for {
		err := x.do(ctx, func(ctx context.Context) error { return x.store.Collections.Rename(ctx, from, to) })
		missing := errors.Is(err, ErrAbsent)
		if err == nil || !missing && !errors.Is(err, ErrExists) {
			return err
		}
		there, err := ask(ctx, x.worker, func(ctx context.Context) (map[string]Collection, error) {
			return x.store.Collections.Find(ctx, from, to)
		})
		if err != nil {
			return err
		}
		source, sourceThere := there[from]
		target, targetThere := there[to]
		if missing {
			done, err := x.sourceMissing(ctx, to, targetThere)
			if done || err != nil {
				return err
			}
			continue
		}
		if !sourceThere || !targetThere {
			continue // one of them has gone since: look again
		}
		if x.moved(source, target) {
			return nil
		}
		if err := x.displace(ctx, to); err != nil {
			return err
		}
	}
}

// sourceMissing: the move has happened, or somebody has dropped the
// collection; then it is made, because it must be there before the operation
// goes on.
func (x *operation) sourceMissing(ctx context.Context, to string, targetThere bool) (done bool, err error) {
	if targetThere {
		if x.everyAnswerSeen { // our move has not happened: what stands there is a stranger's
			return false, x.displace(ctx, to)
		}
		return true, nil
	}
	err = x.do(ctx, func(ctx context.Context) error { return x.store.Collections.Create(ctx, to) })
	if errors.Is(err, ErrExists) {
		return !x.everyAnswerSeen, nil // somebody came in between
	}
	return err == nil, err
}

// moved tells, where both names exist, whether ours is the target: by the
// server's own uuid, and where that does not say, by whether every answer was
// seen: then the worker knows that its move has not happened.
func (x *operation) moved(source, target Collection) bool {
	if ours := x.org.Op.UUID; ours != "" && (source.UUID == ours || target.UUID == ours) {
		return target.UUID == ours
	}
	return !x.everyAnswerSeen
}

// displace moves a stranger's collection at the target to a ghost, kept and
// reported. The ghost's name is in the journal first, so that whoever goes on
// can make that collection and a late move fails.
func (x *operation) displace(ctx context.Context, to string) error {
	aside := ghostUnknown + NewID(x.now()).String()
	op := *x.org.Op
	op.Aside = aside
	is := x.org
	is.Op = &op
	now, v, err := x.compareAndSwap(ctx, "recording "+aside+" in operation "+op.ID.String(), x.org, is, x.doubt)
	if err != nil {
		return err
	}
	if v != applied {
		return errOvertaken
	}
	x.org = now
	x.log.LogAttrs(ctx, slog.LevelWarn, "moving a stranger's collection aside",
		slog.String("op", op.ID.String()), slog.String("collection", to), slog.String("aside", aside))
	err = x.store.Collections.Rename(ctx, to, aside)
	switch {
	case errors.Is(err, ErrLost):
		if err := x.doubt(ctx, err); err != nil {
			return err
		}
		return x.block(ctx)
	case errors.Is(err, ErrAbsent), errors.Is(err, ErrExists):
		return nil // gone, or moved already: look again
	default:
		return err
	}
}

// block makes the ghost of a displacement, so that a late one finds it and fails.
func (x *operation) block(ctx context.Context) error {
	err := x.do(ctx, func(ctx context.Context) error { return x.store.Collections.Create(ctx, x.org.Op.Aside) })
	if errors.Is(err, ErrExists) {
		return nil
	}
	return err
}
