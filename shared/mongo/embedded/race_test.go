package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"oms/shared/mongo/embedded"
)

// race runs one racer of each number below n at once, on the clients' collections in turn, and
// returns how many reported a win.
func race(tb testing.TB, n int, clients []*mongo.Collection, racer func(context.Context, *mongo.Collection) (bool, error)) int {
	tb.Helper()
	var wins atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			won, err := racer(tb.Context(), clients[i%len(clients)])
			if err != nil {
				tb.Errorf("racer %d: %v", i, err)
			}
			if won {
				wins.Add(1)
			}
		})
	}
	close(start)
	wg.Wait()
	return int(wins.Load())
}

// A contest is one kind of race on a document {_id: id, rev: 0, n: 0}; it returns what must be
// want if writes are atomic.
type contest struct {
	want int
	run  func(tb testing.TB, id string, clients []*mongo.Collection) int
}

func contests() map[string]contest {
	bump := bson.M{"$inc": bson.M{"rev": 1}}
	return map[string]contest{
		"16 racers on one findOneAndUpdate": {1, func(tb testing.TB, id string, clients []*mongo.Collection) int {
			tb.Helper()
			return race(tb, 16, clients, func(ctx context.Context, c *mongo.Collection) (bool, error) {
				err := c.FindOneAndUpdate(ctx, bson.M{"_id": id, "rev": 0}, bump).Err()
				if errors.Is(err, mongo.ErrNoDocuments) {
					return false, nil
				}
				return err == nil, err
			})
		}},
		"16 racers on one updateOne": {1, func(tb testing.TB, id string, clients []*mongo.Collection) int {
			tb.Helper()
			return race(tb, 16, clients, func(ctx context.Context, c *mongo.Collection) (bool, error) {
				r, err := c.UpdateOne(ctx, bson.M{"_id": id, "rev": 0}, bump)
				return err == nil && r.ModifiedCount == 1, err
			})
		}},
		"16 racers on one findOneAndDelete": {1, func(tb testing.TB, id string, clients []*mongo.Collection) int {
			tb.Helper()
			return race(tb, 16, clients, func(ctx context.Context, c *mongo.Collection) (bool, error) {
				err := c.FindOneAndDelete(ctx, bson.M{"_id": id}).Err()
				if errors.Is(err, mongo.ErrNoDocuments) {
					return false, nil
				}
				return err == nil, err
			})
		}},
		"64 increments": {64, func(tb testing.TB, id string, clients []*mongo.Collection) int {
			tb.Helper()
			race(tb, 64, clients, func(ctx context.Context, c *mongo.Collection) (bool, error) {
				_, err := c.UpdateOne(ctx, bson.M{"_id": id}, bson.M{"$inc": bson.M{"n": 1}})
				return false, err
			})
			var doc struct{ N int }
			if err := clients[0].FindOne(tb.Context(), bson.M{"_id": id}).Decode(&doc); err != nil {
				tb.Fatal(err)
			}
			return doc.N
		}},
	}
}

// newRacers connects two clients, as two processes would, each with a pool.
func newRacers(tb testing.TB, s *embedded.Server, coll string) []*mongo.Collection {
	tb.Helper()
	clients := make([]*mongo.Collection, 2)
	for i := range clients {
		c, err := mongo.Connect(options.Client().ApplyURI(s.URI()).SetServerMonitoringMode("poll").SetMaxPoolSize(8))
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { disconnect(c) })
		clients[i] = c.Database("oms").Collection(coll)
	}
	return clients
}

// TestGate_MakesUpdatesAtomic is F1 cured.
func TestGate_MakesUpdatesAtomic(t *testing.T) {
	t.Parallel()
	const rounds = 15
	for name, c := range contests() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clients := newRacers(t, mustStart(t, t.TempDir(), nil, embedded.WithoutDiskSync()), "race")
			for round := range rounds {
				id := fmt.Sprint(round)
				mustInsert(t, clients[0], bson.M{"_id": id, "rev": 0, "n": 0})
				if got := c.run(t, id, clients); got != c.want {
					t.Errorf("round %d: got %d, want %d", round, got, c.want)
				}
			}
		})
	}
}

// TestWithoutWriteGate_LosesUpdates shows that the test above would notice.
func TestWithoutWriteGate_LosesUpdates(t *testing.T) {
	t.Parallel()
	const rounds = 100
	for name, c := range contests() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clients := newRacers(t, mustStart(t, t.TempDir(), nil, embedded.WithoutDiskSync(), embedded.WithoutWriteGate()), "race")
			for round := range rounds {
				id := fmt.Sprint(round)
				mustInsert(t, clients[0], bson.M{"_id": id, "rev": 0, "n": 0})
				if got := c.run(t, id, clients); got != c.want {
					t.Logf("round %d: got %d where atomic writes give %d", round, got, c.want)
					return
				}
			}
			t.Errorf("no violation in %d rounds: the races of these tests prove nothing", rounds)
		})
	}
}
