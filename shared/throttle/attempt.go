package throttle

import (
	"context"
	"fmt"
	"sync"
	"time"

	"oms/shared/fault"
)

// Attempt is one attempt at the password of an account, from an address. Its
// methods are called one after the other.
type Attempt struct {
	g        *Guard
	counters []count
}

// The places among the counters of an attempt that is at a password.
const (
	ofPair = iota
	ofAccount
	ofPrefix
)

// count is a counter of an attempt.
type count struct {
	free    int64
	was, is Counter // as it was read or changed last, before and after the attempt was counted
}

// Attempt returns an attempt at the password of an account, known or not, from
// the address of a connection. An account has one spelling: its folded email.
func (g *Guard) Attempt(account, address string) *Attempt {
	client, network := subjects(address)
	return &Attempt{g, []count{
		ofPair:    {free: FreeOfPair, was: Counter{ID: g.id("pair", account, client)}},
		ofAccount: {free: FreeOfAccount, was: Counter{ID: g.id("account", account)}},
		ofPrefix:  {free: FreeOfPrefix, was: Counter{ID: g.id("prefix", network)}},
	}}
}

// Ask returns an attempt to have a mail sent to an account, known or not. It is
// judged and counted as an attempt at the password is, by a counter of its own, and
// for the account alone: who is refused does not hear of it.
func (g *Guard) Ask(account string) *Attempt {
	return &Attempt{g, []count{{free: freeAsks, was: Counter{ID: g.id("asks", account)}}}}
}

// Judge reads the counters, and returns a fault of kind TooMany where one of them
// says that the attempt must wait. A pair that has succeeded not long ago is
// judged by itself alone, so that nobody else's failures delay it.
func (a *Attempt) Judge(ctx context.Context) error {
	var ids []string
	for _, c := range a.counters {
		ids = append(ids, c.was.ID)
	}
	found, err := a.g.c.Store.Read(ctx, ids...)
	if err != nil {
		return fmt.Errorf("reading the counters of an attempt: %w", err)
	}
	now := a.g.now()
	if !found[ids[ofPair]].at(now).Succeeded.IsZero() {
		a.counters = a.counters[:ofPair+1]
	}
	var wait time.Duration
	for i := range a.counters {
		c := &a.counters[i]
		if there, ok := found[c.was.ID]; ok {
			c.was = there
		}
		wait = max(wait, c.was.at(now).Next.Sub(now))
	}
	if wait > 0 {
		return tooManyAttempts(wait)
	}
	return nil
}

// Count counts the attempt as a failure; nobody may hear whether the password was
// right before it has. Where others have counted meanwhile it is judged anew, so
// that any number of attempts at once get no more verdicts than one after the
// other. It returns a fault of kind TooMany, as Judge does, but waits up to a
// second for it, whether the password is right or not.
func (a *Attempt) Count(ctx context.Context) error {
	// One after the other: what the pair refuses is not counted for the others.
	for i := range a.counters {
		if err := a.counters[i].add(ctx, a.g); err != nil {
			return err
		}
	}
	return nil
}

func (c *count) add(ctx context.Context, g *Guard) (err error) {
	for waited := time.Duration(0); ; waited += look {
		if done, err := c.addFree(ctx, g); done || err != nil {
			return err
		}
		wait := time.Duration(0)
		c.was, c.is, err = g.change(ctx, c.was, func(is Counter, now time.Time) (Counter, error) {
			if wait = is.Next.Sub(now); wait > 0 {
				return is, tooManyAttempts(wait)
			}
			is.N++
			is.Next = now.Add(delay(is.N, c.free))
			return is, nil
		})
		if wait <= 0 || wait > maxWait || waited >= maxWait {
			return err
		}
		select {
		case <-time.After(look):
		case <-ctx.Done():
			return err
		}
		if c.was, err = g.read(ctx, c.was.ID); err != nil {
			return err
		}
	}
}

// addFree counts an attempt after which there is no delay: of those no one needs
// to know how many others there are.
func (c *count) addFree(ctx context.Context, g *Guard) (done bool, err error) {
	now := g.now()
	if c.was.Expires.IsZero() || c.was.at(now).N+1 >= c.free {
		return false, nil
	}
	one := Counter{ID: c.was.ID, N: 1, Next: now, Expires: now.Add(Memory)}
	if done, err = g.c.Store.Add(ctx, one, 0, c.free-1, now.Add(-Memory)); err != nil {
		return false, fmt.Errorf("counting an attempt: %w", err)
	}
	c.is = c.was // where nobody else has counted
	c.is.N++
	c.is.Next, c.is.Expires = later(c.was.Next, one.Next), later(c.was.Expires, one.Expires)
	return done, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Succeeded takes the count back: the password was right. The pair is known from
// now on, and its failures are forgiven, for the account too. Those of other
// addresses are not, or each login of the owner would give an attacker new
// guesses; nor are the network's, or one who guesses would log in to an account
// of his own in between.
//
// What cannot be taken back is logged, and expires.
func (a *Attempt) Succeeded(ctx context.Context) {
	forgiven := a.counters[ofPair].is.N
	a.takeBack(ctx, func(of int, c count) error {
		switch of {
		case ofPair:
			_, _, err := a.g.change(ctx, c.is, func(is Counter, now time.Time) (Counter, error) {
				is.N, is.Next, is.Succeeded = 0, now, now
				return is, nil
			})
			return err
		case ofAccount:
			return c.less(ctx, a.g, forgiven)
		default:
			return c.less(ctx, a.g, 1)
		}
	})
}

// TakeBack takes the count back and no more: what was right is not the account's
// password of today, and may be of somebody who had the email before.
func (a *Attempt) TakeBack(ctx context.Context) {
	a.takeBack(ctx, func(_ int, c count) error { return c.less(ctx, a.g, 1) })
}

func (a *Attempt) takeBack(ctx context.Context, back func(of int, c count) error) {
	var all sync.WaitGroup
	for of, c := range a.counters {
		all.Go(func() { a.g.warn(ctx, "a right password", back(of, c)) })
	}
	all.Wait()
}

// less takes n failures away, and what they add to the delay. Where nobody has
// counted since, all is as it was before.
func (c count) less(ctx context.Context, g *Guard, n int64) error {
	if c.is.N < c.free { // without a delay, however many others count
		if done, err := g.c.Store.Add(ctx, Counter{ID: c.is.ID, N: -n}, n, c.free, time.Time{}); done || err != nil {
			return err
		}
	}
	_, _, err := g.change(ctx, c.is, func(is Counter, now time.Time) (Counter, error) {
		left, before := max(0, is.N-n), c.was.at(now)
		if is.N == c.is.N && is.Next.Equal(c.is.Next) && before.N > 0 {
			is.Next = before.Next
		} else {
			is.Next = is.Next.Add(delay(left, c.free) - delay(is.N, c.free))
		}
		is.N = left
		return is, nil
	})
	return err
}

func tooManyAttempts(wait time.Duration) error {
	return fault.New(fault.TooMany, "too_many_attempts", "there were too many attempts at a password; try again later").
		After(wait)
}
