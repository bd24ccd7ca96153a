package organizationtest

import (
	"encoding/binary"
	"strings"

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

// StringID returns the _id of a [StringDocument].
func StringID(d organization.Document) string {
	return strings.TrimRight(string(d.ID[5:]), "\x00") // after the type and the length
}

// element returns one string element of a document.
func element(name, value string) []byte {
	e := append([]byte{bsonString}, name...)
	e = append(e, 0)
	e = binary.LittleEndian.AppendUint32(e, uint32(len(value)+1)) //nolint:gosec // G115: tests have small documents
	return append(append(e, value...), 0)
}
