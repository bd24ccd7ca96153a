package mongotest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
)

// Writer returns another service, with a client of its own, that works in the
// collections of the database of that name.
func (e Engine) Writer(tb testing.TB, database string) organizationtest.Writer {
	tb.Helper()
	return writer{e.Client(tb).Database(database)}
}

type writer struct{ db *driver.Database }

func (w writer) Put(ctx context.Context, collection string, d organization.Document) error {
	if _, err := w.db.Collection(collection).InsertOne(ctx, bson.Raw(d.Raw)); err != nil {
		return fmt.Errorf("putting a document into %s: %w", collection, err)
	}
	return nil
}

func (w writer) AddIndex(ctx context.Context, collection string, i organizationtest.Index) error {
	o := options.Index().SetName(i.Name)
	if i.Unique {
		o.SetUnique(true)
	}
	if _, err := w.db.Collection(collection).Indexes().CreateOne(ctx,
		driver.IndexModel{Keys: bson.D{{Key: i.Field, Value: 1}}, Options: o}); err != nil {
		return fmt.Errorf("making index %s of %s: %w", i.Name, collection, err)
	}
	return nil
}

func (w writer) Documents(ctx context.Context, collection string) ([]organization.Document, error) {
	cursor, err := w.db.Collection(collection).Find(ctx, bson.M{}, options.Find().SetSort(bson.M{"_id": 1}))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", collection, err)
	}
	var raws []bson.Raw
	if err := cursor.All(ctx, &raws); err != nil {
		return nil, fmt.Errorf("reading %s: %w", collection, err)
	}
	var all []organization.Document
	for _, raw := range raws {
		id := raw.Lookup("_id")
		all = append(all, organization.Document{ID: append([]byte{byte(id.Type)}, id.Value...), Raw: raw})
	}
	return all, nil
}

func (w writer) Indexes(ctx context.Context, collection string) ([]organizationtest.Index, error) {
	specs, err := w.db.Collection(collection).Indexes().ListSpecifications(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the indexes of %s: %w", collection, err)
	}
	var all []organizationtest.Index
	for _, spec := range specs {
		keys, err := spec.KeysDocument.Elements()
		if err != nil {
			return nil, fmt.Errorf("reading index %s of %s: %w", spec.Name, collection, err)
		}
		if spec.Name == "_id_" {
			continue
		}
		all = append(all, organizationtest.Index{
			Name: spec.Name, Field: keys[0].Key(), Unique: spec.Unique != nil && *spec.Unique,
		})
	}
	slices.SortFunc(all, func(a, b organizationtest.Index) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}
