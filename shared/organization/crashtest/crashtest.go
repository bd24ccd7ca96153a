// Package crashtest owns the crash points: every command of every kind of
// request, of reconcile and of repair at which a process can die, a command be
// lost or come late, or a primary be cut off, and what may be there afterwards
// ([TestCrashPoints]). It knows scenarios, not stores: any
// [organization.Store] can be given to it. It refuses chance; random faults are
// the histories' (organization's history_test.go).
package crashtest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"oms/shared/organization"
	"oms/shared/organization/memory"
	"oms/shared/organization/organizationtest"
	"oms/shared/token"
)

// mode is what happens to one command.
type mode string

const (
	before  mode = "stopped before" // the process dies before it
	after   mode = "stopped after"  // the process dies after it
	lost    mode = "answer lost"    // applied, and the answer does not come
	dropped mode = "never arrived"  // not applied, and no answer comes
	late    mode = "late"           // no answer comes, and it is applied after everybody else's work
	zombie  mode = "late and dead"  // likewise, and the process dies
)

// faulty lets one command, the nth (from 0), suffer m, and counts commands.
type faulty struct {
	mu   sync.Mutex
	n    int
	m    mode
	seen int
	dead bool
	late []func() error // what is applied late
}

// hook is the [organizationtest.Hook].
func (f *faulty) hook(_ string, apply func() error) error {
	f.mu.Lock()
	hit := f.seen == f.n
	f.seen++
	dead := f.dead
	if hit {
		f.dead = f.dead || f.m == before || f.m == after || f.m == zombie
		if f.m == late || f.m == zombie {
			f.late = append(f.late, apply)
		}
	}
	f.mu.Unlock()
	switch {
	case dead:
		return context.Canceled
	case !hit:
		return apply()
	}
	switch f.m {
	case before:
		return context.Canceled
	case after:
		_ = apply()
		return context.Canceled
	case lost:
		_ = apply()
	case dropped, late, zombie:
	case stale, undone, undoneMore: // these befall the client, not the command
	}
	return organization.ErrLost
}

// Dying returns a hook that kills the process after its nth command (from 0).
func Dying(n int) organizationtest.Hook { return (&faulty{n: n, m: after}).hook }

// point is what happens to which command, and what comes then.
type point struct {
	n    int
	m    mode
	then string
}

// world is a World with the test that it is for.
type world struct {
	testing.TB
	*organizationtest.World
}

// request is what somebody asks of the service.
type request func(ctx context.Context, s *organization.Service, who token.Principal) error

// scenario is one request that something happens to.
type scenario struct {
	name string
	// prepare makes the world before it and returns who asks, where somebody does.
	prepare func(w world) token.Principal
	// act is the request.
	act request
	// rival is what another client wants; who is the same.
	rival request
	// check asserts what the request promised, when all is quiet; acked: it was
	// answered with success.
	check func(w world, acked bool) string
	// rivalled, where there is one, comes instead of check when the rival was
	// answered with success, and asserts what that promised.
	rivalled func(w world, acked bool) string
	// replays: once it was answered with success, so is every retry.
	replays bool
	// strangers are collections that are not the service's, and must stay.
	strangers []string
}

// Subject is a world that is tried at one crash point.
type Subject struct {
	*organizationtest.World
	// Memory is its database, where that is one in memory: its primary can be cut off.
	Memory *memory.Database
}

// TestCrashPoints stops, loses, drops or delays every single command of every
// kind of request, of reconcile, and of whoever finishes another's work, and,
// where the database is one in memory, cuts its primary off just then; lets
// the client retry, a rival come, or only reconcile run; and holds the
// protocol's invariants when all is quiet. It prints how many points there are.
// newSubject returns a world on an empty database at each call. Of so many points
// as every says one is tried, drawn at random: 1 tries all.
func TestCrashPoints(t *testing.T, every int, newSubject func(t *testing.T) Subject) {
	t.Helper()
	tried, all := 0, 0
	for _, sc := range scenarios() {
		these := map[int][]point{} // by command
		for _, p := range sc.points(t, newSubject(t)) {
			all++
			if rand.IntN(every) == 0 { //nolint:gosec // G404: a test's choice
				these[p.n] = append(these[p.n], p)
				tried++
			}
		}
		for _, n := range slices.Sorted(maps.Keys(these)) {
			t.Run(fmt.Sprintf("%s/command %d", sc.name, n), func(t *testing.T) {
				for _, p := range these[n] {
					if bad := crash(t, newSubject(t), sc, p); bad != nil {
						t.Errorf("%s, then %s:\n\t%s", p.m, p.then, strings.Join(bad, "\n\t"))
					}
				}
			})
		}
	}
	t.Logf("%d of %d crash points tried", tried, all)
}

// points returns the points of the scenario, which it plays undisturbed.
func (sc scenario) points(t *testing.T, w Subject) []point {
	t.Helper()
	tw := world{t, w.World}
	who := sc.prepare(tw)
	count, cuts := &faulty{n: -1}, &severed{n: -1, db: w.Memory}
	_ = sc.act(within(tw), w.On(organizationtest.Hooked(cuts.store(w.Store), count.hook)), who)
	if count.seen == 0 {
		t.Fatalf("%s sends no command", sc.name)
	}
	all := cuts.points()
	for n := range count.seen {
		for _, m := range []mode{before, after, lost, dropped, late, zombie} {
			for _, then := range []string{"retry", "rival", "reconcile"} {
				all = append(all, point{n, m, then})
			}
		}
	}
	return all
}

// crash tries one point and returns what is wrong when all is quiet.
func crash(t *testing.T, w Subject, sc scenario, p point) []string {
	t.Helper()
	tw := world{t, w.World}
	who := sc.prepare(tw)
	f := &faulty{n: p.n, m: p.m}
	store := organizationtest.Hooked(w.Store, f.hook)
	rivalled := false
	if p.m.cut() {
		c := &severed{n: p.n, db: w.Memory, lose: p.m.loses()}
		if p.then == rivalAtOnce {
			c.meanwhile = func() { rivalled = sc.rival(within(tw), w.Service, who) == nil }
		}
		store = c.store(w.Store)
	}
	err := sc.act(within(tw), w.On(store), who)
	acked := err == nil
	if c := organizationtest.Code(err); strings.HasPrefix(c, "not a fault") {
		return []string{"answered " + c}
	}
	w.Clock.Advance(organization.Lease + 3*time.Second)
	switch p.then {
	case "retry":
		err := sc.act(within(tw), w.Service, who)
		if sc.replays && acked && err != nil {
			return []string{"the retry of what was acknowledged was answered " + organizationtest.Code(err)}
		}
		acked = acked || err == nil
		if c := organizationtest.Code(err); strings.HasPrefix(c, "not a fault") || c == "storage_unavailable" {
			return []string{"the retry was answered " + c}
		}
	case "rival":
		c := organizationtest.Code(sc.rival(within(tw), w.Service, who))
		rivalled = c == ""
		if strings.HasPrefix(c, "not a fault") || c == "storage_unavailable" {
			return []string{"the rival was answered " + c}
		}
	}
	for _, apply := range f.late {
		w.Clock.Advance(20 * time.Second)
		_ = apply()
	}
	w.Quiet(t)
	var bad []string
	check := sc.check
	if rivalled && sc.rivalled != nil {
		check, acked = sc.rivalled, true
	}
	if b := check(tw, acked); b != "" {
		bad = append(bad, b)
	}
	if b := told(tw); b != "" {
		bad = append(bad, b)
	}
	return append(bad, w.Violations(t, sc.strangers...)...)
}
