package wiretest

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/mongo/wire"
)

// Fake is a server that answers every command as a test says: for answers that
// no server gives on demand.
type Fake struct {
	listener net.Listener
	version  int32 // maxWireVersion
	answer   func(command string, body bson.Raw) bson.D

	mu   sync.Mutex
	sent []string
	wg   sync.WaitGroup
	open map[net.Conn]bool
}

// NewFake serves until the test ends.
func NewFake(tb testing.TB, version int32, answer func(command string, body bson.Raw) bson.D) *Fake {
	tb.Helper()
	return NewFakeAt(tb, Listen(tb), version, answer)
}

// NewFakeAt is [NewFake] with a listener of the test's.
func NewFakeAt(tb testing.TB, l net.Listener, version int32, answer func(command string, body bson.Raw) bson.D) *Fake {
	tb.Helper()
	f := &Fake{listener: l, version: version, answer: answer, open: map[net.Conn]bool{}}
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
				if err := f.serve(c); !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) &&
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

// Addr returns where it listens.
func (f *Fake) Addr() net.Addr { return f.listener.Addr() }

// URI returns its address for clients.
func (f *Fake) URI() string { return "mongodb://" + f.Addr().String() }

// Sent returns the commands that came, those of the driver's own left out.
func (f *Fake) Sent() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.sent)
}

// serve answers until an error, which it returns.
func (f *Fake) serve(c net.Conn) error {
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

func (f *Fake) reply(command string, body bson.Raw) bson.D {
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

func (f *Fake) hello() bson.D {
	return bson.D{
		{Key: "ok", Value: 1},
		{Key: "isWritablePrimary", Value: true},
		{Key: "ismaster", Value: true},
		{Key: "maxWireVersion", Value: f.version},
		{Key: "minWireVersion", Value: int32(0)},
		{Key: "maxBsonObjectSize", Value: int32(16 << 20)},
		{Key: "maxMessageSizeBytes", Value: int32(48_000_000)},
		{Key: "maxWriteBatchSize", Value: int32(100_000)},
	}
}
