package edge

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"oms/shared/fault"
	"oms/shared/token"
)

// Parameter returns the query parameter with that name, decoded as a form is
// (a plus is a space). What is wrong with it is returned as the entry of a
// 422: it is missing, empty, there more than once, or not UTF-8 in percent
// encoding. Parameters of other names are not looked at.
func (c *Call) Parameter(name string) (value string, wrong *fault.Field) {
	value, there, wrong := c.OptionalParameter(name)
	if wrong == nil && !there {
		return "", &fault.Field{Field: name, Code: "missing", Detail: "this query parameter is needed"}
	}
	return value, wrong
}

// OptionalParameter is [Call.Parameter] for a parameter that may be absent; it reports whether it is there.
func (c *Call) OptionalParameter(name string) (value string, there bool, wrong *fault.Field) {
	for pair := range strings.SplitSeq(c.RawQuery, "&") {
		key, raw, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(key); err != nil || decoded != name {
			continue
		}
		if there {
			return "", true, &fault.Field{
				Field: name, Code: "repeated", Detail: "this query parameter may be given once only",
			}
		}
		there = true
		decoded, err := url.QueryUnescape(raw)
		switch {
		case err != nil || !utf8.ValidString(decoded):
			wrong = &fault.Field{
				Field: name, Code: "invalid", Detail: "this query parameter must be UTF-8 in percent encoding",
			}
		case decoded == "":
			wrong = &fault.Field{Field: name, Code: "too_short", Detail: "this query parameter may not be empty"}
		}
		value = decoded
	}
	if wrong != nil {
		value = ""
	}
	return value, there, wrong
}

// ETag returns the strong entity tag of a version: the version in quotes (RFC 9110, section 8.8.3).
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// noVersion is what [Call.IfMatch] returns for a tag that no version has.
const noVersion int64 = -1

// IfMatch returns the version that the If-Match header asks for (RFC 9110,
// section 13.1.1), or nil for none: without the header, and with *, which any
// existing organization matches. A tag that is well formed and not one that
// [ETag] makes matches nothing (-1); so does a weak one, for the
// comparison is strong. A header that is not a list of entity tags, or that names
// two versions, is returned as the entry of a 422.
func (c *Call) IfMatch() (version *int64, wrong *fault.Field) {
	values := c.Header.Values("If-Match")
	if len(values) == 0 {
		return nil, nil
	}
	list := strings.Trim(strings.Join(values, ","), " \t")
	if list == "*" {
		return nil, nil
	}
	found := noVersion
	for rest := list; ; {
		tag, after, ok := cutTag(rest)
		if !ok {
			return nil, &fault.Field{
				Field: "If-Match", Code: "invalid", Detail: `this header must be an entity tag such as "1"`,
			}
		}
		if v := versionOf(tag); v != noVersion {
			if found != noVersion && found != v {
				return nil, &fault.Field{
					Field: "If-Match", Code: "repeated", Detail: "this header may name one version only",
				}
			}
			found = v
		}
		if after == "" {
			return &found, nil
		}
		rest = after
	}
}

// cutTag cuts the first entity tag off a list, and the comma after it.
func cutTag(list string) (tag, rest string, ok bool) {
	list = strings.TrimLeft(list, " \t,") // empty members are ignored (RFC 9110, section 5.6.1.2)
	opaque := strings.TrimPrefix(list, "W/")
	weak := len(list) - len(opaque)
	if !strings.HasPrefix(opaque, `"`) {
		return "", "", false
	}
	end := strings.IndexByte(opaque[1:], '"')
	if end < 0 {
		return "", "", false
	}
	for _, c := range []byte(opaque[1 : 1+end]) {
		if c <= ' ' || c == 0x7f {
			return "", "", false
		}
	}
	tag, rest = list[:weak+end+2], strings.TrimLeft(list[weak+end+2:], " \t")
	if rest != "" && rest[0] != ',' {
		return "", "", false
	}
	return tag, strings.TrimLeft(rest, " \t,"), true
}

func versionOf(tag string) int64 {
	v, err := strconv.ParseInt(strings.Trim(tag, `"`), 10, 64)
	if err != nil || v < 0 || ETag(v) != tag {
		return noVersion
	}
	return v
}

// Bearer returns the token of the Authorization header ([token.Bearer]), and ""
// where there is no such header. A header that is there and carries no bearer
// token is a refused credential, not an absent one.
func (c *Call) Bearer() (string, error) {
	values := c.Header.Values("Authorization")
	if len(values) == 0 {
		return "", nil
	}
	return token.Bearer(strings.Join(values, ","))
}

// Headers returns the header of an answer from pairs of name and value.
func Headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i+1 < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// Invalid adds what a handler found wrong to what [Decode] did, so that the
// client hears all of it at once: nil entries are left out, an err that is not
// a list of fields comes back as it is, and without any entry it returns nil.
func Invalid(err error, wrong ...*fault.Field) error {
	var fields []fault.Field
	if err != nil {
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Kind != fault.Invalid {
			return err
		}
		fields = slices.Clone(f.Fields)
	}
	for _, w := range wrong {
		if w != nil {
			fields = append(fields, *w)
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return fault.NewInvalid(fields...)
}
