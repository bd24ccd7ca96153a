package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"oms/shared/mongo/mongotest"
	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
)

// TestDoctor: the doctor repairs again and again while twenty clients create,
// rename and delete under few names, reconcile runs, and somebody makes
// collections, claims and admins that nobody explains, under the same names too.
// When all is quiet, what was acknowledged is there with its document, and
// nothing contradicts itself but what was planted; and that is mended.
func TestDoctor(t *testing.T) {
	mongotest.Long(t)
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		w := newWard(t, e)
		for range 5 { // again where the machine was too slow for anything to happen
			if w.work(t, time.Minute); w.done.Load() > 0 && w.repaired.Mended > 0 {
				break
			}
		}
		w.Quiet(t)
		for _, bad := range w.Violations(t, "ghost_unknown_", "strange ") {
			kind, _, _ := strings.Cut(bad, ":")
			if kind != "collection_unexplained" && kind != "admin_of_dead_organization" { // planted
				t.Errorf("before a last repair: %s", bad)
			}
		}
		for range 2 {
			if r, err := w.Repair(t.Context()); err != nil || r.Failed > 0 {
				t.Errorf("Repair(), when all is quiet = %+v, %v", r, err)
			}
			w.Quiet(t)
		}
		w.WantSound(t, "ghost_unknown_")
		for _, c := range w.clients {
			w.keeps(t, c)
		}
		t.Logf("clients: %d done, %d refused, %d unknown; the doctor: %d runs, %d without the database, of its "+
			"repairs %+v",
			w.done.Load(), w.refused.Load(), w.unknown.Load(), w.runs, w.unread, w.repaired)
		if w.done.Load() == 0 || w.repaired.Mended == 0 {
			t.Error("nobody did anything: this proves nothing")
		}
	})
}

// names is how many names there are for the clients of a ward.
const names = 40

// ward is a database with clients and a doctor at work on it.
type ward struct {
	*organizationtest.World
	doctor  *organization.Service // with connections of its own
	clients []*client

	// time is held for reading by whoever is at work, and for writing by whoever
	// moves the clock: no command is later than its worker's clock says.
	time sync.RWMutex
	lost atomic.Bool // since the clock was moved an answer did not come: its command may still act

	done, refused, unknown atomic.Int64
	runs, unread           int
	repaired               organization.Repaired
}

// client has one email address, and at most one organization. It knows which,
// except after an answer that says nothing.
type client struct {
	n     int
	knows bool
	org   organization.ID // zero: none
	key   string
	wrote bool // its document was acknowledged
}

func (c *client) email() string { return fmt.Sprintf("c%d@acme.io", c.n) }

func newWard(t *testing.T, e mongotest.Engine) *ward {
	t.Helper()
	name := databaseName()
	db := e.OpenNamed(t, name)
	must.Do(t, db.EnsureIndexes(t.Context()))
	w := &ward{World: organizationtest.NewWorld(db.Store(), e.Writer(t, name))}
	hook := func(_ string, apply func() error) error {
		err := apply()
		if errors.Is(err, organization.ErrLost) {
			w.lost.Store(true)
		}
		return err
	}
	w.Service = w.Hooked(hook)
	w.doctor = w.On(organizationtest.Hooked(e.OpenNamed(t, name).Store(),
		func(command string, apply func() error) error {
			if moves(command) { // others come in between
				time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond) //nolint:gosec // G404: a test's dice
			}
			return hook(command, apply)
		}))
	for n := range 20 {
		w.clients = append(w.clients, &client{n: n, knows: true})
	}
	return w
}

// moves reports whether a repair acts on a name by the command.
func moves(command string) bool {
	return slices.Contains([]string{"claims.insert", "collections.create", "collections.rename"}, command)
}

// work lets all of them work for that long.
func (w *ward) work(t *testing.T, long time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	var all sync.WaitGroup
	again := func(do func(d *rand.Rand)) {
		d := rand.New(rand.NewPCG(rand.Uint64(), 0)) //nolint:gosec // G404: a test's dice
		all.Go(func() {
			for ctx.Err() == nil {
				w.time.RLock()
				do(d)
				w.time.RUnlock()
			}
		})
	}
	for _, c := range w.clients {
		again(func(d *rand.Rand) { w.act(t, c, d) })
	}
	all.Go(func() {
		for ctx.Err() == nil {
			w.repair(t) //nolint:contextcheck // a run that has begun is not broken off
			w.pass()
		}
	})
	again(func(*rand.Rand) {
		if _, err := w.Reconcile(t.Context()); err != nil && organizationtest.Code(err) != "storage_unavailable" {
			t.Errorf("Reconcile() = %v", err)
		}
	})
	again(func(d *rand.Rand) { w.plant(t, d) })
	all.Wait()
	w.pass()
}

// pass lets time pass, when nobody is at work: holds run out, and names come back.
func (w *ward) pass() {
	w.time.Lock()
	defer w.time.Unlock()
	if w.lost.Swap(false) {
		time.Sleep(3 * time.Second) // longer than a server works on a command
	}
	w.Clock.Advance(100 * time.Second)
}

// act is what a client does next with its organization.
func (w *ward) act(t *testing.T, c *client, d *rand.Rand) {
	t.Helper()
	w.keeps(t, c)
	ctx, name := t.Context(), key(d.IntN(names))
	a, err := w.Store.Admins.FindByEmail(ctx, c.email())
	if err != nil && !errors.Is(err, organization.ErrAbsent) {
		return
	}
	if a.ID.IsZero() { // it has none, or does not know that it has none
		v, err := w.Create(ctx, organization.Creation{
			Name: name, Email: c.email(), Password: organizationtest.Password,
		})
		if w.answered(t, c, err) {
			*c = client{n: c.n, knows: true, org: v.ID, key: name}
			w.keeps(t, c) // before a document makes the collection again
			c.wrote = w.Writer.Put(ctx, v.Collection, organizationtest.StringDocument(c.email(), "v")) == nil
		}
		return
	}
	who := organizationtest.PrincipalOf(a, w.Clock.Now())
	if d.IntN(3) > 0 {
		v, err := w.Update(ctx, who, organization.Change{Name: &name})
		if w.answered(t, c, err) {
			c.knows, c.org, c.key = true, v.ID, name
		}
		return
	}
	o, err := w.Store.Organizations.Find(ctx, a.OrgID)
	if err != nil {
		return
	}
	if _, err = w.Delete(ctx, who, organization.Deletion{Name: o.Name}); w.answered(t, c, err) {
		*c = client{n: c.n, knows: true}
	}
}

// answered reports whether it has happened, and notes where nobody knows.
func (w *ward) answered(t *testing.T, c *client, err error) bool {
	t.Helper()
	switch code := organizationtest.Code(err); {
	case err == nil:
		w.done.Add(1)
	case code == "storage_unavailable":
		w.unknown.Add(1)
		*c = client{n: c.n}
	case code == "organization_name_taken", code == "organization_name_held", code == "organization_busy",
		code == "admin_email_taken", code == "token_revoked":
		w.refused.Add(1)
		time.Sleep(5 * time.Millisecond)
	default:
		t.Errorf("client %d is answered %v", c.n, err)
	}
	return err == nil
}

// repair is one run of the doctor, which is alone in moving the clock.
func (w *ward) repair(t *testing.T) {
	t.Helper()
	r, err := w.doctor.Repair(t.Context())
	w.runs++
	w.repaired.Mended += r.Mended
	w.repaired.Changed += r.Changed
	w.repaired.Failed += r.Failed
	if organizationtest.Code(err) == "storage_unavailable" { // the machine was too slow for an answer
		w.unread++
	} else if err != nil {
		t.Errorf("Repair() = %v", err)
	}
}

// plant makes something that nobody explains; a collection may be adopted, for it is empty.
func (w *ward) plant(t *testing.T, d *rand.Rand) {
	t.Helper()
	now := w.Clock.Now()
	id := organization.NewID(now)
	var err error
	switch d.IntN(10) {
	default:
		err = w.Store.Collections.Create(t.Context(), organization.CollectionName(key(d.IntN(names))))
	case 0:
		err = w.Store.Claims.Insert(t.Context(), organization.Claim{Key: "strange " + id.String(), OrgID: id, ID: id})
	case 1:
		a := organization.Admin{ID: id, OrgID: id, Email: id.String() + "@strange.io", Rev: 1}
		err = w.Store.Admins.Insert(t.Context(), a)
	}
	if err != nil && !errors.Is(err, organization.ErrExists) && !errors.Is(err, organization.ErrLost) {
		t.Errorf("planting: %v", err)
	}
	time.Sleep(10 * time.Millisecond)
}

// keeps holds that a client has what it was promised. A read that is not answered says nothing.
func (w *ward) keeps(t *testing.T, c *client) {
	t.Helper()
	if !c.knows || c.org.IsZero() {
		return
	}
	o, err := w.Store.Organizations.Find(t.Context(), c.org)
	a, adminErr := w.Store.Admins.FindByEmail(t.Context(), c.email())
	name := organization.CollectionName(c.key)
	there, thereErr := w.Store.Collections.Find(t.Context(), name)
	documents, heldErr := w.Writer.Documents(t.Context(), name)
	if errors.Is(errors.Join(err, adminErr, thereErr), organization.ErrLost) || heldErr != nil {
		return
	}
	if o.Key != c.key || o.State != organization.Active || a.OrgID != c.org {
		t.Errorf("client %d was promised %s under %s: there are %+v, %v and %v", c.n, c.org, c.key, o, err, adminErr)
	}
	if len(there) == 0 || len(documents) > 1 || c.wrote && len(documents) == 0 {
		t.Errorf("client %d: of %s there are %v and %d documents, want its own", c.n, name, there, len(documents))
	}
}
