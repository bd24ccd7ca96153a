// Package mongotest gives tests a master database of their own on every server
// that there is to test on: the embedded one, and the one at MONGO_TEST_URI.
//
//	mongotest.Each(t, func(t *testing.T, db *mongo.Database) {
//		s := organization.New(organization.Config{Store: db.Store()})
//		…
//	})
//
// What a test sends is recorded, and a command that MongoDB 6.0 does not
// document, or one without maxTimeMS, fails it. It is for tests only.
package mongotest

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"oms/shared/mongo"
	"oms/shared/mongo/embedded"
	"oms/shared/must"
)

// Engine is a server that speaks MongoDB's protocol.
type Engine struct {
	Name string // "embedded" or "server"
	URI  string // for other clients of it
}

// Each runs f as a subtest on every engine, in parallel, with a database that
// has all indexes and is dropped afterwards. Where MONGO_TEST_URI is not set
// the subtest of the server is skipped, unless CI is set: then it fails.
func Each(t *testing.T, f func(t *testing.T, db *mongo.Database)) {
	t.Helper()
	EachEngine(t, func(t *testing.T, e Engine) {
		db := e.Open(t)
		must.Do(t, db.EnsureIndexes(t.Context()))
		f(t, db)
	})
}

// EachEngine is Each for tests that open their databases themselves.
func EachEngine(t *testing.T, f func(t *testing.T, e Engine)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		f(t, Embedded(t))
	})
	t.Run("server", func(t *testing.T) {
		t.Parallel()
		f(t, Server(t))
	})
}

// Embedded starts an embedded server that stops with the test.
func Embedded(tb testing.TB) Engine {
	tb.Helper()
	s := must.Get(embedded.Start(tb.Context(), tb.TempDir(), "127.0.0.1:0", slog.New(slog.DiscardHandler),
		embedded.WithoutDiskSync()))(tb)
	atEnd(tb, "Close()", s.Close)
	return Engine{Name: "embedded", URI: s.URI()}
}

// Server returns the server at MONGO_TEST_URI. Without one the test is skipped;
// where CI is set it fails, for there nobody reads what was skipped.
func Server(tb testing.TB) Engine {
	tb.Helper()
	uri := os.Getenv("MONGO_TEST_URI")
	if uri == "" {
		if os.Getenv("CI") != "" {
			tb.Fatal("MONGO_TEST_URI is not set, and CI is: the second engine has to be tested there")
		}
		tb.Skip("MONGO_TEST_URI is not set: tested on the embedded database alone")
	}
	return Engine{Name: "server", URI: uri}
}

// Open opens a database of a name of its own, without indexes. After the test
// it is dropped, and what was sent is checked: see [Recorder.Check].
func (e Engine) Open(tb testing.TB) *mongo.Database {
	tb.Helper()
	return e.OpenNamed(tb, "test_"+strings.ToLower(rand.Text()[:16]))
}

// OpenNamed opens the database of that name: for a second client of one.
func (e Engine) OpenNamed(tb testing.TB, name string) *mongo.Database {
	tb.Helper()
	r := &Recorder{}
	db := must.Get(mongo.Open(tb.Context(), mongo.Config{
		URI: e.URI, Database: name, AppName: "test", Monitor: r.Monitor(), Log: slog.New(slog.DiscardHandler),
	}))(tb)
	other := e.Client(tb)
	atEnd(tb, "dropping "+name, func(ctx context.Context) error {
		closed := db.Close(ctx)
		r.Check(tb)
		if whole := r.Explain(ctx, other.Database(name)); whole != nil {
			tb.Errorf("the server reads whole collections for %q, want an index used", whole)
		}
		return errors.Join(closed, other.Database(name).Drop(ctx))
	})
	return db
}

// Client returns a client of another service: the plain driver's.
func (e Engine) Client(tb testing.TB) *driver.Client {
	tb.Helper()
	client := must.Get(driver.Connect(options.Client().ApplyURI(e.URI).SetTimeout(clientTimeout)))(tb)
	atEnd(tb, "Disconnect()", client.Disconnect)
	return client
}

// atEnd ends something with the test.
func atEnd(tb testing.TB, doing string, end func(ctx context.Context) error) {
	tb.Helper()
	tb.Cleanup(func() {
		ctx, cancel := after(tb)
		defer cancel()
		if err := end(ctx); err != nil {
			tb.Errorf("%s = %v", doing, err)
		}
	})
}

// clientTimeout is how long a client of a test waits: a database of many collections
// takes its time to be dropped.
const clientTimeout = 5 * time.Minute

// after is the context of a cleanup: the test's own is over then.
func after(tb testing.TB) (context.Context, context.CancelFunc) {
	tb.Helper()
	return context.WithTimeout(context.WithoutCancel(tb.Context()), clientTimeout)
}
