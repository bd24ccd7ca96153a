package mongotest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
)

// PassTime makes every time that something in the database of that name waits
// for d older: holds of names, leases of operations and requests, the days that
// an idempotency key and a trash are kept. To the service, in whatever process
// it runs, d has then passed; no test has to wait for it.
//
// With a key, of that alone: its claim, the organization that has it, moves from
// it or moves to it, and the requests that asked for it. Tests beside this one keep
// their time.
func (e Engine) PassTime(tb testing.TB, database, key string, d time.Duration) {
	tb.Helper()
	ctx, cancel := after(tb)
	defer cancel()
	db := e.Client(tb).Database(database)
	for _, of := range []struct {
		collection string
		filter     bson.M
		times      []string
	}{
		{"names", bson.M{"_id": key}, []string{"until"}},
		{
			"organizations",
			bson.M{"$or": []bson.M{{"key": key}, {"op.from": key}, {"op.to": key}}},
			[]string{"op.lease", "sweep_after", "purge_after"},
		},
		{"requests", bson.M{"answer.collection": "org_" + key}, []string{"lease", "created_at"}},
	} {
		filter := of.filter
		if key == "" {
			filter = bson.M{}
		}
		for _, name := range of.times {
			if err := shift(ctx, db.Collection(of.collection), filter, name, d); err != nil {
				tb.Fatalf("passing time in %s: %v", of.collection, err)
			}
		}
	}
}

// shift makes one time of the documents d older. A time that the service has
// changed meanwhile is read again: what it writes is not to be undone.
func shift(ctx context.Context, c *driver.Collection, filter bson.M, name string, d time.Duration) error {
	cursor, err := c.Find(ctx, filter)
	if err != nil {
		return err
	}
	var documents []bson.Raw
	if err := cursor.All(ctx, &documents); err != nil {
		return err
	}
	for _, document := range documents {
		id := document.Lookup("_id")
		for tries := 0; ; tries++ {
			was, ok := document.Lookup(strings.Split(name, ".")...).TimeOK()
			if !ok {
				break // it has none
			}
			changed, err := c.UpdateOne(ctx, bson.M{"_id": id, name: was}, bson.M{"$set": bson.M{name: was.Add(-d)}})
			if err != nil {
				return err
			}
			if changed.MatchedCount == 1 {
				break
			}
			if tries == 10 {
				return fmt.Errorf("%s of %s changes all the time", name, id)
			}
			if document, err = c.FindOne(ctx, bson.M{"_id": id}).Raw(); err != nil {
				break // it has gone
			}
		}
	}
	return nil
}
