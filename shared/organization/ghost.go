package organization

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// ghostPrefix begins the names of collections that were moved out of the way:
// ghost_<organization>_<id>, or ghost_unknown_<id> for a stranger's.
const (
	ghostPrefix  = "ghost_"
	ghostUnknown = ghostPrefix + "unknown_"
)

// mergeGhosts brings what data writers wrote under an old name back to its organization.
func (w *worker) mergeGhosts(ctx context.Context, r *Report) error {
	var ghosts []Collection
	err := w.reading(ctx, func(ctx context.Context) error {
		var err error
		ghosts, err = w.store.Collections.List(ctx, ghostPrefix)
		return err
	})
	if err != nil {
		return fmt.Errorf("listing ghosts: %w", err)
	}
	var wrong error
	for _, g := range ghosts {
		owner, _, _ := strings.Cut(strings.TrimPrefix(g.Name, ghostPrefix), "_")
		id, err := ParseID(owner)
		if err != nil { // ghost_unknown_…
			w.keep(ctx, g.Name, "nobody's", r)
			continue
		}
		err = w.apart(func() error { return w.mergeGhost(ctx, g.Name, id, r) })
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			w.keep(ctx, g.Name, err.Error(), r)
			wrong = errors.Join(wrong, err)
		}
	}
	return wrong
}

// keep reports a ghost that stays.
func (w *worker) keep(ctx context.Context, ghost, why string, r *Report) {
	w.log.LogAttrs(ctx, slog.LevelWarn, "keeping a ghost", slog.String("ghost", ghost), slog.String("why", why))
	r.Kept++
}

func (w *worker) mergeGhost(ctx context.Context, ghost string, org ID, r *Report) error {
	o, err := w.find(ctx, org)
	switch {
	case err != nil:
		return err
	case o.ID.IsZero() || o.State == Aborted:
		w.keep(ctx, ghost, "its organization is not there", r)
		return nil
	case o.State == Deleted && o.Op == nil: // its trash has been purged
		return w.retry(ctx, func(ctx context.Context) error { return w.store.Collections.Drop(ctx, ghost) })
	case o.State != Active:
		return nil // purged with its trash, or merged when the change is over
	}
	into, ok, err := w.holdForMerge(ctx, o)
	if err != nil || !ok {
		return err
	}
	left, err := w.mergeDocuments(ctx, ghost, into, r)
	if err != nil {
		return err
	}
	err = w.retry(ctx, func(ctx context.Context) error { return w.store.Documents.CopyIndexes(ctx, ghost, into) })
	if err != nil {
		return fmt.Errorf("copying the indexes of %s: %w", ghost, err)
	}
	if left > 0 {
		w.keep(ctx, ghost, fmt.Sprintf("%d documents differ from those in %s", left, into), r)
		return nil
	}
	var more bool
	err = w.reading(ctx, func(ctx context.Context) error {
		var err error
		more, err = w.store.Documents.Any(ctx, ghost)
		return err
	})
	if err != nil || more {
		return err
	}
	if err := w.store.Collections.Drop(ctx, ghost); err != nil {
		return w.later(ctx, "dropping an empty ghost", err)
	}
	r.Ghosts++
	return nil
}

// holdForMerge holds the organization's name for as long as a late insert of
// this worker may act, and looks again: only then its collection is known to be its own.
func (w *worker) holdForMerge(ctx context.Context, o Organization) (into string, ok bool, err error) {
	if err := w.retry(ctx, w.raise(o.Key, o.ClaimID, false, &ok)); err != nil || !ok {
		return "", false, err
	}
	now, err := w.find(ctx, o.ID)
	same := now.State == Active && now.ClaimID == o.ClaimID && now.Collection == o.Collection
	return o.Collection, same, err
}

// mergeDocuments inserts each document and takes it out of the ghost; those
// whose _id is there with other content stay, and are counted.
func (w *worker) mergeDocuments(ctx context.Context, ghost, into string, r *Report) (left int, err error) {
	var after []byte
	for {
		var docs []Document
		err := w.reading(ctx, func(ctx context.Context) error {
			var err error
			docs, err = w.store.Documents.Read(ctx, ghost, after, batch)
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("reading %s: %w", ghost, err)
		}
		for _, d := range docs {
			err := w.retry(ctx, func(ctx context.Context) error { return w.store.Documents.Insert(ctx, into, d) })
			if errors.Is(err, ErrExists) {
				left++
				continue
			}
			if err != nil {
				return 0, fmt.Errorf("merging into %s: %w", into, err)
			}
			err = w.retry(ctx, func(ctx context.Context) error { return w.store.Documents.Delete(ctx, ghost, d) })
			if err != nil {
				return 0, fmt.Errorf("emptying %s: %w", ghost, err)
			}
			r.Merged++
		}
		if len(docs) < batch {
			return left, nil
		}
		after = docs[len(docs)-1].ID
	}
}
