package memory

import (
	"bytes"
	"context"
	"encoding/binary"
	"maps"
	"slices"

	"oms/shared/organization"
)

type documents struct{ client }

func (s documents) Any(ctx context.Context, collection string) (bool, error) {
	return read(ctx, s.client, func(m *Database) (bool, error) {
		c := m.collections[collection]
		return c != nil && len(c.documents) > 0, nil
	})
}

func (s documents) Read(
	ctx context.Context, collection string, after []byte, limit int,
) ([]organization.Document, error) {
	after = bytes.Clone(after)
	return read(ctx, s.client, func(m *Database) ([]organization.Document, error) {
		all := m.documents(collection)
		if after != nil {
			all = slices.DeleteFunc(all, func(d organization.Document) bool { return bytes.Compare(d.ID, after) <= 0 })
		}
		return first(all, limit), nil
	})
}

func (s documents) Insert(ctx context.Context, collection string, d organization.Document) error {
	d = copyDocument(d)
	return do(ctx, s.client, func(m *Database) error {
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
	return do(ctx, s.client, func(m *Database) error {
		if m.equal(collection, d) {
			delete(m.collections[collection].documents, string(d.ID))
		}
		return nil
	})
}

func (s documents) CopyIndexes(ctx context.Context, from, to string) error {
	return do(ctx, s.client, func(m *Database) error {
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
func (m *Database) documents(collection string) []organization.Document {
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
func (m *Database) equal(collection string, d organization.Document) bool {
	c := m.collections[collection]
	if c == nil {
		return false
	}
	is, there := c.documents[string(d.ID)]
	return there && bytes.Equal(is.Raw, d.Raw)
}

// taken reports whether d's ID or another unique key of it is there. m is locked.
func (m *Database) taken(collection string, d organization.Document) bool {
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

// field returns the bytes of a string field at the top of raw, nil where it is
// not there. It reads documents of strings; at a field of another type it stops.
func field(raw []byte, name string) []byte {
	if len(raw) < 5 {
		return nil
	}
	for rest := raw[4:]; len(rest) > 1 && rest[0] == stringType; {
		key, value, found := bytes.Cut(rest[1:], []byte{0})
		if !found || len(value) < 4 {
			return nil
		}
		n := 4 + int(binary.LittleEndian.Uint32(value))
		if n > len(value) {
			return nil
		}
		if string(key) == name {
			return value[:n]
		}
		rest = value[n:]
	}
	return nil
}

// stringType is the BSON type of a string (bsonspec.org).
const stringType = 0x02
