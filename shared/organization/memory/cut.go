package memory

import (
	"maps"
	"time"

	"oms/shared/organization"
)

// ElectionTimeout is how long a primary that was cut off from the majority may
// go on answering: after it the primary steps down by itself
// (settings.electionTimeoutMillis, 10 s where nobody sets it; MongoDB manual,
// replica set configuration).
const ElectionTimeout = 10 * time.Second

// Concern is what a command wants to know of a majority of the servers before
// it is answered: its read or write concern.
type Concern string

// The concerns that a Store's commands have.
const (
	Local        Concern = "local"        // a read: nothing, it shows what the server itself has
	Linearizable Concern = "linearizable" // a read: that this server is the primary still
	Majority     Concern = "majority"     // a write: that they have it too
)

// Cut cuts the primary off and returns it: what it has, this database had at
// this moment. What is written to it is shown by its plain reads, is answered
// to nobody and never gets here; it is rolled back. The database itself goes on
// with another primary ("two nodes may transiently believe that they are the
// primary": MongoDB manual, read isolation). Who cuts keeps to [ElectionTimeout].
func (m *Database) Cut() *Database {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := New()
	old.NoUUIDs, old.NoKeyIndex = m.NoUUIDs, m.NoKeyIndex
	for id, o := range m.organizations {
		old.organizations[id] = copyOrganization(o)
	}
	for name, c := range m.collections {
		old.collections[name] = &collection{c.uuid, maps.Clone(c.documents), maps.Clone(c.indexes)}
	}
	maps.Copy(old.claims, m.claims)
	maps.Copy(old.admins, m.admins)
	maps.Copy(old.requests, m.requests)
	return old
}

// Client returns the Store of one client. where is asked before each command
// which server answers it: m, or one that was [Database.Cut] from it. A client
// that has met a later primary goes back to none before it (driver
// specification, server discovery and monitoring: stale primaries). where is
// called from several goroutines at once.
func (m *Database) Client(where func(Concern) *Database) organization.Store {
	c := client{m, where}
	return organization.Store{
		Organizations: organizations{c},
		Claims:        claims{c},
		Admins:        admins{c},
		Requests:      requests{c},
		Collections:   collections{c},
		Documents:     documents{c},
		Backlog:       backlog{c},
		Mails:         mails{c},
	}
}

// client is one client of a database.
type client struct {
	m     *Database
	where func(Concern) *Database
}
