package mongo

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"

	"oms/shared/organization"
)

// do sends one command: the only way to the server. It returns ctx's own error
// before anything is sent, and after that never.
func (d *Database) do(ctx context.Context, doing string, command func(context.Context) error) error {
	return d.within(ctx, bound, doing, command)
}

// within is do for a command that has another bound.
func (d *Database) within(
	ctx context.Context, bound time.Duration, doing string, command func(context.Context) error,
) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	select {
	case <-d.found:
		return d.classify(doing, command(ctx))
	case <-d.closed:
		return d.classify(doing, driver.ErrClientDisconnected)
	case <-ctx.Done():
		return d.classify(doing, ctx.Err())
	}
}

// ask is do for a command that is answered with something.
func ask[T any](ctx context.Context, d *Database, doing string, command func(context.Context) (T, error)) (T, error) {
	var answer T
	err := d.do(ctx, doing, func(ctx context.Context) error {
		var err error
		answer, err = command(ctx)
		return err
	})
	return answer, err
}

// find returns the first document that matches, or ErrAbsent.
func find[D any](ctx context.Context, d *Database, doing, collection string, filter bson.M) (D, error) {
	return findAt[D](ctx, d, doing, collection, filter, local)
}

// findLinearizable is find, linearizable.
func findLinearizable[D any](ctx context.Context, d *Database, doing, collection string, filter bson.M) (D, error) {
	return linearizable(func(level string) (D, error) { return findAt[D](ctx, d, doing, collection, filter, level) })
}

func findAt[D any](ctx context.Context, d *Database, doing, collection string, filter bson.M, level string) (D, error) {
	var document, none D
	o := options.Collection().SetReadConcern(&readconcern.ReadConcern{Level: level})
	raw, err := ask(ctx, d, doing, func(ctx context.Context) (bson.Raw, error) {
		return d.db.Collection(collection, o).FindOne(ctx, filter).Raw()
	})
	if err != nil {
		return none, err
	}
	if err := unmarshal(raw, &document); err != nil {
		return none, fmt.Errorf("%s: %w", doing, err)
	}
	return document, nil
}

// local is a read's level where no other is asked for: the server's own, and
// nothing is sent.
const local = ""

// linearizable reads at that level: what the server shows then, a majority has
// (MongoDB manual, read concern "linearizable"). A server that refuses the level
// is asked without it. A standalone refuses it (NotAReplicaSet), and loses
// nothing by that: there is no other server to whose state it could be rolled
// back. No answer is not a refusal: so a primary that cannot reach the others shows nothing.
func linearizable[T any](read func(level string) (T, error)) (T, error) {
	found, err := read("linearizable")
	if _, ok := refused(err); ok {
		return read(local)
	}
	return found, err
}

// there reports whether a document matches.
func (d *Database) there(ctx context.Context, doing, collection string, filter bson.M) (bool, error) {
	err := d.do(ctx, doing, func(ctx context.Context) error {
		return d.db.Collection(collection).FindOne(ctx, filter, options.FindOne().SetProjection(bson.M{"_id": 1})).Err()
	})
	if errors.Is(err, organization.ErrAbsent) {
		return false, nil
	}
	return err == nil, err
}

// answerSize is half of what MongoDB puts into one answer at most (manual,
// limits: a document has 16 MiB, and an answer is one).
const answerSize = 8 << 20

// query says what list is to return.
type query struct {
	collection string
	filter     bson.M
	sort       bson.D // empty: in any order
	limit      int
	level      string // of the read
}

// list returns the documents of a query, in one batch, and whether there may be
// more: the limit is reached, or the answer was full. It is a command of its
// own, and not the driver's Find, because that leaves maxTimeMS out wherever it
// returns a cursor; and so it retries by itself, as the driver does with its
// reads, within the same bound.
func (d *Database) list(ctx context.Context, doing string, q query) (raws []bson.Raw, more bool, err error) {
	if q.limit <= 0 {
		return nil, false, ctx.Err()
	}
	command := bson.D{
		{Key: "find", Value: q.collection},
		{Key: "filter", Value: q.filter},
		{Key: "limit", Value: int64(q.limit)},
		{Key: "batchSize", Value: int64(q.limit)}, // a first batch has 101 documents by itself
		{Key: "singleBatch", Value: true},
	}
	if len(q.sort) > 0 {
		command = append(command, bson.E{Key: "sort", Value: q.sort})
	}
	if q.level != local {
		command = append(command, bson.E{Key: "readConcern", Value: bson.M{"level": q.level}})
	}
	answer, err := ask(ctx, d, doing, func(ctx context.Context) (bson.Raw, error) {
		answer, err := d.db.RunCommand(ctx, command).Raw()
		if _, sure := answered(err); err != nil && !sure && ctx.Err() == nil {
			answer, err = d.db.RunCommand(ctx, command).Raw()
		}
		return answer, err
	})
	if err != nil {
		return nil, false, err
	}
	var reply struct {
		Cursor struct {
			FirstBatch []bson.Raw `bson:"firstBatch"`
		} `bson:"cursor"`
	}
	if err := unmarshal(answer, &reply); err != nil {
		return nil, false, fmt.Errorf("%s: %w", doing, err)
	}
	raws = reply.Cursor.FirstBatch[:min(q.limit, len(reply.Cursor.FirstBatch))]
	size := 0
	for _, raw := range raws {
		size += len(raw)
	}
	return raws, len(raws) == q.limit || size >= answerSize, nil
}

// run sends a command that the driver has no method for, or none that fits.
// The driver adds maxTimeMS.
func (d *Database) run(ctx context.Context, doing, database string, command bson.D) error {
	return d.do(ctx, doing, func(ctx context.Context) error {
		return d.client.Database(database).RunCommand(ctx, command).Err()
	})
}

// decode makes documents of what list returned.
func decode[D any](doing string, raws []bson.Raw) ([]D, error) {
	all := make([]D, len(raws))
	for i, raw := range raws {
		if err := unmarshal(raw, &all[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
	}
	return all, nil
}

// unmarshal decodes a document. Its error names the field that is wrong and
// shows nothing of what is in it, which the decoder's own can.
func unmarshal(raw bson.Raw, document any) error {
	err := bson.Unmarshal(raw, document)
	if err == nil {
		return nil
	}
	if wrong, ok := errors.AsType[*bson.DecodeError](err); ok {
		return errors.New("the field " + strings.Join(wrong.Keys(), ".") + " cannot be decoded")
	}
	return errors.New("the document cannot be decoded")
}

// unique is a unique key that a write may meet: what finds the document that
// has it, and what a store then says.
type unique struct {
	filter bson.M
	err    error
}

// taken says which of the unique keys a refused write has met; any other error
// stays as it is. A duplicate key does not say in every server which one it was,
// and some answer a write that met one with another code (FerretDB an update,
// and racing inserts with that of a deadlock): what is there decides. A key that
// only the last can be needs no look.
func (d *Database) taken(ctx context.Context, doing, collection string, err error, keys ...unique) error {
	r, ok := refused(err)
	if !ok {
		return err
	}
	for i, key := range keys {
		found := r.duplicate && i == len(keys)-1
		if !found {
			var look error
			if found, look = d.there(ctx, doing, collection, key.filter); look != nil {
				return look
			}
		}
		if found {
			return fmt.Errorf("%s: %w", doing, key.err)
		}
	}
	return err
}

// keyed sends a write that may meet unique keys, and says which it has met. One
// that was refused though nobody has any of them is sent again, once: whoever
// had one may have let go of it before the look, and a refusal was not applied.
func (d *Database) keyed(ctx context.Context, doing, collection string, write func() error, keys ...unique) error {
	err := d.taken(ctx, doing, collection, write(), keys...)
	if _, unknown := refused(err); unknown && len(keys) > 0 {
		err = d.taken(ctx, doing, collection, write(), keys...)
	}
	return err
}

// insert inserts the document, or says which of the unique keys is taken.
func (d *Database) insert(ctx context.Context, doing, collection string, document any, keys ...unique) error {
	return d.keyed(ctx, doing, collection, func() error {
		return d.do(ctx, doing, func(ctx context.Context) error {
			_, err := d.db.Collection(collection).InsertOne(ctx, document)
			return err
		})
	}, keys...)
}

// update changes the first document that matches and reports whether one did, or
// says which of the unique keys is taken.
func (d *Database) update(
	ctx context.Context, doing, collection string, filter, change bson.M, keys ...unique,
) (bool, error) {
	matched := false
	err := d.keyed(ctx, doing, collection, func() error {
		result, err := ask(ctx, d, doing, func(ctx context.Context) (*driver.UpdateResult, error) {
			return d.db.Collection(collection).UpdateOne(ctx, filter, change)
		})
		matched = err == nil && result.MatchedCount > 0
		return err
	}, keys...)
	return matched, err
}

// updateAll changes all documents that match and tells how many.
func (d *Database) updateAll(ctx context.Context, doing, collection string, filter, change bson.M) (int, error) {
	result, err := ask(ctx, d, doing, func(ctx context.Context) (*driver.UpdateResult, error) {
		return d.db.Collection(collection).UpdateMany(ctx, filter, change)
	})
	if err != nil {
		return 0, err
	}
	return int(result.MatchedCount), nil
}

// remove deletes the first document that matches and reports whether one did.
func (d *Database) remove(ctx context.Context, doing, collection string, filter bson.M) (bool, error) {
	result, err := ask(ctx, d, doing, func(ctx context.Context) (*driver.DeleteResult, error) {
		return d.db.Collection(collection).DeleteOne(ctx, filter)
	})
	return err == nil && result.DeletedCount > 0, err
}

// removeAll deletes all documents that match and tells how many.
func (d *Database) removeAll(ctx context.Context, doing, collection string, filter bson.M) (int, error) {
	result, err := ask(ctx, d, doing, func(ctx context.Context) (*driver.DeleteResult, error) {
		return d.db.Collection(collection).DeleteMany(ctx, filter)
	})
	if err != nil {
		return 0, err
	}
	return int(result.DeletedCount), nil
}

// setAndUnset returns the update that makes a document equal to is in every field
// that D names, and leaves all others: those of a newer version stay. Fields
// that is leaves out are unset, never null, for an index of unique keys lets
// any number of documents without the field in, but only one null.
func setAndUnset[D any](is D) (bson.M, error) {
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
	change := bson.M{}
	if len(set) > 0 {
		change["$set"] = set
	}
	if len(unset) > 0 {
		change["$unset"] = unset
	}
	return change, nil
}

// objectID is the id as MongoDB has it: the layout is the same.
func objectID(id organization.ID) bson.ObjectID { return bson.ObjectID(id) }
