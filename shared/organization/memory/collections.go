package memory

import (
	"context"
	"maps"
	"slices"
	"strings"

	"oms/shared/organization"
)

type collections struct{ client }

func (s collections) Find(ctx context.Context, names ...string) (map[string]organization.Collection, error) {
	names = slices.Clone(names)
	return read(ctx, s.client, func(m *Database) (map[string]organization.Collection, error) {
		found := map[string]organization.Collection{}
		for _, name := range names {
			if has(m.collections, name) {
				found[name] = m.describe(name)
			}
		}
		return found, nil
	})
}

func (s collections) List(ctx context.Context, prefix string) ([]string, error) {
	return read(ctx, s.client, func(m *Database) ([]string, error) {
		all := slices.Sorted(maps.Keys(m.collections))
		return slices.DeleteFunc(all, func(name string) bool { return !strings.HasPrefix(name, prefix) }), nil
	})
}

func (s collections) Create(ctx context.Context, name string) error {
	return do(ctx, s.client, func(m *Database) error {
		if has(m.collections, name) {
			return organization.ErrExists
		}
		m.ensure(name)
		return nil
	})
}

func (s collections) Rename(ctx context.Context, from, to string) error {
	return do(ctx, s.client, func(m *Database) error {
		c := m.collections[from]
		if c == nil {
			return organization.ErrAbsent
		}
		if has(m.collections, to) {
			return organization.ErrExists
		}
		m.collections[to] = c
		delete(m.collections, from)
		return nil
	})
}

func (s collections) Drop(ctx context.Context, name string) error {
	return do(ctx, s.client, func(m *Database) error {
		delete(m.collections, name)
		return nil
	})
}

// describe returns what the server says of the collection. m is locked.
func (m *Database) describe(name string) organization.Collection {
	if m.NoUUIDs {
		return organization.Collection{Name: name}
	}
	return organization.Collection{Name: name, UUID: m.collections[name].uuid}
}
