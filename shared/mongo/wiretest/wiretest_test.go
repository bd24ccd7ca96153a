package wiretest_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"

	"oms/shared/mongo/wire"
	"oms/shared/mongo/wiretest"
	"oms/shared/must"
)

// newEcho is a server that says yes to everything.
func newEcho(tb testing.TB) *wiretest.Fake {
	tb.Helper()
	return wiretest.NewFake(tb, 17, func(string, bson.Raw) bson.D { return bson.D{{Key: "ok", Value: 1}} })
}

func dial(tb testing.TB, uri string) net.Conn {
	tb.Helper()
	u := must.Get(url.Parse(uri))(tb)
	c := must.Get(new(net.Dialer).DialContext(tb.Context(), "tcp", u.Host))(tb)
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

// command is an OP_MSG.
func command(tb testing.TB, document bson.D) []byte {
	tb.Helper()
	raw := must.Get(bson.Marshal(document))(tb)
	//nolint:gosec // G115: tests send little
	b := binary.LittleEndian.AppendUint32(nil, uint32(wire.HeaderLen+5+len(raw)))
	b = append(b, 9, 0, 0, 0, 0, 0, 0, 0, 0xdd, 7, 0, 0, 0, 0, 0, 0, 0)
	return append(b, raw...)
}

func ask(tb testing.TB, c net.Conn, document bson.D) (int, error) {
	tb.Helper()
	if _, err := c.Write(command(tb, document)); err != nil {
		return 0, err
	}
	must.Do(tb, c.SetReadDeadline(time.Now().Add(time.Second)))
	got := make([]byte, wire.HeaderLen+5) // flags and a kind
	n, err := io.ReadFull(c, got)
	if err == nil {
		length := int(binary.LittleEndian.Uint32(got))
		_, err = io.CopyN(io.Discard, c, int64(length-len(got)))
	}
	return n, err
}

func hello(client string) bson.D {
	return bson.D{{Key: "hello", Value: 1}, {Key: "client", Value: bson.M{"application": bson.M{"name": client}}}}
}

// TestProxy: of two clients' commands exactly the one that the rule names is
// met, the server has or has not got it, and the client sees what it should.
func TestProxy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		fault   wiretest.Fault
		arrives bool // at the server
		bytes   int  // of the reply, at most a header and five
		answer  bool
	}{
		{wiretest.Refuse, false, 0, false},
		{wiretest.Reset, false, 0, false},
		{wiretest.Lost, true, 0, false},
		{wiretest.Cut, true, 10, false},
		{wiretest.Blackhole, false, 0, false},
		{wiretest.Stall, true, 0, false},
		{wiretest.Slow, true, wire.HeaderLen + 5, true},
	} {
		t.Run(string(tc.fault), func(t *testing.T) {
			t.Parallel()
			e := newEcho(t)
			p := wiretest.NewProxy(t, e.URI())
			mine, other := dial(t, p.URI()), dial(t, p.URI())
			for c, name := range map[net.Conn]string{mine: "mine", other: "other"} {
				must.Do(t, must.Err(ask(t, c, hello(name))))
			}
			shot := p.Arm(wiretest.Rule{Fault: tc.fault, Client: "mine", Command: "insert", Nth: 2})
			for _, q := range []struct {
				c    net.Conn
				name string
			}{{mine, "insert"}, {other, "insert"}, {mine, "find"}, {other, "insert"}} {
				if _, err := ask(t, q.c, bson.D{{Key: q.name, Value: "x"}}); err != nil || shot.Hit() {
					t.Fatalf("%s was met: %v", q.name, err)
				}
			}
			before, begun := len(e.Sent()), time.Now()
			n, err := ask(t, mine, bson.D{{Key: "insert", Value: "x"}})
			if n != tc.bytes || (err == nil) != tc.answer || !shot.Hit() || (len(e.Sent()) > before) != tc.arrives {
				t.Errorf("%d bytes, %v; the server got %d", n, err, len(e.Sent())-before)
			}
			<-shot.Struck()
			waits := tc.fault == wiretest.Blackhole || tc.fault == wiretest.Stall
			if ne, ok := errors.AsType[net.Error](err); waits != (ok && ne.Timeout()) {
				t.Errorf("error = %v", err)
			}
			if tc.fault == wiretest.Slow && time.Since(begun) < 500*time.Millisecond {
				t.Errorf("it took %v", time.Since(begun))
			}
			// What spreads to a new connection, and ends with the rule.
			spreads := tc.fault == wiretest.Refuse || tc.fault == wiretest.Blackhole
			if _, err := ask(t, dial(t, p.URI()), hello("mine")); (err != nil) != spreads {
				t.Errorf("a new connection: %v", err)
			}
			if _, err := ask(t, other, bson.D{{Key: "insert", Value: "x"}}); err != nil {
				t.Errorf("another client: %v", err)
			}
			p.Disarm(shot)
			if _, err := ask(t, dial(t, p.URI()), hello("mine")); err != nil {
				t.Errorf("a new connection when it is over: %v", err)
			}
			counts := p.Counts()
			if counts[wiretest.Count{Client: "mine", Command: "insert"}] != 2 ||
				counts[wiretest.Count{Client: "other", Command: "insert"}] != 3 || len(counts) != 3 {
				t.Errorf("counts = %v", counts)
			}
		})
	}
}

// TestSet: a driver finds the primary, follows it to the next, and to the one
// after a death; and a member that comes back is not taken for the primary.
func TestSet(t *testing.T) {
	t.Parallel()
	s := wiretest.NewSet(t, newEcho(t).URI(), 1)
	for name, mode := range map[string]string{
		"poll": options.ServerMonitoringModePoll, "stream": options.ServerMonitoringModeStream,
	} {
		client := must.Get(mongo.Connect(options.Client().ApplyURI(s.URI()).SetServerMonitoringMode(mode).
			SetTimeout(10 * time.Second)))(t)
		t.Cleanup(func() { _ = client.Disconnect(t.Context()) })
		for i, change := range []func() error{
			func() error { return nil },
			func() error { return s.StepDown(t.Context(), 10*time.Millisecond, 10*time.Millisecond) },
			func() error { return s.Kill(t.Context(), 10*time.Millisecond) },
			func() error { return s.Revive(t.Context()) },
			func() error { return s.StepDown(t.Context(), 0, 0) },
		} {
			must.Do(t, change())
			// A ping may meet a connection that was dropped, and the next a pool that is being cleared for that.
			err := client.Ping(t.Context(), readpref.Primary())
			for again := 0; err != nil && again < 2; again++ {
				err = client.Ping(t.Context(), readpref.Primary())
			}
			if err != nil {
				t.Errorf("%s, change %d: %v", name, i, err)
			}
		}
	}
}
