package mongo_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/mongo/mongotest"
	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
	"oms/shared/token"
)

// newWorld returns a world on a database of its own of the engine.
func newWorld(t *testing.T, e mongotest.Engine) *organizationtest.World {
	t.Helper()
	db := e.Open(t)
	must.Do(t, db.EnsureIndexes(t.Context()))
	return organizationtest.NewWorld(db.Store(), e.Writer(t, db.Name()))
}

// collectionOf returns the collection of an organization of that name.
func collectionOf(tb testing.TB, name string) string {
	tb.Helper()
	parsed, wrong := organization.ParseName(name)
	if wrong != nil {
		tb.Fatalf("%q is no name: %v", name, wrong)
	}
	return organization.CollectionName(parsed.Key)
}

// tenant is an organization that is renamed under the hands of those who write
// into its collection.
type tenant struct {
	*organizationtest.World

	// time is held for reading by whoever has asked for a name and writes under
	// it, and for writing by whoever moves the clock: so no write is later than
	// its writer's clock said.
	time sync.RWMutex
	name atomic.Pointer[string]

	moves sync.Locker // held by each insert; see [apart]

	mu           sync.Mutex
	acknowledged []string
	refused      int
	stale        int // acknowledged under a name that was not the tenant's any more
}

// write inserts documents until ctx ends, under names that it keeps for up to
// the given time.
func (n *tenant) write(ctx context.Context, t *testing.T, writer int, keep time.Duration) {
	var collection string
	var asked time.Time
	for i := 0; ctx.Err() == nil; i++ {
		n.time.RLock()
		if now := n.Clock.Now(); collection == "" || now.Sub(asked) > keep {
			v, err := n.Get(ctx, token.Principal{}, *n.name.Load())
			if err != nil {
				n.time.RUnlock()
				// not found: renamed a moment ago
				if code := organizationtest.Code(err); ctx.Err() == nil && code != "organization_not_found" {
					t.Errorf("asking for the name: %v", err)
				}
				collection = "" // nothing is written after a 404
				continue
			}
			collection, asked = v.Collection, now
		}
		id := fmt.Sprintf("w%d.%06d", writer, i)
		n.moves.Lock()
		err := n.Writer.Put(context.WithoutCancel(ctx), collection, organizationtest.StringDocument(id, "v"))
		n.moves.Unlock()
		n.mu.Lock()
		if err == nil {
			n.acknowledged = append(n.acknowledged, id)
			if collection != collectionOf(t, *n.name.Load()) {
				n.stale++
			}
		} else {
			n.refused++ // the collection was being moved: the writer was told
		}
		n.mu.Unlock()
		n.time.RUnlock()
	}
}

// apart keeps what makes, moves and drops collections, and the inserts that may
// make one, apart from each other.
type apart struct {
	organization.Collections
	mu sync.Locker
}

func (a apart) Create(ctx context.Context, name string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.Collections.Create(ctx, name)
}

func (a apart) Rename(ctx context.Context, from, to string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.Collections.Rename(ctx, from, to)
}

func (a apart) Drop(ctx context.Context, name string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.Collections.Drop(ctx, name)
}

type apartDocuments struct {
	organization.Documents
	mu sync.Locker
}

func (a apartDocuments) Insert(ctx context.Context, collection string, d organization.Document) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.Documents.Insert(ctx, collection, d)
}

// newTenant returns a tenant without a name. mongo-java-server 1.47 changes its
// catalog without a lock: an index that an insert makes with its collection is
// lost to a rename beside it, and then that collection cannot be dropped; of two
// inserts that make one, one may be lost. It is told by what no other server
// lacks: hello.
func newTenant(t *testing.T, e mongotest.Engine) *tenant {
	t.Helper()
	var mu sync.RWMutex
	n := &tenant{World: newWorld(t, e), moves: mu.RLocker()}
	hello := e.Client(t).Database("admin").RunCommand(t.Context(), bson.D{{Key: "hello", Value: 1}})
	if hello.Err() != nil {
		t.Logf("this server has no hello: renames and inserts are kept apart")
		n.moves = &mu
		n.Store.Collections = apart{n.Store.Collections, &mu}
		n.Store.Documents = apartDocuments{n.Store.Documents, &mu}
		n.Service = n.On(n.Store)
	}
	return n
}

// TestDataKept: other services write into an organization's collection while it
// is renamed time and again and reconcile runs, under names that they keep for
// nothing, for half a minute and for the whole minute that they may. When all is
// quiet every document that was acknowledged is in the organization's
// collection, and none is anywhere else.
func TestDataKept(t *testing.T) {
	mongotest.Long(t)
	t.Parallel()
	const renames = 200
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		n := newTenant(t, e)
		name := "Tenant 0"
		n.name.Store(&name)
		who := n.Found(t, name, "tenant@example.com")

		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		defer all.Wait()
		defer cancel()
		for i, keep := range []time.Duration{0, organization.LateBound / 2, organization.LateBound} {
			all.Go(func() { n.write(ctx, t, i, keep) })
		}
		due := make(chan struct{}, 1)
		total := organization.Report{}
		all.Go(func() {
			for range due {
				r, err := n.Reconcile(ctx)
				if err != nil && ctx.Err() == nil {
					t.Errorf("Reconcile() = %v", err)
				}
				total.Strays, total.Merged = total.Strays+r.Strays, total.Merged+r.Merged
			}
		})
		for i := 1; i <= renames && !t.Failed(); i++ {
			name := fmt.Sprintf("Tenant %d", i)
			if _, err := n.Update(ctx, who, organization.Change{Name: &name}); err != nil {
				t.Errorf("rename %d: %v", i, err)
			}
			n.name.Store(&name)
			n.time.Lock()
			n.Clock.Advance(7 * time.Second)
			n.time.Unlock()
			if i%3 == 0 {
				select {
				case due <- struct{}{}:
				default: // it is at work
				}
			}
		}
		close(due)
		cancel()
		all.Wait()

		for range 5 { // as Quiet, and counted
			n.Clock.Advance(90 * time.Second)
			r, err := n.Reconcile(t.Context())
			if err != nil || !r.Complete {
				t.Errorf("Reconcile() = %+v, %v", r, err)
			}
			total.Strays, total.Merged = total.Strays+r.Strays, total.Merged+r.Merged
		}
		n.WantSound(t)
		n.check(t)
		t.Logf("%d renames, %d inserts acknowledged, %d of them under an old name, %d refused; reconcile moved %d "+
			"collections away and brought %d documents back",
			renames, len(n.acknowledged), n.stale, n.refused, total.Strays, total.Merged)
		if n.stale == 0 || total.Merged == 0 {
			t.Error("nothing was written under an old name: this has tested nothing")
		}
	})
}

// check holds that the acknowledged documents are in the tenant's collection,
// and that there is no other collection of any tenant's.
func (n *tenant) check(t *testing.T) {
	t.Helper()
	home := collectionOf(t, *n.name.Load())
	there := map[string]bool{}
	for _, d := range must.Get(n.Writer.Documents(t.Context(), home))(t) {
		there[organizationtest.StringID(d)] = true
	}
	for _, id := range n.acknowledged {
		if !there[id] {
			t.Errorf("%s was acknowledged and is not in %s", id, home)
		}
	}
	if extra := len(there) - len(n.acknowledged); extra < 0 || extra > n.refused {
		t.Errorf("%s holds %d documents, %d were acknowledged and %d refused", home, len(there), len(n.acknowledged),
			n.refused)
	}
	for _, name := range must.Get(n.Store.Collections.List(t.Context(), ""))(t) {
		if !slices.Contains([]string{home, "organizations", "admins", "names", "requests", "attempts"}, name) {
			t.Errorf("%s is left, with %q in it", name, n.Held(t, name))
		}
	}
}
