package mongo_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/mongo"
	"oms/shared/mongo/wire"
	"oms/shared/mongo/wiretest"
	"oms/shared/must"
	"oms/shared/organization"
)

// large is a request that a server which reads nothing has no room for, and the
// client's kernel has.
const large = 1 << 20

// drowsy is a listener whose connections stop reading at a large message, like
// a server that was frozen, until they are woken.
type drowsy struct {
	net.Listener
	asleep chan struct{} // closed when one has stopped
	wake   chan struct{} // closed by the test
	read   chan late
}

// late is what one found when it was woken.
type late struct {
	bytes int64 // of the message
	err   error // what ended the connection
}

func newDrowsy(tb testing.TB) *drowsy {
	tb.Helper()
	return &drowsy{
		Listener: wiretest.Listen(tb), asleep: make(chan struct{}), wake: make(chan struct{}), read: make(chan late, 1),
	}
}

func (d *drowsy) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &sleeper{Conn: c, drowsy: d}, nil
}

type sleeper struct {
	net.Conn
	drowsy *drowsy
}

// Read knows the message by the length that its header declares.
func (s *sleeper) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if err != nil || len(b) != wire.HeaderLen || binary.LittleEndian.Uint32(b) < large {
		return n, err
	}
	close(s.drowsy.asleep)
	<-s.drowsy.wake
	if err := s.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return 0, err
	}
	rest, err := io.Copy(io.Discard, s.Conn)
	if err == nil {
		err = io.EOF
	}
	s.drowsy.read <- late{rest, err}
	return 0, err
}

func TestStore_AMissedDeadlineResetsTheConnection(t *testing.T) {
	t.Parallel()
	d := newDrowsy(t)
	f := wiretest.NewFakeAt(t, d, 17, func(string, bson.Raw) bson.D {
		return bson.D{{Key: "ok", Value: 1}, {Key: "n", Value: 1}}
	})
	wake := sync.OnceFunc(func() { close(d.wake) })
	defer wake()
	claims := mustOpen(t, f.URI()).Store().Claims

	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := claims.Insert(ctx, organization.Claim{Key: strings.Repeat("a", large)})
	if !errors.Is(err, organization.ErrLost) {
		t.Fatalf("Insert = %v, want %v", err, organization.ErrLost)
	}
	select {
	case <-d.asleep:
	case <-time.After(5 * time.Second):
		t.Fatal("the request did not come to the server: this test shows nothing")
	}
	wake()
	got := <-d.read
	if !errors.Is(got.err, syscall.ECONNRESET) {
		t.Errorf("the server's connection ended with %v, want %v", got.err, syscall.ECONNRESET)
	}
	if got.bytes >= large {
		t.Errorf("the whole request came after its deadline (%d bytes)", got.bytes)
	}
	must.Do(t, claims.Insert(t.Context(), organization.Claim{Key: "acme"}))
}

func TestDial_ClosesTheConnectionAtAMissedDeadlineOf(t *testing.T) {
	t.Parallel()
	for name, miss := range map[string]func(net.Conn) error{
		"a read": func(c net.Conn) error {
			_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			return must.Err(c.Read(make([]byte, 1)))
		},
		"a write": func(c net.Conn) error {
			_ = c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
			return must.Err(c.Write(make([]byte, 64<<20))) // more than any kernel takes
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := wiretest.Listen(t)
			c, _, err := mongo.Dial(t.Context(), l.Addr().String())
			must.Do(t, err)
			t.Cleanup(func() { _ = c.Close() })
			server := must.Get(l.Accept())(t)
			t.Cleanup(func() { _ = server.Close() })

			// It has to stay a timeout: after another error the driver clears its pool.
			if err := miss(c); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("got %v, want %v", err, os.ErrDeadlineExceeded)
			}
			if err := c.SetReadDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
				t.Errorf("SetReadDeadline = %v, want %v", err, net.ErrClosed)
			}
			must.Do(t, server.SetReadDeadline(time.Now().Add(10*time.Second)))
			if _, err := io.Copy(io.Discard, server); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the server's connection ended with %v, want %v", err, syscall.ECONNRESET)
			}
		})
	}
}

// timeless is a socket whose deadlines do not pass, as where the monotonic
// clock stood still.
type timeless struct {
	net.Conn
	written, closed bool
}

func (s *timeless) SetWriteDeadline(time.Time) error { return nil }
func (s *timeless) SetDeadline(time.Time) error      { return nil }
func (s *timeless) Write(b []byte) (int, error)      { s.written = true; return len(b), nil }
func (s *timeless) Close() error                     { s.closed = true; return nil }

func TestTimed_SendsNothingAfterTheDeadlineByTheWallClock(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(net.Conn, time.Time) error{
		"SetDeadline":      net.Conn.SetDeadline,
		"SetWriteDeadline": net.Conn.SetWriteDeadline,
	} {
		for _, tc := range []struct {
			name string
			at   time.Time
			sent bool
		}{
			{"passed", time.Now().Add(-time.Second), false},
			{"to come", time.Now().Add(time.Hour), true},
			{"none", time.Time{}, true},
		} {
			t.Run(name+" "+tc.name, func(t *testing.T) {
				t.Parallel()
				socket := new(timeless)
				c := mongo.Timed(socket)
				must.Do(t, set(c, tc.at))
				_, err := c.Write([]byte("a"))
				if (err == nil) != tc.sent || !tc.sent && !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("Write = %v, want none = %t", err, tc.sent)
				}
				if socket.written != tc.sent || socket.closed == tc.sent {
					t.Errorf("sent %t, closed %t, want %t, %t", socket.written, socket.closed, tc.sent, !tc.sent)
				}
			})
		}
	}
}
