package wiretest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Set is a replica set of three members that is played before one server. It
// has no sessions: what it says in hello leaves logicalSessionTimeoutMinutes out,
// so a driver retries no write by itself (retryable writes, driver
// specifications), as before a server without them. Its methods may be called
// from several goroutines.
type Set struct {
	server   string
	members  []*member
	sessions sync.WaitGroup

	mu       sync.Mutex
	primary  int // -1: none
	term     int64
	stepping bool // the primary is about to step down
	changed  chan struct{}
	random   *rand.Rand
	fates    map[string]int
}

// NewSet starts a set before the server at the URI, which must name one
// host. Its first member is the primary. It ends with the test. The seed
// decides what becomes of each command that a step-down meets.
func NewSet(tb testing.TB, uri string, seed uint64) *Set {
	tb.Helper()
	s := &Set{
		server: host(tb, uri), term: 1, changed: make(chan struct{}),
		//nolint:gosec // G404: to be repeated, not to be secret
		random: rand.New(rand.NewPCG(seed, seed)), fates: map[string]int{},
	}
	for i := range 3 {
		l := Listen(tb)
		m := &member{
			set: s, index: i, address: l.Addr().String(), process: bson.NewObjectID(), listener: l,
			open: map[net.Conn]bool{}, counter: 1,
		}
		s.members = append(s.members, m)
	}
	for _, m := range s.members {
		s.sessions.Go(func() { m.accept(m.listener) })
	}
	tb.Cleanup(s.close)
	return s
}

// URI returns the set's address for clients.
func (s *Set) URI() string {
	return "mongodb://" + strings.Join(s.hosts(), ",") + "/?replicaSet=" + setName
}

func (s *Set) hosts() []string {
	var all []string
	for _, m := range s.members {
		all = append(all, m.address)
	}
	return all
}

// Connections returns how many connections each member has now, the primary's first.
func (s *Set) Connections() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []int
	for _, m := range s.members {
		all = append(all, len(m.open))
		if m.index == s.primary {
			all[0], all[len(all)-1] = all[len(all)-1], all[0]
		}
	}
	return all
}

// Fates returns how often a step-down did what to a command that it met.
func (s *Set) Fates() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.fates)
}

// StepDown has the primary step down: for the time of stepping, each command
// that comes is applied with its reply lost, lost before, interrupted, or
// refused. Then all of its connections are dropped, and until the election is
// over there is no primary. Another member is the next one.
func (s *Set) StepDown(ctx context.Context, stepping, election time.Duration) error {
	s.change(func() { s.stepping = true })
	if err := wait(ctx, stepping); err != nil {
		return err
	}
	var old int
	s.change(func() {
		old = s.primary
		s.stepping, s.primary = false, -1
		s.members[old].drop()
	})
	return s.elect(ctx, election, old)
}

// Kill kills the primary, which refuses connections from then on; what it was
// doing may be done or not. Another member is primary after the election.
// [Set.Revive] brings it back.
func (s *Set) Kill(ctx context.Context, election time.Duration) error {
	var old int
	s.change(func() {
		old = s.primary
		s.primary = -1
		m := s.members[old]
		_ = m.listener.Close()
		m.listener = nil
		m.drop()
	})
	return s.elect(ctx, election, old)
}

// Revive starts dead members again, at their old addresses, as secondaries.
func (s *Set) Revive(ctx context.Context) error {
	for _, m := range s.members {
		s.mu.Lock()
		dead := m.listener == nil
		s.mu.Unlock()
		if !dead {
			continue
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", m.address)
		if err != nil {
			return fmt.Errorf("reviving a member: %w", err)
		}
		s.change(func() { m.listener, m.process, m.counter = l, bson.NewObjectID(), 1 })
		s.sessions.Go(func() { m.accept(l) }) //nolint:contextcheck // it lives on when this call is over
	}
	return nil
}

// elect makes the next living member after the old primary the new one, when the election is over.
func (s *Set) elect(ctx context.Context, election time.Duration, old int) error {
	if err := wait(ctx, election); err != nil {
		return err
	}
	s.change(func() {
		s.term++
		next := (old + 1) % len(s.members)
		for s.members[next].listener == nil {
			next = (next + 1) % len(s.members)
		}
		s.primary = next
	})
	return nil
}

// change changes the state of the set, and with it every member's topology version.
func (s *Set) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	for _, m := range s.members {
		m.counter++
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Set) close() {
	s.mu.Lock()
	for _, m := range s.members {
		if m.listener != nil {
			_ = m.listener.Close()
		}
		m.drop()
	}
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	s.sessions.Wait()
}
