package embedded

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/xdg-go/scram"
	"golang.org/x/sync/semaphore"

	"oms/shared/mongo/wire"
)

// reads reports whether a command of this name only reads. FerretDB 1.24.2 can write in none of
// them: it refuses aggregate's $out and $merge. What is not named here waits for its turn like a
// write, be it unknown, misspelt, or of a kind that the gate cannot parse: a read that queues
// costs time, a write that does not costs data.
func reads(name string) bool {
	switch name {
	case "aggregate", "buildInfo", "buildinfo", "connectionStatus", "count", "distinct",
		"endSessions", "find", "getMore", "getParameter", "hello", "hostInfo", "isMaster",
		"ismaster", "killCursors", "listCollections", "listDatabases", "listIndexes", "ping",
		"whatsmyuri":
		return true
	default:
		return false
	}
}

var (
	errGone    = errors.New("the client has gone")
	errClosing = errors.New("the server is closing")
	errExpired = errors.New("maxTimeMS expired")
)

// gate stands between clients and FerretDB and lets one write through at a time, in the order
// of arrival; reads pass beside it. FerretDB's updates read a document, compute, and write it
// back with nothing held in between (its issue 3040), so that several of sixteen racers could
// win one compare-and-set.
//
// A connection is served strictly one command after the other, each with a connection to
// FerretDB of its own. The turn to write ends when FerretDB has answered, not when the client
// took the answer: a slow client does not stop the others. A command whose client has closed the
// connection before its turn came is dropped, so that what a killed process had queued does not
// take effect late; one that waited longer than its own maxTimeMS is answered with
// MaxTimeMSExpired, which FerretDB itself would ignore. An unacknowledged write (moreToCome)
// takes its turn like any other; FerretDB answers it, against the protocol, and the gate
// swallows that answer.
type gate struct {
	listener net.Listener
	dial     func(context.Context) (net.Conn, error)
	turn     chan struct{} // holds one element while a write runs; nil lets everything through
	accounts *scram.Server // nil: nobody has to log in
	log      *slog.Logger

	closing  chan struct{} // closed when no further command is to be taken
	sessions sync.WaitGroup
}

// newGate makes a gate for the clients that listener gets, to the FerretDB that listens on the
// Unix socket. Without oneWriter it lets everything through, without accounts everybody.
func newGate(listener net.Listener, socket string, log *slog.Logger, oneWriter bool, accounts *scram.Server) *gate {
	g := &gate{
		listener: listener,
		dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
		accounts: accounts,
		log:      log,
		closing:  make(chan struct{}),
	}
	if oneWriter {
		g.turn = make(chan struct{}, 1)
	}
	return g
}

// run serves clients until stop is called, and returns when the last of them has been served.
// The end of ctx cuts their connections.
func (g *gate) run(ctx context.Context) {
	defer g.sessions.Wait()
	for {
		client, err := g.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			// Most likely no file descriptor is left; one will be.
			g.log.LogAttrs(ctx, slog.LevelWarn, "database connection not accepted", slog.Any("err", err))
			select {
			case <-time.After(50 * time.Millisecond):
			case <-g.closing:
			}
			continue
		}
		g.sessions.Go(func() { g.serve(ctx, client) })
	}
}

// stop takes no further client and no further command.
func (g *gate) stop() {
	close(g.closing)
	_ = g.listener.Close()
}

func (g *gate) serve(ctx context.Context, client net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer func() { _ = client.Close() }()

	server, err := g.dial(ctx)
	if err != nil {
		g.log.LogAttrs(ctx, slog.LevelError, "database not reached", slog.Any("err", err))
		return
	}
	defer func() { _ = server.Close() }()

	// Whatever ends ctx unblocks every read and write below.
	stop := context.AfterFunc(ctx, func() {
		_ = client.Close()
		_ = server.Close()
	})
	defer stop()

	s := session{
		gate:     g,
		client:   client,
		server:   bufio.NewReadWriter(bufio.NewReader(server), bufio.NewWriter(server)),
		requests: make(chan request, 1024),
		gone:     make(chan struct{}),
		ahead:    semaphore.NewWeighted(wire.MaxMessageLen),
	}
	var reader sync.WaitGroup
	reader.Go(func() { s.read(ctx) })
	defer reader.Wait()
	defer cancel()

	for {
		select {
		case <-g.closing:
			return
		case r, ok := <-s.requests:
			if !ok {
				return
			}
			if err := s.handle(ctx, r); err != nil {
				g.log.LogAttrs(ctx, slog.LevelDebug, "database connection ended", slog.Any("err", err))
				return
			}
			s.ahead.Release(int64(len(r.message)))
		}
	}
}

// request is a message and the moment at which it was complete.
type request struct {
	message wire.Message
	arrived time.Time
}

// session is one client's connection, with its own to FerretDB.
type session struct {
	gate     *gate
	client   net.Conn
	server   *bufio.ReadWriter
	requests chan request
	gone     chan struct{}             // closed when the client has closed its side
	ahead    *semaphore.Weighted       // bounds what is read ahead, in bytes
	login    *scram.ServerConversation // nil: none was begun
}

// read takes messages from the client until it closes the connection or ctx ends. It reads ahead
// of the command being served, for that is the only way to see the connection close while that
// command waits. It stops reading at 48 MB or 1024 messages; behind such a heap of
// unacknowledged writes a close is seen only as the heap shrinks.
func (s *session) read(ctx context.Context) {
	defer close(s.requests)
	defer close(s.gone)
	r := bufio.NewReader(s.client)
	for {
		header, length, err := wire.ReadHeader(r)
		if err != nil {
			return
		}
		if err := s.ahead.Acquire(ctx, int64(length)); err != nil {
			return
		}
		m, err := wire.ReadBody(r, header, length)
		if err != nil {
			return
		}
		select {
		case s.requests <- request{message: m, arrived: time.Now()}:
		case <-ctx.Done():
			return
		}
	}
}

// handle brings one command to FerretDB and the answer to the client. An error ends the session.
func (s *session) handle(ctx context.Context, r request) error {
	c := wire.Parse(r.message)
	reply, err := s.exchange(ctx, r, c)
	switch {
	case errors.Is(err, errExpired):
		reply, err = wire.Reply(r.message, failure(codeMaxTimeExpired, "MaxTimeMSExpired",
			"operation exceeded time limit while it waited for its turn to write"))
		if err != nil {
			return err
		}
	case errors.Is(err, errGone):
		s.gate.log.LogAttrs(ctx, slog.LevelInfo, "command of a closed connection dropped",
			slog.String("command", c.Name))
		return err
	case err != nil:
		return err
	}
	if c.Silent {
		return nil
	}
	_, err = s.client.Write(reply)
	return err
}

// exchange waits for the command's turn, where it needs one, and keeps that turn until FerretDB
// has answered. What is not admitted reaches neither.
func (s *session) exchange(ctx context.Context, r request, c wire.Command) (wire.Message, error) {
	if own := s.admit(c); own != nil {
		return wire.Reply(r.message, own)
	}
	if s.gate.turn != nil && !reads(c.Name) {
		if err := s.wait(ctx, r, c); err != nil {
			return nil, err
		}
		defer func() { <-s.gate.turn }()
	}
	if closed(s.gone) {
		return nil, errGone
	}
	if _, err := s.server.Write(r.message); err != nil {
		return nil, err
	}
	if err := s.server.Flush(); err != nil {
		return nil, err
	}
	return wire.Read(s.server)
}

// wait returns nil when it is this command's turn to write. The channel hands turns out in the
// order in which they were asked for.
func (s *session) wait(ctx context.Context, r request, c wire.Command) error {
	select {
	case s.gate.turn <- struct{}{}:
	default:
		s.gate.log.LogAttrs(ctx, slog.LevelDebug, "write waits for its turn", slog.String("command", c.Name))
		var expired <-chan time.Time
		if c.MaxTime > 0 {
			t := time.NewTimer(time.Until(r.arrived.Add(c.MaxTime)))
			defer t.Stop()
			expired = t.C
		}
		select {
		case s.gate.turn <- struct{}{}:
		case <-s.gone:
			return errGone
		case <-expired:
			return errExpired
		case <-s.gate.closing:
			return errClosing
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	// The turn may have come at the same moment as a reason not to take it.
	var err error
	switch {
	case closed(s.gone):
		err = errGone
	case closed(s.gate.closing):
		err = errClosing
	case c.MaxTime > 0 && time.Since(r.arrived) > c.MaxTime:
		err = errExpired
	}
	if err != nil {
		<-s.gate.turn
	}
	return err
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
