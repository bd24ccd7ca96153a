package organization

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// unsettledClaims: those past their Until. The living ones are settled, a page
// by one command; the dead are freed, one by one.
func (r *reconciliation) unsettledClaims(ctx context.Context, after *Place) ([]item, *Place, error) {
	now := r.now() // read before the owners are: see contest
	p, err := ask(ctx, r.worker, func(ctx context.Context) (Page[Claim], error) {
		return r.store.Backlog.Unsettled(ctx, now, after, batch)
	})
	if err != nil {
		return nil, nil, err
	}
	dead, err := r.settleLiving(ctx, p.Items)
	if err == nil {
		p.Items = dead
		return items(p, func(c Claim) item {
			return item{id: c.Key, due: c.Until, do: func(ctx context.Context) error { return r.freeClaim(ctx, c) }}
		}), p.Next, nil
	}
	if ctx.Err() != nil {
		return nil, nil, err
	}
	// One owner that cannot be read must not stand before the rest of the page.
	return items(p, func(c Claim) item {
		return item{id: c.Key, due: c.Until, do: func(ctx context.Context) error {
			dead, err := r.settleLiving(ctx, []Claim{c})
			if err != nil || len(dead) == 0 {
				return err
			}
			return r.freeClaim(ctx, c)
		}}
	}), p.Next, nil
}

// settleLiving settles those claims whose organization is active and lives
// under them, and returns those that nobody refers to. Only an active
// organization's: a creation and a rename's target may yet be given up, and
// whoever gives them up does not raise the claim.
func (r *reconciliation) settleLiving(ctx context.Context, claims []Claim) (dead []Claim, err error) {
	if len(claims) == 0 {
		return nil, nil
	}
	keys := make([]string, len(claims))
	for i, c := range claims {
		keys[i] = c.Key
	}
	owners, err := ask(ctx, r.worker, func(ctx context.Context) ([]Organization, error) {
		return r.store.Organizations.FindClaimants(ctx, keys...)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the owners of claims: %w", err)
	}
	byKey := map[string][]Organization{}
	for _, o := range owners {
		byKey[o.Key] = append(byKey[o.Key], o)
		if o.Op != nil && o.Op.To != "" {
			byKey[o.Op.To] = append(byKey[o.Op.To], o)
		}
	}
	var living []Claim
	for _, c := range claims {
		referred := false
		for _, o := range byKey[c.Key] {
			if !o.refersTo(c) {
				continue
			}
			referred = true
			if o.State == Active && o.Key == c.Key && o.ClaimID == c.ID {
				living = append(living, c)
			}
		}
		if !referred {
			dead = append(dead, c)
		}
	}
	if len(living) > 0 {
		n, err := r.store.Claims.Settle(ctx, living)
		r.report.Settled += n
		if err := r.later(ctx, "settling claims", err); err != nil {
			return nil, err
		}
	}
	return dead, nil
}

// freeClaim frees a name that nobody refers to and whose hold has passed.
func (r *reconciliation) freeClaim(ctx context.Context, c Claim) error {
	occupied := false
	if c.Left { // else a collection of that name, if any, is not ours to touch
		there, err := ask(ctx, r.worker, func(ctx context.Context) (map[string]Collection, error) {
			return r.store.Collections.Find(ctx, CollectionName(c.Key))
		})
		if err != nil {
			return fmt.Errorf("looking for the collection of %s: %w", c.Key, err)
		}
		occupied = len(there) > 0
	}
	if occupied {
		return r.clearStray(ctx, c)
	}
	freed, err := r.store.Claims.Delete(ctx, c)
	if freed {
		r.report.Claims++
	}
	return r.later(ctx, "freeing a name", err)
}

// clearStray moves away a collection that data writers made under a name that
// an organization has left. The claim gets a new id and a new hold first, so
// that a late command of the dead organization cannot bring it back to life.
func (r *reconciliation) clearStray(ctx context.Context, c Claim) error {
	held := c
	held.ID, held.Until = NewID(r.now()), r.hold()
	ok, err := r.store.Claims.Replace(ctx, c, held)
	if err != nil || !ok {
		return r.later(ctx, "holding a dead name", err)
	}
	ghost := ghostPrefix + c.OrgID.String() + "_" + NewID(r.now()).String()
	err = r.store.Collections.Rename(ctx, CollectionName(c.Key), ghost)
	switch {
	case errors.Is(err, ErrAbsent):
		return nil
	case err != nil:
		return r.later(ctx, "moving a stray collection", err)
	}
	r.log.LogAttrs(ctx, slog.LevelWarn, "moved a stray collection",
		slog.String("collection", CollectionName(c.Key)), slog.String("ghost", ghost),
		slog.String("org_id", c.OrgID.String()))
	r.report.Strays++
	return nil
}
