package mongo_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/mongo/mongotest"
	"oms/shared/mongo/wiretest"
	"oms/shared/must"
)

func TestDocuments_ReadGoesThroughIDsOfEveryType(t *testing.T) {
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		db := e.Open(t)
		raw := e.Client(t).Database(db.Name()).Collection("org_acme")
		ids := []any{
			nil, math.Inf(-1), int32(-1), 0.5, int64(1 << 40), math.Inf(1), "", "a", "b",
			bson.D{{Key: "a", Value: int32(1)}},
			bson.D{{Key: "a", Value: int32(2)}},
			bson.Binary{Data: []byte{1}},
			bson.Binary{Data: []byte{2}},
			bson.ObjectID{1},
			bson.ObjectID{2},
			false, true, bson.NewDateTimeFromTime(time.Unix(1, 0)), bson.NewDateTimeFromTime(time.Unix(2, 0)),
			bson.Timestamp{T: 1, I: 1},
			bson.Timestamp{T: 1, I: 2},
		}
		stored := 0
		for _, id := range ids {
			document := bson.D{{Key: "_id", Value: id}, {Key: "value", Value: "x"}}
			if _, err := raw.InsertOne(t.Context(), document); err != nil {
				t.Logf("%v (%T) as _id: %v", id, id, err) // not every server takes every type
				continue
			}
			stored++
		}
		if stored < 15 {
			t.Fatalf("stored %d documents of %d, want nearly all", stored, len(ids))
		}
		for _, limit := range []int{1, 2, 100} {
			seen := map[string]bool{}
			for after, pages := []byte(nil), 0; pages <= stored; pages++ {
				for _, d := range must.Get(db.Store().Documents.Read(t.Context(), "org_acme", after, limit))(t) {
					if seen[string(d.ID)] {
						t.Errorf("_id %v came twice", bson.Raw(d.Raw).Lookup("_id"))
					}
					seen[string(d.ID)] = true
					after = d.ID
				}
			}
			if len(seen) != stored {
				t.Errorf("in pages of %d: saw %d documents, want %d", limit, len(seen), stored)
			}
		}
		documents := must.Get(db.Store().Documents.Read(t.Context(), "org_acme", nil, 100))(t)
		for _, d := range documents {
			id := bson.Raw(d.Raw).Lookup("_id")
			for range 2 {
				if err := db.Store().Documents.Insert(t.Context(), "org_globex", d); err != nil {
					t.Errorf("Insert with _id %v: %v", id, err)
				}
			}
			if err := db.Store().Documents.Delete(t.Context(), "org_acme", d); err != nil {
				t.Errorf("Delete with _id %v: %v", id, err)
			}
		}
		if left, err := db.Store().Documents.Any(t.Context(), "org_acme"); left || err != nil {
			t.Errorf("Any after deleting all = %t, %v, want false", left, err)
		}
		moved, err := db.Store().Documents.Read(t.Context(), "org_globex", nil, 100)
		if err != nil || len(moved) != stored {
			t.Fatalf("Read of the copies = %d documents, %v, want %d", len(moved), err, stored)
		}
		for i, d := range moved {
			if !bytes.Equal(d.Raw, documents[i].Raw) {
				t.Errorf("copied document %v, want %v", bson.Raw(d.Raw), bson.Raw(documents[i].Raw))
			}
		}
	})
}

func TestDocuments_ReadGoesOnWhereAnAnswerWasFull(t *testing.T) {
	t.Parallel()
	big := func(id int32) bson.Raw {
		return must.Get(bson.Marshal(bson.D{
			{Key: "_id", Value: id}, {Key: "value", Value: strings.Repeat("x", 4<<20)},
		}))(t)
	}
	full := batch("master.org_acme", big(1), big(2))
	f := wiretest.NewFake(t, 17, func(_ string, body bson.Raw) bson.D {
		if elements, err := body.Lookup("filter").Document().Elements(); err == nil && len(elements) == 0 {
			return full
		}
		return batch("master.org_acme", bson.D{{Key: "_id", Value: int32(3)}})
	})
	got, err := mustOpen(t, f.URI()).Store().Documents.Read(t.Context(), "org_acme", nil, 10)
	if err != nil || len(got) != 3 {
		t.Errorf("Read = %d documents, %v, want the two of a full answer and the one after it", len(got), err)
	}
}

func TestDocuments_CopyIndexesKeepsTheirOptions(t *testing.T) {
	t.Parallel()
	spec := bson.D{
		{Key: "v", Value: int32(2)},
		{Key: "key", Value: bson.D{{Key: "a", Value: int32(1)}, {Key: "b", Value: int32(-1)}}},
		{Key: "name", Value: "rich"},
		{Key: "ns", Value: "master.org_from"},
		{Key: "unique", Value: true},
		{Key: "sparse", Value: true},
		{Key: "expireAfterSeconds", Value: int32(60)},
		{Key: "partialFilterExpression", Value: bson.D{{Key: "a", Value: bson.D{{Key: "$gt", Value: int32(5)}}}}},
		{Key: "collation", Value: bson.D{{Key: "locale", Value: "fr"}}},
	}
	id := bson.D{
		{Key: "v", Value: int32(2)},
		{Key: "key", Value: bson.D{{Key: "_id", Value: int32(1)}}},
		{Key: "name", Value: "_id_"},
	}
	var created bson.Raw
	f := wiretest.NewFake(t, 17, func(command string, body bson.Raw) bson.D {
		if command == "createIndexes" {
			created = bytes.Clone(body)
			return bson.D{{Key: "ok", Value: 1}}
		}
		if body.Lookup("listIndexes").StringValue() == "org_from" {
			return batch("master.org_from", id, spec)
		}
		return refusal(26, "NamespaceNotFound")
	})
	documents := mustOpen(t, f.URI()).Store().Documents
	must.Do(t, documents.CopyIndexes(t.Context(), "org_from", "org_to"))
	if got := created.Lookup("createIndexes").StringValue(); got != "org_to" {
		t.Errorf("createIndexes of %q, want org_to", got)
	}
	want := must.Get(bson.Marshal(bson.D{
		{Key: "indexes", Value: bson.A{append(append(bson.D{}, spec[1:3]...), spec[4:]...)}},
	}))(t)
	if got := created.Lookup("indexes"); !bytes.Equal(got.Value, bson.Raw(want).Lookup("indexes").Value) {
		t.Errorf("indexes = %v, want %v", got, bson.Raw(want).Lookup("indexes"))
	}
}
