package mongo_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"oms/shared/mongo/mongotest"
	"oms/shared/mongo/wiretest"
	"oms/shared/must"
	"oms/shared/organization/organizationtest"
)

// backWithin is how soon after there is a new primary every client works
// again: the driver's heartbeat of ten seconds, and two.
const backWithin = 12 * time.Second

// replicas are a replica set whose primary can be taken away. Each way returns
// when there is a new one, a played set's after the time given.
type replicas interface {
	fmt.Stringer
	stepDown(ctx context.Context, election time.Duration) error
	kill(ctx context.Context, election time.Duration) error // a step-down where it cannot
}

// TestFailover: under a steady load the primary steps down, and dies, time and
// again. What was acknowledged is there, every error was a 503 with
// Retry-After, and clients work again soon after there is a new primary. The
// set is played before one server, or is the one at MONGO_TEST_URI, where that
// has three members: there the primary is cut off from the others, too.
func TestFailover(t *testing.T) {
	mongotest.Long(t)
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		var back []time.Duration
		for seed := range uint64(5) {
			back = append(back, failover(t, e, seed+1)...)
		}
		slices.Sort(back)
		t.Logf("%d new primaries; all clients back after %v at the median, %v at most",
			len(back), back[len(back)/2].Round(time.Millisecond), back[len(back)-1].Round(time.Millisecond))
	})
}

// failover takes four step-downs and a dead primary, on a database of its own,
// for the embedded one looks through all documents whatever it is asked. It
// returns how long after each new primary the last client was back.
func failover(t *testing.T, e mongotest.Engine, seed uint64) []time.Duration {
	t.Helper()
	set, through := realSet(t, e), e
	if set == nil {
		if e.Name == "server" && os.Getenv("MONGO_TEST_CUT") != "" {
			t.Fatal("MONGO_TEST_CUT is set, but MONGO_TEST_URI is no set of three members " +
				"that may be told to step down")
		}
		played := wiretest.NewSet(t, e.URI, seed)
		set, through = playedSet{played}, mongotest.Engine{Name: e.Name, URI: played.URI()}
	}
	name := databaseName()
	direct := e.OpenNamed(t, name) // dropped through the engine itself
	must.Do(t, direct.EnsureIndexes(t.Context()))
	l := startLoad(t, through, name)
	var back []time.Duration
	if own, ok := set.(ownSet); ok && own.cutter != "" {
		back = append(back, own.cutOff(t, l))
	}
	for i, change := range []func(context.Context, time.Duration) error{
		set.stepDown, set.stepDown, set.kill,
		set.stepDown, set.stepDown,
	} {
		l.steady(t) // some of everything, by everybody
		// The last one takes longer than a command may: there clients see errors.
		election := 600 * time.Millisecond
		if i == 4 {
			election = 5 * time.Second
		}
		must.Do(t, change(t.Context(), election))
		back = append(back, l.back(t, backWithin))
	}
	l.stop()
	t.Logf("%s; what became of the commands: %s", l, set)

	w := organizationtest.NewWorld(direct.Store(), e.Writer(t, name))
	w.Quiet(t)
	w.WantSound(t)
	l.check(t, w)
	return back
}

// playedSet is a set of wiretest. Its primary is never cut off: its members have
// one store together, so there is nothing to roll back. The store in memory
// plays that (memory.Database.Cut).
type playedSet struct {
	set *wiretest.Set
}

// stepping is how long a primary takes to step down.
const stepping = 150 * time.Millisecond

func (p playedSet) stepDown(ctx context.Context, election time.Duration) error {
	return p.set.StepDown(ctx, stepping, election)
}

func (p playedSet) kill(ctx context.Context, election time.Duration) error {
	if err := p.set.Revive(ctx); err != nil { // whoever died before
		return err
	}
	return p.set.Kill(ctx, election)
}

func (p playedSet) String() string { return fmt.Sprint(p.set.Fates()) }
