package wiretest

import (
	"sync"
	"time"
)

// Fault is what happens to a command.
type Fault string

// The faults.
const (
	// Refuse drops all of the client's connections before the command is sent
	// on, and resets new ones at their first message, by which a client can be
	// told from others, until the rule is disarmed.
	Refuse Fault = "refuse"
	// Reset resets the connection before the command is sent on.
	Reset Fault = "reset"
	// Lost lets the server apply the command and resets the connection instead of
	// passing the reply.
	Lost Fault = "lost"
	// Cut passes ten bytes of the reply, which is not even its header, and closes
	// the connection.
	Cut Fault = "cut"
	// Blackhole takes the command and whatever comes after it on any connection
	// of the client, and neither sends it on nor answers, until the rule is
	// disarmed or the client closes.
	Blackhole Fault = "blackhole"
	// Stall lets the server apply the command and keeps the reply, until the rule
	// is disarmed or the client closes.
	Stall Fault = "stall"
	// Slow delays the command by half a second.
	Slow Fault = "slow"
)

const (
	slowness = 500 * time.Millisecond
	cutAt    = 10 // bytes
)

// Faults returns all faults.
func Faults() []Fault { return []Fault{Refuse, Reset, Lost, Cut, Blackhole, Stall, Slow} }

// Rule says what is done to which command.
type Rule struct {
	Fault   Fault
	Client  string // the client's application name; empty: any
	Command string // the command's name; empty: any
	Nth     int    // the nth of them since it was armed, from 1; 0: every one
}

// Shot is an armed rule.
type Shot struct {
	rule    Rule
	mu      sync.Mutex
	seen    int
	hits    int
	struck  chan struct{} // closed at the first hit
	over    chan struct{} // closed when it is disarmed
	aborted bool
}

// Hit reports whether the command came.
func (s *Shot) Hit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hits > 0
}

// Struck is closed when the command comes.
func (s *Shot) Struck() <-chan struct{} { return s.struck }

// takes counts the command and reports whether the rule is for it.
func (s *Shot) takes(client, command string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rule
	if s.aborted || r.Client != "" && r.Client != client || r.Command != "" && r.Command != command {
		return false
	}
	s.seen++
	if r.Nth != 0 && s.seen != r.Nth {
		return false
	}
	s.hits++
	if s.hits == 1 {
		close(s.struck)
	}
	return true
}

// spreads reports whether the fault holds for all that the client sends now.
func (s *Shot) spreads(client string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.aborted && s.hits > 0 && (s.rule.Client == "" || s.rule.Client == client)
}
