package organizationtest

import (
	"context"

	"oms/shared/organization"
)

// Writer returns another service that works in m, past its hooks.
func (m *Memory) Writer() Writer { return writer{m} }

type writer struct{ m *Memory }

func (w writer) Put(ctx context.Context, collection string, d organization.Document) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return w.m.Put(collection, d)
}

func (w writer) AddIndex(ctx context.Context, collection string, i Index) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.m.AddIndex(collection, i)
	return nil
}

func (w writer) Documents(ctx context.Context, collection string) ([]organization.Document, error) {
	return w.m.Documents(collection), ctx.Err()
}

func (w writer) Indexes(ctx context.Context, collection string) ([]Index, error) {
	return w.m.Indexes(collection), ctx.Err()
}
