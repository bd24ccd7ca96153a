package mongo

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"oms/shared/organization"
)

// do sends one command: the only way to the server. It returns ctx's own error
// before anything is sent, and after that never.
func (d *Database) do(ctx context.Context, doing string, command func(context.Context) error) error {
	return d.within(ctx, bound, doing, command)
}

// within is do for a command that has another bound.
func (d *Database) within(ctx context.Context, bound time.Duration, doing string, command func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	return d.classify(doing, command(ctx))
}

// find returns the first document that matches, or ErrAbsent.
func find[D any](ctx context.Context, d *Database, doing, collection string, filter bson.M) (D, error) {
	var document D
	var raw bson.Raw
	err := d.do(ctx, doing, func(ctx context.Context) error {
		var err error
		raw, err = d.db.Collection(collection).FindOne(ctx, filter).Raw()
		return err
	})
	if err != nil {
		return document, err
	}
	if err := bson.Unmarshal(raw, &document); err != nil {
		return document, fmt.Errorf("%s: %w", doing, err)
	}
	return document, nil
}

// list returns up to limit documents in the order of the field, in one batch.
// It is a command of its own, and not the driver's Find, because that leaves
// maxTimeMS out wherever it returns a cursor; and so it retries by itself, as
// the driver does with its reads, within the same bound.
func (d *Database) list(ctx context.Context, doing, collection string, filter bson.M, order string, limit int) ([]bson.Raw, error) {
	if limit <= 0 {
		return nil, ctx.Err()
	}
	command := bson.D{
		{Key: "find", Value: collection},
		{Key: "filter", Value: filter},
		{Key: "sort", Value: bson.M{order: 1}},
		{Key: "limit", Value: int64(limit)},
		{Key: "batchSize", Value: int64(limit)}, // a first batch has 101 documents by itself
		{Key: "singleBatch", Value: true},
	}
	var answer bson.Raw
	err := d.do(ctx, doing, func(ctx context.Context) error {
		var err error
		answer, err = d.db.RunCommand(ctx, command).Raw()
		if _, sure := answered(err); err != nil && !sure && ctx.Err() == nil {
			answer, err = d.db.RunCommand(ctx, command).Raw()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var reply struct {
		Cursor struct {
			FirstBatch []bson.Raw `bson:"firstBatch"`
		} `bson:"cursor"`
	}
	if err := bson.Unmarshal(answer, &reply); err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return reply.Cursor.FirstBatch[:min(limit, len(reply.Cursor.FirstBatch))], nil
}

// run sends a command that the driver has no method for, or none that fits.
// The driver adds maxTimeMS.
func (d *Database) run(ctx context.Context, doing string, db *driver.Database, command bson.D) error {
	return d.do(ctx, doing, func(ctx context.Context) error { return db.RunCommand(ctx, command).Err() })
}

// decode makes documents of what list returned.
func decode[D any](doing string, raws []bson.Raw) ([]D, error) {
	all := make([]D, len(raws))
	for i, raw := range raws {
		if err := bson.Unmarshal(raw, &all[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
	}
	return all, nil
}

// insert inserts the document, or returns ErrExists where a unique key is there.
func (d *Database) insert(ctx context.Context, doing, collection string, document any) error {
	err := d.do(ctx, doing, func(ctx context.Context) error {
		_, err := d.db.Collection(collection).InsertOne(ctx, document)
		return err
	})
	if r, ok := refused(err); ok && r.duplicate {
		return fmt.Errorf("%s: %w", doing, organization.ErrExists)
	}
	return err
}

// update changes the first document that matches and tells whether one did.
func (d *Database) update(ctx context.Context, doing, collection string, filter, change bson.M) (bool, error) {
	matched := false
	err := d.do(ctx, doing, func(ctx context.Context) error {
		result, err := d.db.Collection(collection).UpdateOne(ctx, filter, change)
		if err != nil {
			return err
		}
		matched = result.MatchedCount > 0
		return nil
	})
	return matched, err
}

// remove deletes the first document that matches and tells whether one did.
func (d *Database) remove(ctx context.Context, doing, collection string, filter bson.M) (bool, error) {
	deleted := false
	err := d.do(ctx, doing, func(ctx context.Context) error {
		result, err := d.db.Collection(collection).DeleteOne(ctx, filter)
		if err != nil {
			return err
		}
		deleted = result.DeletedCount > 0
		return nil
	})
	return deleted, err
}

// removeAll deletes all documents that match and tells how many.
func (d *Database) removeAll(ctx context.Context, doing, collection string, filter bson.M) (int, error) {
	n := 0
	err := d.do(ctx, doing, func(ctx context.Context) error {
		result, err := d.db.Collection(collection).DeleteMany(ctx, filter)
		if err != nil {
			return err
		}
		n = int(result.DeletedCount)
		return nil
	})
	return n, err
}

// become returns the update that makes a document equal to is in every field
// that D names, and leaves all others: those of a newer version stay. Fields
// that is leaves out are unset, never null, for an index of unique keys lets
// any number of documents without the field in, but only one null.
func become[D any](is D) (bson.M, error) {
	raw, err := bson.Marshal(is)
	if err != nil {
		return nil, fmt.Errorf("encoding a document: %w", err)
	}
	set, unset := bson.M{}, bson.M{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[D]()) {
		name, _, _ := strings.Cut(f.Tag.Get("bson"), ",")
		if name == "_id" {
			continue
		}
		if value, err := bson.Raw(raw).LookupErr(name); err == nil {
			set[name] = value
		} else {
			unset[name] = ""
		}
	}
	change := bson.M{"$set": set}
	if len(unset) > 0 {
		change["$unset"] = unset
	}
	return change, nil
}

// objectID is the id as MongoDB has it: the layout is the same.
func objectID(id organization.ID) bson.ObjectID { return bson.ObjectID(id) }
