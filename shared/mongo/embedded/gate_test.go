package embedded_test

import (
	"encoding/binary"
	"io"
	"net"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/must"
)

const (
	moreToCome = 1 << 1
	checksum   = 1 << 0
)

// TestGate_DropsTheQueuedWriteOfAClosedConnection is F13: what a killed process had queued must
// not take effect after its death.
func TestGate_DropsTheQueuedWriteOfAClosedConnection(t *testing.T) {
	t.Parallel()
	closed := func(t *testing.T, c *rawConn) {
		t.Helper()
		_ = c.Close()
	}
	reset := func(t *testing.T, c *rawConn) {
		t.Helper()
		must.Do(t, c.Conn.(*net.TCPConn).SetLinger(0))
		_ = c.Close()
	}
	tests := map[string]struct {
		end     func(*testing.T, *rawConn)
		writes  int    // how many are queued on the connection
		flags   uint32 // of each
		happens int64  // how many of them take effect
	}{
		"closed":                       {end: closed, writes: 1},
		"reset":                        {end: reset, writes: 1},
		"closed, more behind it":       {end: closed, writes: 3},
		"closed, unacknowledged":       {end: closed, writes: 3, flags: moreToCome},
		"left open: the write happens": {writes: 1, happens: 1},
		"left open, unacknowledged":    {writes: 3, flags: moreToCome, happens: 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, seen, release, held := startHeld(t, t.TempDir())
			victim := dialRaw(t, s)
			for i := range tt.writes {
				victim.send(t, bson.D{
					{Key: "update", Value: "victim"},
					{
						Key: "updates", Value: bson.A{
							bson.M{"q": bson.M{"_id": i}, "u": bson.M{"$set": bson.M{"x": 1}}, "upsert": true},
						},
					},
					{Key: "$db", Value: "oms"},
				}, tt.flags)
			}
			seen.wait(t, "write waits for its turn", "update")
			if tt.end != nil {
				tt.end(t, victim)
				seen.wait(t, "command of a closed connection dropped", "update")
			}
			release()

			for _, c := range held {
				if r := c.mustReceive(t); !r.ok() {
					t.Errorf("held write: %v", r.doc)
				}
			}
			if tt.end == nil {
				// Its own next answer comes after all of its writes.
				id := victim.send(t, findOf("victim", 0), 0)
				for {
					if r := victim.mustReceive(t); r.to == id {
						break
					}
				}
			}
			// A later write shows that the queue has passed the victim.
			db := newDatabase(t, s.URI())
			mustInsert(t, db.Collection("later"), bson.M{"_id": 1})
			if n := mustCount(t, db.Collection("victim"), bson.M{}); n != tt.happens {
				t.Errorf("%d writes happened, want %d", n, tt.happens)
			}
		})
	}
}

func TestGate_AnswersAWriteThatWaitedLongerThanItsMaxTimeMS(t *testing.T) {
	t.Parallel()
	s, _, release, _ := startHeld(t, t.TempDir())
	late := dialRaw(t, s)
	id := late.send(t, append(insertOf("late", 1), bson.E{Key: "maxTimeMS", Value: 20}), 0)
	r := late.mustReceive(t)
	if code, _ := r.doc.Lookup("code").AsInt64OK(); r.ok() || code != 50 || r.to != id {
		t.Errorf("answer to request %d: %v, want code 50 to %d", r.to, r.doc, id)
	}
	release()
	// The connection is as good as before, and the write has not happened.
	late.send(t, insertOf("late", 2), 0)
	if r := late.mustReceive(t); !r.ok() {
		t.Errorf("next write: %v", r.doc)
	}
	if n := mustCount(t, newDatabase(t, s.URI()).Collection("late"), bson.M{"_id": 1}); n != 0 {
		t.Error("the write happened after its time was over")
	}
}

// TestGate_TakesWhatIsNotKnownToReadForAWrite sends each command while another one has the turn.
func TestGate_TakesWhatIsNotKnownToReadForAWrite(t *testing.T) {
	t.Parallel()
	s, seen, release, _ := startHeld(t, t.TempDir())
	for _, name := range []string{
		"insert", "update", "delete", "findAndModify", "findandmodify", "create", "drop", "dropDatabase",
		"renameCollection", "createIndexes", "dropIndexes", "collMod", "compact", "FIND", "no such command", "",
	} {
		dialRaw(t, s).send(t, bson.D{{Key: name, Value: "queued"}, {Key: "$db", Value: "oms"}}, 0)
		seen.wait(t, "write waits for its turn", name)
	}
	release()
}

// TestGate_NeedNotFearAggregate holds what lets aggregate pass as a read: its two stages that
// would write are refused.
func TestGate_NeedNotFearAggregate(t *testing.T) {
	t.Parallel()
	s := mustStart(t, t.TempDir(), nil)
	db := newDatabase(t, s.URI())
	mustInsert(t, db.Collection("things"), bson.M{"_id": 1})
	for _, stage := range []string{"$out", "$merge"} {
		if _, err := db.Collection("things").Aggregate(t.Context(), bson.A{bson.M{stage: "copy"}}); err == nil {
			t.Errorf("%s was not refused", stage)
		}
	}
	if names, err := db.ListCollectionNames(t.Context(), bson.M{}); err != nil || len(names) != 1 {
		t.Errorf("collections: %q, %v, want one", names, err)
	}
}

func TestGate_LetsReadsPassAWrite(t *testing.T) {
	t.Parallel()
	s, _, release, held := startHeld(t, t.TempDir())
	// A new client: its handshake passes too.
	if n := mustCount(t, newDatabase(t, s.URI()).Collection("seed"), bson.M{}); n != 1 {
		t.Errorf("read beside a held write: %d documents, want 1", n)
	}
	release()
	for _, c := range held {
		if r := c.mustReceive(t); !r.ok() {
			t.Errorf("held write: %v", r.doc) // it would have failed after 10 s, and let the read pass then
		}
	}
}

func TestGate_SwallowsTheAnswerToAnUnacknowledgedWrite(t *testing.T) {
	t.Parallel()
	s := mustStart(t, t.TempDir(), nil)
	c := dialRaw(t, s)
	c.send(t, insertOf("things", 1), moreToCome)
	id := c.send(t, findOf("things", 1), 0)
	r := c.mustReceive(t)
	if r.to != id {
		t.Fatalf("the first answer is to request %d, want %d", r.to, id)
	}
	if n := r.found(t); n != 1 {
		t.Errorf("the write is not there before the next command: %d documents", n)
	}
}

func TestGate_KeepsTheOrderOfCommandsSentAtOnce(t *testing.T) {
	t.Parallel()
	s := mustStart(t, t.TempDir(), nil)
	c := dialRaw(t, s)
	var ids []uint32
	for i := range 20 {
		ids = append(ids, c.send(t, insertOf("things", i), 0), c.send(t, findOf("things", i), 0))
	}
	for i, id := range ids {
		r := c.mustReceive(t)
		if r.to != id {
			t.Fatalf("answer %d is to request %d, want %d", i, r.to, id)
		}
		if i%2 == 1 && r.found(t) != 1 {
			t.Errorf("find %d did not see the insert before it", i)
		}
	}
}

func TestGate_SpeaksTheLegacyHandshake(t *testing.T) {
	t.Parallel()
	s := mustStart(t, t.TempDir(), nil)
	c := dialRaw(t, s)
	doc := must.Get(bson.Marshal(bson.D{{Key: "isMaster", Value: 1}}))(t)
	body := append([]byte{0, 0, 0, 0}, "admin.$cmd\x00"...)
	body = append(body, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff)
	body = append(body, doc...)
	must.Do(t, must.Err(c.Write(append(header(7, 2004, len(body)), body...))))
	if r := c.mustReceive(t); r.to != 7 || !r.doc.Lookup("ismaster").Boolean() {
		t.Errorf("answer to %d: %v", r.to, r.doc)
	}
}

// TestGate_OutlivesWhatItCannotRead: the connection ends, the turn to write does not go with it.
func TestGate_OutlivesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	s := mustStart(t, t.TempDir(), nil)
	tooLong := header(1, 2013, 0)
	binary.LittleEndian.PutUint32(tooLong, 48_000_001)
	tooShort := header(1, 2013, 0)
	binary.LittleEndian.PutUint32(tooShort, 15)
	negative := header(1, 2013, 0)
	binary.LittleEndian.PutUint32(negative, 0x8000_0000)
	tests := map[string][]byte{
		"a message above the limit":    tooLong,
		"a message below its header":   tooShort,
		"a negative length":            negative,
		"OP_COMPRESSED":                append(header(1, 2012, 12), 0xdd, 7, 0, 0, 4, 0, 0, 0, 0, 1, 2, 3),
		"an opcode that nobody has":    header(1, 99, 0),
		"OP_MSG without a section":     append(header(1, 2013, 4), 0, 0, 0, 0),
		"OP_MSG without flags":         header(1, 2013, 0),
		"a section that overruns":      append(header(1, 2013, 9), 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0),
		"a checksum that is not there": append(header(1, 2013, 5), checksum, 0, 0, 0, 0),
		"the old OP_INSERT":            append(header(1, 2002, 4), 0, 0, 0, 0),
	}
	for name, raw := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dialRaw(t, s)
			must.Do(t, must.Err(c.Write(raw)))
			if _, err := io.Copy(io.Discard, c); err != nil && isTimeout(err) {
				t.Error("the connection was left open")
			}
			other := dialRaw(t, s)
			other.send(t, insertOf("things", name), 0)
			if r := other.mustReceive(t); !r.ok() {
				t.Errorf("a write after it: %v", r.doc)
			}
		})
	}
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error) //nolint:errorlint // a connection returns it unwrapped
	return ok && ne.Timeout()
}
