package mongo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// unacknowledged is how long the kernel goes on sending bytes that the other
// side has not acknowledged or has no room for; by itself Linux does for a
// quarter of an hour, or for ever. No worker waits longer than bound, so nobody
// misses them after that; the rest is so that a few lost packets cost no
// connection. A worker sends nothing with less than three seconds of its lease
// left: what it sent last is given up two seconds after the lease, of which Q
// allows sixty (protocol.md, late bound).
const unacknowledged = bound + 3*time.Second

// dialer makes the driver's connections: what a client has given up must not
// reach the server later (protocol.md, late bound). It dials as the driver would
// by itself, keep-alive included.
type dialer struct{ net.Dialer }

// DialContext connects to the address.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := c.(*net.TCPConn); ok { // bytes in a Unix socket are the server's at once
		if err := drop(tcp); err != nil {
			_ = c.Close()
			return nil, fmt.Errorf("setting up a connection: %w", err)
		}
	}
	return &timed{Conn: c}, nil
}

// drop makes the kernel drop what it has not sent when the socket is closed,
// or the process is killed, and what is not acknowledged in time. Without it
// close returns at once and the kernel goes on sending.
func drop(c *net.TCPConn) error {
	if err := c.SetLinger(0); err != nil {
		return err
	}
	return setUserTimeout(c, unacknowledged)
}

// timed is a connection that is closed when a deadline is missed. The driver
// (v2.10.0, topology/pool.go, bgRead) keeps one on which a read timed out for
// another 400 ms of waiting for the answer, and with it the request, which may
// not have left yet. The error stays the timeout: after any other the driver
// clears its whole pool; after this one it dials once more.
//
// TLS lies above it.
type timed struct {
	net.Conn
	until atomic.Int64 // the deadline of writes, in nanoseconds of the wall clock; 0: none
}

// Read reads what has come.
func (t *timed) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	return n, t.missed(err)
}

// Write sends b, unless the wall clock says that it is too late. The deadline of
// the socket does not see that where a process was stopped on its way here and
// its timer has not run yet, or where the machine was frozen and the monotonic
// clock with it.
func (t *timed) Write(b []byte) (int, error) {
	if until := t.until.Load(); until != 0 && time.Now().UnixNano() >= until {
		return 0, t.missed(os.ErrDeadlineExceeded)
	}
	n, err := t.Conn.Write(b)
	return n, t.missed(err)
}

func (t *timed) missed(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = t.Close()
	}
	return err
}

// SetDeadline sets the deadline of reads and of writes.
func (t *timed) SetDeadline(at time.Time) error {
	t.keep(at)
	return t.Conn.SetDeadline(at)
}

// SetWriteDeadline sets the deadline of writes.
func (t *timed) SetWriteDeadline(at time.Time) error {
	t.keep(at)
	return t.Conn.SetWriteDeadline(at)
}

func (t *timed) keep(at time.Time) {
	if at.IsZero() {
		t.until.Store(0)
		return
	}
	t.until.Store(at.UnixNano())
}
