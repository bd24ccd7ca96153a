package organization_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/crashtest"
	"oms/shared/organization/organizationtest"
	"oms/shared/throttle/throttletest"
	"oms/shared/token"
)

// counted returns a hook that counts the commands whose names begin so.
func counted(prefix string) (organizationtest.Hook, *atomic.Int64) {
	sent := new(atomic.Int64)
	return func(command string, apply func() error) error {
		if strings.HasPrefix(command, prefix) {
			sent.Add(1)
		}
		return apply()
	}, sent
}

// crowd founds organizations, and lets the holds of their creation pass.
func (w *world) crowd(n int) []token.Principal {
	w.Helper()
	all := make([]token.Principal, n)
	for i := range all {
		all[i] = w.Found(w, fmt.Sprintf("Org %d", i), fmt.Sprintf("%d@acme.io", i))
	}
	w.Clock.Advance(2 * time.Minute)
	return all
}

func (w *world) reconciled(s *organization.Service) organization.Report {
	w.Helper()
	r, err := s.Reconcile(context.WithoutCancel(w.Context()))
	if err != nil {
		w.Fatalf("Reconcile() = %+v, %v", r, err)
	}
	return r
}

func TestService_Reconcile_looksAtNothingThatLives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hook, sent := counted("")
	s := w.Hooked(hook)
	all := w.crowd(500)
	if r := w.reconciled(s); r.Settled != 500 || sent.Swap(0) > 20 {
		t.Errorf("the first run settled %d of 500 claims", r.Settled)
	}
	w.Clock.Advance(time.Minute)
	w.reconciled(s)
	if n := sent.Load(); n > 20 {
		t.Errorf("a run with nothing to do sent %d commands, want at most 20", n)
	}
	// What happens among them is seen in the first run after its time.
	must.Do(t, must.Err(w.Delete(t.Context(), all[0], organization.Deletion{Name: "Org 0"})))
	late := organization.Admin{ID: fixedID(6), OrgID: w.named("Org 0").ID, Email: "late@acme.io", Rev: 1}
	w.admin(late) // a late command of its creation
	must.Do(t, must.Err(w.Update(t.Context(), all[1], organization.Change{Name: ptr("Moved")})))
	w.Put(t, "org_org_1", "late", "written under the old name")
	_, _ = w.Hooked(crashtest.Dying(7)).Update(t.Context(), all[2], organization.Change{Name: ptr("Crashed")})
	w.Clock.Advance(90 * time.Second)
	sent.Store(0)
	r := w.reconciled(s)
	if r.Finished != 1 || r.Strays != 1 || r.Merged != 1 || r.Admins != 1 || !r.Complete {
		t.Errorf("the run after a deletion, a rename and a crash reports %+v", r)
	}
	if n := sent.Load(); n > 60 {
		t.Errorf("it sent %d commands, want few beside 500 living organizations", n)
	}
	if got := w.Held(t, "org_moved"); got != "late" {
		t.Errorf("org_moved holds %q, want what was written under the old name", got)
	}
	w.Quiet(t)
	w.WantSound(t)
}

// refusal is a server's that refuses what is done to one thing, named by its text.
type refusal struct {
	thing string
	tries int
}

func (r *refusal) of(thing string, apply func() error) error {
	if thing != r.thing {
		return apply()
	}
	r.tries++
	return errors.New("the server refuses")
}

type refusedCollections struct {
	organization.Collections
	*refusal
}

func (r refusedCollections) Drop(ctx context.Context, name string) error {
	return r.of(name, func() error { return r.Collections.Drop(ctx, name) })
}

func (r refusedCollections) Rename(ctx context.Context, from, to string) error {
	return r.of(from, func() error { return r.Collections.Rename(ctx, from, to) })
}

type refusedClaims struct {
	organization.Claims
	*refusal
}

func (r refusedClaims) Delete(ctx context.Context, c organization.Claim) (ok bool, err error) {
	err = r.of(c.Key, func() error { ok, err = r.Claims.Delete(ctx, c); return err })
	return ok, err
}

type refusedAdmins struct {
	organization.Admins
	*refusal
}

func (r refusedAdmins) DeleteAll(ctx context.Context, org organization.ID) (n int, err error) {
	err = r.of(org.String(), func() error { n, err = r.Admins.DeleteAll(ctx, org); return err })
	return n, err
}

// TestService_Reconcile_oneBadItemStopsNothing has one item of each kind, the
// oldest of its list, that can never be done: the others are done, it is logged
// once, tried now and then, and counted in every run.
func TestService_Reconcile_oneBadItemStopsNothing(t *testing.T) {
	t.Parallel()
	deleted := func(w *world, name string) organization.Organization {
		who := w.Found(w, name, name+"@acme.io")
		must.Do(w, must.Err(w.Delete(w.Context(), who, organization.Deletion{Name: name})))
		return w.named(name)
	}
	key := strings.ToLower
	for _, c := range []struct {
		name  string
		leave func(w *world, name string) (thing string) // something to do
		done  func(w *world, o organization.Organization) bool
		wait  time.Duration
	}{
		{
			"a trash that cannot be dropped",
			func(w *world, name string) string {
				return "trash_" + deleted(w, name).Op.ID.String()
			},
			func(_ *world, o organization.Organization) bool { return o.Op == nil }, time.Hour,
		},
		{
			"a claim that cannot be freed",
			func(w *world, name string) string { deleted(w, name); return key(name) },
			func(w *world, o organization.Organization) bool {
				return !slices.ContainsFunc(w.db.Claims(),
					func(c organization.Claim) bool { return c.Key == key(o.Name) })
			}, 2 * time.Minute,
		},
		{
			"a stray that cannot be moved",
			func(w *world, name string) string {
				deleted(w, name)
				w.Put(w, "org_"+key(name), "late", "late")
				return "org_" + key(name)
			},
			func(w *world, o organization.Organization) bool {
				return !slices.Contains(w.db.Names(), "org_"+key(o.Name))
			}, 2 * time.Minute,
		},
		{
			"an operation that cannot be finished",
			func(w *world, name string) string {
				who := w.Found(w, name, name+"@acme.io")
				_, _ = w.Hooked(crashtest.Dying(2)).Delete(w.Context(), who, organization.Deletion{Name: name})
				return w.named(name).ID.String()
			},
			func(_ *world, o organization.Organization) bool { return o.State == organization.Deleted },
			2 * time.Minute,
		},
		{
			"admins of the dead that cannot be deleted",
			func(w *world, name string) string { return deleted(w, name).ID.String() },
			func(_ *world, o organization.Organization) bool { return o.SweepAfter.IsZero() }, 2 * time.Minute,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			bad := &refusal{thing: c.leave(w, "Bad")}
			w.Clock.Advance(time.Second)
			c.leave(w, "Good")
			w.Clock.Advance(c.wait)
			store, log := w.Store, bytes.Buffer{}
			store.Collections = refusedCollections{store.Collections, bad}
			store.Claims = refusedClaims{store.Claims, bad}
			store.Admins = refusedAdmins{store.Admins, bad}
			s := organization.New(organization.Config{
				Store: store, Guard: throttletest.NewGuard(nil), Now: w.Clock.Now,
				Log: slog.New(slog.NewJSONHandler(&log, nil)),
			})
			for n := range 60 {
				r := w.reconciled(s)
				if r.Failed != 1 || !r.Complete || r.Oldest == 0 {
					t.Fatalf("run %d reports %+v, want one failed", n, r)
				}
				if !c.done(w, w.named("Good")) || c.done(w, w.named("Bad")) {
					t.Fatalf("run %d has done the bad one, or has not done the good one", n)
				}
				if strings.Count(log.String(), `"ERROR"`) != 1 {
					t.Fatalf("run %d: the log is %s, want one error", n, log.String())
				}
				w.Clock.Advance(time.Minute)
			}
			if bad.tries < 3 || bad.tries > 8 {
				t.Errorf("it was tried %d times in an hour, want now and then", bad.tries)
			}
		})
	}
}

// named returns the organization that was created with the name.
func (w *world) named(name string) organization.Organization {
	w.Helper()
	orgs := w.db.Organizations()
	i := slices.IndexFunc(orgs, func(o organization.Organization) bool { return o.Name == name })
	if i < 0 {
		w.Fatalf("there is no organization %s", name)
	}
	return orgs[i]
}

// newConflicts is a world in which an organization has another name by now, and
// n documents under the old one that differ from its own.
func newConflicts(tb testing.TB, n int) *world {
	tb.Helper()
	w := newWorld(tb)
	who := w.Found(tb, "Acme", "a@acme.io")
	for i := range n {
		w.Put(tb, "org_acme", fmt.Sprintf("d%04d", i), "one")
	}
	must.Do(tb, must.Err(w.Update(tb.Context(), who, organization.Change{Name: ptr("Beta")})))
	for i := range n {
		w.Put(tb, "org_acme", fmt.Sprintf("d%04d", i), "another")
	}
	w.Clock.Advance(90 * time.Second)
	return w
}

func TestService_Reconcile_asksLessAndLessForAGhostThatIsKept(t *testing.T) {
	t.Parallel()
	w := newConflicts(t, 300)
	hook, sent := counted("documents.insert")
	s := w.Hooked(hook)
	for n := range 60 {
		if r := w.reconciled(s); r.Kept != 1 || r.Failed != 0 || r.Oldest != 0 {
			t.Fatalf("run %d reports %+v, want one kept", n, r)
		}
		w.Clock.Advance(time.Minute)
	}
	if n := sent.Load(); n > 8*300 {
		t.Errorf("in an hour %d inserts were tried of 300 documents that differ", n)
	}
}

// TestService_Reconcile_sharesItsTime: commands take time, and there is more to
// do than a run has time for. Every kind gets on in the first run, and the next
// ones go on.
func TestService_Reconcile_sharesItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := w.crowd(80)
	for i, who := range all[:40] {
		must.Do(t, must.Err(w.Delete(t.Context(), who, organization.Deletion{Name: fmt.Sprintf("Org %d", i)})))
		w.Put(t, fmt.Sprintf("org_org_%d", i), "late", "late")
	}
	w.Clock.Advance(time.Hour)
	for i, who := range all[40:] {
		_, _ = w.Hooked(crashtest.Dying(7)).Update(t.Context(), who,
			organization.Change{Name: ptr(fmt.Sprintf("New %d", i))})
	}
	w.Clock.Advance(time.Minute)
	s := w.Hooked(func(_ string, apply func() error) error {
		w.Clock.Advance(50 * time.Millisecond)
		return apply()
	})
	r := w.reconciled(s)
	if r.Complete || r.Finished == 0 || r.Strays == 0 || r.Purged == 0 || r.Oldest < time.Minute {
		t.Errorf("the first run reports %+v, want some of everything", r)
	}
	runs := 1
	for ; !r.Complete && runs < 100; runs++ {
		w.Clock.Advance(45 * time.Second)
		r = w.reconciled(s)
	}
	if !r.Complete || runs > 20 {
		t.Errorf("after %d runs the last reports %+v", runs, r)
	}
	w.Clock.Advance(time.Hour)
	w.Quiet(t)
	w.WantSound(t)
}

// TestService_Reconcile_goesOnInAGhostThatIsLongerThanARun: what differs at its
// beginning is not tried again before the rest has been seen.
func TestService_Reconcile_goesOnInAGhostThatIsLongerThanARun(t *testing.T) {
	t.Parallel()
	w := newConflicts(t, 1000)
	w.Put(t, "org_acme", "last", "late")
	s := w.Hooked(func(_ string, apply func() error) error {
		w.Clock.Advance(20 * time.Millisecond)
		return apply()
	})
	for range 10 {
		w.reconciled(s)
		w.Clock.Advance(50 * time.Second)
	}
	if !strings.Contains(w.Held(t, "org_beta"), "last") {
		t.Error("the last document was never reached")
	}
}

// unread is a store in which one document of each list cannot be decoded.
type unread struct{ organization.Backlog }

func (u unread) Expired(
	ctx context.Context, t time.Time, after *organization.Place, limit int,
) (organization.Page[organization.Organization], error) {
	return spoil(u.Backlog.Expired(ctx, t, after, limit))
}

func (u unread) Purgeable(
	ctx context.Context, t time.Time, after *organization.Place, limit int,
) (organization.Page[organization.Organization], error) {
	return spoil(u.Backlog.Purgeable(ctx, t, after, limit))
}

// spoil makes the first item of a page one that cannot be read.
func spoil[T any](p organization.Page[T], err error) (organization.Page[T], error) {
	if len(p.Items) > 0 {
		p.Items = p.Items[1:]
		p.Unreadable = []organization.Unreadable{{ID: "someone", Err: errors.New("a date where a number should be")}}
	}
	return p, err
}

func TestService_Reconcile_passesOverWhatItCannotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, who := range w.crowd(3) {
		must.Do(t, must.Err(w.Delete(t.Context(), who, organization.Deletion{Name: fmt.Sprintf("Org %d", i)})))
	}
	w.Clock.Advance(time.Hour)
	store := w.Store
	store.Backlog = unread{store.Backlog}
	r := w.reconciled(w.On(store))
	if r.Purged != 2 || r.Failed != 1 || !r.Complete {
		t.Errorf("Reconcile() = %+v, want two purged and one failed", r)
	}
}
