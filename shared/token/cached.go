package token

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// How long read keys are good. A key that was just added is found sooner,
// because an unknown key id asks for fresh keys.
const (
	CacheFor   = 5 * time.Minute  // keys are read again when they are older
	RetryAfter = 30 * time.Second // but never sooner than this after the last try
	ReadWithin = 2 * time.Second  // a second read may take this long; the first as long as its context allows
)

// Cached returns a Source over read that keeps what it read for [CacheFor].
// When fresh keys are asked for, or the kept ones are old, it reads again, but
// no more than once in [RetryAfter], so that a stream of forged key ids is no
// stream of reads; one caller at a time reads, the others are served
// what is there. While reading again fails, the old keys stay good and log gets a
// warning: an unreachable secret store must not sign everybody out. Only where
// there are no keys yet is the error of read returned.
//
// Time is the wall clock: a frozen process must notice that it slept. The
// clock is time.Now where now is nil.
func Cached(read func(ctx context.Context) (Keys, error), now func() time.Time, log *slog.Logger) Source {
	if now == nil {
		now = time.Now
	}
	c := &cache{read: read, now: now, log: log, reading: make(chan struct{}, 1)}
	return c.keys
}

type cache struct {
	read    func(ctx context.Context) (Keys, error)
	now     func() time.Time
	log     *slog.Logger
	reading chan struct{} // holds a token while somebody reads

	mu    sync.Mutex
	kept  Keys
	have  bool
	since time.Time // when kept was read
	tried time.Time // when reading was last tried
}

func (c *cache) keys(ctx context.Context, fresh bool) (Keys, error) {
	kept, have, due := c.look(fresh)
	if have && !due {
		return kept, nil
	}
	if have && !fresh {
		select {
		case c.reading <- struct{}{}:
		default:
			return kept, nil // somebody is at it, and these are good enough
		}
	} else {
		select {
		case c.reading <- struct{}{}:
		case <-ctx.Done():
			return Keys{}, ctx.Err()
		}
	}
	defer func() { <-c.reading }()

	if kept, have, due = c.look(fresh); have && !due {
		return kept, nil // it was read while this caller waited
	}
	if have {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, ReadWithin)
		defer cancel()
	}
	tried := c.wall()
	read, err := c.read(ctx)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.tried = tried
	switch {
	case err == nil:
		c.kept, c.have, c.since = read, true, tried
	case c.have:
		c.log.LogAttrs(ctx, slog.LevelWarn, "reading the keys of tokens again failed, the old ones stay",
			slog.Time("read_at", c.since), slog.Any("err", err))
	default:
		return Keys{}, err
	}
	return c.kept, nil
}

// look returns what is kept, whether that is anything, and whether it is time to read.
func (c *cache) look(fresh bool) (kept Keys, have, due bool) {
	now := c.wall()
	c.mu.Lock()
	defer c.mu.Unlock()
	old := fresh || now.Sub(c.since) >= CacheFor
	return c.kept, c.have, old && now.Sub(c.tried) >= RetryAfter
}

// wall returns the time without its monotonic part, which may stand still in a frozen process.
func (c *cache) wall() time.Time { return c.now().Round(0) }
