package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"oms/shared/fault"
	"oms/shared/mongo"
	"oms/shared/mongo/mongotest"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
	"oms/shared/throttle"
	"oms/shared/token"
)

// clients is how many processes' worth of clients there are.
const clients = 4

// life is one organization of the load: what was asked for it in the order of
// its fields, and how far that was acknowledged.
type life struct {
	name, renamed, email      string
	created, moved, deleted   bool // acknowledged
	moving, deleting, unknown bool // asked for; unknown: the last one was answered with an error
}

// load is a steady mix of requests, each organization by one client alone and
// with a name and an email of its own.
type load struct {
	cancel context.CancelFunc
	ended  sync.WaitGroup

	mu       sync.Mutex
	lives    []*life
	last     [clients]time.Time // when a client's last request that succeeded had begun
	done     [clients]int       // what succeeded
	failed   int
	slowest  time.Duration // of what failed
	progress chan struct{} // closed, and made anew, at each success
}

func startLoad(t *testing.T, e mongotest.Engine, name string) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{cancel: cancel, progress: make(chan struct{})}
	t.Cleanup(l.stop)
	for i := range clients {
		db := open(t, mongo.Config{URI: e.URI, Database: name, AppName: "load"})
		s := organization.New(organization.Config{
			Store: db.Store(), Passwords: organizationtest.Plain{}, Secret: []byte("secret"),
			Guard:     throttle.New(throttle.Config{Store: db.Counters()}),
			Retention: 2 * time.Minute, ReauthenticateAfter: time.Hour, Log: slog.New(slog.DiscardHandler),
		})
		l.ended.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				l.live(ctx, t, i, n, db, s)
			}
		})
	}
	return l
}

// stop ends the load; what is under way is finished.
func (l *load) stop() {
	l.cancel()
	l.ended.Wait()
}

// live leads one organization through its life, until an error.
func (l *load) live(ctx context.Context, t *testing.T, client, n int, db *mongo.Database, s *organization.Service) {
	o := &life{name: fmt.Sprintf("Client %d no %d", client, n), email: fmt.Sprintf("c%d.%d@example.com", client, n)}
	l.mu.Lock()
	l.lives = append(l.lives, o)
	l.mu.Unlock()
	ctx = context.WithoutCancel(ctx) // a request that has begun is answered
	v, ok := l.ask(t, client, o, "create", func() (organization.View, error) {
		made, err := s.Create(ctx, organization.Creation{
			Name: o.name, Email: o.email, Password: organizationtest.Password,
		})
		return made.View, err
	})
	if !ok {
		return
	}
	o.created = true
	get := func(name string) bool {
		is, ok := l.ask(t, client, nil, "get", func() (organization.View, error) {
			return s.Get(ctx, token.Principal{}, name)
		})
		if ok && is.ID != v.ID {
			t.Errorf("get of %s = %+v", name, is)
		}
		return ok
	}
	if !get(o.name) || n%3 == 0 {
		return
	}
	a, err := db.Store().Admins.FindByEmail(ctx, o.email)
	if err != nil {
		return // no answer, and no request: there is none that tells a CredentialVersion
	}
	who := organizationtest.PrincipalOf(a, time.Now())
	o.moving, o.renamed = true, o.name+" moved"
	if _, ok := l.ask(t, client, o, "rename", func() (organization.View, error) {
		return s.Update(ctx, who, organization.Change{Name: &o.renamed})
	}); !ok {
		return
	}
	o.moved = true
	if !get(o.renamed) || n%3 == 1 {
		return
	}
	o.deleting = true
	if _, ok := l.ask(t, client, o, "delete", func() (organization.View, error) {
		_, err := s.Delete(ctx, who, organization.Deletion{Name: o.renamed})
		return organization.View{}, err
	}); !ok {
		return
	}
	o.deleted = true
}

// ask sends a request and judges its answer. o, where it is given, is left
// unknown by an error.
func (l *load) ask(
	t *testing.T, client int, o *life, what string, request func() (organization.View, error),
) (organization.View, bool) {
	begun := time.Now()
	v, err := request()
	took := time.Since(begun)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.last[client] = begun
		l.done[client]++
		close(l.progress)
		l.progress = make(chan struct{})
		return v, true
	}
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Unavailable || f.RetryAfter <= 0 {
		t.Errorf("%s = %v, want a success, or a fault.Unavailable with RetryAfter", what, err)
	}
	if o != nil {
		o.unknown = true
	}
	l.failed++
	l.slowest = max(l.slowest, took)
	return v, false
}

// steady waits until every client has made some requests more.
func (l *load) steady(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	from := l.done
	l.mu.Unlock()
	l.until(t, time.Minute, func() bool {
		for i, n := range l.done {
			if n < from[i]+4 {
				return false
			}
		}
		return true
	})
}

// back waits until every client has succeeded with a request that began now or
// later, and returns how long that took.
func (l *load) back(t *testing.T, bound time.Duration) time.Duration {
	t.Helper()
	now := time.Now()
	l.until(t, bound, func() bool {
		for _, last := range l.last {
			if last.Before(now) {
				return false
			}
		}
		return true
	})
	return time.Since(now)
}

func (l *load) until(t *testing.T, bound time.Duration, holds func() bool) {
	t.Helper()
	late := time.After(bound)
	for {
		l.mu.Lock()
		ok, progress := holds(), l.progress
		done := l.done
		l.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-progress:
		case <-late:
			t.Fatalf("some client has not worked for %v: %v requests succeeded", bound, done)
		}
	}
}

// String tells the figures.
func (l *load) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, d := range l.done {
		n += d
	}
	return fmt.Sprintf("%d organizations, %d requests succeeded, %d were answered 503, after %v at most", len(l.lives),
		n, l.failed, l.slowest.Round(time.Millisecond))
}

// check holds that what was acknowledged is there, and that what was not is
// whole or absent. The invariants of the rest are the world's to hold.
func (l *load) check(t *testing.T, w *organizationtest.World) {
	t.Helper()
	ctx := t.Context()
	for _, o := range l.lives {
		names := []string{o.name} // in one of which it may be
		switch {
		case o.moved:
			names = []string{o.renamed}
		case o.moving:
			names = append(names, o.renamed)
		}
		var there []string
		for _, name := range names {
			if v, err := w.Get(ctx, token.Principal{}, name); err == nil && v.Name == name {
				there = append(there, name)
			}
		}
		_, err := w.Store.Admins.FindByEmail(ctx, o.email)
		if err != nil && !errors.Is(err, organization.ErrAbsent) {
			t.Fatal(err)
		}
		lives, admin := len(there) == 1, err == nil
		must := o.created && !o.deleting   // acknowledged
		mayNot := o.deleted                // so is its end
		mayBoth := !o.created || o.unknown // nobody knows
		switch {
		case len(there) > 1 || lives != admin:
			t.Errorf("%+v is found as %q, its admin %v", *o, there, admin)
		case must && !lives, mayNot && lives, !must && !mayNot && !mayBoth:
			t.Errorf("%+v is found as %q", *o, there)
		}
	}
}
