package embedded_test

import (
	"context"
	"database/sql"
	"encoding/binary"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	_ "modernc.org/sqlite"

	"oms/shared/mongo/embedded"
	"oms/shared/mongo/wire"
	"oms/shared/must"
)

// timeout ends a wait for something that does not come; it is not a measure of anything.
const timeout = 30 * time.Second

// records is a log in which a test can wait for a record.
type records struct{ c chan slog.Record }

func newRecords() (*slog.Logger, records) {
	r := records{c: make(chan slog.Record, 10_000)}
	return slog.New(r), r
}

func (r records) Enabled(context.Context, slog.Level) bool { return true }
func (r records) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r records) WithGroup(string) slog.Handler            { return r }

func (r records) Handle(_ context.Context, rec slog.Record) error {
	r.c <- rec
	return nil
}

// warnings takes what is there, and returns the messages of warnings and errors.
func (r records) warnings() []string {
	var messages []string
	for len(r.c) > 0 {
		if rec := <-r.c; rec.Level >= slog.LevelWarn {
			messages = append(messages, rec.Message)
		}
	}
	return messages
}

// wait takes records until one has this message and is about this command.
func (r records) wait(tb testing.TB, msg, command string) {
	tb.Helper()
	ended := time.After(timeout)
	for {
		select {
		case rec := <-r.c:
			about := ""
			rec.Attrs(func(a slog.Attr) bool {
				if a.Key == "command" {
					about = a.Value.String()
				}
				return true
			})
			if rec.Message == msg && command == about {
				return
			}
		case <-ended:
			tb.Fatalf("no record %q of command %q", msg, command)
		}
	}
}

// startHeld starts a server on the folder, and holds its turn to write: see mustHoldTurn.
func startHeld(tb testing.TB, dir string) (s *embedded.Server, seen records, release func(), conns [2]*rawConn) {
	tb.Helper()
	log, seen := newRecords()
	s = mustStart(tb, dir, log)
	release, conns = mustHoldTurn(tb, dir, s, seen)
	return s, seen, release, conns
}

// mustHold takes the write lock of the database "oms" in dir from outside, so that the next
// write is held inside FerretDB (for as long as its busy timeout of 10 s) until release.
func mustHold(tb testing.TB, dir string, s *embedded.Server) (release func()) {
	tb.Helper()
	mustInsert(tb, newDatabase(tb, s.URI()).Collection("seed"), bson.M{"_id": "makes the file"})
	db := must.Get(sql.Open("sqlite", "file:"+filepath.Join(dir, "oms.sqlite")))(tb)
	conn := must.Get(db.Conn(tb.Context()))(tb)
	must.Do(tb, must.Err(conn.ExecContext(tb.Context(), "BEGIN IMMEDIATE")))
	return func() {
		tb.Helper()
		must.Do(tb, must.Err(conn.ExecContext(tb.Context(), "ROLLBACK")))
		must.Do(tb, db.Close())
	}
}

// mustHoldTurn holds a write inside FerretDB and has a second one wait for its turn, until
// release. One connection of the two gets its answer then, and the other one after it.
func mustHoldTurn(tb testing.TB, dir string, s *embedded.Server, seen records) (release func(), conns [2]*rawConn) {
	tb.Helper()
	release = mustHold(tb, dir, s)
	for i := range conns {
		conns[i] = dialRaw(tb, s)
		// Into a collection that is there: FerretDB lets no read pass while it makes one.
		conns[i].send(tb, insertOf("seed", i), 0)
	}
	seen.wait(tb, "write waits for its turn", "insert")
	return release, conns
}

// rawConn is a connection on which a test does what a driver would not.
type rawConn struct {
	net.Conn

	last uint32
}

func dialRaw(tb testing.TB, s *embedded.Server) *rawConn {
	tb.Helper()
	u := must.Get(url.Parse(s.URI()))(tb)
	c := must.Get(new(net.Dialer).DialContext(tb.Context(), "tcp", u.Host))(tb)
	must.Do(tb, c.SetDeadline(time.Now().Add(timeout)))
	tb.Cleanup(func() { _ = c.Close() })
	return &rawConn{Conn: c}
}

func insertOf(coll string, id any) bson.D {
	return bson.D{
		{Key: "insert", Value: coll}, {Key: "documents", Value: bson.A{bson.M{"_id": id}}}, {Key: "$db", Value: "oms"},
	}
}

func findOf(coll string, id any) bson.D {
	return bson.D{{Key: "find", Value: coll}, {Key: "filter", Value: bson.M{"_id": id}}, {Key: "$db", Value: "oms"}}
}

// header is a message header; length counts what follows it.
func header(id uint32, opCode uint32, length int) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(16+length)) //nolint:gosec // tests send little
	b = binary.LittleEndian.AppendUint32(b, id)
	b = binary.LittleEndian.AppendUint32(b, 0)
	return binary.LittleEndian.AppendUint32(b, opCode)
}

// encodeMsg is cmd as OP_MSG.
func encodeMsg(tb testing.TB, id uint32, cmd bson.D, flags uint32) []byte {
	tb.Helper()
	doc := must.Get(bson.Marshal(cmd))(tb)
	b := header(id, 2013, 4+1+len(doc))
	b = binary.LittleEndian.AppendUint32(b, flags)
	b = append(b, 0)
	return append(b, doc...)
}

func (c *rawConn) send(tb testing.TB, cmd bson.D, flags uint32) (id uint32) {
	tb.Helper()
	c.last++
	must.Do(tb, must.Err(c.Write(encodeMsg(tb, c.last, cmd, flags))))
	return c.last
}

// reply is a reply's document, and the request that it answers.
type reply struct {
	to  uint32
	doc bson.Raw
}

func (c *rawConn) receive() (reply, error) {
	m, err := wire.Read(c)
	if err != nil {
		return reply{}, err
	}
	skip := wire.HeaderLen + 5 // flags and the kind of the section
	if m.OpCode() == wire.OpReply {
		skip = wire.HeaderLen + 20 // flags, cursor, start, count
	}
	return reply{to: m.ResponseTo(), doc: bson.Raw(m[skip:])}, nil
}

func (c *rawConn) mustReceive(tb testing.TB) reply {
	tb.Helper()
	return must.Get(c.receive())(tb)
}

// found is the number of documents in the first batch of a reply to find.
func (r reply) found(tb testing.TB) int {
	tb.Helper()
	batch, err := r.doc.LookupErr("cursor", "firstBatch")
	if err != nil {
		tb.Fatalf("%v in %v", err, r.doc)
	}
	return len(must.Get(batch.Array().Values())(tb))
}

func (r reply) ok() bool {
	v, err := r.doc.LookupErr("ok")
	return err == nil && v.AsFloat64() == 1
}
