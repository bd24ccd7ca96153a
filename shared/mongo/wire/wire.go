// Package wire reads and writes the messages of the MongoDB wire protocol, as
// far as a program between a driver and a server has to: the frame of a
// message, the document of the command in it, and a reply of one document.
//
// It refuses to know what a command means, and takes no connection: whoever
// stands between has its own idea of what to do with one.
package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Numbers of the MongoDB wire protocol:
// https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
// and, for OP_MSG, https://github.com/mongodb/specifications/blob/master/source/message/OP_MSG.md.
const (
	// HeaderLen is the length of a message's header in bytes: four int32,
	// messageLength, requestID, responseTo, opCode.
	HeaderLen = 16

	// MaxMessageLen bounds a message in bytes, header included. It is the
	// maxMessageSizeBytes that FerretDB and MongoDB announce in their answer to hello.
	MaxMessageLen = 48_000_000

	// OpReply is the answer to an OpQuery.
	OpReply = 1
	// OpQuery is the legacy message in which drivers send their first hello.
	OpQuery = 2004
	// OpMsg is every other message.
	OpMsg = 2013

	flagChecksumPresent = 1 << 0
	flagMoreToCome      = 1 << 1

	checksumLen = 4
)

// Message is one whole message as it came, header included.
type Message []byte

// RequestID is the number that an answer to the message refers to.
func (m Message) RequestID() uint32 { return binary.LittleEndian.Uint32(m[4:]) }

// ResponseTo is the request that the message answers; zero in a request.
func (m Message) ResponseTo() uint32 { return binary.LittleEndian.Uint32(m[8:]) }

// OpCode tells the kind of the message.
func (m Message) OpCode() uint32 { return binary.LittleEndian.Uint32(m[12:]) }

// Read reads a message: [ReadHeader] and [ReadBody].
func Read(r io.Reader) (Message, error) {
	header, length, err := ReadHeader(r)
	if err != nil {
		return nil, err
	}
	return ReadBody(r, header, length)
}

// ReadHeader reads the header of a message, and the length that it declares,
// which is [HeaderLen] to [MaxMessageLen] or an error.
func ReadHeader(r io.Reader) (header []byte, length int, err error) {
	header = make([]byte, HeaderLen)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, 0, err
	}
	declared := binary.LittleEndian.Uint32(header)
	if declared < HeaderLen || declared > MaxMessageLen {
		return nil, 0, fmt.Errorf("a message declares %d bytes; %d to %d are allowed", declared, HeaderLen,
			MaxMessageLen)
	}
	return header, int(declared), nil
}

// ReadBody reads what follows header. The memory grows with what really arrives: a declared
// length alone costs nothing.
func ReadBody(r io.Reader, header []byte, length int) (Message, error) {
	var b bytes.Buffer
	b.Write(header)
	if _, err := io.CopyN(&b, r, int64(length-HeaderLen)); err != nil {
		if err == io.EOF { //nolint:errorlint // io.CopyN returns io.EOF itself
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b.Bytes(), nil
}

// Command is what a message asks for. The zero Command is one that was not
// understood.
type Command struct {
	Name    string        // first key of the command document
	Body    bson.Raw      // the command document
	MaxTime time.Duration // its maxTimeMS; zero for none
	Silent  bool          // the client waits for no reply (moreToCome)
}

// Parse reads the command in m. What it does not understand (other opcodes, OP_COMPRESSED
// among them, and malformed messages) has no name.
func Parse(m Message) Command {
	var c Command
	switch m.OpCode() {
	case OpMsg:
		c.Body, c.Silent = msgBody(m)
	case OpQuery:
		c.Body = queryBody(m)
	}
	first, err := c.Body.IndexErr(0)
	if err != nil {
		return c
	}
	if c.Name, err = first.KeyErr(); err != nil {
		c.Name = ""
		return c
	}
	if m.OpCode() != OpMsg {
		return c // no driver sends more than its first hello in an OP_QUERY
	}
	if v, err := c.Body.LookupErr("maxTimeMS"); err == nil {
		// More than a day is as good as no limit, and cannot overflow a Duration.
		if ms, ok := v.AsInt64OK(); ok && ms > 0 && ms < 24*60*60*1000 {
			c.MaxTime = time.Duration(ms) * time.Millisecond
		}
	}
	return c
}

// msgBody returns the document of the only section of kind 0 of an OP_MSG; nil where there is
// none, or a second one: a server might read the other.
func msgBody(m Message) (body bson.Raw, silent bool) {
	const sectionsAt = HeaderLen + 4
	if len(m) < sectionsAt {
		return nil, false
	}
	flags := binary.LittleEndian.Uint32(m[HeaderLen:])
	silent = flags&flagMoreToCome != 0
	rest := m[sectionsAt:]
	if flags&flagChecksumPresent != 0 {
		if len(rest) < checksumLen {
			return nil, silent
		}
		rest = rest[:len(rest)-checksumLen]
	}
	for len(rest) > 0 {
		kind := rest[0]
		section := sized(rest[1:])
		if section == nil || kind > 1 || (kind == 0 && body != nil) {
			return nil, silent
		}
		if kind == 0 {
			body = bson.Raw(section)
		}
		rest = rest[1+len(section):]
	}
	return body, silent
}

// queryBody returns the query document of the legacy OP_QUERY.
func queryBody(m Message) bson.Raw {
	const nameAt = HeaderLen + 4
	if len(m) < nameAt {
		return nil
	}
	_, rest, found := bytes.Cut(m[nameAt:], []byte{0})
	if !found || len(rest) < 8 { // numberToSkip, numberToReturn
		return nil
	}
	return bson.Raw(sized(rest[8:]))
}

// sized returns the part of b that the length at its start declares, or nil.
func sized(b []byte) []byte {
	if len(b) < 5 {
		return nil
	}
	n := binary.LittleEndian.Uint32(b)
	if n < 5 || uint64(n) > uint64(len(b)) {
		return nil
	}
	return b[:n]
}

// Reply encodes the document as the answer to m: an OpReply to an OpQuery, an
// OpMsg to everything else. A document that BSON cannot carry, or one that is
// too long for a message, is an error.
func Reply(m Message, document any) (Message, error) {
	doc, err := bson.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("encoding a reply: %w", err)
	}
	op := uint32(OpMsg)
	fixed := make([]byte, 4+1) // flags, kind of section
	if m.OpCode() == OpQuery {
		op = OpReply
		fixed = append(make([]byte, 4+8+4), 1, 0, 0, 0) // flags, cursor, first, one document
	}
	length := HeaderLen + len(fixed) + len(doc)
	if length > MaxMessageLen {
		return nil, fmt.Errorf("encoding a reply: it has %d bytes, %d are allowed", length, MaxMessageLen)
	}
	reply := make(Message, 0, length)
	reply = binary.LittleEndian.AppendUint32(reply, uint32(length))
	reply = binary.LittleEndian.AppendUint32(reply, 0)
	reply = binary.LittleEndian.AppendUint32(reply, m.RequestID())
	reply = binary.LittleEndian.AppendUint32(reply, op)
	reply = append(reply, fixed...)
	return append(reply, doc...), nil
}
