package admin_test

import (
	"context"
	"testing"
	"time"

	"oms/shared/admin"
	"oms/shared/fault"
	"oms/shared/organization"
	"oms/shared/password"
)

// TestService_Login_readsTheOrganizationMeanwhile: the read of the organization
// is answered only after the hash has begun, and the hash ends only after that answer.
func TestService_Login_readsTheOrganizationMeanwhile(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{email, "nobody@test.com"} {
		f := newFixture(t, organization.Active)
		m := &meeting{Hasher: f.hasher, database: f.db, hashing: make(chan struct{}), reading: make(chan struct{})}
		s := admin.New(admin.Config{Admins: f.db, Organizations: m, Passwords: m, Tokens: f.tokens})
		if _, err := s.Login(t.Context(), typed, plain); (err == nil) != (typed == email) {
			t.Errorf("Login(%q) = %v", typed, err)
		}
	}
}

// meeting lets a hash and a read of the organization go on only when both have begun.
type meeting struct {
	*password.Hasher
	*database
	hashing, reading chan struct{}
}

func (m *meeting) Verify(plain string, h password.Hash) (password.Verdict, error) {
	close(m.hashing)
	<-m.reading
	return m.Hasher.Verify(plain, h)
}

func (m *meeting) Pretend(plain string) {
	close(m.hashing)
	<-m.reading
	m.Hasher.Pretend(plain)
}

func (m *meeting) Find(ctx context.Context, id organization.ID) (organization.Organization, error) {
	close(m.reading)
	<-m.hashing
	return m.database.Find(ctx, id)
}

// BenchmarkService_Login compares the time of a wrong password with that of an
// unknown address, and prints the ratio: it should be 1.
func BenchmarkService_Login(b *testing.B) {
	f := newFixture(b, organization.Active)
	f.hasher = newHasher(b, 10)
	hash, err := f.hasher.Hash(plain)
	if err != nil {
		b.Fatal(err)
	}
	f.setHash(hash)
	s := admin.New(admin.Config{Admins: f.db, Organizations: f.db, Passwords: f.hasher, Tokens: f.tokens})
	took := make(map[string]time.Duration)
	login := func(email string) {
		start := time.Now()
		if _, err := s.Login(b.Context(), email, "secret124"); fault.KindOf(err) != fault.Unauthenticated {
			b.Fatalf("Login = %v, want a refusal", err)
		}
		took[email] += time.Since(start)
	}
	for b.Loop() {
		login(email)
		login("nobody@test.com")
	}
	b.ReportMetric(float64(took["nobody@test.com"])/float64(took[email]), "unknown/wrong")
}
