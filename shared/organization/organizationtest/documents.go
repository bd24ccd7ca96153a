package organizationtest

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"oms/shared/organization"
)

var _ organization.Documents = documents{}

type documents struct{ client }

func (s documents) Any(ctx context.Context, collection string) (bool, error) {
	return read(ctx, s.client, func(m *Memory) (bool, error) {
		c := m.collections[collection]
		return c != nil && len(c.documents) > 0, nil
	})
}

func (s documents) Read(ctx context.Context, collection string, after []byte, limit int) ([]organization.Document, error) {
	after = bytes.Clone(after)
	return read(ctx, s.client, func(m *Memory) ([]organization.Document, error) {
		all := m.documents(collection)
		if after != nil {
			all = slices.DeleteFunc(all, func(d organization.Document) bool { return bytes.Compare(d.ID, after) <= 0 })
		}
		return first(all, limit), nil
	})
}

func (s documents) Insert(ctx context.Context, collection string, d organization.Document) error {
	d = copyDocument(d)
	return do(ctx, s.client, func(m *Memory) error {
		if m.equal(collection, d) {
			return nil
		}
		if m.taken(collection, d) {
			return organization.ErrExists
		}
		m.ensure(collection).documents[string(d.ID)] = copyDocument(d)
		return nil
	})
}

func (s documents) Delete(ctx context.Context, collection string, d organization.Document) error {
	d = copyDocument(d)
	return do(ctx, s.client, func(m *Memory) error {
		if m.equal(collection, d) {
			delete(m.collections[collection].documents, string(d.ID))
		}
		return nil
	})
}

func (s documents) CopyIndexes(ctx context.Context, from, to string) error {
	return do(ctx, s.client, func(m *Memory) error {
		c := m.collections[from]
		if c == nil {
			return nil
		}
		for name, i := range c.indexes {
			if target := m.ensure(to); !has(target.indexes, name) {
				target.indexes[name] = i
			}
		}
		return nil
	})
}

// documents returns copies of the collection's documents, by ID. m is locked.
func (m *Memory) documents(collection string) []organization.Document {
	c := m.collections[collection]
	if c == nil {
		return nil
	}
	all := make([]organization.Document, 0, len(c.documents))
	for _, id := range slices.Sorted(maps.Keys(c.documents)) {
		all = append(all, copyDocument(c.documents[id]))
	}
	return all
}

// equal reports whether exactly this document is there. m is locked.
func (m *Memory) equal(collection string, d organization.Document) bool {
	c := m.collections[collection]
	if c == nil {
		return false
	}
	is, there := c.documents[string(d.ID)]
	return there && bytes.Equal(is.Raw, d.Raw)
}

// taken reports whether d's ID or another unique key of it is there. m is locked.
func (m *Memory) taken(collection string, d organization.Document) bool {
	c := m.collections[collection]
	if c == nil {
		return false
	}
	if has(c.documents, string(d.ID)) {
		return true
	}
	for _, i := range c.indexes {
		if !i.Unique {
			continue
		}
		value := field(d.Raw, i.Field)
		for _, is := range c.documents {
			if bytes.Equal(field(is.Raw, i.Field), value) {
				return true
			}
		}
	}
	return false
}

func copyDocument(d organization.Document) organization.Document {
	return organization.Document{ID: bytes.Clone(d.ID), Raw: bytes.Clone(d.Raw)}
}
