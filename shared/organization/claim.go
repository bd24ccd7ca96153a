package organization

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// maxTries bounds how often a step is tried while others come and go.
const maxTries = 6

// claim claims key for the organization (step 1 of a creation and of a
// rename). The commands in with go out beside the first try. It ends with nil,
// or with the conflict that the client is told.
func (x *operation) claim(ctx context.Context, key string, org, id ID, with ...command) error {
	insert := func(ctx context.Context) error {
		return x.store.Claims.Insert(ctx, Claim{Key: key, OrgID: org, ID: id, Until: x.until()})
	}
	errs := parallel(ctx, append([]command{insert}, with...)...)
	err := errs[0]
	for i, beside := range errs[1:] {
		if errors.Is(beside, ErrLost) {
			x.everyAnswerSeen = false
			beside = x.retry(ctx, with[i])
		}
		if beside != nil {
			return beside
		}
	}
	for range maxTries {
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ErrLost):
			x.everyAnswerSeen = false
			if err := x.countLost(err); err != nil {
				return err
			}
		case !errors.Is(err, ErrExists):
			return fmt.Errorf("claiming %s: %w", key, err)
		}
		won, contestErr := x.contest(ctx, key, org, id)
		if won || contestErr != nil {
			return contestErr
		}
		err = insert(ctx)
	}
	return nameHeld(key, soon)
}

// contest looks at the claim that is there already: it may be our own, dead
// and free (then it is replaced), or somebody's. Neither won nor an error: it
// has gone or changed, try again.
func (x *operation) contest(ctx context.Context, key string, org, id ID) (won bool, err error) {
	there, err := x.readClaim(ctx, key)
	if err != nil || there.ID.IsZero() {
		return false, err
	}
	if there.ID == id { // a resumed request's, or this one's with its answer lost
		x.everyAnswerSeen = false
		return x.raised(ctx, key, id)
	}
	// The clock is read before the owner: an operation of a dead claim's owner
	// may still come to life until then.
	now := x.now()
	past := now.After(there.Until)
	var owner Organization
	occupied := false
	err = x.reading(
		ctx, func(ctx context.Context) error {
			var err error
			owner, err = x.claimant(ctx, there)
			return err
		},
		func(ctx context.Context) error {
			cs, err := x.store.Collections.Find(ctx, CollectionName(key))
			if err != nil {
				return fmt.Errorf("looking for the collection of %s: %w", key, err)
			}
			occupied = len(cs) > 0
			return nil
		},
	)
	switch {
	case err != nil:
		return false, err
	case owner.ID == org:
		return false, organizationBusy()
	case !owner.ID.IsZero() && x.expired(owner):
		return false, x.finish(ctx, owner)
	case !owner.ID.IsZero():
		return false, nameTaken(key)
	case there.Until.IsZero(): // it was left after it was read
		return false, nil
	case !past:
		return false, nameHeld(key, there.Until.Sub(now)+time.Millisecond)
	case there.Left && occupied: // a data writer made it after the move; reconcile clears it away
		return false, nameHeld(key, time.Minute)
	}
	won, err = x.store.Claims.Replace(ctx, there, Claim{Key: key, OrgID: org, ID: id, Until: x.until()})
	if errors.Is(err, ErrLost) {
		x.everyAnswerSeen = false
		return false, x.countLost(err)
	}
	return won, err
}

// readClaim reads the claim on key; absent, it has no ID.
func (w *worker) readClaim(ctx context.Context, key string) (Claim, error) {
	return one(ctx, w, "reading the claim on "+key, w.store.Claims.Find, key)
}

// claimant returns the organization that refers to the claim; without an ID
// where nobody does.
func (w *worker) claimant(ctx context.Context, c Claim) (Organization, error) {
	all, err := w.store.Organizations.FindClaimants(ctx, c.Key)
	if err != nil {
		return Organization{}, fmt.Errorf("reading the owner of %s: %w", c.Key, err)
	}
	for _, o := range all {
		if o.refersTo(c) {
			return o, nil
		}
	}
	return Organization{}, nil
}

// raise lengthens the hold on a claim, never shortens it.
func (w *worker) raise(key string, id ID) command {
	return func(ctx context.Context) error {
		_, err := w.lengthen(ctx, key, id, false)
		return err
	}
}

// leave raises a claim, and the organization that lived under it moves out.
func (w *worker) leave(key string, id ID) command {
	return func(ctx context.Context) error {
		_, err := w.lengthen(ctx, key, id, true)
		return err
	}
}

// raised raises a claim and reports whether it is there.
func (w *worker) raised(ctx context.Context, key string, id ID) (bool, error) {
	return ask(ctx, w, func(ctx context.Context) (bool, error) { return w.lengthen(ctx, key, id, false) })
}

func (w *worker) lengthen(ctx context.Context, key string, id ID, left bool) (found bool, err error) {
	found, err = w.store.Claims.Raise(ctx, key, id, w.hold(), left)
	if err != nil {
		return false, fmt.Errorf("holding %s: %w", key, err)
	}
	return found, nil
}

// release frees, at once, a name that was never shown to anybody. It is a
// courtesy: where it fails, the hold runs out by itself.
func (w *worker) release(ctx context.Context, key string, id ID) {
	if err := w.store.Claims.Release(ctx, key, id, w.now()); err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "releasing a name", slog.String("key", key),
			slog.String("err", err.Error()))
	}
}
