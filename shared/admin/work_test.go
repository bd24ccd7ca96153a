package admin_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"oms/shared/admin"
	"oms/shared/fault"
	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/password"
	"oms/shared/throttle"
	"oms/shared/throttle/throttletest"
)

// TestService_Login_depth: what a login waits for, one after the other, is a read,
// the hash, and on success a write. All else goes on beside one of them: no
// command of a stage is answered before all of that stage have begun.
func TestService_Login_depth(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{email, "nobody@test.com"} {
		f := newFixture(t, organization.Active)
		m := &meeting{Hasher: f.hasher, database: f.db, Store: throttletest.NewStore()}
		for stage, n := range map[*sync.WaitGroup]int{&m.reading: 2, &m.hashing: 3, &m.ending: 4} {
			stage.Add(n)
		}
		s := admin.New(admin.Config{
			Admins: m, Organizations: m, Passwords: m, Sessions: m, Tokens: f.tokens,
			Guard: throttle.New(throttle.Config{Store: m}),
		})
		if _, err := s.Login(t.Context(), typed, plain, admin.From{}); (err == nil) != (typed == email) {
			t.Errorf("Login(%q) = %v", typed, err)
		}
	}
}

// meeting lets what belongs together go on only when all of it has begun.
type meeting struct {
	*password.Hasher
	*database
	*throttletest.Store
	reading, hashing, ending sync.WaitGroup
	swaps                    atomic.Int32
}

func meet(stage *sync.WaitGroup) {
	stage.Done()
	stage.Wait()
}

func (m *meeting) FindByEmail(ctx context.Context, email string) (organization.Admin, error) {
	meet(&m.reading)
	return m.database.FindByEmail(ctx, email)
}

func (m *meeting) Read(ctx context.Context, ids ...string) (map[string]throttle.Counter, error) {
	meet(&m.reading)
	return m.Store.Read(ctx, ids...)
}

func (m *meeting) Verify(plain string, h password.Hash) (password.Verdict, error) {
	meet(&m.hashing)
	return m.Hasher.Verify(plain, h)
}

func (m *meeting) Pretend(plain string) {
	meet(&m.hashing)
	m.Hasher.Pretend(plain)
}

func (m *meeting) Find(ctx context.Context, id organization.ID) (organization.Organization, error) {
	meet(&m.hashing)
	return m.database.Find(ctx, id)
}

// Add takes back: there is nothing yet that an attempt could be added to.
func (m *meeting) Add(ctx context.Context, d throttle.Counter, from, below int64, t time.Time) (bool, error) {
	meet(&m.ending)
	return m.Store.Add(ctx, d, from, below, t)
}

// CompareAndSwap counts with the first of its calls, of three, and takes back with the next.
func (m *meeting) CompareAndSwap(ctx context.Context, was, is throttle.Counter) (bool, error) {
	switch n := m.swaps.Add(1); {
	case n == 1:
		meet(&m.hashing)
	case n > 3:
		meet(&m.ending)
	}
	return m.Store.CompareAndSwap(ctx, was, is)
}

func (m *meeting) BeginSession(
	ctx context.Context, a organization.Admin, s organization.Session,
) (organization.Session, error) {
	meet(&m.ending)
	return m.database.BeginSession(ctx, a, s)
}

// TestService_Login_tooMany: an account that is known and one that is not are
// refused alike, without a hash, and the owner's known address is not.
func TestService_Login_tooMany(t *testing.T) {
	t.Parallel()
	home := admin.From{Address: "192.0.2.1"}
	for _, typed := range []string{email, "nobody@test.com"} {
		f := newFixture(t, organization.Active)
		h := &counted{Hasher: f.hasher}
		f.config.Passwords = h
		f.config.Guard = throttle.New(throttle.Config{Store: throttletest.NewStore(), Now: loggedIn}) // no time passes
		s := admin.New(f.config)
		if _, err := s.Login(t.Context(), typed, plain, home); (err == nil) != (typed == email) {
			t.Fatalf("Login(%q) = %v", typed, err)
		}
		h.n.Store(0)
		// 200 at once, from as many networks; then one more, and 60 at once from one address.
		kinds := func(n int, address func(i int) string) map[fault.Kind]int {
			var all sync.WaitGroup
			var mu sync.Mutex
			kinds := map[fault.Kind]int{}
			for i := range n {
				all.Go(func() {
					from := admin.From{Address: address(i)}
					_, err := s.Login(t.Context(), " "+strings.ToUpper(typed), "secret124", from)
					mu.Lock()
					defer mu.Unlock()
					kinds[fault.KindOf(err)]++
				})
			}
			all.Wait()
			return kinds
		}
		many := kinds(200, func(i int) string { return fmt.Sprintf("10.0.%d.1", i) })
		free := map[string]int{email: throttle.FreeOfAccount, "nobody@test.com": throttle.FreeOfAccount - 1}[typed]
		if many[fault.Unauthenticated] != free || many[fault.TooMany] != 200-free {
			t.Errorf("%s: 200 wrong logins are %v, want %d verdicts", typed, many, free)
		}
		h.n.Store(0)
		_, err := s.Login(t.Context(), typed, plain, admin.From{Address: "198.51.100.1"})
		refused, _ := errors.AsType[*fault.Error](err)
		if refused == nil || refused.Code != "too_many_attempts" || refused.RetryAfter <= 0 ||
			refused.RetryAfter > throttle.MaxDelay || h.n.Load() != 0 {
			t.Errorf("%s: a right login from a new address = %v after %d hashes", typed, err, h.n.Load())
		}
		if typed != email {
			continue
		}
		for range 3 {
			if _, err := s.Login(t.Context(), typed, plain, home); err != nil {
				t.Errorf("the owner's known address: %v", err)
			}
		}
		one := kinds(60, func(int) string { return home.Address })
		if one[fault.Unauthenticated] != throttle.FreeOfPair {
			t.Errorf("60 wrong logins from one address are %v, want %d verdicts", one, throttle.FreeOfPair)
		}
	}
}

// counted is a Hasher that counts.
type counted struct {
	*password.Hasher
	n atomic.Int32
}

func (c *counted) Verify(plain string, h password.Hash) (password.Verdict, error) {
	c.n.Add(1)
	return c.Hasher.Verify(plain, h)
}

func (c *counted) Pretend(plain string) {
	c.n.Add(1)
	c.Hasher.Pretend(plain)
}

// BenchmarkService_Login compares the time of a wrong password with that of an
// unknown address, in turns: the ratio of the medians, which should be 1, and their
// difference. `-benchtime 200x` takes two hundred of each.
func BenchmarkService_Login(b *testing.B) {
	f := newFixture(b, organization.Active)
	hasher := newHasher(b, 10)
	f.config.Passwords = hasher
	f.setHash(must.Get(hasher.Hash(plain))(b))
	took := map[string][]time.Duration{}
	login := func(email string) {
		f.config.Guard = throttletest.NewGuard(nil)
		s := admin.New(f.config)
		start := time.Now()
		_, err := s.Login(b.Context(), email, "secret124", admin.From{})
		if fault.KindOf(err) != fault.Unauthenticated {
			b.Fatalf("Login = %v, want a refusal", err)
		}
		took[email] = append(took[email], time.Since(start))
	}
	for b.Loop() {
		login(email)
		login("nobody@test.com")
	}
	for _, all := range took {
		slices.Sort(all)
	}
	unknown, wrong := took["nobody@test.com"], took[email]
	is, was := unknown[len(unknown)/2], wrong[len(wrong)/2]
	b.ReportMetric(is.Seconds()/was.Seconds(), "unknown/wrong")
	b.ReportMetric(float64((is - was).Microseconds()), "us-longer")
}
