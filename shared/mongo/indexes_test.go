package mongo_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/mongo"
	"oms/shared/mongo/mongotest"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
)

func TestDatabase_EnsureIndexes(t *testing.T) {
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		db := e.Open(t)
		for range 2 {
			if err := db.EnsureIndexes(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		w := e.Writer(t, db.Name())
		for collection, want := range map[string][]string{
			"organizations": {"key unique", "op.lease", "op.to", "purge_after", "sweep_after"},
			"names":         {"until"},
			"admins":        {"email unique", "org_id"},
			"requests":      {"created_at"},
		} {
			indexes, err := w.Indexes(t.Context(), collection)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, i := range indexes {
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
				if err := w.AddIndex(t.Context(), "organizations", organizationtest.Index{Name: field + "_1", Field: field}); err != nil {
					return err
				}
			}
			return nil
		}
		if e.Name == "embedded" { // it takes one index on a field: there the version before was first
			if err := before(); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := db.EnsureIndexes(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := before(); err != nil {
				t.Errorf("the version before cannot start any more: %v", err)
			}
		}
		want := []string{"key_1", "key_unique unique", "op.lease_1", "op.to_1", "purge_after_1", "sweep_after_1"}
		if e.Name == "embedded" {
			want = slices.Delete(want, 1, 2)
			if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "keys have no unique index") {
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
			if err := db.Organizations().Insert(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
		if x := db.PrepareIndexes(t.Context()); !x.Ready() {
			t.Error("Ready() = false, want true: the claims are the lock")
		}
		want := []string{"key_1", "op.lease_1", "op.to_1", "purge_after_1", "sweep_after_1"}
		if got := indexNames(t, e.Writer(t, db.Name()), "organizations"); !slices.Equal(got, want) {
			t.Errorf("indexes = %v, want %v", got, want)
		}
		if !strings.Contains(log.String(), "keys have no unique index") || strings.Contains(log.String(), "somebody") {
			t.Errorf("log = %q, want that the index is missing, and no document", log.String())
		}
		if e.Name == "server" && !strings.Contains(log.String(), "level=ERROR") { // FerretDB does not say why it refuses
			t.Errorf("log = %q, want an error: somebody must look at it", log.String())
		}
	})
}

func TestDatabase_EnsureIndexes_isToldOfNoAnswer(t *testing.T) {
	t.Parallel()
	f := newFake(t, 17, func(_ string, body bson.Raw) bson.D {
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
func openLogged(t *testing.T, e mongotest.Engine) (*mongo.Database, *lockedBuffer) {
	t.Helper()
	name := e.Open(t).Name() // that one drops it
	var log lockedBuffer
	db, err := mongo.Open(t.Context(), mongo.Config{URI: e.URI, Database: name, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(context.WithoutCancel(t.Context())) })
	return db, &log
}

func indexNames(t *testing.T, w organizationtest.Writer, collection string) []string {
	t.Helper()
	indexes, err := w.Indexes(t.Context(), collection)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range indexes {
		if i.Unique {
			i.Name += " unique"
		}
		names = append(names, i.Name)
	}
	return names
}

func TestDatabase_PrepareIndexesAtOnce(t *testing.T) {
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		if x := e.Open(t).PrepareIndexes(t.Context()); !x.Ready() {
			t.Error("Ready() = false, want true: the database answers")
		}
	})
}

func TestDatabase_PrepareIndexesWhenTheDatabaseComes(t *testing.T) {
	t.Parallel()
	e := mongotest.Embedded(t)
	gate := newGate(t, strings.TrimSuffix(strings.TrimPrefix(e.URI, "mongodb://"), "/"))
	var log lockedBuffer
	db, err := mongo.Open(t.Context(), mongo.Config{
		URI: "mongodb://" + gate.listener.Addr().String(), Database: "late", Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(context.WithoutCancel(t.Context())) })
	x := db.PrepareIndexes(t.Context())
	if x.Ready() {
		t.Fatal("Ready() = true while the database is away")
	}
	if !strings.Contains(log.String(), "indexes not made yet") {
		t.Errorf("log = %q, want a warning", log.String())
	}
	close(gate.opened)
	select {
	case <-x.Done():
	case <-t.Context().Done():
	}
	if !x.Ready() {
		t.Error("Ready() = false after the database came")
	}
	a := organization.Admin{ID: organization.ID{1}, Email: "a@example.com"}
	if err := db.Admins().Insert(t.Context(), a); err != nil {
		t.Fatal(err)
	}
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
			f := newFake(t, 17, func(string, bson.Raw) bson.D {
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

// gate is a way to a server that cuts every connection until it is opened.
type gate struct {
	listener net.Listener
	opened   chan struct{}
}

func newGate(tb testing.TB, address string) *gate {
	tb.Helper()
	g := &gate{listener: newListener(tb), opened: make(chan struct{})}
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() {
		for {
			client, err := g.listener.Accept()
			if err != nil {
				return
			}
			select {
			case <-g.opened:
			default:
				_ = client.Close()
				continue
			}
			server, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			if err != nil {
				_ = client.Close()
				continue
			}
			stop := context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })
			wg.Go(func() {
				defer stop()
				_, _ = io.Copy(server, client)
				_ = server.Close()
			})
			wg.Go(func() {
				_, _ = io.Copy(client, server)
				_ = client.Close()
			})
		}
	})
	tb.Cleanup(func() {
		_ = g.listener.Close()
		cancel()
		wg.Wait()
	})
	return g
}

// lockedBuffer is a buffer that a background task writes to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
