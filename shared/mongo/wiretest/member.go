package wiretest

import (
	"bufio"
	"context"
	"encoding/binary"
	"net"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/mongo/wire"
)

// The state change errors of server-discovery-and-monitoring.md in
// https://github.com/mongodb/specifications.
const (
	codeNotWritablePrimary = 10107
	codeInterrupted        = 11602 // InterruptedDueToReplStateChange
)

// setName and setWire are what all members say: a set of MongoDB 6.0.
const (
	setName = "rs0"
	setWire = 17
)

// member is one of the three.
type member struct {
	set     *Set
	index   int
	address string
	process bson.ObjectID

	// Guarded by the set's lock.
	listener net.Listener // nil: the member is dead
	open     map[net.Conn]bool
	counter  int64 // of the topology version
}

// drop resets all connections of the member. The set's lock is held.
func (m *member) drop() {
	for c := range m.open {
		reset(c)
	}
}

func (m *member) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		m.set.mu.Lock()
		if m.listener != l { // it died meanwhile
			m.set.mu.Unlock()
			reset(client)
			continue
		}
		m.open[client] = true
		m.set.mu.Unlock()
		m.set.sessions.Go(func() {
			m.serve(client)
			m.set.mu.Lock()
			delete(m.open, client)
			m.set.mu.Unlock()
			_ = client.Close()
		})
	}
}

func (m *member) serve(client net.Conn) {
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", m.set.server)
	if err != nil {
		return
	}
	c := &conn{Conn: client, server: server, in: bufio.NewReader(client), out: bufio.NewReader(server)}
	defer func() { _ = server.Close() }()
	for {
		message, err := wire.Read(c.in)
		if err != nil {
			return
		}
		reply, err := m.answer(c, message)
		if err != nil {
			return
		}
		if _, err := client.Write(reply); err != nil {
			return
		}
	}
}

// answer returns the member's answer to one message. An error drops the connection.
func (m *member) answer(c *conn, message wire.Message) (wire.Message, error) {
	command := wire.Parse(message)
	switch command.Name {
	case "hello", "isMaster", "ismaster":
		return wire.Reply(message, m.hello(command.Body))
	case "endSessions":
		return wire.Reply(message, bson.D{{Key: "ok", Value: 1}})
	}
	fate := m.fate(command.Name)
	switch fate {
	case fateServed, fateApplied, fateInterrupted:
	case fateLost:
		c.abort()
		return nil, errFault
	default:
		return wire.Reply(message, m.refusal(codeNotWritablePrimary, "NotWritablePrimary", "not primary"))
	}
	if _, err := c.server.Write(message); err != nil {
		return nil, err
	}
	reply, err := wire.Read(c.out)
	switch {
	case err != nil:
		return nil, err
	case fate == fateApplied:
		c.abort()
		return nil, errFault
	case fate == fateInterrupted:
		return wire.Reply(message, m.refusal(codeInterrupted, "InterruptedDueToReplStateChange",
			"operation was interrupted"))
	}
	return reply, nil
}

// What becomes of a command.
const (
	fateServed      = "served"
	fateApplied     = "applied, its reply lost"
	fateLost        = "lost before"
	fateInterrupted = "applied, and answered with 11602"
	fateRefused     = "answered with 10107"
)

func (m *member) fate(command string) string {
	s := m.set
	s.mu.Lock()
	defer s.mu.Unlock()
	fate := fateServed
	switch {
	case command == "ping" && !s.stepping && s.primary != m.index:
		return fateServed // every member answers it
	case s.primary != m.index:
		fate = fateRefused
	case s.stepping:
		fate = []string{fateServed, fateApplied, fateLost, fateInterrupted, fateRefused}[s.random.IntN(5)]
	}
	s.fates[fate]++
	return fate
}

func (m *member) refusal(code int32, name, text string) bson.D {
	m.set.mu.Lock()
	defer m.set.mu.Unlock()
	return bson.D{
		{Key: "ok", Value: 0.0},
		{Key: "errmsg", Value: text},
		{Key: "code", Value: code},
		{Key: "codeName", Value: name},
		{Key: "topologyVersion", Value: m.version()},
	}
}

// version is the member's topology version. The set's lock is held.
func (m *member) version() bson.D {
	return bson.D{{Key: "processId", Value: m.process}, {Key: "counter", Value: m.counter}}
}

// hello is the member's answer to hello and isMaster. One that asks to wait for
// a change (awaitable hello, driver specifications) waits.
func (m *member) hello(body bson.Raw) bson.D {
	s := m.set
	s.mu.Lock()
	defer s.mu.Unlock()
	maxAwait, _ := body.Lookup("maxAwaitTimeMS").AsInt64OK()
	seen, _ := body.Lookup("topologyVersion", "counter").AsInt64OK()
	if maxAwait > 0 && seen == m.counter {
		changed := s.changed
		s.mu.Unlock()
		t := time.NewTimer(time.Duration(maxAwait) * time.Millisecond)
		select {
		case <-changed:
		case <-t.C:
		}
		t.Stop()
		s.mu.Lock()
	}
	writable := s.primary == m.index
	answer := bson.D{
		{Key: "ok", Value: 1.0},
		{Key: "helloOk", Value: true},
		{Key: "isWritablePrimary", Value: writable},
		{Key: "ismaster", Value: writable},
		{Key: "secondary", Value: !writable},
		{Key: "setName", Value: setName},
		{Key: "setVersion", Value: int32(1)},
		{Key: "hosts", Value: s.hosts()},
		{Key: "me", Value: m.address},
		{Key: "topologyVersion", Value: m.version()},
		{Key: "maxBsonObjectSize", Value: int32(16 << 20)},
		{Key: "maxMessageSizeBytes", Value: int32(wire.MaxMessageLen)},
		{Key: "maxWriteBatchSize", Value: int32(100_000)},
		{Key: "localTime", Value: time.Now()},
		{Key: "minWireVersion", Value: int32(0)},
		{Key: "maxWireVersion", Value: int32(setWire)},
		{Key: "readOnly", Value: false},
	}
	if s.primary >= 0 {
		answer = append(answer, bson.E{Key: "primary", Value: s.members[s.primary].address})
	}
	if writable {
		answer = append(answer, bson.E{Key: "electionId", Value: electionID(s.term)})
	}
	return answer
}

// electionID rises with the term, byte by byte, as drivers compare it: a real
// one has the term in its second half, after 7fffffff.
func electionID(term int64) bson.ObjectID {
	id := bson.ObjectID{0x7f, 0xff, 0xff, 0xff}
	binary.BigEndian.PutUint64(id[4:], uint64(term)) //nolint:gosec // G115: terms are positive
	return id
}
