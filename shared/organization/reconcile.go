package organization

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// batch is how much of each backlog one look takes.
const batch = 200

// Report counts what a run of [Service.Reconcile] did.
type Report struct {
	Finished  int  // operations that were left behind
	Admins    int  // deleted admins of dead organizations
	Claims    int  // freed names
	Strays    int  // collections moved away from a name that was given up
	Merged    int  // documents brought back to their organization
	Ghosts    int  // ghosts dropped because nothing was left in them
	Kept      int  // ghosts kept: conflicting documents, or nobody's
	Requests  int  // forgotten idempotency keys
	Purged    int  // trashes dropped
	Forgotten int  // documents of dead organizations deleted
	Complete  bool // nothing was left undone for want of time
}

// LogValue lists what is not zero.
func (r Report) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Bool("complete", r.Complete)}
	for _, c := range []struct {
		name string
		n    int
	}{
		{"finished", r.Finished},
		{"admins", r.Admins},
		{"claims", r.Claims},
		{"strays", r.Strays},
		{"merged", r.Merged},
		{"ghosts", r.Ghosts},
		{"kept", r.Kept},
		{"requests", r.Requests},
		{"purged", r.Purged},
		{"forgotten", r.Forgotten},
	} {
		if c.n != 0 {
			attrs = append(attrs, slog.Int(c.name, c.n))
		}
	}
	return slog.GroupValue(attrs...)
}

// sweep remembers where the last run of Reconcile came to in the admins, which
// are too many to be looked at in every run.
type sweep struct {
	mu    sync.Mutex
	admin ID
}

// Reconcile finishes what crashes left behind and purges what has been deleted
// for long enough (protocol.md beside this file, section 5). It works in batches until its
// lease or ctx ends, and is safe at any time, twice, and concurrently. What fails
// is logged and does not keep the rest from being done; the error joins all that failed.
func (s *Service) Reconcile(ctx context.Context) (Report, error) {
	ctx, w := s.begin(ctx)
	var r Report
	var wrong error
	for _, step := range []func(context.Context, *Report) error{
		w.finishExpired, w.deleteOrphans, w.freeClaims, w.mergeGhosts, w.forgetRequests, w.purge,
	} {
		err := w.apart(func() error { return step(ctx, &r) })
		if ctx.Err() != nil {
			return r, nil //nolint:nilerr // out of time, not of order: the next run goes on
		}
		wrong = errors.Join(wrong, err)
	}
	r.Complete = wrong == nil
	return r, settle(wrong)
}

// apart does something whose failure must not keep the rest from being done:
// with patience of its own.
func (w *worker) apart(do func() error) error {
	w.endured.Store(0)
	return do()
}

// finishExpired: operations whose worker has gone.
func (w *worker) finishExpired(ctx context.Context, r *Report) error {
	var wrong error
	for {
		var os []Organization
		err := w.reading(ctx, func(ctx context.Context) error {
			var err error
			os, err = w.store.Backlog.Expired(ctx, w.now().Add(-takeoverGrace), batch)
			return err
		})
		if err != nil {
			return fmt.Errorf("listing unfinished operations: %w", err)
		}
		finished := 0
		for _, o := range os {
			err := w.apart(func() error { return w.finish(ctx, o) })
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				w.log.LogAttrs(ctx, slog.LevelError, "an operation cannot be finished", slog.String("op", o.Op.ID.String()),
					slog.String("org_id", o.ID.String()), slog.String("err", err.Error()))
				wrong = errors.Join(wrong, err)
				continue
			}
			finished++
		}
		r.Finished += finished
		if len(os) < batch || finished == 0 {
			return wrong
		}
	}
}

// deleteOrphans: admins of dead organizations. The admins are read before
// their organizations, so that one whose organization is being made is not taken for one.
func (w *worker) deleteOrphans(ctx context.Context, r *Report) error {
	w.sweep.mu.Lock()
	after := w.sweep.admin
	w.sweep.mu.Unlock()
	for {
		var as []Admin
		err := w.reading(ctx, func(ctx context.Context) error {
			var err error
			as, err = w.store.Backlog.Admins(ctx, after, batch)
			return err
		})
		if err != nil {
			return fmt.Errorf("listing admins: %w", err)
		}
		if err := w.deleteDead(ctx, as, r); err != nil {
			return err
		}
		if len(as) == batch {
			after = as[len(as)-1].ID
		} else {
			after = ID{}
		}
		w.sweep.mu.Lock()
		w.sweep.admin = after
		w.sweep.mu.Unlock()
		if after.IsZero() {
			return nil
		}
	}
}

func (w *worker) deleteDead(ctx context.Context, as []Admin, r *Report) error {
	if len(as) == 0 {
		return nil
	}
	ids := make([]ID, len(as))
	for i, a := range as {
		ids[i] = a.OrgID
	}
	alive := map[ID]bool{}
	err := w.reading(ctx, func(ctx context.Context) error {
		os, err := w.store.Organizations.FindAll(ctx, ids)
		for _, o := range os {
			alive[o.ID] = !o.State.Dead()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("reading the organizations of admins: %w", err)
	}
	for _, a := range as {
		if alive[a.OrgID] {
			continue
		}
		err := w.retry(ctx, func(ctx context.Context) error { return w.store.Admins.Delete(ctx, a.ID, a.OrgID) })
		if err != nil {
			return fmt.Errorf("deleting admin %s of a dead organization: %w", a.ID, err)
		}
		w.log.LogAttrs(ctx, slog.LevelWarn, "deleted the admin of a dead organization",
			slog.String("admin_id", a.ID.String()), slog.String("org_id", a.OrgID.String()))
		r.Admins++
	}
	return nil
}

// freeClaims: names that nobody refers to and whose hold has passed.
func (w *worker) freeClaims(ctx context.Context, r *Report) error {
	after := ""
	for {
		var cs []Claim
		// Read by the clock before the owners are: see contest.
		now := w.now()
		err := w.reading(ctx, func(ctx context.Context) error {
			var err error
			cs, err = w.store.Backlog.Claims(ctx, now, after, batch)
			return err
		})
		if err != nil {
			return fmt.Errorf("listing claims: %w", err)
		}
		for _, c := range cs {
			if err := w.freeClaim(ctx, c, r); err != nil {
				return err
			}
		}
		if len(cs) < batch {
			return nil
		}
		after = cs[len(cs)-1].Key
	}
}

func (w *worker) freeClaim(ctx context.Context, c Claim, r *Report) error {
	live, occupied := false, false
	err := w.reading(
		ctx, func(ctx context.Context) error {
			_, err := w.store.Organizations.FindClaimant(ctx, c.Key, c.ID)
			if err != nil && !errors.Is(err, ErrAbsent) {
				return fmt.Errorf("reading the owner of %s: %w", c.Key, err)
			}
			live = err == nil
			return nil
		},
		func(ctx context.Context) error {
			there, err := w.store.Collections.Find(ctx, CollectionName(c.Key))
			occupied = len(there) > 0
			return err
		},
	)
	if err != nil || live {
		return err
	}
	if !occupied || !c.Left {
		freed, err := w.store.Claims.Delete(ctx, c)
		if err != nil {
			return w.later(ctx, "freeing a name", err)
		}
		if freed {
			r.Claims++
		}
		return nil
	}
	return w.clearStray(ctx, c, r)
}

// clearStray moves away a collection that data writers made under a name that
// an organization has left. The claim gets a new id and a new hold first, so
// that a late command of the dead organization cannot bring it back to life.
func (w *worker) clearStray(ctx context.Context, c Claim, r *Report) error {
	held := c
	held.ID, held.Until = NewID(w.now()), w.hold()
	ok, err := w.store.Claims.Replace(ctx, c, held)
	if err != nil || !ok {
		return w.later(ctx, "holding a dead name", err)
	}
	ghost := ghostPrefix + c.OrgID.String() + "_" + NewID(w.now()).String()
	err = w.store.Collections.Rename(ctx, CollectionName(c.Key), ghost)
	switch {
	case errors.Is(err, ErrAbsent):
		return nil
	case err != nil:
		return w.later(ctx, "moving a stray collection", err)
	}
	w.log.LogAttrs(ctx, slog.LevelWarn, "moved a stray collection",
		slog.String("collection", CollectionName(c.Key)), slog.String("ghost", ghost), slog.String("org_id", c.OrgID.String()))
	r.Strays++
	return nil
}

// later lets a lost answer be: the next run looks again.
func (w *worker) later(ctx context.Context, doing string, err error) error {
	if !errors.Is(err, ErrLost) {
		return err
	}
	w.log.LogAttrs(ctx, slog.LevelWarn, "no answer; the next run looks again", slog.String("doing", doing))
	return w.endure(err)
}

// forgetRequests: idempotency keys are kept for a day.
func (w *worker) forgetRequests(ctx context.Context, r *Report) error {
	return w.retry(ctx, func(ctx context.Context) error {
		n, err := w.store.Requests.DeleteBefore(ctx, w.now().Add(-remembered))
		r.Requests += n
		return err
	})
}

// purge: the trash of deleted organizations when its time has come, and a day
// and a hold later the documents of dead organizations themselves.
func (w *worker) purge(ctx context.Context, r *Report) error {
	for {
		var os []Organization
		err := w.reading(ctx, func(ctx context.Context) error {
			var err error
			os, err = w.store.Backlog.Purgeable(ctx, w.now(), batch)
			return err
		})
		if err != nil {
			return fmt.Errorf("listing dead organizations: %w", err)
		}
		for _, o := range os {
			if err := w.purgeOne(ctx, o, r); err != nil {
				return err
			}
		}
		if len(os) < batch {
			return nil
		}
	}
}

func (w *worker) purgeOne(ctx context.Context, o Organization, r *Report) error {
	if !o.State.Dead() {
		return fmt.Errorf("organization %s is %s and has a time to be purged at", o.ID, o.State)
	}
	if o.State == Deleted {
		if err := w.emptyTrash(ctx, o); err != nil {
			return err
		}
	}
	if o.State == Deleted && o.Op != nil {
		r.Purged++
		rest := o
		rest.Op, rest.PurgeAfter = nil, w.hold().Add(remembered)
		_, err := w.store.Organizations.Swap(ctx, o, rest)
		return w.later(ctx, "marking a trash as purged", err)
	}
	err := w.retry(ctx, func(ctx context.Context) error { return w.store.Admins.DeleteAll(ctx, o.ID) })
	if err != nil {
		return err
	}
	if _, err := w.store.Organizations.Delete(ctx, o); err != nil {
		return w.later(ctx, "forgetting a dead organization", err)
	}
	r.Forgotten++
	return nil
}

// emptyTrash drops a deleted organization's documents, and the ghosts that are its.
func (w *worker) emptyTrash(ctx context.Context, o Organization) error {
	var names []string
	if o.Op != nil {
		names = append(names, trashName(o.Op.ID))
	}
	err := w.reading(ctx, func(ctx context.Context) error {
		ghosts, err := w.store.Collections.List(ctx, ghostPrefix+o.ID.String()+"_")
		for _, g := range ghosts {
			names = append(names, g.Name)
		}
		return err
	})
	for _, name := range names {
		if err != nil {
			break
		}
		err = w.retry(ctx, func(ctx context.Context) error { return w.store.Collections.Drop(ctx, name) })
	}
	if err == nil && len(names) > 0 {
		w.log.LogAttrs(ctx, slog.LevelInfo, "purged a deleted organization's collections",
			slog.String("org_id", o.ID.String()), slog.String("collections", strings.Join(names, " ")))
	}
	return err
}
