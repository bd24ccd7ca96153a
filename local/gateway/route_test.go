package gateway_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"oms/local/gateway"
)

func parseRoutes(keys ...string) []gateway.Route {
	var out []gateway.Route
	for _, key := range keys {
		out = append(out, parseRoute(key, "F"))
	}
	return out
}

func TestRouter_chooses(t *testing.T) {
	t.Parallel()
	// The example of "Create routes for HTTP APIs": the request, the route.
	guide := []string{"$default", "ANY /{proxy+}", "GET /pets/{proxy+}", "GET /pets/dog/{id}", "GET /pets/dog/1"}
	tests := []struct {
		name    string
		stage   string
		routes  []string
		request string
		want    string // the route key; empty: none
		values  map[string]string
	}{
		{"guide: static", "$default", guide, "GET /pets/dog/1", "GET /pets/dog/1", nil},
		{"guide: variable", "$default", guide, "GET /pets/dog/2", "GET /pets/dog/{id}", map[string]string{"id": "2"}},
		{"guide: greedy", "$default", guide, "GET /pets/cat/1", "GET /pets/{proxy+}", map[string]string{"proxy": "cat/1"}},
		{"guide: any method", "$default", guide, "POST /test/5", "ANY /{proxy+}", map[string]string{"proxy": "test/5"}},
		{"guide: default", "$default", []string{"GET /pets", "$default"}, "GET /test", "$default", nil},

		{"a method before ANY", "$default", []string{"ANY /a", "GET /a"}, "GET /a", "GET /a", nil},
		{"ANY for the methods that are not defined", "$default", []string{"GET /a", "ANY /a"}, "DELETE /a", "ANY /a", nil},
		{"a full match before a greedy one of the method", "$default", []string{"GET /{proxy+}", "ANY /a/{id}"}, "GET /a/1", "ANY /a/{id}", map[string]string{"id": "1"}},
		{"a greedy match where the full one lacks the method", "$default", []string{"POST /a/{id}", "GET /a/{rest+}"}, "GET /a/1", "GET /a/{rest+}", map[string]string{"rest": "1"}},
		{"more segments before the greedy part", "$default", []string{"ANY /{p+}", "ANY /a/{p+}", "ANY /a/b/{p+}"}, "GET /a/b/c", "ANY /a/b/{p+}", map[string]string{"p": "c"}},
		{"literals before variables, from the left", "$default", []string{"GET /{a}/x/{b}", "GET /a/{b}/{c}"}, "GET /a/x/y", "GET /a/{b}/{c}", map[string]string{"b": "x", "c": "y"}},
		{"names of the method's own path", "$default", []string{"GET /a/{x}", "POST /a/{y}"}, "POST /a/1", "POST /a/{y}", map[string]string{"y": "1"}},
		{"the root", "$default", []string{"GET /"}, "GET /", "GET /", nil},

		{"no route", "$default", []string{"GET /a"}, "GET /b", "", nil},
		{"no method", "$default", []string{"GET /a"}, "POST /a", "", nil},
		{"HEAD is not GET", "$default", []string{"GET /a"}, "HEAD /a", "", nil},
		{"a trailing slash counts", "$default", []string{"GET /a"}, "GET /a/", "", nil},
		{"a trailing slash is no variable", "$default", []string{"GET /a/{id}"}, "GET /a/", "", nil},
		{"a trailing slash in the route", "$default", []string{"GET /a/"}, "GET /a/", "GET /a/", nil},
		{"a greedy variable takes something", "$default", []string{"GET /a/{p+}"}, "GET /a/", "", nil},
		{"a double slash is an empty segment", "$default", []string{"GET /a/b"}, "GET /a//b", "", nil},
		{"dots are not resolved", "$default", []string{"GET /b"}, "GET /a/../b", "", nil},
		{"case counts", "$default", []string{"GET /a"}, "GET /A", "", nil},

		{"a stage prefixes paths", "dev", []string{"GET /a/{id}"}, "GET /dev/a/1", "GET /a/{id}", map[string]string{"id": "1"}},
		{"a stage alone is its root", "dev", []string{"GET /"}, "GET /dev", "GET /", nil},
		{"no stage, no route", "dev", []string{"GET /a", "$default"}, "GET /a", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			method, path, _ := strings.Cut(tt.request, " ")
			got, values, err := gateway.Find(tt.stage, parseRoutes(tt.routes...), method, path)
			if err != nil || got != tt.want {
				t.Errorf("%s goes to %q, %v; want %q", tt.request, got, err, tt.want)
			}
			if d := cmp.Diff(tt.values, values); d != "" {
				t.Errorf("path variables (-want +got):\n%s", d)
			}
		})
	}
}

func TestRouter_refuses(t *testing.T) {
	t.Parallel()
	for _, keys := range [][]string{
		{"GET /{}"},
		{"GET /{+}"},
		{"GET /{proxy+}+}"},
		{"GET /{proxy+}/a"},
		{"GET /{a}/{a}"},
		{"GET /a{b}"},
		{"GET /a}"},
		{"GET //"},
		{"GET a"},
		{"get /a"},
		{"GET /a", "GET /a"},
		{"GET /a/{x}", "GET /a/{y}"},
		{"$default", "$default"},
	} {
		t.Run(strings.Join(keys, ","), func(t *testing.T) {
			t.Parallel()
			_, _, err := gateway.Find("$default", parseRoutes(keys...), "GET", "/a")
			if err == nil || !strings.HasPrefix(err.Error(), "line 20: ") {
				t.Errorf("error is %v, want one that names line 20", err)
			}
		})
	}
}
