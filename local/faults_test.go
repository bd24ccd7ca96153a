package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"maps"
	dice "math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"oms/local/localtest"
	"oms/local/template"
	"oms/shared/mongo/mongotest"
	"oms/shared/mongo/wiretest"
	"oms/shared/must"
)

// TestFaults: whatever happens to any one command of any endpoint between the
// driver and the server, the answer comes before the function's deadline, is a
// 503 with Retry-After or the right success, and the same request again leads
// to the right final state. Which commands there are is counted, not known.
func TestFaults(t *testing.T) {
	mongotest.Long(t)
	t.Parallel()
	built := localtest.Build(t).Functions
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		r := newFaultRun(t, e, built)
		points := r.count(t)
		shots := r.plan(points)
		r.shoot(t, shots)
		r.settled.Wait()
		if len(r.took) == 0 || t.Failed() {
			return
		}
		slices.Sort(r.took)
		t.Logf("%d commands of %d requests, %d faults: %d times 503, %d times the right success; answers after %v "+
			"at the median, %v at most; all settled %v after the start",
			sum(points), len(points), len(shots), r.unavailable, r.right, r.took[len(r.took)/2].Round(time.Millisecond),
			r.took[len(r.took)-1].Round(time.Millisecond), time.Since(r.begun).Round(time.Second))
	})
}

//nolint:gochecknoglobals // a flag
var everyFault = flag.Int("every", 1, "of so many faults do one, drawn at random")

//nolint:gochecknoglobals // a flag
var onlyFault = flag.String("fault", "", "do this one alone, named as a failure names it: `lost of insert 2 of create`")

// lanes is how many requests that a fault meets are under way at once, at most,
// to one function.
const lanes = 8

// shot is one fault on one command of one kind of request.
type shot struct {
	kind kind
	rule wiretest.Rule
}

func (s shot) String() string {
	return fmt.Sprintf("%s of %s %d of %s", s.rule.Fault, s.rule.Command, s.rule.Nth, s.kind.name)
}

// faultRun is the service, several times, on one database: lanes behind a
// proxy each, for requests that a fault meets, and one without a proxy that
// prepares and repeats.
type faultRun struct {
	calm     *api
	lanes    []*lane
	timeouts map[string]time.Duration // of functions by their folder
	hashing  map[string]bool          // those that share processors
	begun    time.Time

	settled     sync.WaitGroup
	mu          sync.Mutex
	took        []time.Duration
	right       int // first answers
	unavailable int
}

// lane is a run of the service behind a proxy.
type lane struct {
	api   *api
	proxy *wiretest.Proxy
	// The functions that hash share one processor or a few (gateway), and what
	// waits for another's slow fault would be slow for that alone.
	hash sync.Mutex
}

// ownDatabase returns the environment, but for MONGO_URI, of services that share
// a database of their own of the engine. It is dropped after the test.
func ownDatabase(tb testing.TB, e mongotest.Engine) []string {
	tb.Helper()
	name := "test_" + strings.ToLower(rand.Text()[:16])
	client := e.Client(tb)
	tb.Cleanup(func() {
		if err := client.Database(name).Drop(context.WithoutCancel(tb.Context())); err != nil {
			tb.Errorf("dropping %s: %v", name, err)
		}
	})
	return []string{
		"MASTER_DB=" + name, "BCRYPT_COST=4", "JWT_SECRET=" + rand.Text() + rand.Text(), "PASSWORD_PEPPER=" +
			rand.Text() + rand.Text(),
	}
}

func newFaultRun(tb testing.TB, e mongotest.Engine, built string) *faultRun {
	tb.Helper()
	environ := ownDatabase(tb, e)
	r := &faultRun{timeouts: map[string]time.Duration{}, hashing: map[string]bool{}, begun: time.Now()}
	for _, f := range must.Get(template.Read("../template.yaml", nil))(tb).Functions {
		name := filepath.Base(f.CodeURI)
		_, r.hashing[name] = f.Environment["BCRYPT_COST"]
		r.timeouts[name] = f.Timeout
	}
	start := func(uri string) *api {
		p := startProgram(tb, tb.TempDir(), append(environ, "MONGO_URI="+uri),
			"-template", abs(tb, "../template.yaml"), "-functions", built, "-throttle=false")
		return &api{
			url: p.URL, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: time.Minute},
			slots: make(chan struct{}, 8),
		}
	}
	r.calm = start(e.URI)
	for range lanes {
		p := wiretest.NewProxy(tb, e.URI)
		r.lanes = append(r.lanes, &lane{api: start(p.URI()), proxy: p})
	}
	return r
}

// count sends every kind of request without a fault and counts its commands.
// Every lane does it once, for a function says more as it starts; then one lane
// does it alone, a few times, for on a busy machine a request may read again,
// and the fewest are those of an undisturbed one.
func (r *faultRun) count(tb testing.TB) map[string]map[string]int {
	tb.Helper()
	var all sync.WaitGroup
	for i, l := range r.lanes {
		all.Go(func() { r.dry(tb, l, fmt.Sprint("start ", i)) })
	}
	all.Wait()
	points := r.dry(tb, r.lanes[0], "dry 0")
	for i := range 2 {
		for name, counts := range r.dry(tb, r.lanes[0], fmt.Sprint("dry ", i+1)) {
			for command := range points[name] {
				points[name][command] = min(points[name][command], counts[command])
			}
			maps.DeleteFunc(points[name], func(_ string, n int) bool { return n == 0 })
		}
	}
	if tb.Failed() {
		tb.FailNow()
	}
	for _, k := range kinds() {
		if len(points[k.name]) == 0 {
			tb.Fatalf("%s sends no command", k.name)
		}
	}
	return points
}

// dry sends every kind of request once through a lane and returns the commands of each.
func (r *faultRun) dry(tb testing.TB, l *lane, part string) map[string]map[string]int {
	tb.Helper()
	points := map[string]map[string]int{}
	for _, k := range kinds() {
		s := newScene(r.calm, k, part)
		if err := s.prepare(tb.Context()); err != nil {
			tb.Errorf("%s: %v", k.name, err)
			return nil
		}
		l.proxy.Counts()
		if a := s.send(tb.Context(), l.api); a.status != k.success {
			tb.Errorf("%s without a fault = %v, want %d", k.name, a, k.success)
		}
		points[k.name] = map[string]int{}
		for c, n := range l.proxy.Counts() {
			if c.Client == k.client {
				points[k.name][c.Command] = n
			}
		}
	}
	return points
}

// plan lists what is to be done. The slow faults come first, for they take longest.
func (r *faultRun) plan(points map[string]map[string]int) []shot {
	var slow, quick []shot
	for _, k := range kinds() {
		for command, count := range points[k.name] {
			for nth := range count {
				for _, f := range wiretest.Faults() {
					s := shot{k, wiretest.Rule{Fault: f, Client: k.client, Command: command, Nth: nth + 1}}
					if slices.Contains([]wiretest.Fault{wiretest.Reset, wiretest.Lost, wiretest.Cut}, f) {
						quick = append(quick, s)
					} else {
						slow = append(slow, s)
					}
				}
			}
		}
	}
	all := append(slow, quick...)
	//nolint:gosec // G404: a test's choice
	all = slices.DeleteFunc(all, func(shot) bool { return dice.IntN(*everyFault) != 0 })
	if *onlyFault != "" {
		all = slices.DeleteFunc(all, func(s shot) bool { return s.String() != *onlyFault })
	}
	return all
}

// shoot does it. A lane works on one request of a function at a time, so that a
// fault meets the request that it is meant for.
func (r *faultRun) shoot(tb testing.TB, shots []shot) {
	tb.Helper()
	queues := map[string]chan shot{}
	for _, s := range shots {
		if queues[s.kind.client] == nil {
			queues[s.kind.client] = make(chan shot, len(shots))
		}
		queues[s.kind.client] <- s
	}
	var all sync.WaitGroup
	for client, queue := range queues {
		close(queue)
		for _, l := range r.lanes {
			all.Go(func() {
				for s := range queue {
					r.one(tb, l, s, r.timeouts[client])
				}
			})
		}
	}
	all.Wait()
}

// one sends one request that a fault meets, judges its answer, and has it
// repeated in the background.
func (r *faultRun) one(tb testing.TB, l *lane, s shot, timeout time.Duration) {
	tb.Helper()
	ctx := tb.Context()
	what := s.String()
	c := newScene(r.calm, s.kind, string(s.rule.Fault)+" "+s.rule.Command+" "+strconv.Itoa(s.rule.Nth))
	if err := c.prepare(ctx); err != nil {
		tb.Errorf("%s: %v", what, err)
		return
	}
	if r.hashing[s.kind.client] {
		l.hash.Lock()
		defer l.hash.Unlock()
	}
	armed := l.proxy.Arm(s.rule)
	a := c.send(ctx, l.api)
	l.proxy.Disarm(armed)
	if !armed.Hit() {
		tb.Errorf("%s: it never came to that command; the answer is %v", what, a)
	}
	if a.took >= timeout {
		tb.Errorf("%s: the answer came after %v, the function's Timeout is %v", what, a.took, timeout)
	}
	if a.status != s.kind.success && !a.unavailable() {
		tb.Errorf("%s: the answer is %v, want %d or a 503 storage_unavailable with Retry-After", what, a,
			s.kind.success)
	}
	r.mu.Lock()
	r.took = append(r.took, a.took)
	if a.status == s.kind.success {
		r.right++
	} else {
		r.unavailable++
	}
	r.mu.Unlock()
	r.settled.Go(func() {
		if err := c.settle(ctx); err != nil {
			tb.Errorf("%s, answered %d: %v", what, a.status, err)
		}
	})
}

func sum(points map[string]map[string]int) int {
	n := 0
	for _, counts := range points {
		for _, c := range counts {
			n += c
		}
	}
	return n
}
