package mongo_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/mongo"
	"oms/shared/mongo/wire"
	"oms/shared/must"
)

// fake is a server that answers every command as a test says: for answers that
// no server gives on demand.
type fake struct {
	listener net.Listener
	wire     int32 // maxWireVersion
	answer   func(command string, body bson.Raw) bson.D

	mu   sync.Mutex
	sent []string
	wg   sync.WaitGroup
	open map[net.Conn]bool
}

// newFake serves until the test ends.
func newFake(tb testing.TB, wire int32, answer func(command string, body bson.Raw) bson.D) *fake {
	tb.Helper()
	return newFakeAt(tb, newListener(tb), wire, answer)
}

// newFakeAt is newFake with a listener of the test's.
func newFakeAt(tb testing.TB, l net.Listener, wire int32, answer func(command string, body bson.Raw) bson.D) *fake {
	tb.Helper()
	f := &fake{listener: l, wire: wire, answer: answer, open: map[net.Conn]bool{}}
	f.wg.Go(func() {
		for {
			c, err := f.listener.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.open[c] = true
			f.mu.Unlock()
			f.wg.Go(func() {
				defer func() { _ = c.Close() }()
				// A client of ours resets its connections when it closes them.
				if err := f.serve(c); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) &&
					!errors.Is(err, syscall.ECONNRESET) {
					tb.Logf("fake server: %v", err)
				}
			})
		}
	})
	tb.Cleanup(func() {
		_ = f.listener.Close()
		f.mu.Lock()
		for c := range f.open {
			_ = c.Close()
		}
		f.mu.Unlock()
		f.wg.Wait()
	})
	return f
}

func newListener(tb testing.TB) net.Listener {
	tb.Helper()
	l := must.Get((&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0"))(tb)
	tb.Cleanup(func() { _ = l.Close() })
	return l
}

func (f *fake) URI() string { return "mongodb://" + f.listener.Addr().String() }

// Sent returns the commands that came, those of the driver's own left out.
func (f *fake) Sent() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.sent)
}

func (f *fake) serve(c net.Conn) error {
	for {
		m, err := wire.Read(c)
		if err != nil {
			return err
		}
		command := wire.Parse(m)
		reply, err := wire.Reply(m, f.reply(command.Name, command.Body))
		if err != nil {
			return err
		}
		if _, err := c.Write(reply); err != nil {
			return err
		}
	}
}

func (f *fake) reply(command string, body bson.Raw) bson.D {
	switch command {
	case "hello", "isMaster":
		return f.hello()
	case "ping", "endSessions":
		return bson.D{{Key: "ok", Value: 1}}
	}
	f.mu.Lock()
	f.sent = append(f.sent, command)
	f.mu.Unlock()
	return f.answer(command, body)
}

func (f *fake) hello() bson.D {
	return bson.D{
		{Key: "ok", Value: 1},
		{Key: "isWritablePrimary", Value: true},
		{Key: "ismaster", Value: true},
		{Key: "maxWireVersion", Value: f.wire},
		{Key: "minWireVersion", Value: int32(0)},
		{Key: "maxBsonObjectSize", Value: int32(16 << 20)},
		{Key: "maxMessageSizeBytes", Value: int32(48_000_000)},
		{Key: "maxWriteBatchSize", Value: int32(100_000)},
	}
}

// mustOpen opens a database at the URI, whether somebody is there or not.
func mustOpen(tb testing.TB, uri string) *mongo.Database {
	tb.Helper()
	db := must.Get(mongo.Open(tb.Context(), mongo.Config{
		URI: uri, Database: "master", AppName: "test", Log: slog.New(slog.DiscardHandler),
	}))(tb)
	tb.Cleanup(func() { _ = db.Close(tb.Context()) })
	return db
}
