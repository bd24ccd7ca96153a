// Package memory is a sibling of package mongo: an [organization.Store] that
// keeps everything in memory, for tests alone. It owns what the protocol says
// of MongoDB, its unpleasant sides included: a document put under a name that is
// not there makes a collection of that name; and a primary that is cut off
// ([Database.Cut]) shows its clients what is old, or will be rolled back. It
// refuses to be a database: it keeps nothing, and it looks through everything at
// every command.
//
//	m := memory.New()
//	w := organizationtest.NewWorld(m.Store(), m)
package memory

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
	"oms/shared/organization/organizationtest"
)

// Database is a master database in memory. Use [New]. It is safe for
// concurrent use, and every command is atomic; what goes in and comes out are
// copies. As in MongoDB, dates have milliseconds and come back in UTC. It is its
// own data writer: the methods that take a collection are what another service does.
type Database struct {
	// What this server lacks and MongoDB has. They are set before it is used.
	NoUUIDs        bool // its collections have no UUID
	NoLinearizable bool // linearizable reads are plain ones: so tests show what they are for
	NoKeyIndex     bool // it takes a second organization with a key: for tests of the lock before it

	mu            sync.Mutex
	organizations map[organization.ID]organization.Organization
	claims        map[string]organization.Claim
	admins        map[organization.ID]organization.Admin
	requests      map[string]organization.Request
	collections   map[string]*collection
}

var _ organizationtest.Writer = (*Database)(nil)

type collection struct {
	uuid      string
	documents map[string]organization.Document  // by ID
	indexes   map[string]organizationtest.Index // by name
}

// New returns an empty database.
func New() *Database {
	return &Database{
		organizations: map[organization.ID]organization.Organization{},
		claims:        map[string]organization.Claim{},
		admins:        map[organization.ID]organization.Admin{},
		requests:      map[string]organization.Request{},
		collections:   map[string]*collection{},
	}
}

// Store returns the Store of a client that is never cut off.
// [organizationtest.Hooked] puts a test between the two.
func (m *Database) Store() organization.Store {
	return m.Client(func(Concern) *Database { return m })
}

// run carries out one command. On a primary that was cut off whatever wants to
// know of a majority gets no answer.
func run[T any](ctx context.Context, c client, concern Concern, apply func(m *Database) (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	if concern == Linearizable && c.m.NoLinearizable {
		concern = Local
	}
	m := c.where(concern)
	m.mu.Lock()
	defer m.mu.Unlock()
	answer, err := apply(m)
	if m != c.m && concern != Local {
		return zero, organization.ErrLost
	}
	return answer, err
}

// read is run for a plain read.
func read[T any](ctx context.Context, c client, look func(m *Database) (T, error)) (T, error) {
	return run(ctx, c, Local, look)
}

// write is run for a write.
func write[T any](ctx context.Context, c client, apply func(m *Database) (T, error)) (T, error) {
	return run(ctx, c, Majority, apply)
}

// do is write for commands that answer nothing.
func do(ctx context.Context, c client, apply func(m *Database) error) error {
	_, err := write(ctx, c, func(m *Database) (struct{}, error) { return struct{}{}, apply(m) })
	return err
}

// Organizations returns all organizations, by ID: what a checker looks at. It
// passes no hook, and neither do the other methods of Database.
func (m *Database) Organizations() []organization.Organization {
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
func (m *Database) Claims() []organization.Claim {
	m.mu.Lock()
	defer m.mu.Unlock()
	byKey := func(a, b organization.Claim) int { return cmp.Compare(a.Key, b.Key) }
	return slices.SortedFunc(maps.Values(m.claims), byKey)
}

// Admins returns all admins, by ID.
func (m *Database) Admins() []organization.Admin {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.admins), func(a, b organization.Admin) int { return compareIDs(a.ID, b.ID) })
}

// Names returns the names of all collections, sorted.
func (m *Database) Names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.collections))
}

// Documents returns the documents of the collection, by ID; none where it is not there.
func (m *Database) Documents(ctx context.Context, collection string) ([]organization.Document, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.documents(collection), ctx.Err()
}

// Indexes returns the indexes of the collection, by name, that of _id left out.
func (m *Database) Indexes(ctx context.Context, collection string) ([]organizationtest.Index, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.collections[collection]
	if c == nil {
		return nil, ctx.Err()
	}
	byName := func(a, b organizationtest.Index) int { return cmp.Compare(a.Name, b.Name) }
	return slices.SortedFunc(maps.Values(c.indexes), byName), ctx.Err()
}

// Put inserts a document, as another service does: where the collection is not
// there, it makes it. ErrExists where its ID or another unique key is there.
func (m *Database) Put(ctx context.Context, collection string, d organization.Document) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.taken(collection, d) {
		return fmt.Errorf("putting a document into %s: %w", collection, organization.ErrExists)
	}
	m.ensure(collection).documents[string(d.ID)] = copyDocument(d)
	return nil
}

// Remove deletes the document with that ID, as another service does, and tells
// whether it was there.
func (m *Database) Remove(collection string, id []byte) bool {
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
func (m *Database) AddIndex(ctx context.Context, collection string, i organizationtest.Index) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	m.ensure(collection).indexes[i.Name] = i
	return nil
}

// Drop drops the collection, as another service does, and reports whether it was there.
func (m *Database) Drop(collection string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	there := has(m.collections, collection)
	delete(m.collections, collection)
	return there
}

// ensure returns the collection, made where it was not there. m is locked.
func (m *Database) ensure(name string) *collection {
	c := m.collections[name]
	if c == nil {
		c = &collection{rand.Text(), map[string]organization.Document{}, map[string]organizationtest.Index{}}
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

// found returns what has the key.
func found[K comparable, T any](all map[K]T, key K) (T, error) {
	is, there := all[key]
	if !there {
		return is, organization.ErrAbsent
	}
	return is, nil
}

func first[T any](all []T, limit int) []T { return all[:min(len(all), max(limit, 0))] }
