package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"oms/shared/fault"
	"oms/shared/object"
)

const (
	maxBody  = 64 << 10 // bytes; contract, "Every request and response"
	maxDepth = 32       // arrays and objects in each other: no body here needs two
)

// Decode reads the call's body into a T, strictly. T is a struct whose fields
// have a json tag and are a string, a bool or an int64, which must be there,
// or a pointer to one of these, which is nil where the field is absent.
//
// The errors are faults: body_too_large beyond 64 KiB; unsupported_media_type
// where Content-Type is not application/json in UTF-8; malformed_json for what
// is not JSON text of RFC 8259 in UTF-8, for a name that an object has twice and
// for more than 32 levels; invalid_request with one entry for each field that
// is missing, unknown (names are compared exactly: Email is not email) or of
// the wrong type (null is one), first the fields of T in their order, then the
// unknown ones in the order of the body.
func Decode[T any](c *Call) (T, error) {
	var into T
	if len(c.Body) > maxBody {
		return into, fault.New(fault.TooLarge, "body_too_large", "the body is larger than 64 KiB")
	}
	if len(c.Body) > 0 {
		if err := checkMedia(c.Header); err != nil {
			return into, err
		}
	}
	if what := checkText(c.Body); what != "" {
		return into, fault.New(fault.Malformed, "malformed_json", what)
	}
	members, order, isObject := membersOf(c.Body)
	if !isObject {
		return into, fault.NewInvalid(fault.Field{Code: "wrong_type", Detail: "the body must be a JSON object"})
	}
	wrong, err := fill(reflect.ValueOf(&into).Elem(), members)
	if err != nil {
		return into, err
	}
	for _, name := range order {
		if _, left := members[name]; left { // fill took those that it knows
			wrong = append(wrong, fault.Field{Field: name, Code: "unknown", Detail: "there is no such field"})
		}
	}
	if len(wrong) > 0 {
		var none T
		return none, fault.NewInvalid(wrong...)
	}
	return into, nil
}

// checkMedia wants application/json. RFC 8259 (section 11) defines no charset
// parameter; clients send one nevertheless, and any but utf-8 would be a lie.
func checkMedia(h http.Header) error {
	refused := fault.New(fault.UnsupportedMedia, "unsupported_media_type",
		"the Content-Type must be application/json in UTF-8")
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return refused
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return refused
	}
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return fault.New(fault.UnsupportedMedia, "unsupported_media_type",
			"the body must come without a Content-Encoding")
	}
	return nil
}

// checkText tells what keeps body from being one JSON text that every reader
// understands in the same way, or "".
func checkText(body []byte) string {
	switch {
	case len(body) == 0:
		return "a JSON body is needed"
	case !utf8.Valid(body):
		return "the body is not valid UTF-8"
	case !json.Valid(body): // trailing data too
		return "the body is not valid JSON"
	case loneSurrogate(body):
		return "the body has an escape that is no character" // RFC 8259, section 8.2: unpredictable
	}
	switch err := checkNames(json.NewDecoder(bytes.NewReader(body)), maxDepth); {
	case errors.Is(err, object.ErrTwice): // one reader takes the first, another the last (RFC 8259, section 4)
		return "an object of the body has a name twice"
	case errors.Is(err, errDeep):
		return fmt.Sprintf("the body is nested deeper than %d levels", maxDepth)
	case err != nil:
		return "the body is not valid JSON"
	}
	return ""
}

// loneSurrogate reports whether a \u escape of body is half of a pair:
// encoding/json makes all of them U+FFFD, and two passwords one. body is valid JSON.
func loneSurrogate(body []byte) bool {
	unit := func(i int) uint64 { // of the escape at i, or 0
		if i+6 > len(body) || body[i] != '\\' || body[i+1] != 'u' {
			return 0
		}
		n, err := strconv.ParseUint(string(body[i+2:i+6]), 16, 16)
		if err != nil {
			return 0
		}
		return n
	}
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		switch u := unit(i); {
		case u >= 0xDC00 && u <= 0xDFFF:
			return true
		case u >= 0xD800 && u <= 0xDBFF:
			if low := unit(i + 6); low < 0xDC00 || low > 0xDFFF {
				return true
			}
			i += 11
		default:
			i++ // the character after the backslash, which may be one itself
		}
	}
	return false
}

// errDeep says that a text has more than [maxDepth] levels.
var errDeep = errors.New("too deep")

// checkNames reads one value, and returns [object.ErrTwice] where an object in it
// has a name twice and errDeep where it has more than levels levels.
func checkNames(d *json.Decoder, levels int) error {
	t, err := d.Token()
	if _, opens := t.(json.Delim); err != nil || !opens { // no value begins with ] or }
		return err
	}
	if levels == 0 {
		return errDeep
	}
	if t == json.Delim('{') {
		return object.Rest(d, func(string) error { return checkNames(d, levels-1) })
	}
	for d.More() {
		if err := checkNames(d, levels-1); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// membersOf returns the members of the object that body is, and their names in
// order. body is valid JSON without a name twice.
func membersOf(body []byte) (members map[string]json.RawMessage, order []string, isObject bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	members = map[string]json.RawMessage{}
	err := object.Read(d, func(name string) error {
		order = append(order, name)
		var value json.RawMessage
		err := d.Decode(&value)
		members[name] = value
		return err
	})
	return members, order, err == nil
}

// fill sets the fields of the struct v from members, takes what it knows out
// of members, and returns what is missing or of the wrong type.
func fill(v reflect.Value, members map[string]json.RawMessage) ([]fault.Field, error) {
	if v.Kind() != reflect.Struct {
		return nil, fmt.Errorf("decoding a body into a %s: only a struct will do", v.Type())
	}
	var wrong []fault.Field
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("json")
		field := v.Field(i)
		optional := field.Kind() == reflect.Pointer
		kind := field.Type()
		if optional {
			kind = kind.Elem()
		}
		want := wanted(kind.Kind())
		if want == "" || name == "" || !field.CanSet() {
			return nil, fmt.Errorf("decoding a body into a %s: field %d is not one that Decode reads", v.Type(), i)
		}
		raw, there := members[name]
		delete(members, name)
		switch {
		case !there && optional:
		case !there:
			wrong = append(wrong, fault.Field{Field: name, Code: "missing", Detail: "this field is needed"})
		default:
			target := reflect.New(kind)
			// json.Unmarshal takes null for anything, so null is refused here.
			if string(raw) == "null" || json.Unmarshal(raw, target.Interface()) != nil {
				wrong = append(wrong, fault.Field{
					Field: name, Code: "wrong_type", Detail: "this field must be " + want,
				})
			} else if optional {
				field.Set(target)
			} else {
				field.Set(target.Elem())
			}
		}
	}
	return wrong, nil
}

// wanted says what a client must send for a field of kind k, or "" where Decode does not read that kind.
func wanted(k reflect.Kind) string {
	if k == reflect.String {
		return "a string"
	}
	if k == reflect.Bool {
		return "true or false"
	}
	if k == reflect.Int64 {
		return "a whole number"
	}
	return ""
}
