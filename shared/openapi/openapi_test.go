package openapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"oms/shared/must"
	"oms/shared/openapi"
	"oms/shared/openapi/openapitest"
)

// node is one object of the document.
type node = map[string]any

func mustDocument(tb testing.TB) node {
	tb.Helper()
	return must.JSON[node](tb, openapi.Document())
}

// dig returns the object at a path of names; it is empty where there is none.
func dig(v any, path ...string) node {
	for _, name := range path {
		o, _ := v.(node)
		v = o[name]
	}
	o, _ := v.(node)
	return o
}

// visit calls f with each object within v and its JSON pointer.
func visit(v any, at string, f func(o node, at string)) {
	switch v := v.(type) {
	case node:
		f(v, at)
		for _, name := range slices.Sorted(maps.Keys(v)) {
			visit(v[name], at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), f)
		}
	case []any:
		for i, item := range v {
			visit(item, fmt.Sprintf("%s/%d", at, i), f)
		}
	}
}

func TestDocument_IsACopy(t *testing.T) {
	t.Parallel()
	openapi.Document()[0] = 'x'
	if got := openapi.Document()[0]; got != '{' {
		t.Errorf("Document() begins with %q after a caller wrote to it, want {", got)
	}
}

func TestDocument_IsFormatted(t *testing.T) {
	t.Parallel()
	var want bytes.Buffer
	must.Do(t, json.Indent(&want, bytes.TrimSpace(openapi.Document()), "", "  "))
	want.WriteByte('\n')
	if diff := cmp.Diff(want.String(), string(openapi.Document())); diff != "" {
		t.Errorf("openapi.json is not indented by two spaces (-want +got):\n%s", diff)
	}
}

func TestDocument_References(t *testing.T) {
	t.Parallel()
	d := mustDocument(t)
	used := map[string]bool{}
	visit(d, "#", func(o node, at string) {
		ref, ok := o["$ref"].(string)
		if !ok {
			return
		}
		used[ref] = true
		path := strings.Split(strings.TrimPrefix(ref, "#/"), "/")
		if len(path) != 3 || path[0] != "components" || dig(d, path...) == nil {
			t.Errorf("%s refers to %s, which is no component", at, ref)
		}
	})
	for kind, all := range dig(d, "components") {
		for name := range all.(node) {
			// A security scheme is used by its bare name.
			if ref := "#/components/" + kind + "/" + name; kind != "securitySchemes" && !used[ref] {
				t.Errorf("%s is not used", ref)
			}
		}
	}
}

func TestDocument_Operations(t *testing.T) {
	t.Parallel()
	d := mustDocument(t)
	declared := map[string]bool{}
	for _, tag := range d["tags"].([]any) {
		declared[tag.(node)["name"].(string)] = true
	}
	ids := map[string]string{}
	for path := range dig(d, "paths") {
		for method := range dig(d, "paths", path) {
			op, at := dig(d, "paths", path, method), strings.ToUpper(method)+" "+path
			id, _ := op["operationId"].(string)
			if id == "" || ids[id] != "" {
				t.Errorf("%s has operationId %q, which is empty or that of %s", at, id, ids[id])
			}
			ids[id] = at
			if summary, _ := op["summary"].(string); summary == "" || len(summary) > 60 {
				t.Errorf("%s has summary %q, want one of at most 60 characters", at, summary)
			}
			tags, _ := op["tags"].([]any)
			if len(tags) != 1 || !declared[tags[0].(string)] {
				t.Errorf("%s has tags %v, want one that is declared", at, tags)
			}
			if _, stated := op["security"]; !stated {
				t.Errorf("%s does not say whether it needs a token", at)
			}
			for _, status := range []string{"429", "500", "503"} {
				if dig(op, "responses", status) == nil {
					t.Errorf("%s has no %s, which the gateway may always answer", at, status)
				}
			}
			if _, reads := op["requestBody"]; reads {
				for _, status := range []string{"400", "413", "415", "422"} {
					if dig(op, "responses", status) == nil {
						t.Errorf("%s reads a body and has no %s", at, status)
					}
				}
			}
			if needs, _ := op["security"].([]any); len(needs) == 1 {
				for _, status := range []string{"401", "403"} {
					if dig(op, "responses", status, "content", "application/json") == nil &&
						dig(op, "responses", status)["$ref"] == nil {
						t.Errorf("%s needs a token and has no %s of the gateway", at, status)
					}
				}
			}
			wantPathParameters(t, d, op, path)
		}
	}
}

// wantPathParameters fails the test where the parameters of a path and those that are described differ.
func wantPathParameters(t *testing.T, d, op node, path string) {
	t.Helper()
	var named, described []string
	for _, m := range regexp.MustCompile(`\{([^}]+)\}`).FindAllStringSubmatch(path, -1) {
		named = append(named, m[1])
	}
	all, _ := op["parameters"].([]any)
	for _, p := range all {
		ref, _ := p.(node)["$ref"].(string)
		parameter := dig(d, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		if parameter["in"] == "path" {
			described = append(described, parameter["name"].(string))
		}
	}
	if diff := cmp.Diff(named, described); diff != "" {
		t.Errorf("%s describes other parameters than it has (-has +describes):\n%s", path, diff)
	}
}

// TestDocument_SchemasAreClosed also proves that each schema is a valid one:
// the checker compiles them all against JSON Schema's own meta-schema.
func TestDocument_SchemasAreClosed(t *testing.T) {
	t.Parallel()
	openapitest.New(t)
	open := map[string]bool{ // what only another specification could close
		"#/components/schemas/OpenAPIDocument/properties/info":       true,
		"#/components/schemas/OpenAPIDocument/properties/paths":      true,
		"#/components/schemas/OpenAPIDocument/properties/components": true,
	}
	seen := 0
	visit(mustDocument(t), "#", func(o node, at string) {
		if o["type"] != "object" || open[at] {
			return
		}
		seen++
		if o["additionalProperties"] != false && o["unevaluatedProperties"] != false {
			t.Errorf("%s allows fields that it does not name", at)
		}
	})
	if seen < 20 {
		t.Errorf("saw %d objects, want all of the document", seen)
	}
	visit(mustDocument(t), "#", func(o node, at string) {
		if _, has := o["properties"].(node); has && o["type"] != "object" && !strings.HasSuffix(at, "/if") &&
			!strings.HasSuffix(at, "/properties") {
			t.Errorf("%s has properties and is not said to be an object", at)
		}
	})
}

func TestDocument_ExamplesAreValid(t *testing.T) {
	t.Parallel()
	if seen := openapitest.New(t).Examples(t); seen < 60 {
		t.Errorf("saw %d examples, want all of the document", seen)
	}
}

func TestDocument_ProblemCodes(t *testing.T) {
	t.Parallel()
	d := mustDocument(t)
	codes := map[string]bool{}
	visit(d, "#", func(o node, at string) {
		media := dig(o, "application/problem+json")
		if media == nil {
			return
		}
		enum, _ := dig(media, "schema", "properties", "code")["enum"].([]any)
		if len(enum) == 0 {
			t.Errorf("%s names no code", at)
		}
		for _, code := range enum {
			code := code.(string)
			codes[code] = true
			ref, _ := dig(media, "examples", code)["$ref"].(string)
			example := dig(d, append(strings.Split(strings.TrimPrefix(ref, "#/"), "/"), "value")...)
			if example["code"] != code || example["type"] != "urn:oms:problem:"+code {
				t.Errorf("%s has no example of %s, or one of another code: %v", at, code, example)
			}
		}
	})
	want := []string{
		"admin_email_taken", "asset_not_found", "body_too_large", "email_unconfirmed", "idempotency_key_reused",
		"internal_error",
		"invalid_confirmation_token", "invalid_credentials", "invalid_refresh_token", "invalid_request",
		"invalid_reset_token", "invalid_token", "malformed_json",
		"not_your_organization",
		"organization_busy", "organization_name_held", "organization_name_taken", "organization_not_found",
		"reauthentication_required", "request_in_progress", "session_not_found", "storage_unavailable", "token_expired",
		"token_revoked", "too_many_attempts", "too_many_creations", "unsupported_media_type",
		"version_mismatch", "wrong_password",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(codes))); diff != "" {
		t.Errorf("the problem codes changed, which clients rely on (-want +got):\n%s", diff)
	}
}
