package gateway_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

func TestRouter_chooses(t *testing.T) {
	t.Parallel()
	// The example of "Create routes for HTTP APIs": the request, the route.
	guide := "ANY $default|ANY /{proxy+}|GET /pets/{proxy+}|GET /pets/dog/{id}|GET /pets/dog/1"
	type values = map[string]string
	tests := []struct {
		name, routes, request string
		want                  string // the route key; empty: none
		values                values
	}{
		{"guide: static", guide, "GET /pets/dog/1", "GET /pets/dog/1", nil},
		{"guide: variable", guide, "GET /pets/dog/2", "GET /pets/dog/{id}", values{"id": "2"}},
		{"guide: greedy", guide, "GET /pets/cat/1", "GET /pets/{proxy+}", values{"proxy": "cat/1"}},
		{"guide: any method", guide, "POST /test/5", "ANY /{proxy+}", values{"proxy": "test/5"}},
		{"guide: default", "GET /pets|ANY $default", "GET /test", "$default", nil},

		{"a method before ANY", "ANY /a|GET /a", "GET /a", "GET /a", nil},
		{"ANY for the methods that are not defined", "GET /a|ANY /a", "DELETE /a", "ANY /a", nil},
		{"a full match before a greedy one of the method", "GET /{proxy+}|ANY /a/{id}", "GET /a/1", "ANY /a/{id}",
			values{"id": "1"}},
		{"a greedy match where the full one lacks the method", "POST /a/{id}|GET /a/{rest+}", "GET /a/1",
			"GET /a/{rest+}", values{"rest": "1"}},
		{"more segments before the greedy part", "ANY /{p+}|ANY /a/{p+}|ANY /a/b/{p+}", "GET /a/b/c", "ANY /a/b/{p+}",
			values{"p": "c"}},
		{"literals before variables, from the left", "GET /{a}/x/{b}|GET /a/{b}/{c}", "GET /a/x/y", "GET /a/{b}/{c}",
			values{"b": "x", "c": "y"}},
		{"names of the method's own path", "GET /a/{x}|POST /a/{y}", "POST /a/1", "POST /a/{y}", values{"y": "1"}},
		{"the root", "GET /", "GET /", "GET /", nil},

		{"no route", "GET /a", "GET /b", "", nil},
		{"no method", "GET /a", "POST /a", "", nil},
		{"HEAD is not GET", "GET /a", "HEAD /a", "", nil},
		{"a trailing slash counts", "GET /a", "GET /a/", "", nil},
		{"a trailing slash is not a variable", "GET /a/{id}", "GET /a/", "", nil},
		{"a greedy variable takes something", "GET /a/{p+}", "GET /a/", "", nil},
		{"a double slash is an empty segment", "GET /a/b", "GET /a//b", "", nil},
		{"dots are not resolved", "GET /b", "GET /a/../b", "", nil},
		{"case counts", "GET /a", "GET /A", "", nil},

		{"a stage prefixes paths", "dev|GET /a/{id}", "GET /dev/a/1", "GET /a/{id}", values{"id": "1"}},
		{"a stage alone is its root", "dev|GET /", "GET /dev", "GET /", nil},
		{"no stage, no route", "dev|GET /a|ANY $default", "GET /a", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			api, routes := "", strings.Split(tt.routes, "|")
			if routes[0] == "dev" {
				api, routes = "StageName: dev", routes[1:]
			}
			method, path, _ := strings.Cut(tt.request, " ")
			got := newEcho(t, api, routes...).do(t, method, path, "")
			if tt.want == "" {
				if got.status != 404 {
					t.Errorf("%s: got %d %s, want 404", tt.request, got.status, got.body)
				}
				return
			}
			var e events.APIGatewayV2HTTPRequest
			mustUnmarshal(t, got.body, &e)
			if e.RouteKey != tt.want {
				t.Errorf("%s goes to %q, want %q", tt.request, e.RouteKey, tt.want)
			}
			if d := cmp.Diff(tt.values, e.PathParameters); d != "" {
				t.Errorf("path variables (-want +got):\n%s", d)
			}
		})
	}
}
