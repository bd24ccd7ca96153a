package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"oms/shared/fault"
	"oms/shared/must"
	"oms/shared/throttle"
	"oms/shared/throttle/throttletest"
)

const (
	victim   = "victim@test.com"
	attacker = "attacker@test.com"
)

// desk is a guard with a clock that a test moves.
type desk struct {
	*throttle.Guard
	store *throttletest.Store
	now   time.Time
}

func newDesk(perAddress, perStage int) *desk {
	d := &desk{store: throttletest.NewStore(), now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	d.Guard = throttle.New(throttle.Config{
		Store: d.store, Secret: []byte("secret"), PerAddress: perAddress, PerStage: perStage,
		Now: func() time.Time { return d.now }, Log: slog.New(slog.DiscardHandler),
	})
	return d
}

// try makes an attempt, and returns how long it was told to wait.
func (d *desk) try(tb testing.TB, account, address string, right bool) time.Duration {
	tb.Helper()
	a := d.Attempt(account, address)
	err := a.Judge(tb.Context())
	if err == nil {
		err = a.Count(tb.Context())
	}
	if err == nil && right {
		a.Succeeded(tb.Context())
	}
	return wait(tb, err)
}

func wait(tb testing.TB, err error) time.Duration {
	tb.Helper()
	if err == nil {
		return 0
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.TooMany || f.RetryAfter <= 0 {
		tb.Fatalf("%v, want a fault of kind TooMany that says when to come again", err)
	}
	return f.RetryAfter
}

// fail makes n attempts that fail, each as soon as it may be made, and returns
// how long each waited.
func (d *desk) fail(tb testing.TB, n int, account, address func(i int) string) (waited []time.Duration) {
	tb.Helper()
	for i := range n {
		w := d.try(tb, account(i), address(i), false)
		if d.now = d.now.Add(w); w > 0 && d.try(tb, account(i), address(i), false) != 0 {
			tb.Fatalf("attempt %d has waited for %v, and must wait again", i, w)
		}
		waited = append(waited, w)
	}
	return waited
}

func always(s string) func(int) string { return func(int) string { return s } }

// networks are others each time, and people too.
func networks(i int) string { return fmt.Sprintf("10.%d.%d.1", i/256, i%256) }
func people(i int) string   { return fmt.Sprint("a", i, "@test.com") }

func (d *desk) want(tb testing.TB, what, account, address string, want time.Duration) {
	tb.Helper()
	if got := wait(tb, d.Attempt(account, address).Judge(tb.Context())); got != want {
		tb.Errorf("%s waits for %v, want %v", what, got, want)
	}
}

func TestGuard_delaysGrow(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		free             int
		account, address func(int) string
	}{
		"of a pair":     {throttle.FreeOfPair, always(victim), always("192.0.2.1")},
		"of an account": {throttle.FreeOfAccount, always(victim), networks},
		"of a prefix":   {throttle.FreeOfPrefix, people, func(i int) string { return fmt.Sprint("192.0.2.", i) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(0, 0)
			want := make([]time.Duration, tt.free)
			for s := range 10 {
				want = append(want, time.Second<<s)
			}
			want = append(want, throttle.MaxDelay, throttle.MaxDelay)
			if diff := cmp.Diff(want, d.fail(t, len(want), tt.account, tt.address)); diff != "" {
				t.Errorf("the delays differ (-want +got):\n%s", diff)
			}
			next := len(want)
			d.want(t, "the next", tt.account(next), tt.address(next), throttle.MaxDelay)
			d.now = d.now.Add(throttle.MaxDelay + throttle.Memory)
			if got := d.fail(t, tt.free, tt.account, tt.address); slices.Max(got) != 0 {
				t.Errorf("after a day the first delays are %v, want none", got)
			}
		})
	}
}

func TestGuard_Attempt_subjects(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		one, other      string
		client, network bool // are they the same?
	}{
		{"192.0.2.1", "::ffff:192.0.2.1", true, true},
		{"192.0.2.1", "192.0.2.200", false, true},
		{"192.0.2.1", "192.0.3.1", false, false},
		{"2001:db8:0:1::1", "2001:db8:0:1:ffff::2%eth0", true, true},
		{"2001:db8:0:1::1", "2001:db8:0:2::1", false, true},
		{"2001:db8:0:1::1", "2001:db8:0:100::1", false, false},
		{"", "no address", true, true},
		{"", "192.0.2.1", false, false},
	} {
		d := newDesk(0, 0)
		d.fail(t, throttle.FreeOfPair, always(victim), always(tt.one))
		second := func(same bool) time.Duration { return map[bool]time.Duration{true: time.Second}[same] }
		d.want(t, tt.other+" after "+tt.one, victim, tt.other, second(tt.client))
		d.fail(t, throttle.FreeOfPrefix-throttle.FreeOfPair, people, always(tt.one))
		d.want(t, "anybody at "+tt.other+" after "+tt.one, attacker, tt.other, second(tt.network))
	}
}

// TestAttempt_Succeeded: what a success forgives, and what it does not.
func TestAttempt_Succeeded(t *testing.T) {
	t.Parallel()
	const home, office = "192.0.2.1", "198.51.100.1"
	d := newDesk(0, 0)
	if w := d.try(t, victim, home, true); w != 0 {
		t.Fatalf("the first login waits for %v", w)
	}
	d.fail(t, 200, always(victim), networks)
	d.want(t, "a new address, while the account is attacked", victim, office, throttle.MaxDelay)
	for range 20 {
		if w := d.try(t, victim, home, true); w != 0 {
			t.Errorf("the owner's known address waits for %v", w)
		}
	}
	d.want(t, "a new address, after the owner has logged in", victim, office, throttle.MaxDelay)
	// The known address itself is not free of guesses, nor known for ever.
	d.fail(t, throttle.FreeOfPair, always(victim), always(home))
	d.want(t, "a guess at the known address", victim, home, time.Second)
	d.now = d.now.Add(throttle.MaxDelay)
	if w := d.try(t, victim, home, true); w != 0 {
		t.Errorf("the owner waits for %v", w)
	}
	d.fail(t, throttle.FreeOfPair-1, always(victim), always(home))
	d.want(t, "one mistake less than are free", victim, home, 0)
	d.now = d.now.Add(throttle.KnownFor)
	d.fail(t, throttle.FreeOfAccount, always(victim), networks)
	d.want(t, "an address that was known a month ago", victim, home, time.Second)

	// Once the owner is in from a new address, what others have failed still counts.
	d = newDesk(0, 0)
	d.fail(t, throttle.FreeOfAccount+2, always(victim), networks)
	d.now = d.now.Add(throttle.MaxDelay)
	if w := d.try(t, victim, office, true); w != 0 {
		t.Errorf("the owner waits for %v", w)
	}
	d.fail(t, 1, always(victim), always("203.0.113.1"))
	d.want(t, "the guess that follows", victim, "203.0.113.2", 8*time.Second)

	// Who mistypes, and then does not, leaves nothing at the account.
	d = newDesk(0, 0)
	d.fail(t, throttle.FreeOfPair-1, always(victim), always(home))
	d.try(t, victim, home, true)
	if got := d.fail(t, throttle.FreeOfAccount, always(victim), networks); slices.Max(got) != 0 {
		t.Errorf("others' delays are %v, want none", got)
	}
	// Logging in to an account of one's own does not give the network new guesses.
	d = newDesk(0, 0)
	for i := range throttle.FreeOfPrefix {
		d.fail(t, 1, always(people(i)), always(home))
		d.try(t, attacker, home, true)
	}
	d.want(t, "the next account", victim, home, time.Second)
	// Nor does a password that was right once: it takes its own count back alone.
	d = newDesk(0, 0)
	d.fail(t, throttle.FreeOfPair-1, always(victim), always(home))
	for range 2 {
		a := d.Attempt(victim, home)
		must.Do(t, errors.Join(a.Judge(t.Context()), a.Count(t.Context())))
		a.TakeBack(t.Context())
	}
	d.fail(t, 1, always(victim), always(home))
	d.want(t, "the next guess", victim, home, time.Second)
}

// TestAttempt_Count_atOnce: attempts that are all judged before the first is
// counted get no more verdicts than one after the other.
func TestAttempt_Count_atOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		address func(int) string
		want    int32
	}{
		"from one address": {always("192.0.2.1"), throttle.FreeOfPair}, "from many": {networks, throttle.FreeOfAccount},
	} {
		d := newDesk(0, 0)
		var judged, all sync.WaitGroup
		var verdicts atomic.Int32
		judged.Add(200)
		for i := range 200 {
			all.Go(func() {
				a := d.Attempt(victim, tt.address(i))
				err := a.Judge(t.Context())
				judged.Done()
				judged.Wait()
				if err != nil || wait(t, a.Count(t.Context())) == 0 {
					verdicts.Add(1)
				}
			})
		}
		all.Wait()
		if verdicts.Load() != tt.want {
			t.Errorf("%s: %d of 200 attempts got a verdict, want %d", name, verdicts.Load(), tt.want)
		}
	}
}

// TestAttempt_Count_right: a client that sends what is right many times at once
// is not refused for what is under way, nor delayed afterwards.
func TestAttempt_Count_right(t *testing.T) {
	t.Parallel()
	d := newDesk(0, 0)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			a := d.Attempt(victim, "192.0.2.1")
			if err := a.Judge(t.Context()); err != nil && fault.KindOf(err) != fault.TooMany {
				t.Error(err)
			}
			if err := a.Count(t.Context()); err != nil {
				t.Error(err)
			}
			a.TakeBack(t.Context())
		})
	}
	all.Wait()
	if got := d.fail(t, throttle.FreeOfPair, always(victim), always("192.0.2.1")); slices.Max(got) != 0 {
		t.Errorf("mistakes that follow are delayed by %v", got)
	}
}

func TestGuard_Creation(t *testing.T) {
	t.Parallel()
	const left = 53*time.Minute + 53*time.Second
	d := newDesk(3, 5)
	create := func(address string, want time.Duration) (giveBack func(context.Context)) {
		t.Helper()
		giveBack, err := d.Creation(t.Context(), address)
		if got := wait(t, err); got != want {
			t.Errorf("a creation from %s waits for %v, want %v", address, got, want)
		}
		return giveBack
	}
	for range 3 {
		create("192.0.2.1", 0)
	}
	create("192.0.2.2", left)
	create("198.51.100.1", 0)
	create("198.51.100.1", 0)(t.Context())
	create("198.51.100.1", 0)
	create("203.0.113.1", left) // the stage's
	d.now = d.now.Add(left)
	create("192.0.2.1", 0)

	if n, err := d.Sweep(t.Context(), 100); n != 0 || err != nil {
		t.Errorf("Sweep() = %d, %v: nothing has expired", n, err)
	}
	d.now = d.now.Add(48 * time.Hour)
	if n, err := d.Sweep(t.Context(), 100); n != 6 || err != nil {
		t.Errorf("Sweep() = %d, %v, want 6", n, err)
	}
	d = newDesk(0, 0)
	for range 10 {
		create("192.0.2.1", 0)
	}
	if n, err := d.Sweep(t.Context(), 100); n != 0 || err != nil {
		t.Errorf("an unbounded stage has %d counters, %v", n, err)
	}
	d = newDesk(0, 50)
	var all sync.WaitGroup
	var made atomic.Int32
	for range 200 {
		all.Go(func() {
			if _, err := d.Creation(t.Context(), "192.0.2.1"); wait(t, err) == 0 {
				made.Add(1)
			}
		})
	}
	all.Wait()
	if made.Load() != 50 {
		t.Errorf("%d of 200 creations at once were counted, want 50", made.Load())
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	throttletest.TestStore(t, throttletest.NewStore())
}
