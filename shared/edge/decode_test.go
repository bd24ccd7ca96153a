package edge_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"oms/shared/edge"
	"oms/shared/fault"
	"oms/shared/must"
)

type form struct {
	Name  string  `json:"name"`
	Email string  `json:"email"`
	Note  *string `json:"note"`
	Count *int64  `json:"count"`
	Done  *bool   `json:"done"`
}

func call(contentType, body string) *edge.Call {
	h := http.Header{}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	return &edge.Call{Header: h, Body: []byte(body)}
}

func TestDecode_readsWhatIsThere(t *testing.T) {
	t.Parallel()
	got := must.Get(edge.Decode[form](call("application/json", ` {"email":"","name":"\ud83d\ude00\\ud800","count":-3,`+
		`"done":false} `)))(t)
	want := form{Name: "😀\\ud800", Count: new(int64(-3)), Done: new(false)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Decode (-want +got):\n%s", diff)
	}
}

func TestDecode_media(t *testing.T) {
	t.Parallel()
	const body = `{"name":"n","email":"e"}`
	const refused = "unsupported_media_type"
	for contentType, want := range map[string]string{
		"application/json":                  "",
		"Application/JSON":                  "",
		"application/json; charset=utf-8":   "",
		`application/json;charset="UTF-8"`:  "",
		"application/json; profile=x":       "",
		"":                                  refused,
		"application/json; charset=latin1":  refused,
		"application/json; charset":         refused,
		"application/json,application/json": refused,
		"application/problem+json":          refused,
		"text/plain":                        refused,
		"application/x-www-form-urlencoded": refused,
	} {
		if _, err := edge.Decode[form](call(contentType, body)); (err != nil) != (want != "") || code(err) != want {
			t.Errorf("Decode of %q = %v, want %q", contentType, err, want)
		}
	}
	c := call("application/json", body)
	c.Header.Set("Content-Encoding", "gzip")
	if _, err := edge.Decode[form](c); code(err) != refused {
		t.Errorf("Decode of what is compressed = %v, want %s", err, refused)
	}
}

func code(err error) string {
	f, _ := errors.AsType[*fault.Error](err)
	if f == nil {
		return ""
	}
	return f.Code
}

func TestDecode_size(t *testing.T) {
	t.Parallel()
	body := func(n int) string {
		const frame = `{"name":"n","email":""}`
		return `{"name":"n","email":"` + strings.Repeat("x", n-len(frame)) + `"}`
	}
	if _, err := edge.Decode[form](call("application/json", body(64<<10))); err != nil {
		t.Errorf("Decode of 64 KiB = %v, want success", err)
	}
	_, err := edge.Decode[form](call("text/plain", body(64<<10+1)))
	if code(err) != "body_too_large" || fault.KindOf(err) != fault.TooLarge {
		t.Errorf("Decode of a byte more = %v, want body_too_large", err)
	}
}

func TestDecode_refusesWhatIsNoJSON(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing":                       "",
		"white space":                   " ",
		"half an object":                `{"name":`,
		"trailing data":                 `{"name":"n","email":"e"} {}`,
		"a trailing comma":              `{"name":"n",}`,
		"a byte order mark":             "\ufeff{}",
		"NaN":                           `{"name":NaN}`,
		"a name twice":                  `{"name":"a","email":"e","name":"b"}`,
		"a name twice, once escaped":    `{"name":"a","email":"e","\u006eame":"b"}`,
		"a name twice, further down":    `{"name":{"a":1,"b":[{"c":1,"c":2}]}}`,
		"a name twice after an object":  `{"x":{"y":{}},"z":[],"x":1}`,
		"bytes that are no UTF-8":       "{\"name\":\"\xff\"}",
		"the first half of a pair":      `{"name":"\ud800"}`,
		"the first half and no second":  `{"name":"\ud800\u0041"}`,
		"the second half of a pair":     `{"name":"\udc00"}`,
		"half a pair after a backslash": `{"name":"\\\ud800"}`,
		"33 levels":                     strings.Repeat("[", 33) + strings.Repeat("]", 33),
		"a thousand levels":             strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := edge.Decode[form](call("application/json", body))
			if code(err) != "malformed_json" || fault.KindOf(err) != fault.Malformed {
				t.Errorf("Decode(%q) = %v, want malformed_json", body, err)
			}
		})
	}
}

func TestDecode_namesEveryWrongField(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, body, want string }{
		{"an array", `[]`, "=wrong_type"},
		{"null", `null`, "=wrong_type"},
		{"a string", `"name"`, "=wrong_type"},
		{"a number", `7`, "=wrong_type"},
		{"32 levels are read", strings.Repeat("[", 32) + strings.Repeat("]", 32), "=wrong_type"},
		{"an empty object", `{}`, "name=missing email=missing"},
		{"names differ in case", `{"Name":"n","EMAIL":"e"}`, "name=missing email=missing Name=unknown EMAIL=unknown"},
		{"null is a wrong type", `{"name":null,"email":"e","note":null}`, "name=wrong_type note=wrong_type"},
		{"an object where a string belongs", `{"name":{"$gt":""},"email":["e"]}`, "name=wrong_type email=wrong_type"},
		{"a number where a string belongs", `{"name":1,"email":true}`, "name=wrong_type email=wrong_type"},
		{
			"numbers that are not whole", `{"name":"n","email":"e","count":1.5,"done":"true"}`,
			"count=wrong_type done=wrong_type",
		},
		{"a number that is too large", `{"name":"n","email":"e","count":9223372036854775808}`, "count=wrong_type"},
		{
			"all at once, in order", `{"z":1,"email":5,"a":{"b":1},"count":"1","note":"x"}`,
			"name=missing email=wrong_type count=wrong_type z=unknown a=unknown",
		},
		{"the empty name", `{"":1,"name":"n","email":"e"}`, "=unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := edge.Decode[form](call("application/json", tt.body))
			f, _ := errors.AsType[*fault.Error](err)
			if f == nil || f.Kind != fault.Invalid || f.Code != "invalid_request" {
				t.Fatalf("Decode(%s) = %+v, %v, want invalid_request", tt.body, got, err)
			}
			var entries []string
			for _, field := range f.Fields {
				entries = append(entries, field.Field+"="+field.Code)
			}
			if got := strings.Join(entries, " "); got != tt.want {
				t.Errorf("Decode(%s): %s, want %s", tt.body, got, tt.want)
			}
		})
	}
}

func TestDecode_refusesATypeThatItCannotFill(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"a struct with a slice": must.Err(edge.Decode[struct {
			X []string `json:"x"`
		}](call("application/json", "{}"))),
		"a field without a name": must.Err(edge.Decode[struct{ X string }](call("application/json", "{}"))),
		"a map":                  must.Err(edge.Decode[map[string]string](call("application/json", "{}"))),
	} {
		if err == nil || fault.KindOf(err) != fault.Internal {
			t.Errorf("Decode into %s = %v, want an internal error", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"name":"n","email":"e","note":null}`, `{"name":"\ud800","a":[{"b":{}}]}`, `[]`, `{"a":1,"a":2}`, "\xff",
		`{"x":`, `{"count":1e2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := edge.Decode[form](call("application/json", string(body)))
		if err != nil {
			if k := fault.KindOf(err); k == fault.Internal {
				t.Fatalf("Decode(%q) = %v, which no client could be told", body, err)
			}
			return
		}
		// What was accepted means the same to an ordinary decoder.
		var plain map[string]any
		if err := json.Unmarshal(body, &plain); err != nil {
			t.Fatalf("Decode(%q) accepted what encoding/json does not: %v", body, err)
		}
		if plain["name"] != got.Name || plain["email"] != got.Email || !utf8.ValidString(got.Name) {
			t.Fatalf("Decode(%q) = %+v, encoding/json reads %v", body, got, plain)
		}
		for name := range plain {
			switch name {
			case "name", "email", "note", "count", "done":
			default:
				t.Fatalf("Decode(%q) accepted the unknown field %q", body, name)
			}
		}
	})
}

func ExampleDecode() {
	type login struct {
		Email    string  `json:"email"`    // must be there
		Password string  `json:"password"` // must be there
		Note     *string `json:"note"`     // may be absent
	}
	c := &edge.Call{
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   []byte(`{"email":"a@example.com","Password":"x"}`),
	}
	_, err := edge.Decode[login](c)
	f, _ := errors.AsType[*fault.Error](err)
	for _, field := range f.Fields {
		fmt.Println(field.Field, field.Code)
	}
	// Output:
	// password missing
	// Password unknown
}
