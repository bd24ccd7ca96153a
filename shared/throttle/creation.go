package throttle

import (
	"context"
	"fmt"
	"math"
	"time"

	"oms/shared/fault"
)

const window = time.Hour // in which creations are counted

// Creation counts the creation of an organization, for the network of the address
// and for the stage. It returns a fault of kind TooMany where either has made as
// many in this hour as it may. giveBack takes the count back, where nothing was to be made.
func (g *Guard) Creation(ctx context.Context, address string) (giveBack func(context.Context), err error) {
	_, network := subjects(address)
	now := g.now()
	start := now.Truncate(window)
	var counted []string
	giveBack = func(ctx context.Context) {
		for _, id := range counted {
			_, err := g.c.Store.Add(ctx, Counter{ID: id, N: -1}, 1, math.MaxInt64, time.Time{})
			g.warn(ctx, "a creation that was asked for before", err)
		}
	}
	// One after the other: what a network is refused does not use up the stage's.
	for _, by := range []struct {
		kind, subject string
		most          int
	}{{"creations of a prefix", network, g.c.PerAddress}, {"creations", "", g.c.PerStage}} {
		if by.most == 0 {
			continue
		}
		one := Counter{
			ID: g.id(by.kind, by.subject, start.Format(time.RFC3339)), N: 1, Next: start, Expires: start.Add(Memory),
		}
		done, err := g.addUpTo(ctx, int64(by.most), one)
		if err != nil {
			return giveBack, fmt.Errorf("counting a creation: %w", err)
		}
		if !done {
			return giveBack, fault.New(fault.TooMany, "too_many_creations", "so many organizations were made within "+
				"this hour that the next ones must wait for its end").After(max(start.Add(window).Sub(g.now()), 0))
		}
		counted = append(counted, one.ID)
	}
	return giveBack, nil
}

// addUpTo adds one to the counter, or makes it one, and reports whether it did:
// not where it is as many as it may be. However many do so at once, none has to
// try more than twice.
func (g *Guard) addUpTo(ctx context.Context, most int64, one Counter) (bool, error) {
	if done, err := g.c.Store.Add(ctx, one, 0, most, time.Time{}); done || err != nil {
		return done, err
	}
	if done, err := g.c.Store.CompareAndSwap(ctx, Counter{ID: one.ID}, one); done || err != nil {
		return done, err
	}
	return g.c.Store.Add(ctx, one, 0, most, time.Time{})
}
