package gateway_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"oms/shared/must"
)

// TestRouter_chooses has what the table of TestFidelity has not.
func TestRouter_chooses(t *testing.T) {
	t.Parallel()
	type values = map[string]string
	// goes says where a request goes: to a route by its key, or nowhere.
	goes := func(name, routes, request, want string, parameters values) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stage, routes, _ := strings.Cut(routes, ": ")
			method, path, _ := strings.Cut(request, " ")
			got := newEcho(t, "StageName: "+stage, strings.Split(routes, ", ")...).do(t, method, path, "")
			if want == "" {
				if got.status != 404 {
					t.Errorf("got %d %s, want 404", got.status, got.body)
				}
				return
			}
			e := must.JSON[events.APIGatewayV2HTTPRequest](t, got.body)
			if e.RouteKey != want {
				t.Errorf("it goes to %q, want %q", e.RouteKey, want)
			}
			if d := cmp.Diff(parameters, e.PathParameters); d != "" {
				t.Errorf("path variables (-want +got):\n%s", d)
			}
		})
	}
	// The example of "Create routes for HTTP APIs".
	const guide = "$default: ANY $default, ANY /{proxy+}, GET /pets/{proxy+}, GET /pets/dog/{id}, GET /pets/dog/1"
	goes("guide: static", guide, "GET /pets/dog/1", "GET /pets/dog/1", nil)
	goes("guide: variable", guide, "GET /pets/dog/2", "GET /pets/dog/{id}", values{"id": "2"})
	goes("guide: greedy", guide, "GET /pets/cat/1", "GET /pets/{proxy+}", values{"proxy": "cat/1"})
	goes("guide: any method", guide, "POST /test/5", "ANY /{proxy+}", values{"proxy": "test/5"})
	goes("guide: default", "$default: GET /pets, ANY $default", "GET /test", "$default", nil)

	goes("a method before ANY", "$default: ANY /a, GET /a", "GET /a", "GET /a", nil)
	goes("ANY for the methods that are not defined", "$default: GET /a, ANY /a", "DELETE /a", "ANY /a", nil)
	goes("a full match before a greedy one of the method", "$default: GET /{proxy+}, ANY /a/{id}",
		"GET /a/1", "ANY /a/{id}", values{"id": "1"})
	goes("a greedy match where the full one lacks the method", "$default: POST /a/{id}, GET /a/{rest+}",
		"GET /a/1", "GET /a/{rest+}", values{"rest": "1"})
	goes("more segments before the greedy part", "$default: ANY /{p+}, ANY /a/{p+}, ANY /a/b/{p+}",
		"GET /a/b/c", "ANY /a/b/{p+}", values{"p": "c"})
	goes("literals before variables, from the left", "$default: GET /{a}/x/{b}, GET /a/{b}/{c}",
		"GET /a/x/y", "GET /a/{b}/{c}", values{"b": "x", "c": "y"})
	goes("names of the method's own path", "$default: GET /a/{x}, POST /a/{y}",
		"POST /a/1", "POST /a/{y}", values{"y": "1"})
	goes("the root", "$default: GET /", "GET /", "GET /", nil)

	goes("a trailing slash counts", "$default: GET /a", "GET /a/", "", nil)
	goes("a trailing slash is not a variable", "$default: GET /a/{id}", "GET /a/", "", nil)
	goes("a greedy variable takes something", "$default: GET /a/{p+}", "GET /a/", "", nil)
	goes("a double slash is an empty segment", "$default: GET /a/b", "GET /a//b", "", nil)
	goes("dots are not resolved", "$default: GET /b", "GET /a/../b", "", nil)
	goes("case counts", "$default: GET /a", "GET /A", "", nil)

	goes("a stage prefixes paths", "dev: GET /a/{id}", "GET /dev/a/1", "GET /a/{id}", values{"id": "1"})
	goes("a stage alone is its root", "dev: GET /", "GET /dev", "GET /", nil)
	goes("no stage, no route", "dev: GET /a, ANY $default", "GET /a", "", nil)
}
