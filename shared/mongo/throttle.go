package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/throttle"
)

const attemptsName = "attempts"

// counters is the collection counters.
type counters struct{ d *Database }

// Counters returns the store of the counters of package throttle.
func (d *Database) Counters() throttle.Store { return counters{d} }

type counterDocument struct {
	ID        string    `bson:"_id"`
	N         int64     `bson:"n"`
	Next      time.Time `bson:"next"`
	Succeeded time.Time `bson:"succeeded,omitempty"`
	Expires   time.Time `bson:"expires"`
}

func (s counters) Read(ctx context.Context, ids ...string) (map[string]throttle.Counter, error) {
	const doing = "reading counters"
	filter := bson.M{"_id": bson.M{"$in": ids}}
	if len(ids) == 1 { // FerretDB reads the whole collection for a list of one
		filter = bson.M{"_id": ids[0]}
	}
	raws, _, err := s.d.list(ctx, doing, query{collection: attemptsName, filter: filter, limit: len(ids)})
	if err != nil {
		return nil, err
	}
	documents, err := decode[counterDocument](doing, raws)
	found := make(map[string]throttle.Counter, len(documents))
	for _, document := range documents {
		found[document.ID] = throttle.Counter(document)
	}
	return found, err
}

// CompareAndSwap inserts where was is not there: the unique _id lets one of several through.
func (s counters) CompareAndSwap(ctx context.Context, was, is throttle.Counter) (bool, error) {
	const doing = "counting an attempt"
	if was.Expires.IsZero() {
		err := s.d.insert(ctx, doing, attemptsName, counterDocument(is))
		if r, ok := refused(err); ok && r.duplicate {
			return false, nil
		}
		return err == nil, err
	}
	change, err := setAndUnset(counterDocument(is))
	if err != nil {
		return false, err
	}
	return s.d.update(ctx, doing, attemptsName,
		bson.M{"_id": was.ID, "n": was.N, "next": was.Next, "expires": was.Expires}, change)
}

func (s counters) Add(ctx context.Context, d throttle.Counter, from, below int64, t time.Time) (bool, error) {
	return s.d.update(ctx, "counting an attempt", attemptsName,
		bson.M{"_id": d.ID, "n": bson.M{"$gte": from, "$lt": below}, "next": bson.M{"$gt": t}},
		bson.M{"$inc": bson.M{"n": d.N}, "$max": bson.M{"next": d.Next, "expires": d.Expires}})
}

func (s counters) DeleteExpired(ctx context.Context, t time.Time, limit int) (int, error) {
	const doing = "deleting expired counters"
	expired := bson.M{"$lte": t}
	raws, _, err := s.d.list(ctx, doing, query{
		collection: attemptsName, filter: bson.M{"expires": expired}, limit: limit,
	})
	if err != nil || len(raws) == 0 {
		return 0, err
	}
	documents, err := decode[counterDocument](doing, raws)
	if err != nil {
		return 0, err
	}
	ids := make([]string, len(documents))
	for i, document := range documents {
		ids[i] = document.ID
	}
	return s.d.removeAll(ctx, doing, attemptsName, bson.M{"_id": bson.M{"$in": ids}, "expires": expired})
}
