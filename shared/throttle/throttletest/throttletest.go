// Package throttletest is for tests of what package throttle guards: a
// [throttle.Store] in memory, and what every store must keep.
package throttletest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"oms/shared/must"
	"oms/shared/throttle"
)

// Store keeps counters in memory. Use [NewStore]. It is safe for concurrent use.
type Store struct {
	mu       sync.Mutex
	counters map[string]throttle.Counter
}

// NewStore returns an empty store.
func NewStore() *Store { return &Store{counters: map[string]throttle.Counter{}} }

// NewGuard returns a guard that remembers nothing of any other, and bounds no
// creations. Without now it goes by the wall clock.
func NewGuard(now func() time.Time) *throttle.Guard {
	return throttle.New(throttle.Config{Store: NewStore(), Now: now})
}

// Read returns those of the counters that are there.
func (s *Store) Read(ctx context.Context, ids ...string) (map[string]throttle.Counter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]throttle.Counter{}
	for _, id := range ids {
		if c, ok := s.counters[id]; ok {
			found[id] = c
		}
	}
	return found, ctx.Err()
}

// CompareAndSwap puts is in the place of was.
func (s *Store) CompareAndSwap(ctx context.Context, was, is throttle.Counter) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := s.counters[was.ID]
	if ctx.Err() != nil || there.N != was.N || !there.Next.Equal(was.Next) || !there.Expires.Equal(was.Expires) {
		return false, ctx.Err()
	}
	s.counters[was.ID] = is
	return true, nil
}

// Add adds d.N to the counter where N and Next are so.
func (s *Store) Add(ctx context.Context, d throttle.Counter, from, below int64, t time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, there := s.counters[d.ID]
	if ctx.Err() != nil || !there || c.N < from || c.N >= below || !c.Next.After(t) {
		return false, ctx.Err()
	}
	c.N += d.N
	if d.Next.After(c.Next) {
		c.Next = d.Next
	}
	if d.Expires.After(c.Expires) {
		c.Expires = d.Expires
	}
	s.counters[d.ID] = c
	return true, nil
}

// DeleteExpired deletes up to limit counters that have expired at t.
func (s *Store) DeleteExpired(ctx context.Context, t time.Time, limit int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for id, c := range s.counters {
		if n < limit && ctx.Err() == nil && !t.Before(c.Expires) {
			delete(s.counters, id)
			n++
		}
	}
	return n, ctx.Err()
}

// TestStore holds a store to what [throttle.Store] says. s is empty.
func TestStore(t *testing.T, s throttle.Store) {
	t.Helper()
	ctx, at := t.Context(), time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)
	read := func(ids ...string) map[string]throttle.Counter {
		t.Helper()
		return must.Get(s.Read(ctx, ids...))(t)
	}
	swap := func(what string, was, is throttle.Counter, want bool) {
		t.Helper()
		if done, err := s.CompareAndSwap(ctx, was, is); err != nil || done != want {
			t.Errorf("%s: CompareAndSwap = %t, %v, want %t", what, done, err, want)
		}
	}
	absent := throttle.Counter{ID: "a"}
	one := throttle.Counter{ID: "a", N: 1, Next: at, Expires: at.Add(time.Hour)}
	two := throttle.Counter{ID: "a", N: 0, Next: at, Succeeded: at.Add(time.Second), Expires: at.Add(2 * time.Hour)}
	three := throttle.Counter{ID: "a", N: 2, Next: at.Add(time.Minute), Expires: at.Add(3 * time.Hour)}
	swap("what is not there, for what is there", one, two, false)
	swap("what is there, for nothing", absent, one, true)
	swap("what is there, for nothing, once more", absent, three, false)
	swap("what is there", one, two, true)
	swap("what is not there any more", one, three, false)
	if diff := cmp.Diff(map[string]throttle.Counter{"a": two}, read("a", "b")); diff != "" {
		t.Errorf("Read differs (-want +got):\n%s", diff)
	}
	swap("a success that is forgotten", two, three, true)
	if diff := cmp.Diff(map[string]throttle.Counter{"a": three}, read("b", "a")); diff != "" {
		t.Errorf("Read differs (-want +got):\n%s", diff)
	}

	const racers = 8
	var won, added atomic.Int32
	var all sync.WaitGroup
	for i := range racers {
		all.Go(func() {
			mine := throttle.Counter{ID: "b", N: int64(i), Next: at, Expires: at.Add(time.Hour)}
			done, err := s.CompareAndSwap(ctx, throttle.Counter{ID: "b"}, mine)
			if err != nil {
				t.Error(err)
			}
			if done {
				won.Add(1)
			}
			more := throttle.Counter{ID: "a", N: 1, Next: at.Add(time.Hour), Expires: at}
			if done, err = s.Add(ctx, more, 2, 6, at); err != nil {
				t.Error(err)
			}
			if done {
				added.Add(1)
			}
		})
	}
	all.Wait()
	three.N, three.Next = 6, at.Add(time.Hour)
	if diff := cmp.Diff(map[string]throttle.Counter{"a": three}, read("a")); diff != "" || added.Load() != 4 {
		t.Errorf("%d of %d racers added one, want 4; Read differs (-want +got):\n%s", added.Load(), racers, diff)
	}
	less := throttle.Counter{ID: "a", N: -6}
	for what, tt := range map[string]struct {
		from int64
		t    time.Time
		want bool
	}{
		"more than there are": {7, at, false},
		"what is forgotten":   {6, three.Next, false},
		"all":                 {6, time.Time{}, true},
	} {
		if done, err := s.Add(ctx, less, tt.from, 9, tt.t); err != nil || done != tt.want {
			t.Errorf("taking away %s: Add = %t, %v, want %t", what, done, err, tt.want)
		}
	}
	if won.Load() != 1 {
		t.Errorf("%d of %d racers put a counter in the place of nothing, want one", won.Load(), racers)
	}

	// What has expired goes, no more of it at once than is asked for; all else stays.
	for _, id := range []string{"x", "y", "z"} {
		is := throttle.Counter{ID: id, Next: at, Expires: at.Add(time.Minute)}
		swap("nothing", throttle.Counter{ID: id}, is, true)
	}
	for _, want := range []int{2, 1, 0} {
		if n, err := s.DeleteExpired(ctx, at.Add(time.Minute), 2); err != nil || n != want {
			t.Errorf("DeleteExpired = %d, %v, want %d", n, err, want)
		}
	}
	if got := read("a", "b", "x", "y", "z"); len(got) != 2 {
		t.Errorf("%+v is left, want a and b", got)
	}
}
