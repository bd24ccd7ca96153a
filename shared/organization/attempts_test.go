package organization_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"oms/shared/fault"
	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
	"oms/shared/password"
	"oms/shared/throttle"
	"oms/shared/throttle/throttletest"
)

// guarded returns a service of the world, and the guard of its attempts, with so
// many creations for a network in an hour.
func (w *world) guarded(
	perAddress int, h organization.Hasher, s throttle.Store,
) (*organization.Service, *throttle.Guard) {
	g := throttle.New(throttle.Config{Store: s, PerAddress: perAddress, Now: w.Clock.Now})
	return organization.New(organization.Config{
		Store: w.Store, Passwords: h, Guard: g, Secret: []byte("secret"), Retention: 15 * time.Minute,
		ReauthenticateAfter: 15 * time.Minute, Now: w.Clock.Now,
	}), g
}

// TestService_attempts: whoever has a token, or somebody's idempotency key, may
// guess the password no more often than who logs in, and all count together.
func TestService_attempts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, guard := w.guarded(0, organizationtest.Plain{}, throttletest.NewStore())
	request := creation("Acme", "a@acme.io")
	request.IdempotencyKey = "key"
	must.Do(t, must.Err(s.Create(t.Context(), request)))
	who := w.Principal(t, "a@acme.io")
	right, wrong := ptr(organizationtest.Password), ptr("not the password")
	ways := []struct {
		refusal string
		try     func(password *string, address string) error
	}{
		{"wrong_password", func(password *string, address string) error {
			return must.Err(s.Update(t.Context(), who, organization.Change{Password: password, Address: address}))
		}},
		{"wrong_password", func(password *string, address string) error {
			d := organization.Deletion{Name: "Acme", Password: password, Address: address}
			return must.Err(s.Delete(t.Context(), who, d))
		}},
		{"idempotency_key_reused", func(password *string, address string) error {
			again := request
			again.Password, again.Address = *password, address
			return must.Err(s.Create(t.Context(), again))
		}},
	}
	const home = "192.0.2.1"
	for range 3 { // what is right is not counted, however it is proved
		must.Do(t, errors.Join(ways[0].try(right, home), ways[2].try(right, "198.51.100.1")))
	}
	for i := range throttle.FreeOfAccount + 1 {
		if i == throttle.FreeOfAccount {
			w.Clock.Advance(time.Second)
		}
		way := ways[i%len(ways)]
		wantCode(t, fmt.Sprint("guess ", i), way.try(wrong, fmt.Sprintf("10.0.%d.1", i)), way.refusal)
	}
	if err := guard.Attempt("a@acme.io", "203.0.113.1").Judge(t.Context()); fault.KindOf(err) != fault.TooMany {
		t.Errorf("a login that follows is judged %v", err)
	}
	for _, way := range ways {
		err := way.try(right, "203.0.113.1")
		wantCode(t, "what is right, from a new address", err, "too_many_attempts")
		if f, _ := errors.AsType[*fault.Error](err); f != nil && f.RetryAfter != 2*time.Second {
			t.Errorf("it is to come again after %v, want two seconds", f.RetryAfter)
		}
	}
	wantCode(t, "a key that has proved nothing of the account", ways[0].try(right, "198.51.100.1"), "too_many_attempts")
	wantCode(t, "the owner's address", ways[1].try(right, home), "")
	wantCode(t, "a login from the owner's address", guard.Attempt("a@acme.io", home).Judge(t.Context()), "")
}

func TestService_Create_tooMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, _ := w.guarded(2, organizationtest.Plain{}, throttletest.NewStore())
	create := func(name, key, want string) {
		t.Helper()
		c := creation(name, name+"@acme.io")
		c.IdempotencyKey, c.Address = key, "192.0.2.1"
		created, err := s.Create(t.Context(), c)
		wantCode(t, "creating "+name, err, want)
		if again := key == "replayed"; err == nil && created.Replayed != again {
			t.Errorf("creating %s was replayed %t", name, created.Replayed)
		}
		if f, _ := errors.AsType[*fault.Error](err); f != nil && (f.RetryAfter <= 0 || f.RetryAfter > time.Hour) {
			t.Errorf("creating %s waits for %v, want the end of an hour", name, f.RetryAfter)
		}
	}
	must.Do(t, must.Err(s.Create(t.Context(), organization.Creation{
		Name: "one", Email: "one@acme.io", Password: organizationtest.Password, IdempotencyKey: "replayed",
		Address: "192.0.2.200",
	})))
	for range 3 {
		create("one", "replayed", "")
	}
	create("two", "key", "")
	create("three", "", "too_many_creations")
	create("three", "another key", "too_many_creations")
	create("one", "replayed", "")
	w.Clock.Advance(time.Hour)
	create("three", "another key", "")
}

// TestService_Reconcile_attempts: an attack from many addresses leaves many counters, for a while.
func TestService_Reconcile_attempts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, guard := w.guarded(0, organizationtest.Plain{}, throttletest.NewStore())
	for i := range 300 {
		must.Do(t, guard.Attempt(fmt.Sprint(i), "192.0.2.1").Count(t.Context()))
		w.Clock.Advance(throttle.MaxDelay)
	}
	w.Clock.Advance(throttle.Memory)
	for _, want := range []int{601, 0} { // an account and a pair each, and one network
		if r, err := s.Reconcile(t.Context()); err != nil || r.Counters != want || !r.Complete || r.Failed != 0 {
			t.Errorf("Reconcile() = %+v, %v, want %d counters deleted", r, err, want)
		}
	}
}

// TestService_attemptsBesideTheHash: nothing waits for the count of an attempt but
// its verdict: the hash is computed meanwhile.
func TestService_attemptsBesideTheHash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := &beside{Store: throttletest.NewStore()}
	s, _ := w.guarded(5, b, b)
	request := creation("Acme", "a@acme.io")
	b.arm()
	_, created := s.Create(t.Context(), request)
	who := w.Principal(t, "a@acme.io")
	b.arm()
	_, updated := s.Update(t.Context(), who, organization.Change{Password: &request.Password})
	b.arm()
	_, deleted := s.Delete(t.Context(), who, organization.Deletion{Name: "Acme", Password: &request.Password})
	must.Do(t, errors.Join(created, updated, deleted))
}

// beside is a Hasher and a store of counters. Once it is armed, neither goes on
// before the other has begun.
type beside struct {
	organizationtest.Plain
	*throttletest.Store
	both       *sync.WaitGroup
	hash, swap sync.Once
}

func (b *beside) arm() {
	b.both = new(sync.WaitGroup)
	b.both.Add(2)
	b.hash, b.swap = sync.Once{}, sync.Once{}
}

func (b *beside) meet() {
	b.both.Done()
	b.both.Wait()
}

func (b *beside) Hash(p string) (password.Hash, error) {
	b.hash.Do(b.meet)
	return b.Plain.Hash(p)
}

func (b *beside) Verify(p string, h password.Hash) (password.Verdict, error) {
	b.hash.Do(b.meet)
	return b.Plain.Verify(p, h)
}

func (b *beside) Add(ctx context.Context, d throttle.Counter, from, below int64, t time.Time) (bool, error) {
	b.swap.Do(b.meet)
	return b.Store.Add(ctx, d, from, below, t)
}

func (b *beside) CompareAndSwap(ctx context.Context, was, is throttle.Counter) (bool, error) {
	b.swap.Do(b.meet)
	return b.Store.CompareAndSwap(ctx, was, is)
}
