package mongo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/organization"
)

// documents are the documents and indexes inside one collection.
type documents struct{ d *Database }

func (s documents) Any(ctx context.Context, collection string) (bool, error) {
	return s.d.there(ctx, "looking for a document", collection, bson.M{})
}

func (s documents) Read(
	ctx context.Context, collection string, after []byte, limit int,
) ([]organization.Document, error) {
	doing := "reading documents"
	var all []organization.Document
	for {
		raws, more, err := s.d.list(ctx, doing, query{
			collection: collection, filter: following(after), sort: bson.D{{Key: "_id", Value: 1}},
			limit: limit - len(all),
		})
		if err != nil {
			return nil, err
		}
		for _, raw := range raws {
			all = append(all, documentOf(raw))
		}
		if len(all) >= limit || !more {
			return all, nil
		}
		after = all[len(all)-1].ID // the answer was full, not the collection read
	}
}

// following matches the documents that come after an ID in the order of _id.
// $gt compares with values of the same type only (manual, type bracketing), so
// the types that sort later are named (manual, BSON comparison order). Those
// that nobody uses for an _id, and of which some servers know nothing (MinKey,
// MaxKey, code, symbol), are left out: documents with one of these are found
// from the first page only.
func following(after []byte) bson.M {
	if len(after) == 0 {
		return bson.M{}
	}
	id := bson.RawValue{Type: bson.Type(after[0]), Value: after[1:]}
	var within any = bson.M{"$gt": id}
	if f, ok := id.DoubleOK(); ok && math.IsNaN(f) {
		within = bson.M{"$gte": math.Inf(-1)} // NaN sorts before all numbers, and none is greater
	}
	types := []string{"number", "string", "object", "binData", "objectId", "bool", "date", "timestamp"}
	switch id.Type { //nolint:exhaustive // the rest sort before numbers, or are left out
	case bson.TypeDouble, bson.TypeInt32, bson.TypeInt64, bson.TypeDecimal128:
		types = types[1:]
	case bson.TypeString, bson.TypeSymbol:
		types = types[2:]
	case bson.TypeEmbeddedDocument:
		types = types[3:]
	case bson.TypeBinary:
		types = types[4:]
	case bson.TypeObjectID:
		types = types[5:]
	case bson.TypeBoolean:
		types = types[6:]
	case bson.TypeDateTime:
		types = types[7:]
	case bson.TypeTimestamp:
		return bson.M{"_id": within}
	}
	return bson.M{"$or": []bson.M{{"_id": within}, {"_id": bson.M{"$type": types}}}}
}

// Insert: whatever a server refuses it with, what is there under that _id decides.
func (s documents) Insert(ctx context.Context, collection string, d organization.Document) error {
	doing := "inserting a document"
	err := s.d.insert(ctx, doing, collection, bson.Raw(d.Raw))
	r, ok := refused(err)
	if !ok {
		return err
	}
	there, look := s.equal(ctx, collection, d)
	absent := errors.Is(look, organization.ErrAbsent)
	switch {
	case absent && !r.duplicate:
		return err
	case look != nil && !absent:
		return look
	case there:
		return nil
	default:
		return fmt.Errorf("%s: %w", doing, organization.ErrExists)
	}
}

// Delete compares the content before, not in the delete's own filter, for MongoDB has no equality
// of whole documents there: whoever changed the document in between would lose
// that. So it is for collections under names that are given to nobody, as
// ghosts are; there no writer is left.
func (s documents) Delete(ctx context.Context, collection string, d organization.Document) error {
	there, err := s.equal(ctx, collection, d)
	if errors.Is(err, organization.ErrAbsent) || err == nil && !there {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.d.remove(ctx, "deleting a document", collection, withID(d))
	return err
}

// equal reports whether the document that is there with d's _id is d, byte for
// byte; ErrAbsent where there is none.
func (s documents) equal(ctx context.Context, collection string, d organization.Document) (bool, error) {
	raw, err := find[bson.Raw](ctx, s.d, "comparing a document", collection, withID(d))
	return bytes.Equal(raw, d.Raw), err
}

// withID matches the document by its _id. A document as _id needs $eq, which
// an embedded database looks up more slowly than a plain value.
func withID(d organization.Document) bson.M {
	id := bson.Raw(d.Raw).Lookup("_id")
	if id.Type == bson.TypeEmbeddedDocument {
		return bson.M{"_id": bson.M{"$eq": id}}
	}
	return bson.M{"_id": id}
}

func documentOf(raw bson.Raw) organization.Document {
	id := raw.Lookup("_id")
	return organization.Document{ID: append([]byte{byte(id.Type)}, id.Value...), Raw: bytes.Clone(raw)}
}

// CopyIndexes makes each as the server describes it. One that takes longer to build than a command may
// is missing afterwards as before (MongoDB gives up a build whose command ends).
func (s documents) CopyIndexes(ctx context.Context, from, to string) error {
	have, err := s.indexes(ctx, from)
	if err != nil || len(have) == 0 {
		return err
	}
	there, err := s.indexes(ctx, to)
	if err != nil {
		return err
	}
	var missing []bson.D
	for name, index := range have {
		if _, ok := there[name]; !ok {
			missing = append(missing, index)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return s.d.run(ctx, "copying indexes", s.d.name, bson.D{
		{Key: "createIndexes", Value: to},
		{Key: "indexes", Value: missing},
		{Key: "writeConcern", Value: concern()},
	})
}

// indexes returns the indexes of the collection as createIndexes wants them,
// by name, without that of _id, which every collection has.
func (s documents) indexes(ctx context.Context, collection string) (map[string]bson.D, error) {
	doing := "listing indexes"
	var raws []bson.D
	err := s.d.do(ctx, doing, func(ctx context.Context) error {
		cursor, err := s.d.db.Collection(collection).Indexes().List(ctx)
		if err != nil {
			return err
		}
		return cursor.All(ctx, &raws)
	})
	if r, ok := refused(err); ok && r.code == namespaceNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := map[string]bson.D{}
	for _, raw := range raws {
		var name string
		index := bson.D{}
		for _, field := range raw {
			switch field.Key {
			case "ns", "v": // where it is and which format it has are the server's to say
				continue
			case "name":
				name, _ = field.Value.(string)
			}
			index = append(index, field)
		}
		if name != "_id_" {
			all[name] = index
		}
	}
	return all, nil
}
