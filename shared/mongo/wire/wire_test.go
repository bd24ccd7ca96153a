package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/mongo/wire"
	"oms/shared/must"
)

// frame is a message of these parts.
func frame(op uint32, body []byte) []byte {
	//nolint:gosec // G115: tests send little
	b := binary.LittleEndian.AppendUint32(nil, uint32(wire.HeaderLen+len(body)))
	b = binary.LittleEndian.AppendUint32(b, 7)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint32(b, op)
	return append(b, body...)
}

// msg is the body of an OP_MSG.
func msg(tb testing.TB, command bson.D, flags uint32) []byte {
	tb.Helper()
	raw := must.Get(bson.Marshal(command))(tb)
	b := binary.LittleEndian.AppendUint32(nil, flags)
	return append(append(b, 0), raw...)
}

type seed struct {
	op   uint32
	body []byte
	want wire.Command
}

func seeds(tb testing.TB) map[string]seed {
	tb.Helper()
	insert := bson.D{{Key: "insert", Value: "things"}, {Key: "maxTimeMS", Value: int64(1500)}}
	find := bson.D{{Key: "find", Value: "things"}, {Key: "filter", Value: bson.M{"_id": 1}}}
	return map[string]seed{
		"OP_MSG": {
			wire.OpMsg, msg(tb, insert, 0), wire.Command{Name: "insert", MaxTime: 1500 * time.Millisecond},
		},
		"OP_MSG without a reply": {wire.OpMsg, msg(tb, find, 2), wire.Command{Name: "find", Silent: true}},
		"OP_MSG with checksum":   {wire.OpMsg, append(msg(tb, find, 1), 1, 2, 3, 4), wire.Command{Name: "find"}},
		"OP_QUERY": {
			wire.OpQuery,
			[]byte("\x00\x00\x00\x00a.$cmd\x00\x00\x00\x00\x00\xff\xff\xff\xff" +
				"\x0c\x00\x00\x00\x10a\x00\x01\x00\x00\x00\x00"),
			wire.Command{Name: "a"},
		},
		"OP_COMPRESSED": {2012, msg(tb, find, 0), wire.Command{}},
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, s := range seeds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := wire.Parse(frame(s.op, s.body))
			if got.Name != s.want.Name || got.MaxTime != s.want.MaxTime || got.Silent != s.want.Silent {
				t.Errorf("Parse() = %q, %v, silent %v; want %+v", got.Name, got.MaxTime, got.Silent, s.want)
			}
			if element, err := got.Body.IndexErr(0); s.want.Name != "" && (err != nil || element.Key() != s.want.Name) {
				t.Errorf("the body begins with %v, %v", element, err)
			}
			// Cut short anywhere it names no command that is not there.
			for n := range len(s.body) {
				if got := wire.Parse(frame(s.op, s.body[:n])).Name; got != "" && got != s.want.Name {
					t.Errorf("of %d bytes: %q", n, got)
				}
			}
		})
	}
}

// FuzzParse holds that a name is never made up: a gate sorts commands by it.
func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s.op, s.body)
	}
	f.Fuzz(func(t *testing.T, op uint32, body []byte) {
		got := wire.Parse(frame(op, body))
		if got.Name != "" && (op != wire.OpMsg && op != wire.OpQuery ||
			!bytes.Contains(body, append([]byte(got.Name), 0))) {
			t.Errorf("%x of kind %d has a command %q", body, op, got.Name)
		}
		if got.MaxTime < 0 || got.MaxTime > 24*time.Hour {
			t.Errorf("maxTime = %v", got.MaxTime)
		}
	})
}

func TestRead(t *testing.T) {
	t.Parallel()
	m := frame(wire.OpMsg, []byte("body"))
	if got, err := wire.Read(bytes.NewReader(m)); err != nil || !bytes.Equal(got, m) || got.RequestID() != 7 ||
		got.OpCode() != wire.OpMsg {
		t.Errorf("Read() = %x, %v", got, err)
	}
	for n, want := range map[int]error{
		0: io.EOF, 3: io.ErrUnexpectedEOF, wire.HeaderLen: io.ErrUnexpectedEOF, len(m) - 1: io.ErrUnexpectedEOF,
	} {
		if _, err := wire.Read(bytes.NewReader(m[:n])); !errors.Is(err, want) {
			t.Errorf("of %d bytes: %v, want %v", n, err, want)
		}
	}
	for _, declared := range []uint32{0, wire.HeaderLen - 1, wire.MaxMessageLen + 1, 1 << 31} {
		binary.LittleEndian.PutUint32(m, declared)
		if _, err := wire.Read(bytes.NewReader(m)); err == nil || !strings.Contains(err.Error(), "declares") {
			t.Errorf("a declared length of %d: %v", declared, err)
		}
	}
}

func TestReply(t *testing.T) {
	t.Parallel()
	for op, want := range map[uint32]uint32{wire.OpMsg: wire.OpMsg, wire.OpQuery: wire.OpReply} {
		reply, err := wire.Reply(frame(op, nil), bson.D{{Key: "ok", Value: 1}})
		if err != nil || reply.OpCode() != want || reply.ResponseTo() != 7 {
			t.Fatalf("Reply() to %d = %x, %v", op, []byte(reply), err)
		}
		if again, err := wire.Read(bytes.NewReader(reply)); err != nil || len(again) != len(reply) {
			t.Errorf("it declares another length: %v", err)
		}
		raw, err := bson.Marshal(bson.D{{Key: "ok", Value: 1}})
		if err != nil || !bytes.HasSuffix(reply, raw) {
			t.Errorf("the document is not its end: %x, %v", []byte(reply), err)
		}
	}
	if _, err := wire.Reply(frame(wire.OpMsg, nil), make(chan int)); err == nil {
		t.Error("a channel was encoded")
	}
	if _, err := wire.Reply(frame(wire.OpMsg, nil), bson.M{"x": make([]byte, wire.MaxMessageLen)}); err == nil {
		t.Error("a reply above the limit was encoded")
	}
}
