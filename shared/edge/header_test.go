package edge_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"oms/shared/edge"
	"oms/shared/fault"
)

func TestCall_IfMatch(t *testing.T) {
	t.Parallel()
	const none = -2
	for _, tt := range []struct {
		header []string // nil: absent
		want   int64    // -2: no version asked for
		code   string
	}{
		{nil, none, ""},
		{[]string{"*"}, none, ""},
		{[]string{`"1"`}, 1, ""},
		{[]string{` "12" `}, 12, ""},
		{[]string{edge.ETag(9223372036854775807)}, 9223372036854775807, ""},
		{[]string{`W/"1"`}, -1, ""},
		{[]string{`"01"`}, -1, ""},
		{[]string{`"+1"`}, -1, ""},
		{[]string{`"-1"`}, -1, ""},
		{[]string{`"9223372036854775808"`}, -1, ""},
		{[]string{`"abc"`}, -1, ""},
		{[]string{`""`}, -1, ""},
		{[]string{`"a,b", "3"`}, 3, ""},
		{[]string{`"3","3"`}, 3, ""},
		{[]string{`"3"`, `W/"4"`}, 3, ""},
		{[]string{`, "3", ,`}, 3, ""},
		{[]string{`"3", "4"`}, 0, "repeated"},
		{[]string{""}, 0, "invalid"},
		{[]string{","}, 0, "invalid"},
		{[]string{"1"}, 0, "invalid"},
		{[]string{`"1`}, 0, "invalid"},
		{[]string{`"1" "2"`}, 0, "invalid"},
		{[]string{`w/"1"`}, 0, "invalid"},
		{[]string{`"a b"`}, 0, "invalid"},
		{[]string{`*, "1"`}, 0, "invalid"},
		{[]string{`"1"x`}, 0, "invalid"},
	} {
		t.Run(strings.Join(tt.header, "|"), func(t *testing.T) {
			t.Parallel()
			got, wrong := (&edge.Call{Header: http.Header{"If-Match": tt.header}}).IfMatch()
			if tt.code != "" {
				if wrong == nil || wrong.Code != tt.code || wrong.Field != "If-Match" || got != nil {
					t.Errorf("IfMatch(%q) = %v, %v, want %s", tt.header, got, wrong, tt.code)
				}
				return
			}
			v := int64(none)
			if got != nil {
				v = *got
			}
			if wrong != nil || v != tt.want {
				t.Errorf("IfMatch(%q) = %d, %v, want %d", tt.header, v, wrong, tt.want)
			}
		})
	}
}

func FuzzIfMatch(f *testing.F) {
	for _, seed := range []string{`"1"`, `W/"1", "2"`, `*`, `"`, `,,"a,b"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got, wrong := (&edge.Call{Header: http.Header{"If-Match": {header}}}).IfMatch()
		if wrong == nil && got != nil && *got != -1 && !strings.Contains(header, edge.ETag(*got)) {
			t.Fatalf("IfMatch(%q) = %d, which is not in it", header, *got)
		}
	})
}

func TestCall_Bearer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		header []string
		want   string
		ok     bool
	}{
		{nil, "", true},
		{[]string{"Bearer a.b.c"}, "a.b.c", true},
		{[]string{""}, "", false},
		{[]string{"Basic a.b.c"}, "", false},
		{[]string{"Bearer a", "Bearer a"}, "", false},
	} {
		got, err := (&edge.Call{Header: http.Header{"Authorization": tt.header}}).Bearer()
		if got != tt.want || (err == nil) != tt.ok || err != nil && code(err) != "invalid_token" {
			t.Errorf("Bearer(%q) = %q, %v, want %q, %t", tt.header, got, err, tt.want, tt.ok)
		}
	}
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	field := &fault.Field{Field: "b", Code: "c"}
	if err := edge.Invalid(nil); err != nil {
		t.Errorf("Invalid of nothing = %v", err)
	}
	if err := edge.Invalid(nil, nil, nil); err != nil {
		t.Errorf("Invalid of no entries = %v", err)
	}
	first := fault.NewInvalid(fault.Field{Field: "a"})
	f, _ := errors.AsType[*fault.Error](edge.Invalid(first, nil, field))
	if f == nil || len(f.Fields) != 2 || f.Fields[0].Field != "a" || f.Fields[1].Field != "b" ||
		len(first.Fields) != 1 {
		t.Errorf("Invalid of two = %+v", f)
	}
	malformed := fault.New(fault.Malformed, "malformed_json", "d")
	if err := edge.Invalid(malformed, field); !errors.Is(err, malformed) {
		t.Errorf("Invalid of another fault = %v, want the fault", err)
	}
}
