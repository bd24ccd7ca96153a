package organizationtest

import (
	"context"

	"oms/shared/organization"
)

// Writer is another service that works in organizations' collections, as a
// client of the server behind the Store.
type Writer interface {
	// Put inserts the document; where the collection is not there, it makes it.
	Put(ctx context.Context, collection string, d organization.Document) error
	// AddIndex makes the index; where the collection is not there, it makes it.
	AddIndex(ctx context.Context, collection string, i Index) error
	// Documents returns the documents of the collection in the order of _id.
	Documents(ctx context.Context, collection string) ([]organization.Document, error)
	// Indexes returns its indexes by name, that of _id left out.
	Indexes(ctx context.Context, collection string) ([]Index, error)
}

// Index is an index of an organization's collection.
type Index struct {
	Name   string
	Field  string // the one field that it is on
	Unique bool
}
