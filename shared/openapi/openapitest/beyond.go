package openapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Request is a request that lies one step beyond one documented bound and is
// otherwise as the document's examples have it. A service answers it with a
// 422. Where Secured, the caller adds a token: without one it is a 401.
type Request struct {
	Operation

	Name    string // what is beyond what, as in "email: 255 characters"
	Field   string // the field, parameter or header that is wrong; empty for the body as a whole
	Query   url.Values
	Header  http.Header // Content-Type too, where there is a body
	Body    []byte      // nil: none
	Secured bool
}

// Beyond returns, for each operation that documents a 422, the requests that
// lie one step beyond each documented bound of its body, its query and its
// headers: one character or byte too few or too many, a broken pattern or
// format, another type, a field that is not documented, a required one that is
// missing, a parameter that is empty or there twice. A document without an
// example that a request could be made of ends the test.
func (c *Checker) Beyond(tb testing.TB) []Request {
	tb.Helper()
	var all []Request
	for _, o := range c.operations {
		if _, documented := o.responses["422"]; !documented {
			continue
		}
		g := generator{tb: tb, document: c.document, operation: o}
		all = append(all, g.parameters()...)
		all = append(all, g.bodies()...)
	}
	return all
}

type generator struct {
	tb        testing.TB
	document  map[string]any
	operation *operation
}

// request returns a request that is wrong in field.
func (g generator) request(field, what string) Request {
	name := what
	if field != "" {
		name = field + ": " + what
	}
	return Request{
		Operation: g.operation.Operation, Name: name, Field: field, Query: url.Values{}, Header: http.Header{},
		Secured: g.operation.secured,
	}
}

// setBody gives the request a JSON body.
func (g generator) setBody(r Request, v any) Request {
	g.tb.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		g.tb.Fatalf("encoding a request: %v", err)
	}
	r.Body = bytes.TrimSpace(b.Bytes())
	r.Header.Set("Content-Type", plainJSON)
	return r
}

// valid fills what r does not set yet from the document's examples.
func (g generator) valid(r Request) Request {
	g.tb.Helper()
	for _, p := range g.operation.parameters {
		if p.in == "query" && r.Field != p.name {
			r.Query.Set(p.name, p.example)
		}
	}
	if b := g.operation.body; b != nil && b.required {
		examples := b.media[plainJSON].examples
		names := slices.Sorted(maps.Keys(examples))
		if len(names) == 0 {
			g.tb.Fatalf("%s %s has no example of a request", g.operation.Method, g.operation.Path)
		}
		r = g.setBody(r, examples[names[0]])
	}
	return r
}

// parameters returns the requests with a wrong parameter or header.
func (g generator) parameters() []Request {
	g.tb.Helper()
	var all []Request
	for _, p := range g.operation.parameters {
		set := func(r Request, values ...string) Request {
			if p.in == "query" {
				r.Query[p.name] = values
			} else {
				r.Header[http.CanonicalHeaderKey(p.name)] = values
			}
			return r
		}
		if p.in == "path" {
			continue // another path is another resource: a 404
		}
		if p.example == "" {
			g.tb.Fatalf("%s %s: the parameter %s has no example", g.operation.Method, g.operation.Path, p.name)
		}
		in := ""
		if p.in == "query" {
			in = " in the query"
			all = append(all, set(g.valid(g.request(p.name, "twice"+in)), p.example, p.example))
		}
		if p.required {
			all = append(all, g.valid(g.request(p.name, "missing"+in)))
		} else if p.in == "query" && g.operation.body != nil {
			// The parameter or the body: neither will not do.
			all = append(all, g.request(p.name, "missing in the query and in the body"))
		}
		for _, w := range wrongTexts(p.keywords, p.example) {
			all = append(all, set(g.valid(g.request(p.name, w.what+in)), w.value))
		}
	}
	return all
}

// bodies returns the requests with a wrong body.
func (g generator) bodies() []Request {
	g.tb.Helper()
	body := g.operation.body
	if body == nil {
		return nil
	}
	media, ok := body.media[plainJSON]
	if !ok {
		g.tb.Fatalf("%s %s has a body that is no JSON", g.operation.Method, g.operation.Path)
	}
	schema, err := lookUp(g.document, media.pointer)
	if err != nil {
		g.tb.Fatalf("reading the schema of a body: %v", err)
	}
	all := []Request{
		g.setBody(g.request("", "an array"), []any{}),
		g.setBody(g.request("", "a string"), "text"),
		g.setBody(g.request("", "null"), nil),
	}
	words := keywords(g.document, object(schema))
	properties := object(words["properties"])
	required := texts(words["required"])
	if least, ok := number(words["minProperties"]); ok && least == 1 {
		all = append(all, g.setBody(g.request("", "no field"), map[string]any{}))
	}
	for _, name := range required {
		base := g.base(words, name)
		delete(base, name)
		all = append(all, g.setBody(g.request(name, "missing"), base))
	}
	for of, needs := range object(words["dependentRequired"]) {
		for _, name := range texts(needs) {
			base := g.base(words, of)
			delete(base, name)
			all = append(all, g.setBody(g.request(name, "missing beside "+of), base))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		with := func(what string, v any) {
			base := g.base(words, name)
			base[name] = v
			all = append(all, g.setBody(g.request(name, what), base))
		}
		with("a number", 1)
		with("true", true)
		with("null", nil)
		with("an object", map[string]any{})
		with("an array", []any{})
		for _, w := range wrongTexts(keywords(g.document, object(properties[name])), g.example(properties[name])) {
			with(w.what, w.value)
		}
	}
	for _, name := range []string{"undocumented", otherCase(properties)} {
		base := g.base(words, slices.Sorted(maps.Keys(properties))[0])
		base[name] = "text"
		all = append(all, g.setBody(g.request(name, "not documented"), base))
	}
	return all
}

// base returns a valid body with the required fields, with name, and with the
// fields that name needs.
func (g generator) base(words map[string]any, name string) map[string]any {
	g.tb.Helper()
	properties := object(words["properties"])
	fields := append(texts(words["required"]), name)
	fields = append(fields, texts(object(words["dependentRequired"])[name])...)
	v := map[string]any{}
	for _, f := range fields {
		v[f] = g.example(properties[f])
	}
	return v
}

// example returns the first example of a schema of texts.
func (g generator) example(schema any) string {
	g.tb.Helper()
	all := texts(keywords(g.document, object(schema))["examples"])
	if len(all) == 0 {
		g.tb.Fatalf("%s %s: a field has no example: %v", g.operation.Method, g.operation.Path, schema)
	}
	return all[0]
}

// otherCase returns the name of a field with a capital letter: names are
// compared exactly, and a decoder that is not strict takes it for the field.
func otherCase(properties map[string]any) string {
	name := slices.Sorted(maps.Keys(properties))[0]
	return strings.ToUpper(name[:1]) + name[1:]
}

type wrongText struct{ what, value string }

// wrongTexts returns what lies one step beyond each bound of a text, made from
// a valid example.
func wrongTexts(words map[string]any, example string) []wrongText {
	var all []wrongText
	add := func(what, value string) {
		if !slices.ContainsFunc(all, func(w wrongText) bool { return w.value == value }) {
			all = append(all, wrongText{what, value})
		}
	}
	for keyword, unit := range map[string]string{"Length": "characters", "Bytes": "bytes", "Characters": "characters"} {
		prefix := "x-"
		if keyword == "Length" {
			prefix = ""
		}
		if least, ok := number(words[prefix+"min"+keyword]); ok && least > 0 && least <= len(example) {
			add(fmt.Sprintf("%d %s", least-1, unit), example[:least-1])
			if keyword == "Characters" {
				add(fmt.Sprintf("%d %s within white space", least-1, unit), "  "+example[:least-1]+"  ")
			}
		}
		if most, ok := number(words[prefix+"max"+keyword]); ok {
			add(fmt.Sprintf("%d %s", most+1, unit), lengthened(example, most+1))
			if keyword == "Bytes" {
				add(fmt.Sprintf("%d bytes in %d characters", most+1, most), lengthened(example, most-1)+"é")
			}
		}
	}
	if pattern, ok := words["pattern"].(string); ok {
		if re, err := regexp.Compile(pattern); err == nil {
			for _, broken := range []string{strings.Trim(example, `"`), example[:1] + " " + example[1:], "né"} {
				if !re.MatchString(broken) {
					add("not of the pattern: "+broken, broken)
				}
			}
		}
	}
	switch words["format"] {
	case "idn-email":
		add("without an @", strings.ReplaceAll(example, "@", "."))
		add("without a dot in the domain", example[:strings.Index(example, "@")+1]+"localhost")
		add("a sign in the domain", example+"*")
		add("with a name beside the address", "Admin <"+example+">")
		add("two addresses", example+", "+example)
	case "organization-name":
		add("neither a letter nor a digit", "--")
		add("a control character", example[:1]+"\x01"+example[1:])
		add("a control character of the writing direction", example[:1]+"\u202e"+example[1:])
		add("white space alone", "   ")
	}
	slices.SortFunc(all, func(a, b wrongText) int { return strings.Compare(a.what, b.what) })
	return all
}

// lengthened returns an ASCII example with its first character repeated, n bytes long.
func lengthened(example string, n int) string {
	return strings.Repeat(example[:1], n-len(example)) + example
}
