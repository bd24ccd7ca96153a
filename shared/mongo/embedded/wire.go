package embedded

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
	headerLen = 16 // four int32: messageLength, requestID, responseTo, opCode

	// maxMessageLen bounds a message in bytes, header included. It is the maxMessageSizeBytes
	// that FerretDB and MongoDB announce in their answer to hello.
	maxMessageLen = 48_000_000

	opQuery = 2004
	opMsg   = 2013

	flagChecksumPresent = 1 << 0
	flagMoreToCome      = 1 << 1

	checksumLen = 4
)

// codeMaxTimeExpired is MaxTimeMSExpired of
// https://www.mongodb.com/docs/manual/reference/error-codes/.
const codeMaxTimeExpired = 50

// message is one whole message as it came, header included.
type message []byte

func (m message) requestID() uint32 { return binary.LittleEndian.Uint32(m[4:]) }
func (m message) opCode() uint32    { return binary.LittleEndian.Uint32(m[12:]) }

// readHeader reads the header of a message, and the length that it declares.
func readHeader(r io.Reader) (header []byte, length int, err error) {
	header = make([]byte, headerLen)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, 0, err
	}
	declared := binary.LittleEndian.Uint32(header)
	if declared < headerLen || declared > maxMessageLen {
		return nil, 0, fmt.Errorf("a message declares %d bytes; %d to %d are allowed", declared, headerLen, maxMessageLen)
	}
	return header, int(declared), nil
}

// readBody reads what follows header. The memory grows with what really arrives: a declared
// length alone costs nothing.
func readBody(r io.Reader, header []byte, length int) (message, error) {
	var b bytes.Buffer
	b.Write(header)
	if _, err := io.CopyN(&b, r, int64(length-headerLen)); err != nil {
		if err == io.EOF { //nolint:errorlint // io.CopyN returns io.EOF itself
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b.Bytes(), nil
}

func readMessage(r io.Reader) (message, error) {
	header, length, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	return readBody(r, header, length)
}

// command is what the gate needs to know of a message. The zero command is one that was not
// understood.
type command struct {
	name    string        // first key of the command document
	maxTime time.Duration // its maxTimeMS; zero for none
	silent  bool          // the client waits for no reply (moreToCome)
}

// parseCommand reads the command in m. What it does not understand (other opcodes, OP_COMPRESSED
// among them, and malformed messages) has no name, and the gate takes it for a write.
func parseCommand(m message) command {
	var body bson.Raw
	var c command
	switch m.opCode() {
	case opMsg:
		body, c.silent = msgBody(m)
	case opQuery:
		body = queryBody(m)
	}
	first, err := body.IndexErr(0)
	if err != nil {
		return c
	}
	if c.name, err = first.KeyErr(); err != nil {
		c.name = ""
		return c
	}
	if m.opCode() != opMsg {
		return c // no driver sends more than its first hello in an OP_QUERY
	}
	if v, err := body.LookupErr("maxTimeMS"); err == nil {
		// More than a day is as good as no limit, and cannot overflow a Duration.
		if ms, ok := v.AsInt64OK(); ok && ms > 0 && ms < 24*60*60*1000 {
			c.maxTime = time.Duration(ms) * time.Millisecond
		}
	}
	return c
}

// msgBody returns the document of the only section of kind 0 of an OP_MSG; nil where there is
// none, or a second one: FerretDB might read the other.
func msgBody(m message) (body bson.Raw, silent bool) {
	const sectionsAt = headerLen + 4
	if len(m) < sectionsAt {
		return nil, false
	}
	flags := binary.LittleEndian.Uint32(m[headerLen:])
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

// queryBody returns the query document of the legacy OP_QUERY, in which drivers send their first
// hello.
func queryBody(m message) bson.Raw {
	const nameAt = headerLen + 4
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

// expiredReply is the answer to a command that waited longer than its maxTimeMS: the one that
// mongod gives (https://www.mongodb.com/docs/manual/reference/method/cursor.maxTimeMS/).
func expiredReply(m message) (message, error) {
	doc, err := bson.Marshal(bson.D{
		{Key: "ok", Value: 0.0},
		{Key: "errmsg", Value: "operation exceeded time limit while it waited for its turn to write"},
		{Key: "code", Value: int32(codeMaxTimeExpired)},
		{Key: "codeName", Value: "MaxTimeMSExpired"},
	})
	if err != nil {
		return nil, fmt.Errorf("encoding a reply: %w", err)
	}
	const overhead = headerLen + 4 + 1 // flags, kind of section
	reply := make(message, 0, overhead+len(doc))
	reply = binary.LittleEndian.AppendUint32(reply, uint32(overhead+len(doc))) //nolint:gosec // about 150 bytes
	reply = binary.LittleEndian.AppendUint32(reply, 0)
	reply = binary.LittleEndian.AppendUint32(reply, m.requestID())
	reply = binary.LittleEndian.AppendUint32(reply, opMsg)
	reply = binary.LittleEndian.AppendUint32(reply, 0)
	reply = append(reply, 0)
	return append(reply, doc...), nil
}
