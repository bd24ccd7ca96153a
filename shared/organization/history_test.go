package organization_test

import (
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"oms/shared/organization"
	"oms/shared/organization/linearizable"
	"oms/shared/organization/memory"
)

//nolint:gochecknoglobals // flags
var (
	histories = flag.Int("histories", 30, "random histories to run")
	firstSeed = flag.Uint64("seed", 1, "the seed of the first history")
	traced    = flag.Bool("commands", false, "print every command of the random histories")
	without   = flag.String("ablation", "", "what to take out of the protocol in random histories; they must fail then")
)

// TestService_randomHistories lets clients, data services and reconcile work at
// once on few names and emails, in virtual time, while commands die, get lost,
// come late (within the late bound) and workers stall. When all is quiet it
// holds the invariants of protocol.md, section 8, and that an order of effects explains
// all answers. Run one again with -run randomHistories -histories 1 -seed N.
func TestService_randomHistories(t *testing.T) {
	t.Parallel()
	var a ablation
	if *without != "" {
		i := slices.IndexFunc(ablations(), func(a ablation) bool { return a.name == *without })
		if i < 0 {
			t.Fatalf("there is no ablation %q", *without)
		}
		a = ablations()[i]
	}
	var total history
	for seed := *firstSeed; seed < *firstSeed+uint64(*histories); seed++ { //nolint:gosec // G115: a small count
		aim := aims()[seed%uint64(len(aims()))]
		if a.aim != "" {
			aim = a.aim
		}
		h := runHistory(t, seed, aim, a)
		for _, bad := range h.bad {
			t.Errorf("seed %d (aim %q): %s", seed, aim, bad)
		}
		total.faults += h.faults
		total.commands += h.commands
		total.verdict.Steps += h.verdict.Steps
		total.verdict.Refused += h.verdict.Refused
		total.verdict.Unsure += h.verdict.Unsure
	}
	t.Logf("seeds %d to %d: %d commands, %d faults; %d steps put in order (%d refusals), %d names and emails undecided",
		*firstSeed, *firstSeed+uint64(*histories)-1, total.commands, total.faults, //nolint:gosec // G115: a small count
		total.verdict.Steps, total.verdict.Refused, total.verdict.Unsure)
}

// runHistory runs one history with something taken out of the protocol (the
// zero ablation: nothing) and returns it, its answers checked.
func runHistory(t *testing.T, seed uint64, aim string, without ablation) *history {
	t.Helper()
	var h *history
	synctest.Test(t, func(t *testing.T) {
		h = newHistory(t, seed, aim, without)
		h.run()
	})
	h.verdict = h.answers.Check(5 * time.Second) // outside: it is timed by the real clock
	for _, bad := range h.verdict.Bad {
		h.say("answers: %s", bad)
	}
	return h
}

// history is one random run. All randomness comes from its seed and from who
// asks, never from the order in which goroutines run.
type history struct {
	*memory.Database
	t       *testing.T
	seed    uint64
	aim     string
	began   time.Time
	without ablation
	answers linearizable.History
	hunts   sync.WaitGroup
	drops   bool      // data services drop collections and delete documents
	chance  float64   // of a command to suffer
	focus   [3]string // the commands that suffer; the first empty: all
	focused float64   // their chance
	names   []string
	emails  []string
	outside bool // another application makes collections where a rename goes

	mu       sync.Mutex
	verdict  linearizable.Verdict
	quiet    bool
	bad      []string
	faults   int
	commands int
	wrote    map[string]write         // documents of others, by _id
	indexed  map[organization.ID]bool // organizations whose collection has an index of their data service's
	dropped  map[organization.ID]bool // organizations whose data service dropped their collection
	gone     map[organization.ID]bool // deletions that may have happened
	made     map[organization.ID]bool // acknowledged creations
	changes  map[organization.ID][]*wanted
	strayed  map[string]bool // collections in which others put documents when no organization lived there
	hunters  int
	keys     map[string]bool            // idempotency keys whose request may be remembered
	byKey    map[string]organization.ID // what an idempotency key has made
	hot      map[organization.ID]bool   // organizations that are aimed at already
	old      *severed                   // the last primary that was cut off
}

func newHistory(t *testing.T, seed uint64, aim string, without ablation) *history {
	h := &history{
		Database: memory.New(), t: t, seed: seed, aim: aim, began: time.Now(), without: without,
		wrote: map[string]write{}, indexed: map[organization.ID]bool{}, dropped: map[organization.ID]bool{},
		gone: map[organization.ID]bool{}, made: map[organization.ID]bool{}, strayed: map[string]bool{},
		changes: map[organization.ID][]*wanted{}, keys: map[string]bool{}, byKey: map[string]organization.ID{},
		hot: map[organization.ID]bool{},
	}
	if without.server != nil {
		without.server(h.Database)
	}
	d := h.dice("kind")
	h.NoUUIDs = d.IntN(4) == 0
	h.drops = d.IntN(2) == 0
	h.chance = []float64{0, 0.03, 0.06, 0.12, 0.2}[d.IntN(5)]
	h.outside = !h.drops
	if d.IntN(10) < 7 {
		for i := range h.focus {
			h.focus[i] = mutations()[d.IntN(len(mutations()))]
		}
		h.focused = []float64{0.15, 0.3, 0.6}[d.IntN(3)]
	}
	return h
}

// dice returns the randomness of one thing, by its name.
func (h *history) dice(of ...any) *rand.Rand {
	f := fnv.New64a()
	_, _ = fmt.Fprint(f, of...)                     // a hash never fails
	return rand.New(rand.NewPCG(h.seed, f.Sum64())) //nolint:gosec // G404: a test's dice
}

// upTo returns a duration from zero to below most.
func upTo(d *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(d.Int64N(int64(max(most, 1))))
}

func (h *history) say(format string, a ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := fmt.Sprintf(format, a...); !slices.Contains(h.bad, s) {
		h.bad = append(h.bad, s)
	}
}

// trace prints what has happened, with the history's own time.
func (h *history) trace(format string, a ...any) {
	if *traced {
		h.t.Logf("%8.3f "+format, append([]any{time.Since(h.began).Seconds()}, a...)...)
	}
}

func (h *history) calm() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.quiet
}

// note writes into the history's books.
func (h *history) note(write func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	write()
}

// foreign is the name of another application's collection. It has documents
// and no claim, and nobody may touch it.
const foreign = "Foreign"

// run is the whole history: work, then quiet, then the invariants.
func (h *history) run() {
	d := h.dice("shape")
	clients, steps := 3+d.IntN(4), 6+d.IntN(8)
	if h.aim != "" {
		clients, steps = 3, 5
	}
	for n := range 2 + d.IntN(3) {
		h.names = append(h.names, fmt.Sprintf("Name%d", n))
	}
	for n := range 2 + d.IntN(4) {
		h.emails = append(h.emails, fmt.Sprintf("e%d@acme.io", n))
	}
	if d.IntN(3) > 0 {
		h.names = append(h.names, foreign)
		h.foreignWrites()
	}
	var all, repair sync.WaitGroup
	h.hunts.Add(1)
	for c := range clients {
		all.Go(func() {
			for n := range steps {
				h.step(fmt.Sprintf("client %d.%d", c, n))
			}
		})
	}
	done := make(chan struct{})
	repair.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-time.After(upTo(h.dice("reconcile", n), 50*time.Second)):
				_, _ = h.service(fmt.Sprint("reconcile ", n)).Reconcile(h.t.Context())
			}
		}
	})
	all.Wait()
	close(done)
	repair.Wait()
	h.hunts.Done()
	h.hunts.Wait()
	time.Sleep(3 * time.Minute) // what comes late has come, and data writers have written
	h.note(func() { h.quiet = true })
	for n := range 6 {
		time.Sleep(90 * time.Second)
		if _, err := h.service(fmt.Sprint("quiet ", n)).Reconcile(h.t.Context()); err != nil {
			h.say("reconcile, when all is quiet: %v", err)
		}
	}
	h.answers.Quiet()
	h.check()
}

// nameOf returns the organization's shown name.
func (h *history) nameOf(org organization.ID) string {
	for _, o := range h.Organizations() {
		if o.ID == org {
			return o.Name
		}
	}
	return "Nobody"
}

// keyOf returns the key of a name that is known to be well-formed.
func keyOf(name string) string {
	n, _ := organization.ParseName(name)
	return n.Key
}
