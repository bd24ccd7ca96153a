package organization_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/crashtest"
	"oms/shared/token"
)

// lateSwaps holds back the first swap that is so, and says that it is lost.
// apply carries it out.
type lateSwaps struct {
	organization.Organizations
	so    func(was, is organization.Organization) bool
	mu    sync.Mutex
	apply func()
}

func (l *lateSwaps) CompareAndSwap(ctx context.Context, was, is organization.Organization) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.apply != nil || !l.so(was, is) {
		return l.Organizations.CompareAndSwap(ctx, was, is)
	}
	l.apply = func() { _, _ = l.Organizations.CompareAndSwap(context.WithoutCancel(ctx), was, is) }
	return false, organization.ErrLost
}

// TestService_takeOver_keepsWhatIsItsOwn: its first command comes late, just
// before the second, which then finds another rev: its own.
func TestService_takeOver_keepsWhatIsItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	who := w.Found(t, "Acme", "a@acme.io")
	_, _ = w.Hooked(crashtest.Dying(2)).Delete(t.Context(), who, organization.Deletion{Name: "Acme"})
	w.Clock.Advance(organization.Lease + 3*time.Second)
	store := w.Store
	late := &lateSwaps{Organizations: store.Organizations, so: takesOver}
	store.Organizations = readLate{late}
	s := w.On(store)
	if r := w.reconciled(s); r.Finished != 1 || w.named("Acme").State != organization.Deleted {
		t.Errorf("Reconcile() = %+v, and the organization is %s", r, w.named("Acme").State)
	}
}

// readLate lets what was held back be applied after the read that follows it.
type readLate struct{ *lateSwaps }

func (r readLate) FindLinearizable(ctx context.Context, id organization.ID) (organization.Organization, error) {
	o, err := r.lateSwaps.FindLinearizable(ctx, id)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.apply != nil {
		r.apply()
	}
	return o, err
}

// TestService_Update_fencesWhatCameBefore: a change that was not answered cannot
// come after one that was, though that changes nothing.
func TestService_Update_fencesWhatCameBefore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		before organization.Change // lost, and late
		after  organization.Change // answered
	}{
		{"the same email", organization.Change{Email: ptr("b@acme.io")}, organization.Change{Email: ptr("a@acme.io")}},
		{"the same name", organization.Change{Name: ptr("Beta")}, organization.Change{Name: ptr("Acme")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			who := w.Found(t, "Acme", "a@acme.io")
			store := w.Store
			ctx, cancel := context.WithCancel(t.Context())
			late := &lateSwaps{Organizations: store.Organizations, so: func(_, is organization.Organization) bool {
				if is.State == organization.Updating {
					cancel() // and nobody waits for it any more
				}
				return is.State == organization.Updating
			}}
			store.Organizations = late
			first := w.On(store)
			if _, err := first.Update(ctx, who, c.before); err == nil {
				t.Fatal("the first change was answered")
			}
			v := must.Get(w.Update(t.Context(), who, c.after))(t)
			late.apply()
			w.Quiet(t)
			now, err := w.Get(t.Context(), who, "Acme")
			if err != nil || now.AdminEmail != v.AdminEmail || now.Name != v.Name {
				t.Errorf("afterwards Get() = %+v, %v, want what was answered, %+v", now, err, v)
			}
		})
	}
}

// TestService_showsNoNewVersionWithAnOldEmail: the organization is read after
// a change of the email, and the admin beside it before.
func TestService_showsNoNewVersionWithAnOldEmail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	who := w.Found(t, "Acme", "a@acme.io")
	store := w.Store
	old := &staleAdmin{Admins: store.Admins, is: must.Get(store.Admins.FindByEmail(t.Context(), "a@acme.io"))(t)}
	changed := must.Get(w.Update(t.Context(), who, organization.Change{Email: ptr("b@acme.io")}))(t)
	store.Admins = old
	s := w.On(store)
	wantCode(t, "a token from before it", must.Err(s.Get(t.Context(), who, "Acme")), "token_revoked")
	who = w.Principal(t, "b@acme.io")
	for _, get := range []func() (organization.View, error){
		func() (organization.View, error) { return s.Get(t.Context(), who, "Acme") },
		func() (organization.View, error) { return s.Own(t.Context(), who) },
	} {
		old.read = 0
		if v, err := get(); err != nil || v.Version != changed.Version || v.AdminEmail != "b@acme.io" {
			t.Errorf("Get() = %+v, %v, want the email of version %d", v, err, changed.Version)
		}
	}
	old.read = 0
	if v, err := s.Update(t.Context(), who, organization.Change{Name: ptr("ACME")}); err != nil ||
		v.AdminEmail != "b@acme.io" {
		t.Errorf("Update() = %+v, %v, want the new email", v, err)
	}
}

// staleAdmin answers the first read with what was there before.
type staleAdmin struct {
	organization.Admins
	is   organization.Admin
	read int
}

func (s *staleAdmin) Find(ctx context.Context, id organization.ID) (organization.Admin, error) {
	if s.read++; s.read == 1 {
		return s.is, nil
	}
	return s.Admins.Find(ctx, id)
}

// TestService_meetsACreationThatCameLate: a dead worker's organization comes
// when its claim has been given to others. They have the key all the same.
func TestService_meetsACreationThatCameLate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		take func(w *world, who token.Principal) error
	}{
		{"a creation", func(w *world, _ token.Principal) error {
			return must.Err(w.Create(context.Background(), creation("Beta", "b@acme.io")))
		}},
		{"a rename", func(w *world, who token.Principal) error {
			return must.Err(w.Update(context.Background(), who, organization.Change{Name: ptr("Beta")}))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			who := w.Found(t, "Acme", "a@acme.io")
			now := w.Clock.Now()
			late := organization.Organization{
				ID: organization.NewID(now), Name: "Beta", Key: "beta", ClaimID: organization.NewID(now),
				Collection: "org_beta",
				State:      organization.Creating, Version: 1, Rev: 1, AdminID: organization.NewID(now), CreatedAt: now,
				UpdatedAt: now,
				Op: &organization.Op{
					ID: organization.NewID(now), Kind: organization.OpCreate, Worker: organization.NewID(now),
					Lease: now.Add(-time.Minute),
					Admin: &organization.AdminChange{
						ID: organization.NewID(now), Email: "late@acme.io", CredentialVersion: "v",
					},
				},
			}
			must.Do(t, w.Store.Organizations.Insert(t.Context(), late))
			wantCode(t, c.name, c.take(w, who), "")
			w.Quiet(t)
			w.WantSound(t)
			for _, a := range w.db.Admins() {
				if a.Email == "late@acme.io" {
					t.Error("the admin of the late creation was made")
				}
			}
		})
	}
}

// TestService_twoOrganizationsWithOneKey: where the claims have slipped, the
// unique index on keys is a second lock: nobody gets a key that is in use.
func TestService_twoOrganizationsWithOneKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Found(t, "Acme", "a@acme.io")
	claim := must.Get(w.Store.Claims.Find(t.Context(), "acme"))(t)
	if ok, err := w.Store.Claims.Delete(t.Context(), claim); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if _, err := w.Create(t.Context(), creation("Acme", "b@acme.io")); err == nil {
		t.Error("a second organization of the key was created")
	} else if errors.Is(err, organization.ErrKeyTaken) {
		t.Errorf("the client is told %v", err)
	}
	if n := len(w.Living(t)); n != 1 {
		t.Errorf("%d organizations live, want one", n)
	}
}
