package embedded_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"oms/shared/mongo/embedded"
	"oms/shared/must"
)

// winners lets 16 racers of two clients, as of two processes, do one
// compare-and-set at once, and returns how many have done it. With atomic writes
// that is one.
func winners(tb testing.TB, clients []*mongo.Collection, id string) int64 {
	tb.Helper()
	mustInsert(tb, clients[0], bson.M{"_id": id, "rev": 0})
	var wins atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range 16 {
		wg.Go(func() {
			<-start
			r, err := clients[i%len(clients)].UpdateOne(tb.Context(), bson.M{"_id": id, "rev": 0},
				bson.M{"$inc": bson.M{"rev": 1}})
			if err != nil {
				tb.Errorf("racer %d: %v", i, err)
				return
			}
			wins.Add(r.ModifiedCount)
		})
	}
	close(start)
	wg.Wait()
	return wins.Load()
}

func newRacers(tb testing.TB, opts ...embedded.Option) []*mongo.Collection {
	tb.Helper()
	s := mustStart(tb, tb.TempDir(), nil, append(opts, embedded.WithoutDiskSync())...)
	clients := make([]*mongo.Collection, 2)
	for i := range clients {
		c := must.Get(mongo.Connect(options.Client().ApplyURI(s.URI()).SetServerMonitoringMode("poll").
			SetMaxPoolSize(8)))(tb)
		tb.Cleanup(func() { disconnect(c) })
		clients[i] = c.Database("oms").Collection("race")
	}
	return clients
}

// TestGate_MakesUpdatesAtomic is F1 cured.
func TestGate_MakesUpdatesAtomic(t *testing.T) {
	t.Parallel()
	clients := newRacers(t)
	for round := range 15 {
		if got := winners(t, clients, fmt.Sprint(round)); got != 1 {
			t.Errorf("round %d: %d won", round, got)
		}
	}
}

// TestWithoutWriteGate_LosesUpdates shows that the test above would notice.
func TestWithoutWriteGate_LosesUpdates(t *testing.T) {
	t.Parallel()
	clients := newRacers(t, embedded.WithoutWriteGate())
	for round := range 100 {
		if got := winners(t, clients, fmt.Sprint(round)); got != 1 {
			t.Logf("round %d: %d won", round, got)
			return
		}
	}
	t.Error("no violation in 100 rounds: the races of these tests prove nothing")
}
