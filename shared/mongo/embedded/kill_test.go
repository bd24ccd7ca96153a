package embedded_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"oms/shared/must"
)

// TestKill_LosesNoNameAndNoAcknowledgedWrite is F4, for real: a server in a process of its own is
// killed while two clients make, fill, rename and drop collections, time and again on one folder.
func TestKill_LosesNoNameAndNoAcknowledgedWrite(t *testing.T) {
	t.Parallel()
	const kills = 10
	dir := t.TempDir()
	w := &workload{counts: map[int]int64{}}
	repairs := 0
	for round := range kills {
		c := startChild(t, dir)
		if w.check(t, newDatabase(t, c.uri)); t.Failed() {
			c.kill(t)
			t.FailNow()
		}
		// The kill comes in the middle of the command after the last one counted.
		w.left.Store(int64(5 + (round*37)%60))
		stop := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for worker := range 2 {
			db := newDatabase(t, c.uri)
			wg.Go(func() { w.work(ctx, db, worker, sync.OnceFunc(func() { close(stop) }), stop) })
		}
		select {
		case <-stop:
		case <-time.After(timeout):
			t.Error("the workload does not get on")
		}
		repairs += strings.Count(c.kill(t), "level=WARN")
		cancel()
		wg.Wait()
	}
	c := startChild(t, dir)
	w.check(t, newDatabase(t, c.uri))
	repairs += strings.Count(c.kill(t), "level=WARN")
	t.Logf("%d documents kept, %d repairs", len(w.acknowledged), repairs)
}

// workload is what runs until the server dies, and what it was promised.
type workload struct {
	left atomic.Int64 // commands until the kill

	mu           sync.Mutex
	acknowledged []string      // documents of "stable"
	counts       map[int]int64 // worker → acknowledged increments of its counter
	next         int
}

// step counts an acknowledged command; it reports false after an error, of which the kill is one.
func (w *workload) step(err error, stop func()) bool {
	if err != nil {
		return false
	}
	if w.left.Add(-1) == 0 {
		stop()
	}
	return true
}

func (w *workload) work(ctx context.Context, db *mongo.Database, worker int, stop func(), stopped <-chan struct{}) {
	stable, admin := db.Collection("stable"), db.Client().Database("admin")
	for ctx.Err() == nil {
		w.mu.Lock()
		w.next++
		id, name := fmt.Sprint(w.next), fmt.Sprintf("w%d_%d", worker, w.next%2)
		w.mu.Unlock()

		_, err := stable.InsertOne(ctx, bson.M{"_id": id})
		if err == nil {
			w.mu.Lock()
			w.acknowledged = append(w.acknowledged, id)
			w.mu.Unlock()
		}
		if !w.step(err, stop) {
			break
		}
		_, err = stable.UpdateOne(ctx, bson.M{"_id": fmt.Sprint("counter", worker)}, bson.M{"$inc": bson.M{"n": 1}},
			options.UpdateOne().SetUpsert(true))
		if err == nil {
			w.mu.Lock()
			w.counts[worker]++
			w.mu.Unlock()
		}
		if !w.step(err, stop) {
			break
		}
		if !w.step(db.CreateCollection(ctx, name), stop) {
			break
		}
		_, err = db.Collection(name).Indexes().CreateOne(ctx, mongo.IndexModel{
			Keys: bson.M{"x": 1}, Options: options.Index().SetUnique(true),
		})
		if !w.step(err, stop) {
			break
		}
		rename := bson.D{{Key: "renameCollection", Value: "oms." + name}, {Key: "to", Value: "oms." + name + "_moved"}}
		if !w.step(admin.RunCommand(ctx, rename).Err(), stop) {
			break
		}
		if !w.step(db.Collection(name+"_moved").Drop(ctx), stop) {
			break
		}
	}
	select {
	case <-stopped: // killed
	default:
		stop() // an error before the kill ends the round; check finds what it left
	}
}

// check shows that all that was promised is there, and that every name is free or can be freed.
func (w *workload) check(tb testing.TB, db *mongo.Database) {
	tb.Helper()
	ctx := tb.Context()
	stable := db.Collection("stable")
	var docs []struct {
		ID string `bson:"_id"`
		N  int64  `bson:"n"`
	}
	cursor := must.Get(stable.Find(ctx, bson.M{}))(tb)
	must.Do(tb, cursor.All(ctx, &docs))
	there := map[string]int64{}
	for _, d := range docs {
		there[d.ID] = d.N
	}
	for _, id := range w.acknowledged {
		if _, ok := there[id]; !ok {
			tb.Errorf("document %s was acknowledged and is lost", id)
		}
	}
	for worker, n := range w.counts {
		// One more may have been applied without an answer.
		got := there[fmt.Sprint("counter", worker)]
		if got < n || got > n+1 {
			tb.Errorf("counter of worker %d is %d, acknowledged were %d", worker, got, n)
		}
		w.counts[worker] = got
	}
	for worker := range 2 {
		for i := range 2 {
			name := fmt.Sprintf("w%d_%d", worker, i)
			for _, name := range []string{name, name + "_moved"} {
				c := db.Collection(name)
				if err := c.Drop(ctx); err != nil {
					tb.Errorf("drop %s: %v", name, err)
				}
				if err := db.CreateCollection(ctx, name); err != nil {
					tb.Errorf("create %s: %v", name, err)
				}
				_, first := c.InsertOne(ctx, bson.M{"_id": 1})
				_, second := c.InsertOne(ctx, bson.M{"_id": 1})
				if first != nil || !mongo.IsDuplicateKeyError(second) {
					tb.Errorf("new collection %s: insert: %v, and of a duplicate _id: %v", name, first, second)
				}
				if err := c.Drop(ctx); err != nil {
					tb.Errorf("drop %s: %v", name, err)
				}
			}
		}
	}
}
