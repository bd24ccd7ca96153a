package organization

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// ghostPrefix begins the names of collections that were moved out of the way:
// ghost_<organization>_<id>, or ghost_unknown_<id> for a stranger's.
const (
	ghostPrefix  = "ghost_"
	ghostUnknown = ghostPrefix + "unknown_"
)

// ghosts: what data writers wrote under an old name is brought back to its
// organization. They are listed once in a run.
func (r *reconciliation) ghosts(ctx context.Context, _ *Place) ([]item, *Place, error) {
	names, err := ask(ctx, r.worker, func(ctx context.Context) ([]string, error) {
		return r.store.Collections.List(ctx, ghostPrefix)
	})
	all := make([]item, len(names))
	for i, name := range names {
		owner, made := partsOfGhost(name)
		all[i] = item{id: name, do: func(ctx context.Context) error {
			if owner.IsZero() {
				return &keptError{"it is nobody's"}
			}
			return r.mergeGhost(ctx, name, owner)
		}}
		if !made.IsZero() {
			all[i].due = made.Time()
		}
	}
	return all, nil, err
}

// partsOfGhost returns the ids that a ghost is named after: the organization's, which a
// stranger's has not, and its own.
func partsOfGhost(name string) (owner, made ID) {
	first, second, _ := strings.Cut(strings.TrimPrefix(name, ghostPrefix), "_")
	owner, _ = ParseID(first)
	made, _ = ParseID(second)
	return owner, made
}

func (r *reconciliation) mergeGhost(ctx context.Context, ghost string, org ID) error {
	o, err := r.find(ctx, org)
	switch {
	case err != nil:
		return err
	case o.ID.IsZero() || o.State == Aborted:
		return &keptError{"its organization is not there"}
	case o.State == Deleted && o.Op == nil: // its trash has been purged
		return r.retry(ctx, func(ctx context.Context) error { return r.store.Collections.Drop(ctx, ghost) })
	case o.State != Active:
		return nil // purged with its trash, or merged when the change is over
	}
	ok, err := r.holdForMerge(ctx, o)
	if err != nil || !ok {
		return err
	}
	conflicts, err := r.mergeDocuments(ctx, ghost, o.Collection)
	if err != nil {
		return err
	}
	err = r.retry(ctx, func(ctx context.Context) error {
		return r.store.Documents.CopyIndexes(ctx, ghost, o.Collection)
	})
	if err != nil {
		return fmt.Errorf("copying the indexes of %s: %w", ghost, err)
	}
	if conflicts > 0 {
		return &keptError{fmt.Sprintf("%d documents differ from those in %s", conflicts, o.Collection)}
	}
	more, err := ask(ctx, r.worker, func(ctx context.Context) (bool, error) {
		return r.store.Documents.Any(ctx, ghost)
	})
	if err != nil || more {
		return err
	}
	if err := r.store.Collections.Drop(ctx, ghost); err != nil {
		return r.later(ctx, "dropping an empty ghost", err)
	}
	r.report.Ghosts++
	return nil
}

// holdForMerge holds the organization's name for as long as a late insert of
// this worker may act, and looks again: only then its collection is known to be its own.
func (r *reconciliation) holdForMerge(ctx context.Context, o Organization) (bool, error) {
	if ok, err := r.raised(ctx, o.Key, o.ClaimID); err != nil || !ok {
		return false, err
	}
	now, err := r.find(ctx, o.ID)
	return now.State == Active && now.ClaimID == o.ClaimID && now.Collection == o.Collection, err
}

// mergeDocuments inserts each document and takes it out of the ghost; those
// whose _id is there with other content stay, and are counted.
func (r *reconciliation) mergeDocuments(ctx context.Context, ghost, into string) (conflicts int, err error) {
	at := r.merges.get(ghost)
	for {
		docs, err := ask(ctx, r.worker, func(ctx context.Context) ([]Document, error) {
			return r.store.Documents.Read(ctx, ghost, at.after, batch)
		})
		if err != nil {
			return 0, fmt.Errorf("reading %s: %w", ghost, err)
		}
		for _, d := range docs {
			err := r.retry(ctx, func(ctx context.Context) error { return r.store.Documents.Insert(ctx, into, d) })
			if errors.Is(err, ErrExists) {
				at.conflicts++
				continue
			}
			if err != nil {
				return 0, fmt.Errorf("merging into %s: %w", into, err)
			}
			err = r.retry(ctx, func(ctx context.Context) error { return r.store.Documents.Delete(ctx, ghost, d) })
			if err != nil {
				return 0, fmt.Errorf("emptying %s: %w", ghost, err)
			}
			r.report.Merged++
		}
		if len(docs) < batch {
			r.merges.set(ghost, merge{})
			return at.conflicts, nil
		}
		at.after = docs[len(docs)-1].ID
		r.merges.set(ghost, at)
		if !r.now().Before(r.turn) {
			return 0, errUnfinished
		}
	}
}

// merge is how far the merging of a ghost has come.
type merge struct {
	after     []byte // the _id of the last document
	conflicts int    // documents up to there that stay
}

// merges remembers, for as long as the process lives, where merging goes on: a
// ghost can be longer than a run.
type merges struct {
	mu sync.Mutex
	at map[string]merge
}

func (m *merges) get(ghost string) merge {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at[ghost]
}

// set notes a place; the zero one is not kept.
func (m *merges) set(ghost string, at merge) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at.after == nil {
		delete(m.at, ghost)
		return
	}
	if m.at == nil {
		m.at = map[string]merge{}
	}
	m.at[ghost] = at
}
