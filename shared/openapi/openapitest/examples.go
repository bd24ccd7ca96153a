package openapitest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Examples fails the test for each example of the document that is not valid
// against the schema that it stands beside: of a body, of a parameter or a
// header, and of a schema itself. It returns how many it has seen.
func (c *Checker) Examples(tb testing.TB) int {
	tb.Helper()
	compiler, err := newCompiler()
	if err != nil {
		tb.Fatalf("making a compiler: %v", err)
	}
	if err := compiler.AddResource(where, c.document); err != nil {
		tb.Fatalf("reading the document: %v", err)
	}
	e := examples{reader: reader{document: c.document, compiler: compiler}, tb: tb}
	e.walk(c.document, "#")
	if e.err != nil {
		tb.Fatalf("reading the document: %v", e.err)
	}
	return e.seen
}

type examples struct {
	reader

	tb   testing.TB
	seen int
}

// walk looks for examples in v, which is anything but an example.
func (e *examples) walk(v any, at string) {
	e.tb.Helper()
	for i, item := range list(v) {
		e.walk(item, fmt.Sprintf("%s/%d", at, i))
	}
	o := object(v)
	_, ofMedia := o["schema"]
	if one, there := o["example"]; there && ofMedia {
		e.check(one, at+"/schema", at+"/example")
	}
	if all, there := o["examples"].(map[string]any); there && ofMedia {
		for name := range all {
			example, from := e.follow(all[name], at+"/examples"+pointer(name)[1:])
			e.check(example["value"], at+"/schema", from)
		}
	}
	if all, there := o["examples"].([]any); there { // of a schema
		for i, one := range all {
			e.check(one, at, fmt.Sprintf("%s/examples/%d", at, i))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		isExample := name == "examples" || (name == "example" && ofMedia)
		if !isExample || strings.HasSuffix(at, "/properties") { // a property may have that name
			e.walk(o[name], at+pointer(name)[1:])
		}
	}
}

func (e *examples) check(example any, schema, at string) {
	e.tb.Helper()
	e.seen++
	s := e.compile(schema)
	if s == nil {
		return // compile has kept the error
	}
	if err := s.Validate(example); err != nil {
		text, _ := json.Marshal(example) // it came from JSON
		e.tb.Errorf("the example %s is %s: %v", at, text, err)
	}
}
