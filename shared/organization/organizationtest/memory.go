package organizationtest

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"oms/shared/organization"
)

// Hook stands around every command of a [Memory]. The command is named by its
// interface and method, as in "claims.insert" or "organizations.findVisible".
// apply carries it out and says what it answered; what the hook returns is what
// the caller gets. So a hook can kill before a command (return without apply),
// after it, lose its answer (apply, then organization.ErrLost), hold it up, or
// apply it late from another goroutine, after it has returned an error. A hook
// that returns nil has run apply. No lock is held while a hook runs: it may use
// the Memory itself, and is called from several goroutines at once.
type Hook func(command string, apply func() error) error

// Memory is a master database in memory. Use [NewMemory]. It is safe for
// concurrent use, and every command is atomic; what goes in and comes out are
// copies. As in MongoDB, dates have milliseconds and come back in UTC.
type Memory struct {
	// Hook stands around every command of a Store that [Memory.Store] returned;
	// nil: none. It is set before commands run, not between them.
	Hook Hook

	mu            sync.Mutex
	noUUIDs       bool
	organizations map[organization.ID]organization.Organization
	claims        map[string]organization.Claim
	admins        map[organization.ID]organization.Admin
	requests      map[string]organization.Request
	collections   map[string]*collection
}

type collection struct {
	uuid      string
	documents map[string]organization.Document // by ID
	indexes   map[string]Index                 // by name
}

// Index is an index of an organization's collection.
type Index struct {
	Name   string
	Field  string // the one field that it is on
	Unique bool
}

// NewMemory returns an empty database.
func NewMemory() *Memory {
	return &Memory{
		organizations: map[organization.ID]organization.Organization{},
		claims:        map[string]organization.Claim{},
		admins:        map[organization.ID]organization.Admin{},
		requests:      map[string]organization.Request{},
		collections:   map[string]*collection{},
	}
}

// Store returns a Store of this database whose commands pass through m.Hook.
func (m *Memory) Store() organization.Store {
	return m.StoreWith(func(command string, apply func() error) error {
		if m.Hook == nil {
			return apply()
		}
		return m.Hook(command, apply)
	})
}

// StoreWith returns a Store of this database whose commands pass through h and
// not through m.Hook: one for each worker of a test that has several.
func (m *Memory) StoreWith(h Hook) organization.Store {
	c := conn{m: m, hook: h}
	return organization.Store{
		Organizations: organizations{c},
		Claims:        claims{c},
		Admins:        admins{c},
		Requests:      requests{c},
		Collections:   collections{c},
		Documents:     documents{c},
		Backlog:       backlog{c},
	}
}

// conn is the way of one Store's commands to the database.
type conn struct {
	m    *Memory
	hook Hook
}

// run sends one command through the hook. The answer is read only where the
// hook returned nil, for a command that is applied late still writes it.
func run[T any](ctx context.Context, c conn, command string, apply func(m *Memory) (T, error)) (T, error) {
	var zero, answer T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	err := c.hook(command, func() error {
		c.m.mu.Lock()
		defer c.m.mu.Unlock()
		a, err := apply(c.m)
		if err != nil {
			return err
		}
		answer = a
		return nil
	})
	if err != nil {
		return zero, err
	}
	return answer, nil
}

// do is run for commands that answer nothing.
func do(ctx context.Context, c conn, command string, apply func(m *Memory) error) error {
	_, err := run(ctx, c, command, func(m *Memory) (struct{}, error) { return struct{}{}, apply(m) })
	return err
}

// SetUUIDs says whether the server gives its collections a UUID (MongoDB and
// FerretDB do; the zero Memory does too).
func (m *Memory) SetUUIDs(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.noUUIDs = !on
}

// Organizations returns all organizations, by ID: what a checker looks at. It
// passes no hook, and neither do the other methods of Memory.
func (m *Memory) Organizations() []organization.Organization {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]organization.Organization, 0, len(m.organizations))
	for _, o := range m.organizations {
		all = append(all, copyOrganization(o))
	}
	slices.SortFunc(all, func(a, b organization.Organization) int { return compareIDs(a.ID, b.ID) })
	return all
}

// Claims returns all claims, by key.
func (m *Memory) Claims() []organization.Claim {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.claims), func(a, b organization.Claim) int { return cmp.Compare(a.Key, b.Key) })
}

// Admins returns all admins, by ID.
func (m *Memory) Admins() []organization.Admin {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.admins), func(a, b organization.Admin) int { return compareIDs(a.ID, b.ID) })
}

// Requests returns all requests, by ID.
func (m *Memory) Requests() []organization.Request {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.requests), func(a, b organization.Request) int { return cmp.Compare(a.ID, b.ID) })
}

// Names returns the names of all collections, sorted.
func (m *Memory) Names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.collections))
}

// Documents returns the documents of the collection, by ID; none where it is not there.
func (m *Memory) Documents(collection string) []organization.Document {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.documents(collection)
}

// Indexes returns the indexes of the collection, by name, that of _id left out.
func (m *Memory) Indexes(collection string) []Index {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.collections[collection]
	if c == nil {
		return nil
	}
	return slices.SortedFunc(maps.Values(c.indexes), func(a, b Index) int { return cmp.Compare(a.Name, b.Name) })
}

// Put inserts a document, as another service does: where the collection is not
// there, it makes it. ErrExists where its ID or another unique key is there.
func (m *Memory) Put(collection string, d organization.Document) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.taken(collection, d) {
		return fmt.Errorf("putting a document into %s: %w", collection, organization.ErrExists)
	}
	m.ensure(collection).documents[string(d.ID)] = copyDocument(d)
	return nil
}

// Remove deletes the document with that ID, as another service does, and tells
// whether it was there.
func (m *Memory) Remove(collection string, id []byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.collections[collection]
	if c == nil || !has(c.documents, string(id)) {
		return false
	}
	delete(c.documents, string(id))
	return true
}

// AddIndex makes an index, as another service does: where the collection is not
// there, it makes it. It does not look whether the documents that are there
// keep a unique one.
func (m *Memory) AddIndex(collection string, i Index) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ensure(collection).indexes[i.Name] = i
}

// Drop drops the collection, as another service does, and tells whether it was there.
func (m *Memory) Drop(collection string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	there := has(m.collections, collection)
	delete(m.collections, collection)
	return there
}

// ensure returns the collection, made where it was not there. m is locked.
func (m *Memory) ensure(name string) *collection {
	c := m.collections[name]
	if c == nil {
		c = &collection{uuid: rand.Text(), documents: map[string]organization.Document{}, indexes: map[string]Index{}}
		m.collections[name] = c
	}
	return c
}

func has[K comparable, V any](m map[K]V, key K) bool {
	_, there := m[key]
	return there
}

func compareIDs(a, b organization.ID) int { return slices.Compare(a[:], b[:]) }

// date is t as MongoDB keeps it: a date has milliseconds, and the zero time is
// the field's absence.
func date(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

func first[T any](all []T, limit int) []T { return all[:min(len(all), max(limit, 0))] }
