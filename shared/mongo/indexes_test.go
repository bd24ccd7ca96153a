package mongo_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"

	"oms/shared/mongo"
	"oms/shared/mongo/mongotest"
	"oms/shared/mongo/wiretest"
	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
)

func TestDatabase_EnsureIndexes(t *testing.T) {
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		db := e.Open(t)
		for range 2 {
			must.Do(t, db.EnsureIndexes(t.Context()))
		}
		w := e.Writer(t, db.Name())
		for collection, want := range map[string][]string{
			"organizations": {"key unique", "op.lease", "op.to", "purge_after", "sweep_after"},
			"names":         {"until"},
			"admins":        {"email unique", "mails_since", "org_id", "sessions_until", "unconfirmed_since"},
			"requests":      {"created_at"},
			"attempts":      {"expires"},
		} {
			var got []string
			for _, i := range must.Get(w.Indexes(t.Context(), collection))(t) {
				if i.Unique {
					i.Field += " unique"
				}
				got = append(got, i.Field)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("indexes of %s = %v, want %v", collection, got, want)
			}
		}
	})
}

// TestDatabase_EnsureIndexes_besideTheVersionBefore: that one makes a plain
// index on the key, before this one or after it, and none on sweep_after.
func TestDatabase_EnsureIndexes_besideTheVersionBefore(t *testing.T) {
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		db, log := openLogged(t, e)
		w := e.Writer(t, db.Name())
		before := func() error {
			for _, field := range []string{"key", "op.to", "op.lease", "purge_after"} {
				if err := w.AddIndex(t.Context(), "organizations", organizationtest.Index{
					Name: field + "_1", Field: field,
				}); err != nil {
					return err
				}
			}
			return nil
		}
		if e.Name == "embedded" { // it takes one index on a field: there the version before was first
			must.Do(t, before())
		}
		for range 2 {
			must.Do(t, db.EnsureIndexes(t.Context()))
			if err := before(); err != nil {
				t.Errorf("the version before cannot start any more: %v", err)
			}
		}
		want := []string{"key_1", "key_unique unique", "op.lease_1", "op.to_1", "purge_after_1", "sweep_after_1"}
		if e.Name == "embedded" {
			want = slices.Delete(want, 1, 2)
			if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(),
				"keys have no unique index") {
				t.Errorf("log = %q, want a warning that the second lock is missing", log.String())
			}
		} else if log.String() != "" {
			t.Errorf("log = %q, want nothing", log.String())
		}
		if got := indexNames(t, w, "organizations"); !slices.Equal(got, want) {
			t.Errorf("indexes = %v, want %v", got, want)
		}
	})
}

// TestDatabase_EnsureIndexes_whereTwoHaveOneKey: the service goes on as it did,
// with the claims alone, and somebody is told.
func TestDatabase_EnsureIndexes_whereTwoHaveOneKey(t *testing.T) {
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		db, log := openLogged(t, e)
		for n := range byte(2) {
			o := organization.Organization{ID: organization.ID{1: n}, Key: "somebody", State: organization.Active}
			must.Do(t, db.Store().Organizations.Insert(t.Context(), o))
		}
		<-db.PrepareIndexes(t.Context()).Done() // the claims are the lock
		want := []string{"key_1", "op.lease_1", "op.to_1", "purge_after_1", "sweep_after_1"}
		if got := indexNames(t, e.Writer(t, db.Name()), "organizations"); !slices.Equal(got, want) {
			t.Errorf("indexes = %v, want %v", got, want)
		}
		if !strings.Contains(log.String(), "keys have no unique index") || strings.Contains(log.String(), "somebody") {
			t.Errorf("log = %q, want that the index is missing, and no document", log.String())
		}
		// FerretDB does not say why it refuses
		if e.Name == "server" && !strings.Contains(log.String(), "level=ERROR") {
			t.Errorf("log = %q, want an error: somebody must look at it", log.String())
		}
	})
}

func TestDatabase_EnsureIndexes_isToldOfNoAnswer(t *testing.T) {
	t.Parallel()
	f := wiretest.NewFake(t, 17, func(_ string, body bson.Raw) bson.D {
		if name, _ := body.Lookup("indexes", "0", "name").StringValueOK(); name == "key_unique" {
			return refusal(50, "MaxTimeMSExpired")
		}
		return bson.D{{Key: "ok", Value: 1}}
	})
	if err := mustOpen(t, f.URI()).EnsureIndexes(t.Context()); !errors.Is(err, organization.ErrLost) {
		t.Errorf("EnsureIndexes = %v, want %v: the index may yet be made", err, organization.ErrLost)
	}
}

// openLogged opens a database of a name of its own, and gives its log.
func openLogged(t *testing.T, e mongotest.Engine) (*mongo.Database, *bytes.Buffer) {
	t.Helper()
	name := e.Open(t).Name() // that one drops it
	var log bytes.Buffer
	return open(t, mongo.Config{URI: e.URI, Database: name, Log: slog.New(slog.NewTextHandler(&log, nil))}), &log
}

func indexNames(t *testing.T, w organizationtest.Writer, collection string) []string {
	t.Helper()
	var names []string
	for _, i := range must.Get(w.Indexes(t.Context(), collection))(t) {
		if i.Unique {
			i.Name += " unique"
		}
		names = append(names, i.Name)
	}
	return names
}

func TestDatabase_PrepareIndexesAtOnce(t *testing.T) {
	t.Parallel()
	f := wiretest.NewFake(t, 17, func(string, bson.Raw) bson.D { return bson.D{{Key: "ok", Value: 1}} })
	if x := mustOpen(t, f.URI()).PrepareIndexes(t.Context()); !x.Ready() {
		t.Error("Ready() = false, want true: the database answers")
	}
}

func TestDatabase_PrepareIndexesWhenTheDatabaseComes(t *testing.T) {
	t.Parallel()
	proxy := wiretest.NewProxy(t, mongotest.Embedded(t).URI)
	away := proxy.Arm(wiretest.Rule{Fault: wiretest.Refuse, Client: "test", Command: "createIndexes", Nth: 1})
	var log bytes.Buffer
	db := open(t, mongo.Config{URI: proxy.URI(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	x := db.PrepareIndexes(t.Context())
	if x.Ready() {
		t.Fatal("Ready() = true while the database is away")
	}
	proxy.Disarm(away)
	select {
	case <-x.Done():
	case <-t.Context().Done():
	}
	if !strings.Contains(log.String(), "indexes not made yet") {
		t.Errorf("log = %q, want a warning", log.String())
	}
	if !x.Ready() {
		t.Error("Ready() = false after the database came")
	}
	a := organization.Admin{ID: organization.ID{1}, Email: "a@example.com"}
	must.Do(t, db.Admins().Insert(t.Context(), a))
	a.ID = organization.ID{2}
	if err := db.Admins().Insert(t.Context(), a); !errors.Is(err, organization.ErrEmailTaken) {
		t.Errorf("Insert = %v, want %v", err, organization.ErrEmailTaken)
	}
}

func TestDatabase_PrepareIndexesEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(context.CancelFunc, *mongo.Database){
		"with its context":  func(cancel context.CancelFunc, _ *mongo.Database) { cancel() },
		"with the database": func(_ context.CancelFunc, db *mongo.Database) { _ = db.Close(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			came := make(chan struct{})
			var once sync.Once
			f := wiretest.NewFake(t, 17, func(string, bson.Raw) bson.D {
				once.Do(func() { close(came) })
				return refusal(1, "InternalError")
			})
			db := mustOpen(t, f.URI())
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				<-came
				end(cancel, db)
			}()
			if x := db.PrepareIndexes(ctx); x.Ready() {
				t.Error("Ready() = true, want false: none was made")
			}
		})
	}
}

// TestRecorder_Explain: what a server says of the plans of what was sent, asked with the very filter and order.
func TestRecorder_Explain(t *testing.T) {
	t.Parallel()
	f := wiretest.NewFake(t, 17, func(name string, body bson.Raw) bson.D {
		stage := "FETCH"
		if until, _ := body.Lookup("explain", "filter", "until", "$lt").Int32OK(); name == "explain" && until == 7 {
			stage = "COLLSCAN"
		}
		return bson.D{
			{Key: "ok", Value: 1}, {Key: "queryPlanner", Value: bson.M{"winningPlan": bson.M{
				"stage": "SORT", "inputStage": bson.M{"stage": stage},
			}}},
		}
	})
	r := &mongotest.Recorder{}
	for _, command := range []bson.D{
		{{Key: "createIndexes", Value: "names"}, {Key: "indexes", Value: bson.A{bson.M{"key": bson.M{"until": 1}}}}},
		{{Key: "find", Value: "names"}, {Key: "filter", Value: bson.M{"_id": "acme"}}},
		{{Key: "find", Value: "names"}, {Key: "filter", Value: bson.M{"until": bson.M{"$lt": 7}}}},
	} {
		raw := must.Get(bson.Marshal(command))(t)
		r.Monitor().Started(t.Context(), &event.CommandStartedEvent{CommandName: command[0].Key, Command: raw})
	}
	db := mongotest.Engine{URI: f.URI()}.Client(t).Database("master")
	if got := r.Explain(t.Context(), db); !slices.Equal(got, []string{"names {until{$lt}}{}"}) {
		t.Errorf("Explain() = %q, want the one that is read whole", got)
	}
}
