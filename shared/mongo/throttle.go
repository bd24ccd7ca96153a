package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/throttle"
)

const attemptsName = "attempts"

// attempts is the collection attempts.
type attempts struct{ d *Database }

// Attempts returns the store of the counters of package throttle.
func (d *Database) Attempts() throttle.Store { return attempts{d} }

type attemptsDocument struct {
	ID        string    `bson:"_id"`
	N         int64     `bson:"n"`
	Next      time.Time `bson:"next"`
	Succeeded time.Time `bson:"succeeded,omitempty"`
	Expires   time.Time `bson:"expires"`
}

func (s attempts) Read(ctx context.Context, ids ...string) (map[string]throttle.Counter, error) {
	const doing = "reading counters"
	filter := bson.M{"_id": bson.M{"$in": ids}}
	if len(ids) == 1 { // FerretDB reads the whole collection for a list of one
		filter = bson.M{"_id": ids[0]}
	}
	raws, _, err := s.d.list(ctx, doing, query{collection: attemptsName, filter: filter, limit: len(ids)})
	if err != nil {
		return nil, err
	}
	documents, err := decode[attemptsDocument](doing, raws)
	found := make(map[string]throttle.Counter, len(documents))
	for _, document := range documents {
		found[document.ID] = throttle.Counter(document)
	}
	return found, err
}

// CompareAndSwap inserts where was is not there: the unique _id lets one of several through.
func (s attempts) CompareAndSwap(ctx context.Context, was, is throttle.Counter) (bool, error) {
	const doing = "counting an attempt"
	if was.Expires.IsZero() {
		err := s.d.insert(ctx, doing, attemptsName, attemptsDocument(is))
		if r, ok := refused(err); ok && r.duplicate {
			return false, nil
		}
		return err == nil, err
	}
	change, err := setAndUnset(attemptsDocument(is))
	if err != nil {
		return false, err
	}
	return s.d.update(ctx, doing, attemptsName,
		bson.M{"_id": was.ID, "n": was.N, "next": was.Next, "expires": was.Expires}, change)
}

func (s attempts) Add(ctx context.Context, d throttle.Counter, from, below int64, t time.Time) (bool, error) {
	return s.d.update(ctx, "counting an attempt", attemptsName,
		bson.M{"_id": d.ID, "n": bson.M{"$gte": from, "$lt": below}, "next": bson.M{"$gt": t}},
		bson.M{"$inc": bson.M{"n": d.N}, "$max": bson.M{"next": d.Next, "expires": d.Expires}})
}

func (s attempts) DeleteExpired(ctx context.Context, t time.Time, limit int) (int, error) {
	const doing = "deleting expired counters"
	expired := bson.M{"$lte": t}
	raws, _, err := s.d.list(ctx, doing, query{
		collection: attemptsName, filter: bson.M{"expires": expired}, limit: limit,
	})
	if err != nil || len(raws) == 0 {
		return 0, err
	}
	documents, err := decode[attemptsDocument](doing, raws)
	if err != nil {
		return 0, err
	}
	ids := make([]string, len(documents))
	for i, document := range documents {
		ids[i] = document.ID
	}
	return s.d.removeAll(ctx, doing, attemptsName, bson.M{"_id": bson.M{"$in": ids}, "expires": expired})
}
