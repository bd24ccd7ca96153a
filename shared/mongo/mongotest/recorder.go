package mongotest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/event"
)

// Recorder keeps which commands a client has sent. The zero one is ready.
type Recorder struct {
	mu    sync.Mutex
	names []string
	bare  []string // those without maxTimeMS
}

// Documented are the commands that OMS may send: all stand in the manual of
// MongoDB 6.0 (database commands).
func Documented() []string {
	return []string{
		"create", "createIndexes", "delete", "drop", "endSessions", "find", "getMore", "insert", "killCursors",
		"listCollections", "listIndexes", "ping", "renameCollection", "update",
	}
}

// Monitor returns what a client reports its commands to.
func (r *Recorder) Monitor() *event.CommandMonitor {
	return &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		_, err := e.Command.LookupErr("maxTimeMS")
		r.mu.Lock()
		defer r.mu.Unlock()
		r.names = append(r.names, e.CommandName)
		if err != nil && !unbounded(e.CommandName) {
			r.bare = append(r.bare, e.CommandName)
		}
	}}
}

// unbounded reports whether the driver bounds the command by the client's
// deadline alone: cursors go on as they began, and a client that ends waits
// for nothing.
func unbounded(name string) bool {
	return slices.Contains([]string{"endSessions", "getMore", "killCursors"}, name)
}

// Names returns the names of the commands, in the order in which they were sent.
func (r *Recorder) Names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.names)
}

// Check fails the test where a command was sent that is not one of
// [Documented], or one that a server would go on with after the client gave up.
func (r *Recorder) Check(tb testing.TB) {
	tb.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range r.names {
		if !slices.Contains(Documented(), name) {
			tb.Errorf("sent %s, want only %v", name, Documented())
		}
	}
	if len(r.bare) > 0 {
		tb.Errorf("sent %v without maxTimeMS, want every command bounded", slices.Compact(r.bare))
	}
}
