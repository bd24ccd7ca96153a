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

// Memory is a master database in memory. Use [NewMemory]. It is safe for
// concurrent use, and every command is atomic; what goes in and comes out are
// copies. As in MongoDB, dates have milliseconds and come back in UTC.
type Memory struct {
	mu             sync.Mutex
	noUUIDs        bool
	noLinearizable bool
	noKeyIndex     bool
	organizations  map[organization.ID]organization.Organization
	claims         map[string]organization.Claim
	admins         map[organization.ID]organization.Admin
	requests       map[string]organization.Request
	collections    map[string]*collection
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

// Store returns the Store of a client that is never cut off. [Hooked] puts a
// test between the two.
func (m *Memory) Store() organization.Store {
	return m.Client(func(Concern) *Memory { return m })
}

// run carries out one command. On a primary that was cut off whatever wants to
// know of a majority gets no answer.
func run[T any](ctx context.Context, c client, concern Concern, apply func(m *Memory) (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	concern = c.m.has(concern)
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
func read[T any](ctx context.Context, c client, look func(m *Memory) (T, error)) (T, error) {
	return run(ctx, c, Local, look)
}

// write is run for a write.
func write[T any](ctx context.Context, c client, apply func(m *Memory) (T, error)) (T, error) {
	return run(ctx, c, Majority, apply)
}

// do is write for commands that answer nothing.
func do(ctx context.Context, c client, apply func(m *Memory) error) error {
	_, err := write(ctx, c, func(m *Memory) (struct{}, error) { return struct{}{}, apply(m) })
	return err
}

// SetUUIDs says whether the server gives its collections a UUID (MongoDB and
// FerretDB do; the zero Memory does too).
func (m *Memory) SetUUIDs(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.noUUIDs = !on
}

// SetLinearizable says whether linearizable reads are; where they are not, they
// are plain ones, by which tests show what they are for.
func (m *Memory) SetLinearizable(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.noLinearizable = !on
}

// has is what the database makes of the concern.
func (m *Memory) has(c Concern) Concern {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c == Linearizable && m.noLinearizable {
		return Local
	}
	return c
}

// SetKeyIndex says whether the database refuses a second organization with a
// key (ErrKeyTaken), for tests of the lock before it.
func (m *Memory) SetKeyIndex(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.noKeyIndex = !on
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

// Drop drops the collection, as another service does, and reports whether it was there.
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
