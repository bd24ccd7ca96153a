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
	"time"

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
	// freeAsks has the first mail for an account delay the next by a minute, a
	// second doubled six times, the second by two, and so on.
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
