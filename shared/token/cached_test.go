package token_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"oms/shared/token"
)

// store is a secret store whose answer a test sets; it counts how often it is read.
type store struct {
	mu    sync.Mutex
	keys  token.Keys
	err   error
	takes time.Duration
	reads int
}

func (s *store) set(active string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.err = testKeys(), err
	s.keys.Active = active
}

func (s *store) read(ctx context.Context) (token.Keys, error) {
	s.mu.Lock()
	s.reads++
	keys, err, takes := s.keys, s.err, s.takes
	s.mu.Unlock()
	select {
	case <-time.After(takes):
		return keys, err
	case <-ctx.Done():
		return token.Keys{}, ctx.Err()
	}
}

func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

func TestCached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s store
		var out bytes.Buffer
		source := token.Cached(s.read, nil, slog.New(slog.NewTextHandler(&out, nil)))
		want := func(step string, fresh bool, active string, reads int) {
			t.Helper()
			got, err := source(t.Context(), fresh)
			if err != nil || got.Active != active || s.count() != reads {
				t.Errorf("%s: got %q, %v after %d reads; want %q after %d", step, got.Active, err, s.count(), active,
					reads)
			}
		}

		broken := errors.New("the store is away")
		s.set("", broken)
		if _, err := source(t.Context(), false); !errors.Is(err, broken) {
			t.Errorf("without any keys: %v, want %v", err, broken)
		}
		s.set("k1", nil)
		want("the first keys, after a failure", false, "k1", 2)
		s.set("k2", nil)
		want("kept", false, "k1", 2)
		want("asked for fresh ones too soon", true, "k1", 2)
		time.Sleep(token.RetryAfter) // the bubble's clock: no time passes
		want("still kept", false, "k1", 2)
		want("fresh ones", true, "k2", 3)
		want("once only", true, "k2", 3)
		s.set("k1", nil)
		time.Sleep(token.CacheFor - time.Second)
		want("not old yet", false, "k2", 3)
		time.Sleep(time.Second)
		want("old", false, "k1", 4)

		s.set("", broken)
		time.Sleep(token.CacheFor)
		want("the store is away: the old ones stay", false, "k1", 5)
		if !strings.Contains(out.String(), "level=WARN") || !strings.Contains(out.String(), "the store is away") {
			t.Errorf("the log is %q, want a warning", out.String())
		}
		want("and it is not asked at every call", false, "k1", 5)
		time.Sleep(token.RetryAfter)
		want("but again", false, "k1", 6)
		s.set("k2", nil)
		time.Sleep(token.RetryAfter)
		want("and it comes back", false, "k2", 7)

		s.mu.Lock()
		s.takes = time.Hour
		s.mu.Unlock()
		time.Sleep(token.CacheFor)
		before := time.Now()
		want("a store that hangs", false, "k2", 8)
		if took := time.Since(before); took != token.ReadWithin {
			t.Errorf("a store that hangs took %v, want %v", took, token.ReadWithin)
		}
	})
}

func TestCached_oneReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := store{takes: time.Second}
		s.set("k1", nil)
		source := token.Cached(s.read, nil, slog.New(slog.DiscardHandler))
		for round, fresh := range []bool{false, true, false} {
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					if got, err := source(t.Context(), fresh); err != nil || got.Active != "k1" {
						t.Errorf("round %d: got %q, %v", round, got.Active, err)
					}
				})
			}
			wg.Wait()
			if s.count() != round+1 {
				t.Errorf("round %d: %d reads in all, want %d", round, s.count(), round+1)
			}
			time.Sleep(token.CacheFor)
		}
	})
}

func TestCached_aWaiterMayLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := store{takes: time.Minute}
		s.set("k1", nil)
		source := token.Cached(s.read, nil, slog.New(slog.DiscardHandler))
		go func() { _, _ = source(t.Context(), false) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := source(ctx, false); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller whose time is up got %v, want %v", err, context.DeadlineExceeded)
		}
		time.Sleep(time.Minute)
	})
}
