// Package throttle decides how often a password may be guessed, or a mail be asked
// for, and how many organizations may be made, from where.
//
// It owns whom an attempt is counted for, how long the next one must wait, and
// what a success forgives. Nobody is ever locked out: a delay has a bound, and
// an address from which the password was right not long ago waits for its own
// failures alone (OWASP ASVS 5.0, 6.1.1 and 6.3.1). It refuses to know what a
// password is, and where counters are kept: that is a [Store].
//
//	attempt := guard.Attempt(email, address)
//	err := attempt.Judge(ctx) // may it be made? beside the read of what it is about
//	err = attempt.Count(ctx)  // while the hash is computed; no verdict without it
//	attempt.Succeeded(ctx)    // where the password was right
package throttle

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"oms/shared/fault"
	"oms/shared/secret"
)

// What is free, and what is remembered.
const (
	// FreeOfPair is how often one address may fail for one account before it
	// must wait: whoever mistypes is not delayed.
	FreeOfPair = 5
	// FreeOfAccount is how often all addresses together may fail for one account.
	// Twice that of a pair, so that one address alone does not delay others.
	FreeOfAccount = 10
	// FreeOfPrefix is how often one network may fail for all accounts together:
	// an office, or a mobile carrier, has many who mistype behind one prefix.
	FreeOfPrefix = 100
	// freeAsks says that an account's first mail is paused for like its sixth failure
	// over what is free: a minute, and then two.
	freeAsks = -5
	// MaxDelay is the longest delay, which doubles from a second on: it leaves
	// 96 guesses a day, and lets nobody wait for longer.
	MaxDelay = 15 * time.Minute
	// Memory is how long failures are remembered, from the end of the last
	// delay on: whoever waits them out has no more guesses than one a day.
	Memory = 24 * time.Hour
	// KnownFor is how long an address is known, from the last success on: as
	// long as a session lives at most.
	KnownFor = 30 * 24 * time.Hour

	// maxWait is how long an attempt that others overtook waits for theirs to be
	// taken back: a client may send what is right several times at once. As long
	// as the first delay, so that nobody is refused for what is under way alone.
	maxWait = time.Second
	look    = 50 * time.Millisecond // at the counter, meanwhile
)

// Counter is what is kept of a subject.
type Counter struct {
	ID        string    // a keyed hash of the subject: nobody's address is kept in plain
	N         int64     // failures, or creations
	Next      time.Time // when the next attempt may be made
	Succeeded time.Time // when a password was last right, of a pair; zero: never
	Expires   time.Time // from then on it says nothing, and may be deleted; zero: there is no counter
}

// Store keeps counters. Its contract is executable: throttletest.TestStore.
type Store interface {
	// Read returns those of the counters that are there, by ID, by one command;
	// expired ones may be among them.
	Read(ctx context.Context, ids ...string) (map[string]Counter, error)
	// CompareAndSwap puts is in the place of was where the counter still has its N,
	// Next and Expires (or still is not there, as was.Expires says), and reports
	// whether it did.
	CompareAndSwap(ctx context.Context, was, is Counter) (bool, error)
	// Add adds d.N to the counter where its N is from or more and less than below,
	// and its Next is after t; raises Next and Expires to d's, and reports whether it
	// did. However many do so at once, none has to try again.
	Add(ctx context.Context, d Counter, from, below int64, t time.Time) (bool, error)
	// DeleteExpired deletes up to limit counters that have expired at t, and tells how many.
	DeleteExpired(ctx context.Context, t time.Time, limit int) (int, error)
}

// Config is what a [Guard] is made of. Store is needed; Secret by all but Sweep.
type Config struct {
	Store  Store
	Secret []byte // keys the hashes of subjects
	// PerAddress is how many organizations one network may make in an hour, and
	// PerStage how many all may; 0: any number.
	PerAddress, PerStage int
	Now                  func() time.Time // time.Now where nil
	Log                  *slog.Logger     // slog.Default() where nil
}

// Guard counts attempts and creations. It is safe for concurrent use.
type Guard struct{ c Config }

// New returns a guard.
func New(c Config) *Guard {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Guard{c}
}

// now is the wall clock to the millisecond, which is what a database keeps.
func (g *Guard) now() time.Time { return g.c.Now().Round(0).UTC().Truncate(time.Millisecond) }

// id returns the keyed hash of a subject.
func (g *Guard) id(kind string, parts ...string) string {
	return hex.EncodeToString(secret.MAC(g.c.Secret, kind, parts...)[:16])
}

// subjects returns an address as one client is told by, and as its network is: an
// IPv4 address and its /24; of an IPv6 address, of which a client has as many as
// it likes, the /64, and the /56 that a customer has. An IPv4-mapped IPv6 address
// is the IPv4 one. What is no address is one subject of its own.
func subjects(address string) (client, network string) {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return "unknown", "unknown"
	}
	a = a.Unmap().WithZone("")
	client, bits := a.String(), 24
	if a.Is6() {
		client, bits = netip.PrefixFrom(a, 64).Masked().String(), 56
	}
	return client, netip.PrefixFrom(a, bits).Masked().String()
}

// Attempt is one attempt at the password of an account, from an address. Its
// methods are called one after the other.
type Attempt struct {
	g        *Guard
	counters []count // the pair's first, where the attempt is at a password
}

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
		{free: FreeOfPair, was: Counter{ID: g.id("pair", account, client)}},
		{free: FreeOfAccount, was: Counter{ID: g.id("account", account)}},
		{free: FreeOfPrefix, was: Counter{ID: g.id("prefix", network)}},
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
	if !found[ids[0]].at(now).Succeeded.IsZero() {
		a.counters = a.counters[:1]
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
	forgiven := a.counters[0].is.N
	a.takeBack(ctx, func(i int, c count) error {
		switch i {
		case 0:
			_, _, err := a.g.change(ctx, c.is, func(is Counter, now time.Time) (Counter, error) {
				is.N, is.Next, is.Succeeded = 0, now, now
				return is, nil
			})
			return err
		case 1:
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

func (a *Attempt) takeBack(ctx context.Context, back func(i int, c count) error) {
	var all sync.WaitGroup
	for i, c := range a.counters {
		all.Go(func() { a.g.warn(ctx, "a right password", back(i, c)) })
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

// at returns the counter as it stands at a time: without what is forgotten by then.
func (c Counter) at(now time.Time) Counter {
	if !now.Before(c.Next.Add(Memory)) {
		c.N, c.Next = 0, time.Time{}
	}
	if !now.Before(c.Succeeded.Add(KnownFor)) {
		c.Succeeded = time.Time{}
	}
	return c
}

// delay returns how long the next attempt must wait after so many failures.
func delay(failures, free int64) time.Duration {
	over := failures - free
	switch {
	case over < 0:
		return 0
	case over >= 10: // 1024 s
		return MaxDelay
	}
	return min(time.Second<<over, MaxDelay)
}

// change changes a counter by compare-and-set, from what was read of it, and by
// what is there where another has changed it meanwhile, for as long as ctx lasts:
// each time somebody else got through. It returns it before and after.
func (g *Guard) change(
	ctx context.Context, read Counter, to func(Counter, time.Time) (Counter, error),
) (was, is Counter, err error) {
	for {
		now := g.now()
		if is, err = to(read.at(now), now); err != nil {
			return read, is, err
		}
		is.Expires = is.Next.Add(Memory)
		if known := is.Succeeded.Add(KnownFor); known.After(is.Expires) && !is.Succeeded.IsZero() {
			is.Expires = known
		}
		done, err := g.c.Store.CompareAndSwap(ctx, read, is)
		if err != nil {
			return read, is, fmt.Errorf("counting an attempt: %w", err)
		}
		if done {
			return read, is, nil
		}
		if read, err = g.read(ctx, read.ID); err != nil {
			return read, is, err
		}
	}
}

// read reads one counter; absent, it has only its ID.
func (g *Guard) read(ctx context.Context, id string) (Counter, error) {
	found, err := g.c.Store.Read(ctx, id)
	if err != nil {
		return Counter{}, fmt.Errorf("reading a counter: %w", err)
	}
	if c, there := found[id]; there {
		return c, nil
	}
	return Counter{ID: id}, nil
}

// Sweep deletes up to limit counters that have expired, and tells how many.
func (g *Guard) Sweep(ctx context.Context, limit int) (int, error) {
	return g.c.Store.DeleteExpired(ctx, g.now(), limit)
}

func (g *Guard) warn(ctx context.Context, what string, err error) {
	if err != nil {
		g.c.Log.LogAttrs(ctx, slog.LevelWarn, "a count was not taken back, and stays until it expires",
			slog.String("of", what), slog.String("err", err.Error()))
	}
}

func tooManyAttempts(wait time.Duration) error {
	return fault.New(fault.TooMany, "too_many_attempts", "there were too many attempts at a password; try again later").
		After(wait)
}
