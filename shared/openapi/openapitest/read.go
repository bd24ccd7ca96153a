package openapitest

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// reader turns the document into operations. It keeps its first error, after
// which it goes on with empty values.
type reader struct {
	document map[string]any
	compiler *jsonschema.Compiler
	err      error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) operation(method, path string, op map[string]any) *operation {
	at := pointer("paths", path, strings.ToLower(method))
	o := &operation{Operation: Operation{Method: method, Path: path}, responses: map[string]*response{}}
	o.match = r.pattern(path)
	for i, p := range list(op["parameters"]) {
		o.parameters = append(o.parameters, r.parameter(p, at+fmt.Sprintf("/parameters/%d", i)))
	}
	if body, there := op["requestBody"]; there {
		b, at := r.follow(body, at+"/requestBody")
		o.body = &requestBody{required: b["required"] == true, media: r.media(b, at)}
	}
	for status, v := range object(op["responses"]) {
		res, at := r.follow(v, at+pointer("responses", status)[1:])
		o.responses[status] = &response{headers: r.headers(res, at), media: r.media(res, at)}
	}
	security := list(op["security"])
	o.secured = len(security) > 0
	for _, s := range security {
		o.secured = o.secured && len(object(s)) > 0 // an empty requirement: anybody may
	}
	return o
}

// pattern returns what a path must match: a parameter is one segment, a greedy
// one ({proxy+}) is one or more.
func (r *reader) pattern(path string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^")
	for i, s := range strings.Split(path, "/") {
		if i > 0 {
			b.WriteString("/")
		}
		switch {
		case strings.HasPrefix(s, "{") && strings.HasSuffix(s, "+}"):
			b.WriteString("(.+)")
		case strings.HasPrefix(s, "{"):
			b.WriteString("([^/]+)")
		default:
			b.WriteString(regexp.QuoteMeta(s))
		}
	}
	re, err := regexp.Compile(b.String() + "$")
	if err != nil {
		r.fail(fmt.Errorf("the path %s: %w", path, err))
	}
	return re
}

func (r *reader) parameter(v any, at string) parameter {
	p, at := r.follow(v, at)
	name, _ := p["name"].(string)
	in, _ := p["in"].(string)
	words := keywords(r.document, object(p["schema"]))
	// The examples of the schema: what stands at the parameter itself, Swagger
	// UI fills in, and everybody would send the same Idempotency-Key.
	example := ""
	if all := texts(words["examples"]); len(all) > 0 {
		example = all[0]
	}
	return parameter{
		name: name, in: in, required: p["required"] == true, example: example,
		schema: r.compile(at + "/schema"), keywords: words,
	}
}

func (r *reader) headers(res map[string]any, at string) map[string]header {
	all := map[string]header{}
	for name, v := range object(res["headers"]) {
		h, at := r.follow(v, at+pointer("headers", name)[1:])
		when := object(h["x-required-when"])
		all[name] = header{
			required: h["required"] == true,
			codes:    texts(when["codes"]),
			content:  texts(when["content"]),
			schema:   r.compile(at + "/schema"),
		}
	}
	return all
}

func (r *reader) media(of map[string]any, at string) map[string]*mediaType {
	all := map[string]*mediaType{}
	for name, v := range object(of["content"]) {
		at := at + pointer("content", name)[1:]
		m := object(v)
		media := &mediaType{untyped: m["x-may-be-untyped"] == true, examples: map[string]any{}}
		if _, there := m["schema"]; there {
			media.pointer = at + "/schema"
			media.schema = r.compile(media.pointer)
		}
		for name, e := range object(m["examples"]) {
			example, _ := r.follow(e, "")
			media.examples[name] = example["value"]
		}
		all[name] = media
	}
	return all
}

// follow returns the object that v is or refers to, and its pointer.
func (r *reader) follow(v any, at string) (map[string]any, string) {
	o := object(v)
	for range 8 { // no chain in the document is longer than one
		ref, ok := o["$ref"].(string)
		if !ok {
			return o, at
		}
		at = ref
		target, err := lookUp(r.document, ref)
		if err != nil {
			r.fail(err)
			return nil, at
		}
		o = object(target)
	}
	r.fail(fmt.Errorf("the reference at %s goes round", at))
	return nil, at
}

func (r *reader) compile(at string) *jsonschema.Schema {
	s, err := r.compiler.Compile(where + at)
	if err != nil {
		r.fail(fmt.Errorf("the schema at %s: %w", at, err))
	}
	return s
}

// lookUp returns what a reference within the document names (RFC 6901).
func lookUp(document map[string]any, ref string) (any, error) {
	path, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil, fmt.Errorf("the reference %s is not within the document", ref)
	}
	var v any = document
	for token := range strings.SplitSeq(path, "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		next, there := object(v)[token]
		if !there {
			return nil, fmt.Errorf("the reference %s leads nowhere", ref)
		}
		v = next
	}
	return v, nil
}

// keywords returns a schema's keywords with those of what it refers to, the
// schema's own first.
func keywords(document, schema map[string]any) map[string]any {
	all := map[string]any{}
	for range 8 {
		for k, v := range schema {
			if _, there := all[k]; !there {
				all[k] = v
			}
		}
		ref, ok := schema["$ref"].(string)
		if !ok {
			break
		}
		target, err := lookUp(document, ref)
		if err != nil {
			break // the compiler has said so already
		}
		schema = object(target)
	}
	delete(all, "$ref")
	return all
}

// pointer returns a JSON pointer in its fragment form, without percent
// encoding: no name in the document needs any but braces, which the schema
// compiler takes as they are.
func pointer(tokens ...string) string {
	var b strings.Builder
	b.WriteString("#")
	for _, t := range tokens {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(t))
	}
	return b.String()
}

func object(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func texts(v any) []string {
	var all []string
	for _, e := range list(v) {
		if s, ok := e.(string); ok {
			all = append(all, s)
		}
	}
	return all
}
