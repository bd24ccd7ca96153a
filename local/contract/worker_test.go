package contract_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
	"oms/shared/token"
)

// stall is where a worker stops half-way, as if its process were frozen: until
// the test lets go of it, and then for good. The worker is the service's own
// code on the host's own database.
type stall struct {
	reached chan struct{}
	once    sync.Once
	ctx     context.Context // of the worker; its end is the worker's
	end     context.CancelFunc
	ended   chan struct{}
}

// stalled runs a worker until it reaches what the test has made to stall. At
// the test's end, or at die, it is gone for good.
func stalled(tb testing.TB, run func(s *stall)) *stall {
	tb.Helper()
	s := &stall{reached: make(chan struct{}), ended: make(chan struct{})}
	s.ctx, s.end = context.WithCancel(tb.Context())
	go func() {
		defer close(s.ended)
		run(s)
	}()
	tb.Cleanup(s.die)
	select {
	case <-s.reached:
	case <-s.ended:
		tb.Fatal("the worker ended before it stalled")
	case <-time.After(10 * time.Second):
		tb.Fatal("the worker did not come as far as it should")
	}
	return s
}

// here is the place.
func (s *stall) here() error {
	s.once.Do(func() { close(s.reached) })
	<-s.ctx.Done()
	return s.ctx.Err()
}

// die ends the worker.
func (s *stall) die() {
	s.end()
	<-s.ended
}

// outlive ends the worker and its lease on the key; until the test's end what it left half done is the test's.
func (s *stall) outlive(tb testing.TB, h *host, key string) {
	tb.Helper()
	s.die()
	h.repairs.RLock()
	tb.Cleanup(h.repairs.RUnlock)
	h.pass(tb, key, lease)
}

// The three places: before an admin is inserted, before one is changed, and
// before a collection is moved.
type (
	stalledAdmins struct {
		organization.Admins
		s *stall
	}
	stalledCollections struct {
		organization.Collections
		s *stall
	}
)

func (a stalledAdmins) Insert(context.Context, organization.Admin) error { return a.s.here() }

func (a stalledAdmins) Change(context.Context, organization.AdminChange, organization.ID) (bool, error) {
	return false, a.s.here()
}

func (c stalledCollections) Rename(context.Context, string, string) error { return c.s.here() }

// lease is longer than a worker has (15 s) and the grace of a take-over.
const lease = 18 * time.Second

// testWorkers: what a request meets that finds another change half done, and
// that whoever comes after its worker's end finishes it.
func testWorkers(t *testing.T, h *host) {
	h.needDatabase(t)
	store := h.store(t)
	admins := func(s *stall) *organization.Service {
		with := store
		with.Admins = stalledAdmins{store.Admins, s}
		return h.worker(t, with)
	}
	collections := func(s *stall) *organization.Service {
		with := store
		with.Collections = stalledCollections{store.Collections, s}
		return h.worker(t, with)
	}

	t.Run("a creation", func(t *testing.T) {
		t.Parallel()
		name, email, password, key := freshName("Stalled"), freshEmail(), freshPassword(), suffix()
		same := with("Idempotency-Key", key)
		s := stalled(t, func(s *stall) {
			_, _ = admins(s).Create(s.ctx, organization.Creation{
				Name: name, Email: email, Password: password, IdempotencyKey: key,
			})
		})
		h.anyone(t).get("/org/get", named(name)).refused(http.StatusNotFound, "organization_not_found")
		h.locked(t, email, password)
		h.create(t, name, email, password, same).refused(http.StatusConflict, "request_in_progress")
		h.create(t, name, freshEmail(), password).refused(http.StatusConflict, "organization_name_taken")
		h.create(t, name, email, password+"x", same).refused(http.StatusUnprocessableEntity, "idempotency_key_reused")
		s.outlive(t, h, organizationKey(t, name))
		v := viewOf(h.create(t, name, email, password, same).want(http.StatusCreated))
		again := h.create(t, name, email, password, same).want(http.StatusCreated)
		if viewOf(again) != v || again.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("again it is %s, want %+v", again.body, v)
		}
		h.login(t, email, password)
	})
	t.Run("a creation that nobody asks for again", func(t *testing.T) {
		t.Parallel()
		name, email, password := freshName("Stalled"), freshEmail(), freshPassword()
		stalled(t, func(s *stall) {
			_, _ = admins(s).Create(s.ctx, organization.Creation{Name: name, Email: email, Password: password})
		}).outlive(t, h, organizationKey(t, name))
		// Somebody else wants the name: they finish it.
		h.create(t, name, freshEmail(), password).refused(http.StatusConflict, "organization_name_taken")
		h.login(t, email, password)
	})
	t.Run("an update", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Stalled")
		who := principal(t, f)
		name, email, next := freshName("Unstalled"), freshEmail(), f.password+" new"
		s := stalled(t, func(s *stall) {
			_, _ = admins(s).Update(s.ctx, who, organization.Change{
				Name: &name, Email: &email, Password: &f.password, NewPassword: &next,
			})
		})
		admin := h.as(t, f.token)
		admin.put("/org/update", fields{"organization_name": freshName("No")}).
			refused(http.StatusConflict, "organization_busy")
		admin.delete("/org/delete", nil, named(f.Name)).refused(http.StatusConflict, "organization_busy")
		if got := h.look(t, f, f.Name); got.Name != f.Name || got.Email != f.Email {
			t.Errorf("meanwhile it is %+v, was %+v", got, f.view)
		}
		h.anyone(t).get("/org/get", named(name)).refused(http.StatusNotFound, "organization_not_found")
		h.create(t, name, freshEmail(), next).refused(http.StatusConflict, "organization_name_taken")
		s.outlive(t, h, f.key())
		h.anyone(t).get("/org/get", named(f.Name)).refused(http.StatusNotFound, "organization_not_found")
		f.token = h.login(t, email, next)
		if got := h.look(t, f, name); got.ID != f.ID || got.Name != name || got.Email != email ||
			got.Version <= f.Version {
			t.Errorf("then it is %+v", got)
		}
		h.locked(t, f.Email, f.password)
		admin.put("/org/update", fields{"email": email}).refused(http.StatusUnauthorized, "token_revoked")
	})
	t.Run("a move", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Stalled")
		w := h.engine.Writer(t, h.database)
		must.Do(t, w.Put(t.Context(), f.Collection, organizationtest.StringDocument("d", "v")))
		who, name := principal(t, f), freshName("Moved")
		s := stalled(t, func(s *stall) {
			_, _ = collections(s).Update(s.ctx, who, organization.Change{Name: &name})
		})
		h.as(t, f.token).put("/org/update", fields{"organization_name": freshName("No")}).refused(http.StatusConflict,
			"organization_busy")
		s.outlive(t, h, f.key())
		is, _ := updated(h.as(t, f.token).put("/org/update", fields{"email": f.Email}).want(http.StatusOK))
		docs, err := w.Documents(t.Context(), is.Collection)
		if err != nil || is.Name != name || len(docs) != 1 {
			t.Errorf("then it is %+v with %d documents (%v)", is, len(docs), err)
		}
	})
	t.Run("a deletion", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Stalled")
		who := principal(t, f)
		s := stalled(t,
			func(s *stall) { _, _ = collections(s).Delete(s.ctx, who, organization.Deletion{Name: f.Name}) })
		admin := h.as(t, f.token)
		h.anyone(t).get("/org/get", named(f.Name)).refused(http.StatusNotFound, "organization_not_found")
		h.locked(t, f.Email, f.password)
		admin.delete("/org/delete", nil, named(f.Name)).refused(http.StatusConflict, "organization_busy")
		s.outlive(t, h, f.key())
		admin.delete("/org/delete", nil, named("Another "+f.Name)).refused(http.StatusForbidden,
			"not_your_organization")
		admin.delete("/org/delete", nil, named(f.Name)).want(http.StatusOK)
		admin.delete("/org/delete", nil, named(f.Name)).refused(http.StatusUnauthorized, "token_revoked")
		h.create(t, freshName("Next"), f.Email, f.password).want(http.StatusCreated)
	})
}

// principal is who a token speaks for.
func principal(tb testing.TB, f founded) token.Principal {
	tb.Helper()
	_, c := decodeToken(tb, f.token)
	text := func(name string) string { s, _ := c[name].(string); return s }
	at, _ := c["auth_time"].(float64)
	return token.Principal{
		AdminID: text("admin_id"), OrgID: text("org_id"), CredentialVersion: text("ver"),
		Session: text("sid"), AuthTime: time.Unix(int64(at), 0),
	}
}

func organizationKey(tb testing.TB, name string) string {
	tb.Helper()
	n, wrong := organization.ParseName(name)
	if wrong != nil {
		tb.Fatalf("ParseName(%q) = %+v", name, wrong)
	}
	return n.Key
}
