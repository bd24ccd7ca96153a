package organizationtest

import (
	"bytes"
	"encoding/binary"

	"oms/shared/organization"
)

// bsonString is the BSON type of all that a [StringDocument] holds (bsonspec.org).
const bsonString = 0x02

// StringDocument returns the BSON document {_id: id, value: value}, both
// strings without NUL, for data writers that have no driver. Its ID is what
// every Store makes of such an _id: the type byte, then the value's bytes.
func StringDocument(id, value string) organization.Document {
	body := element("_id", id)
	key := body[len("_id")+2:]
	body = append(body, element("value", value)...)
	raw := binary.LittleEndian.AppendUint32(nil, uint32(len(body)+5)) //nolint:gosec // G115: tests have small documents
	raw = append(append(raw, body...), 0)
	return organization.Document{ID: append([]byte{bsonString}, key...), Raw: raw}
}

// element returns one string element of a document.
func element(name, value string) []byte {
	e := append([]byte{bsonString}, name...)
	e = append(e, 0)
	e = binary.LittleEndian.AppendUint32(e, uint32(len(value)+1)) //nolint:gosec // G115: tests have small documents
	return append(append(e, value...), 0)
}

// field returns the bytes of a string field at the top of raw, nil where it is
// not there. It reads documents of strings; at a field of another type it stops.
func field(raw []byte, name string) []byte {
	if len(raw) < 5 {
		return nil
	}
	for rest := raw[4:]; len(rest) > 1 && rest[0] == bsonString; {
		key, value, found := bytes.Cut(rest[1:], []byte{0})
		if !found || len(value) < 4 {
			return nil
		}
		n := 4 + int(binary.LittleEndian.Uint32(value))
		if n > len(value) {
			return nil
		}
		if string(key) == name {
			return value[:n]
		}
		rest = value[n:]
	}
	return nil
}
