package organization_test

import (
	"context"
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"oms/shared/fault"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
	"oms/shared/token"
)

//nolint:gochecknoglobals // flags
var (
	histories = flag.Int("histories", 30, "random histories to run")
	firstSeed = flag.Uint64("seed", 1, "the seed of the first history")
)

// TestService_randomHistories lets clients, data writers and reconcile work at
// once on few names and emails, in virtual time, while commands die, get lost,
// come late (within the late bound) and workers stall. When all is quiet it
// holds the invariants. Run one again with -run randomHistories -histories 1 -seed N.
func TestService_randomHistories(t *testing.T) {
	t.Parallel()
	faults, commands := 0, 0
	for seed := *firstSeed; seed < *firstSeed+uint64(*histories); seed++ { //nolint:gosec // G115: a small count
		var h *history
		synctest.Test(t, func(t *testing.T) {
			h = newHistory(t, seed)
			h.run()
		})
		for _, bad := range h.bad {
			t.Errorf("seed %d: %s", seed, bad)
		}
		faults += h.faults
		commands += h.commands
	}
	t.Logf("%d histories, %d commands, %d faults", *histories, commands, faults)
}

// history is one random run. All randomness comes from its seed and from who
// asks, never from the order in which goroutines run.
type history struct {
	*organizationtest.Memory
	t    *testing.T
	seed uint64

	mu       sync.Mutex
	quiet    bool
	bad      []string
	faults   int
	commands int
	wrote    map[string]write         // documents of data writers, by _id
	gone     map[organization.ID]bool // deletions that may have happened
	dropped  bool                     // a data service dropped a collection
	made     map[organization.ID]bool // acknowledged creations
}

// write is what a data writer was acknowledged.
type write struct {
	org     organization.ID
	dropped bool
}

func newHistory(t *testing.T, seed uint64) *history {
	return &history{
		Memory: organizationtest.NewMemory(), t: t, seed: seed,
		wrote: map[string]write{}, gone: map[organization.ID]bool{}, made: map[organization.ID]bool{},
	}
}

// dice returns the randomness of one thing, by its name.
func (h *history) dice(of ...any) *rand.Rand {
	f := fnv.New64a()
	_, _ = fmt.Fprint(f, of...)                     // a hash never fails
	return rand.New(rand.NewPCG(h.seed, f.Sum64())) //nolint:gosec // G404: a test's dice
}

func (h *history) say(format string, a ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := fmt.Sprintf(format, a...); !slices.Contains(h.bad, s) {
		h.bad = append(h.bad, s)
	}
}

func (h *history) calm() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.quiet
}

// service returns the service of one call, whose commands suffer.
func (h *history) service(call string) *organization.Service {
	var mu sync.Mutex
	dead := false
	nth := map[string]int{}
	began := time.Now()
	hook := func(command string, apply func() error) error {
		mu.Lock()
		if dead {
			mu.Unlock()
			return context.Canceled
		}
		nth[command]++
		d := h.dice(call, command, nth[command])
		mu.Unlock()
		h.mu.Lock()
		h.commands++
		h.mu.Unlock()
		die := func() error {
			mu.Lock()
			defer mu.Unlock()
			dead = true
			return context.Canceled
		}
		checked := func() error {
			err := apply()
			h.watch()
			return err
		}
		pause := func() { time.Sleep(time.Duration(1+d.IntN(25_000)) * time.Microsecond) }
		pause()
		if h.calm() || d.Float64() > 0.06 {
			err := checked()
			pause()
			return err
		}
		h.mu.Lock()
		h.faults++
		h.mu.Unlock()
		const commandTimeout = 2 * time.Second
		switch d.IntN(7) {
		case 0:
			return die()
		case 1:
			_ = checked()
			return die()
		case 2:
			_ = checked()
			time.Sleep(commandTimeout)
			return organization.ErrLost
		case 3:
			time.Sleep(commandTimeout)
			return organization.ErrLost
		case 4, 5:
			bound := time.Until(began.Add(organization.Lease + organization.LateBound))
			late := time.Duration(d.Int64N(int64(bound)))
			if d.IntN(2) == 0 {
				late = bound - time.Duration(d.Int64N(int64(4*time.Second)))
			}
			time.AfterFunc(late, func() { _ = checked() })
			if d.IntN(2) == 0 {
				return die()
			}
			time.Sleep(commandTimeout)
			return organization.ErrLost
		default:
			err := checked()
			time.Sleep(time.Duration(d.Int64N(int64(100 * time.Second))))
			return err
		}
	}
	return organization.New(organization.Config{
		Store: organizationtest.Hooked(h.Store(), hook), Passwords: organizationtest.Plain{}, Secret: []byte("secret"), Retention: 2 * time.Minute,
		Log: discard(),
	})
}

// watch holds what must be true at every moment.
func (h *history) watch() {
	keys := map[string]int{}
	for _, o := range h.Organizations() {
		if !o.State.Visible() {
			continue
		}
		keys[o.Key]++
		if keys[o.Key] > 1 {
			h.say("two visible organizations have the key %s", o.Key)
		}
		for _, d := range h.Documents(o.Collection) {
			h.mu.Lock()
			owner, ok := h.wrote[organizationtest.StringID(d)]
			h.mu.Unlock()
			if ok && owner.org != o.ID {
				h.say("a document of %s is visible in %s", owner.org, o.ID)
			}
		}
	}
}

// run is the whole history: work, then quiet, then the invariants.
func (h *history) run() {
	d := h.dice("shape")
	clients, steps := 3+d.IntN(4), 6+d.IntN(8)
	names, emails := 2+d.IntN(3), 2+d.IntN(4)
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for n := range steps {
				h.step(fmt.Sprintf("client %d.%d", c, n), names, emails)
			}
		})
	}
	done := make(chan struct{})
	var repair sync.WaitGroup
	repair.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-time.After(time.Duration(h.dice("reconcile", n).Int64N(int64(50 * time.Second)))):
				_, _ = h.service(fmt.Sprint("reconcile ", n)).Reconcile(h.t.Context())
			}
		}
	})
	all.Wait()
	close(done)
	repair.Wait()
	time.Sleep(3 * time.Minute) // what comes late has come, and data writers have written
	h.mu.Lock()
	h.quiet = true
	h.mu.Unlock()
	for n := range 6 {
		time.Sleep(90 * time.Second)
		if _, err := h.service(fmt.Sprint("quiet ", n)).Reconcile(h.t.Context()); err != nil {
			h.say("reconcile, when all is quiet: %v", err)
		}
	}
	h.check(names, emails)
}

// step is one thing that one client does.
func (h *history) step(who string, names, emails int) {
	d := h.dice(who)
	switch d.IntN(4) {
	case 0:
		time.Sleep(time.Duration(d.Int64N(int64(60 * time.Second))))
	default:
		time.Sleep(time.Duration(d.Int64N(int64(3 * time.Second))))
	}
	name := fmt.Sprintf("Name%d", d.IntN(names))
	email := fmt.Sprintf("e%d@acme.io", d.IntN(emails))
	s := h.service(who)
	account, ok := h.account(d)
	var err error
	switch x := d.IntN(100); {
	case !ok || x < 25:
		c := creation(name, email)
		if d.IntN(2) == 0 {
			c.IdempotencyKey = fmt.Sprint("key ", d.IntN(6), name, email)
		}
		var created organization.Created
		created, err = s.Create(h.t.Context(), c)
		if err == nil {
			h.mu.Lock()
			h.made[created.ID] = true
			h.mu.Unlock()
		}
	case x < 60:
		c := organization.Change{}
		if d.IntN(3) > 0 {
			c.Name = &name
		}
		if c.Name == nil || d.IntN(3) == 0 {
			c.Email = &email
		}
		if d.IntN(4) == 0 {
			c.Password, c.NewPassword = ptr(secretWord), ptr(secretWord)
		}
		_, err = s.Update(h.t.Context(), account, c)
	case x < 70:
		org, _ := organization.ParseID(account.OrgID)
		_, err = s.Delete(h.t.Context(), account, h.nameOf(org), nil)
		if code(err) == "" || code(err) == "storage_unavailable" {
			h.mu.Lock()
			h.gone[org] = true
			h.mu.Unlock()
		}
		if err == nil && slices.ContainsFunc(h.Organizations(), func(o organization.Organization) bool {
			return o.ID == org && !o.State.Dead()
		}) {
			h.say("an organization lives whose deletion was acknowledged")
		}
	default:
		var v organization.View
		asked := time.Now()
		if v, err = s.Get(h.t.Context(), token.Principal{}, name); err == nil {
			h.write(who, v, asked)
		}
	}
	if fault.KindOf(err) == fault.Internal && err != nil {
		h.say("an answer is no fault: %v", err)
	}
}

// account picks an admin that is there now, and what its token says.
func (h *history) account(d *rand.Rand) (token.Principal, bool) {
	as := h.Admins()
	if len(as) == 0 {
		return token.Principal{}, false
	}
	a := as[d.IntN(len(as))]
	return token.Principal{AdminID: a.ID.String(), OrgID: a.OrgID.String(), Ver: a.Ver}, true
}

func (h *history) nameOf(org organization.ID) string {
	for _, o := range h.Organizations() {
		if o.ID == org {
			return o.Name
		}
	}
	return "Nobody"
}

// write lets data writers, who were told v, use its collection's name within the late bound.
func (h *history) write(who string, v organization.View, asked time.Time) {
	d := h.dice("writers", who)
	for n := range 1 + d.IntN(4) {
		at := time.Duration(d.Int64N(int64(organization.LateBound)))
		if d.IntN(2) == 0 {
			at = organization.LateBound - time.Duration(1+d.Int64N(int64(3*time.Second)))
		}
		id := fmt.Sprintf("%s-%d", strings.ReplaceAll(who, " ", "_"), n)
		drop := d.IntN(40) == 0
		time.AfterFunc(time.Until(asked.Add(at)), func() {
			if drop {
				h.drop(v.Collection)
				return
			}
			h.mu.Lock()
			h.wrote[id] = write{org: v.ID}
			h.mu.Unlock()
			if err := h.Put(v.Collection, organizationtest.StringDocument(id, "written")); err != nil {
				h.say("a data writer: %v", err)
			}
			h.watch()
		})
	}
}

// drop is what a data service may do to the collection that it was told of.
func (h *history) drop(collection string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, doc := range h.Documents(collection) {
		w := h.wrote[organizationtest.StringID(doc)]
		w.dropped = true
		h.wrote[organizationtest.StringID(doc)] = w
	}
	h.dropped = h.Drop(collection) || h.dropped
}

// check holds the invariants when all is quiet.
func (h *history) check(names, emails int) {
	w := &world{Memory: h.Memory, clock: organizationtest.NewClock()}
	for _, bad := range w.violations() {
		// A collection that its data service dropped is made again by its next writer.
		if !h.dropped || !strings.HasPrefix(bad, "collection_missing") {
			h.say("%s", bad)
		}
	}
	living := map[organization.ID]organization.Organization{}
	for _, o := range w.living() {
		living[o.ID] = o
	}
	for id := range h.made {
		if _, ok := living[id]; !ok && !h.gone[id] {
			h.say("the acknowledged organization %s is gone", id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(h.wrote)) {
		doc := h.wrote[id]
		o, ok := living[doc.org]
		if !ok || doc.dropped {
			continue
		}
		if !slices.ContainsFunc(h.Documents(o.Collection), func(d organization.Document) bool { return organizationtest.StringID(d) == id }) {
			h.say("the acknowledged document %s of %s is not in %s", id, o.ID, o.Collection)
		}
	}
	for n := range names {
		h.free(fmt.Sprintf("Name%d", n), fmt.Sprintf("fresh%d@acme.io", n), w.living(), func(o organization.Organization, name string) bool { return strings.EqualFold(o.Key, name) })
	}
	for n := range emails {
		email := fmt.Sprintf("e%d@acme.io", n)
		taken := slices.ContainsFunc(h.Admins(), func(a organization.Admin) bool { return a.Email == email })
		_, err := h.service("email "+email).Create(h.t.Context(), creation(fmt.Sprint("Fresh", n), email))
		if (err == nil) == taken {
			h.say("%s is taken: %v, and creating with it says %v", email, taken, err)
		}
	}
}

// free holds that a name is refused only where a living organization has it.
func (h *history) free(name, email string, living []organization.Organization, has func(organization.Organization, string) bool) {
	taken := slices.ContainsFunc(living, func(o organization.Organization) bool { return has(o, name) })
	_, err := h.service("name "+name).Create(h.t.Context(), creation(name, email))
	if (err == nil) == taken {
		h.say("%s is taken: %v, and creating it says %v", name, taken, err)
	}
}
