package mongo_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"oms/shared/mongo"
	"oms/shared/mongo/mongotest"
	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
	"oms/shared/token"
)

//nolint:gochecknoglobals // the flag of a test
var crowds = flag.String("beside", "10,1000", "the numbers of organizations beside which manyCollections measures")

// crowd puts n living organizations beside the one that was founded, as copies
// of its three documents under other ids, keys and addresses. They have no
// collection, for reconcile asks for none of a living organization's. The claims
// of the first fresh ones are not settled yet.
func crowd(tb testing.TB, db *driver.Database, n, fresh int) {
	tb.Helper()
	ctx := tb.Context()
	for _, c := range []struct {
		name   string
		unique func(d bson.M, i int)
	}{
		{"organizations", func(d bson.M, i int) {
			d["_id"], d["key"], d["cid"] = numbered(1, i), fmt.Sprintf("crowd_%d", i), numbered(2, i)
			d["collection"], d["admin_id"] = fmt.Sprintf("org_crowd_%d", i), numbered(3, i)
		}},
		{"names", func(d bson.M, i int) {
			d["_id"], d["cid"], d["org_id"] = fmt.Sprintf("crowd_%d", i), numbered(2, i), numbered(1, i)
			if i >= fresh {
				delete(d, "until")
			}
		}},
		{"admins", func(d bson.M, i int) {
			d["_id"], d["org_id"], d["email"] = numbered(3, i), numbered(1, i), fmt.Sprintf("%d@crowd.io", i)
		}},
	} {
		var model bson.M
		must.Do(tb, db.Collection(c.name).FindOne(ctx, bson.M{}).Decode(&model))
		for from := 0; from < n; from += 1000 {
			var some []any
			for i := from; i < min(n, from+1000); i++ {
				d := bson.M{}
				for k, v := range model {
					d[k] = v
				}
				c.unique(d, i)
				some = append(some, d)
			}
			must.Do(tb, must.Err(db.Collection(c.name).InsertMany(ctx, some)))
		}
	}
}

func numbered(kind byte, i int) bson.ObjectID {
	id := bson.ObjectID{kind}
	binary.BigEndian.PutUint32(id[8:], uint32(i)) //nolint:gosec // G115: a test's count
	return id
}

// TestService_reconcileAtScale: beside many living organizations a run with
// nothing to do is a handful of commands, and what happens among them is done
// in the first run after its time.
func TestService_reconcileAtScale(t *testing.T) { //nolint:paralleltest // it is timed, so nothing runs beside it
	mongotest.Long(t)
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		const fresh = 200
		// The embedded database reads whole collections: see figures.md of package organization.
		n := map[string]int{"embedded": 2000, "server": 100_000}[e.Name]
		name, sent := databaseName(), &mongotest.Recorder{}
		must.Do(t, e.OpenNamed(t, name).EnsureIndexes(t.Context()))
		db := open(t, mongo.Config{URI: e.URI, Database: name, Monitor: sent.Monitor()})
		w := organizationtest.NewWorld(db.Store(), e.Writer(t, name))
		model := w.Found(t, "Model", "m@model.io")
		crowd(t, e.Client(t).Database(name), n, fresh)
		w.Clock.Advance(2 * time.Minute)

		runs, from := 0, time.Now()
		for left := true; left && runs < 10; runs++ {
			must.Do(t, must.Err(w.Reconcile(t.Context())))
			page := must.Get(db.Store().Backlog.Unsettled(t.Context(), w.Clock.Now(), nil, 1))(t)
			left = len(page.Items) > 0
			if left && runs == 9 {
				t.Errorf("after ten runs the claim %+v is not settled", page.Items[0])
			}
		}
		t.Logf("%s: %d living: %d claims settled in %d runs, %v", e.Name, n, fresh+1, runs,
			time.Since(from).Round(10*time.Millisecond))

		run := func(doing string) organization.Report {
			before, from := len(sent.Names()), time.Now()
			r, err := w.Reconcile(t.Context())
			if err != nil || !r.Complete {
				t.Fatalf("%s: Reconcile() = %+v, %v", doing, r, err)
			}
			names := sent.Names()[before:]
			t.Logf("%s: %d living: %s: %d commands, %v: %v", e.Name, n, doing, len(names),
				time.Since(from).Round(time.Millisecond), r.LogValue())
			if doing == "nothing to do" && len(names) > 20 {
				t.Errorf("%s: sent %v, want at most 20 commands", doing, names)
			}
			return r
		}
		w.Clock.Advance(time.Minute)
		run("nothing to do")

		gone, crashed := w.Found(t, "Gone", "g@model.io"), w.Found(t, "Crashed", "c@model.io")
		must.Do(t, must.Err(w.Delete(t.Context(), gone, organization.Deletion{Name: "Gone"})))
		moved := "Moved"
		must.Do(t, must.Err(w.Update(t.Context(), model, organization.Change{Name: &moved})))
		w.Put(t, "org_model", "late", "written under the old name")
		swaps := 0
		_, err := w.Hooked(func(command string, apply func() error) error {
			if command == "organizations.compareAndSwap" {
				swaps++
			}
			if swaps > 1 {
				return organization.ErrLost
			}
			return apply()
		}).Delete(t.Context(), crashed, organization.Deletion{Name: "Crashed"})
		if err == nil {
			t.Fatal("the crashed deletion was acknowledged")
		}
		w.Clock.Advance(90 * time.Second)
		if r := run("a deletion, a crash, a stray"); r.Finished != 1 || r.Strays != 1 || r.Merged != 1 ||
			r.Claims == 0 {
			t.Errorf("it did %+v, want all three", r)
		}
		w.Clock.Advance(20 * time.Minute)
		if r := run("two trashes are due"); r.Purged != 2 {
			t.Errorf("it did %+v, want two purged", r)
		}
		names, err := db.Store().Collections.List(t.Context(), "org_")
		if err != nil || !slices.Equal(names, []string{"org_moved"}) {
			t.Errorf("the collections are %v, %v, want org_moved alone", names, err)
		}
	})
}

// TestService_manyCollections prints how long things take beside few and many
// organizations with their collections, each the median of five.
func TestService_manyCollections(t *testing.T) { //nolint:paralleltest // likewise
	mongotest.Long(t)
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		for field := range strings.SplitSeq(*crowds, ",") {
			n, err := strconv.Atoi(field)
			if err != nil {
				t.Fatalf("-beside: %v", err)
			}
			t.Run(field, func(t *testing.T) {
				for _, doing := range beside(t, e, n) {
					t.Logf("%s: beside %d organizations: %s", e.Name, n, doing)
				}
			})
		}
	})
}

// beside says how long things take beside n organizations with their collections.
func beside(t *testing.T, e mongotest.Engine, n int) []string {
	t.Helper()
	name := databaseName()
	db := e.OpenNamed(t, name)
	must.Do(t, db.EnsureIndexes(t.Context()))
	raw := e.Client(t).Database(name)
	w := organizationtest.NewWorld(db.Store(), e.Writer(t, name))
	w.Found(t, "Model", "m@model.io")
	crowd(t, raw, n, 0)
	for i := range n {
		must.Do(t, raw.CreateCollection(t.Context(), fmt.Sprintf("org_crowd_%d", i)))
	}
	w.Clock.Advance(2 * time.Minute)
	doings, times := []string{}, map[string][]time.Duration{}
	timed := func(doing string, do func() error) {
		if times[doing] == nil {
			doings = append(doings, doing)
		}
		from := time.Now()
		if err := do(); err != nil {
			t.Fatalf("%s: %v", doing, err)
		}
		times[doing] = append(times[doing], time.Since(from))
	}
	for i := range 5 {
		org, renamed := fmt.Sprint("Life ", i), fmt.Sprint("Life renamed ", i)
		var who token.Principal
		timed("create", func() error { who = w.Found(t, org, fmt.Sprint(i, "@life.io")); return nil })
		timed("rename", func() error {
			return must.Err(w.Update(t.Context(), who, organization.Change{Name: &renamed}))
		})
		timed("get", func() error { _, err := w.Get(t.Context(), token.Principal{}, renamed); return err })
		timed("find the admin who logs in", func() error {
			return must.Err(w.Store.Admins.FindByEmail(t.Context(), fmt.Sprint(i, "@life.io")))
		})
		timed("delete",
			func() error { _, err := w.Delete(t.Context(), who, organization.Deletion{Name: renamed}); return err })
		timed("reconcile", func() error { _, err := w.Reconcile(t.Context()); return err })
		timed("doctor", func() error {
			found, err := w.Examine(t.Context())
			for _, f := range found {
				if !f.Later {
					t.Errorf("beside %d organizations the doctor finds %+v", n, f)
				}
			}
			return err
		})
	}
	for i, doing := range doings {
		slices.Sort(times[doing])
		doings[i] += " " + times[doing][2].Round(100*time.Microsecond).String()
	}
	return doings
}
