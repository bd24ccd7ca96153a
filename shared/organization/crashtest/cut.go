package crashtest

import (
	"sync"

	"oms/shared/organization"
	"oms/shared/organization/memory"
)

// These befall one command too: before it the primary is cut off, and goes on
// answering this client's plain reads until the client finds the new primary.
const (
	stale      mode = "stale"                      // with its next write, or read that must not be stale
	undone     mode = "rolled back"                // with the write after this one, which is rolled back
	undoneMore mode = "rolled back, like the next" // with the write after these two
)

// rivalAtOnce: the rival comes when the primary has been cut off, and finds the new one.
const rivalAtOnce = "rival at once"

func (m mode) cut() bool { return m == stale || m == undone || m == undoneMore }

// loses returns how many commands get no answer.
func (m mode) loses() int { return map[mode]int{undone: 1, undoneMore: 2}[m] }

// severed is a client whose primary is cut off before its nth command (from 0).
type severed struct {
	db        *memory.Database // nil: it cannot be cut off
	n         int
	lose      int    // how many commands it sends there that cannot be answered there
	meanwhile func() // what another client does on the new primary; may be nil

	mu   sync.Mutex
	sent []memory.Concern // of each command
	old  *memory.Database // the primary that was, while the client talks to it
}

// store returns the client's store, the other where it cannot be cut off.
func (s *severed) store(otherwise organization.Store) organization.Store {
	if s.db == nil {
		return otherwise
	}
	return s.db.Client(s.where)
}

func (s *severed) where(c memory.Concern) *memory.Database {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, c)
	if len(s.sent) == s.n+1 {
		s.old = s.db.Cut()
		if s.meanwhile != nil {
			s.meanwhile()
		}
	}
	switch {
	case s.old == nil:
		return s.db
	case c == memory.Local:
	case s.lose == 0:
		s.old = nil
		return s.db
	default:
		s.lose--
	}
	return s.old
}

// points returns what can befall the commands that were sent.
func (s *severed) points() []point {
	var all []point
	for n, c := range s.sent {
		switch c {
		case memory.Majority:
			for _, m := range []mode{undone, undoneMore} {
				for _, then := range []string{"retry", "rival", "reconcile", rivalAtOnce} {
					all = append(all, point{n, m, then})
				}
			}
		case memory.Local: // what nobody changes meanwhile is not stale
			all = append(all, point{n, stale, rivalAtOnce})
		case memory.Linearizable: // the client finds the new primary, and nothing has happened
		}
	}
	return all
}
