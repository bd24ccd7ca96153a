// Package openapitest holds requests and responses against the OpenAPI document.
//
// It owns three things: whether an exchange of a request and its response is
// what the document says ([Checker.Exchange]), which operations there are
// ([Checker.Operations]), and which requests lie one step beyond a documented
// bound ([Checker.Beyond]). It knows the document's extensions: x-minBytes,
// x-maxBytes, x-minCharacters, x-maxCharacters, x-required-when,
// x-may-be-untyped and the format organization-name; the document's own
// introduction says what each means. It refuses what the document does not
// say: a status, a body, a field or a content type that is not documented
// fails the test. It never calls a service itself.
//
//	checker := openapitest.New(t)
//	…
//	checker.Exchange(t, req, sent, resp, got)
//
// A Checker is made once and may be used by parallel tests.
package openapitest

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"oms/shared/openapi"
)

// where is the document's address within the schema compiler; it is never fetched.
const where = "urn:oms:openapi"

// Operation is one method on one path, as the document and the template name it.
type Operation struct {
	Method string // in capitals
	Path   string // with its parameters, as in /docs/assets/{version}/{file}
}

// Checker holds the document, with every schema compiled.
type Checker struct {
	document   map[string]any
	operations []*operation // literal paths before those with parameters
}

type operation struct {
	Operation

	match      *regexp.Regexp // of the path; a group for each path parameter
	parameters []parameter
	body       *requestBody         // nil: none is documented
	responses  map[string]*response // by status
	secured    bool                 // every request needs a token
}

type parameter struct {
	name, in string
	required bool
	example  string
	schema   *jsonschema.Schema
	keywords map[string]any // of the schema, references followed
}

type requestBody struct {
	required bool
	media    map[string]*mediaType
}

type response struct {
	headers map[string]header
	media   map[string]*mediaType
}

type header struct {
	required bool
	codes    []string // required with these problem codes
	content  []string // required with these content types
	schema   *jsonschema.Schema
}

type mediaType struct {
	schema   *jsonschema.Schema // nil: none is documented
	pointer  string             // of the schema
	untyped  bool               // a response may come without a content type
	examples map[string]any
}

// New returns the checker of the service's own document ([openapi.Document]).
func New(tb testing.TB) *Checker {
	tb.Helper()
	c, err := own()
	if err != nil {
		tb.Fatalf("reading the OpenAPI document: %v", err)
	}
	return c
}

//nolint:gochecknoglobals // read once, for compiling the schemas takes long; it never changes
var own = sync.OnceValues(func() (*Checker, error) { return read(openapi.Document()) })

// Operations returns every operation of the document, by path and method.
func (c *Checker) Operations() []Operation {
	var all []Operation
	for _, o := range c.operations {
		all = append(all, o.Operation)
	}
	slices.SortFunc(all, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	return all
}

// Find returns the operation of a request, and whether there is one.
func (c *Checker) Find(method, path string) (Operation, bool) {
	o, _ := c.find(method, path)
	if o == nil {
		return Operation{}, false
	}
	return o.Operation, true
}

// Answer is what an operation may answer with.
type Answer struct {
	Operation

	Status int
	Code   string // of the problem; empty for a success
}

// Successes returns every 2xx that the document has.
func (c *Checker) Successes() []Answer {
	var all []Answer
	for _, o := range c.operations {
		for status := range o.responses {
			if n, err := strconv.Atoi(status); err == nil && n/100 == 2 {
				all = append(all, Answer{Operation: o.Operation, Status: n})
			}
		}
	}
	return all
}

// Secured returns the operations of which every request needs a token.
func (c *Checker) Secured() []Operation {
	var all []Operation
	for _, o := range c.operations {
		if o.secured {
			all = append(all, o.Operation)
		}
	}
	return all
}

// find returns the operation of a request and its path parameters, or nil.
func (c *Checker) find(method, path string) (*operation, map[string]string) {
	for _, o := range c.operations {
		m := o.match.FindStringSubmatch(path)
		if m == nil || o.Method != method {
			continue
		}
		values := map[string]string{}
		i := 1
		for _, p := range o.parameters {
			if p.in == "path" {
				values[p.name] = m[i]
				i++
			}
		}
		return o, values
	}
	return nil, nil
}

func read(document []byte) (*Checker, error) {
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return nil, err
	}
	top, ok := root.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("it is no object")
	}
	compiler, err := newCompiler()
	if err != nil {
		return nil, err
	}
	if err := compiler.AddResource(where, root); err != nil {
		return nil, err
	}
	r := reader{document: top, compiler: compiler}
	c := &Checker{document: top}
	for path, item := range object(top["paths"]) {
		for method, op := range object(item) {
			c.operations = append(c.operations, r.operation(strings.ToUpper(method), path, object(op)))
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	slices.SortFunc(c.operations, func(a, b *operation) int {
		return cmp.Or(cmp.Compare(strings.Count(a.Path, "{"), strings.Count(b.Path, "{")), cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Method, b.Method))
	})
	return c, nil
}
