package openapi_test

import (
	"slices"
	"strings"
	"testing"
)

// kind is a kind of object of OpenAPI 3.1: its fixed fields, each with the
// kind of its value. A kind that begins with * is of each value of a map, with
// # of each item of a list; an empty one is not looked into here.
type kind struct {
	required []string
	fields   map[string]string
}

// grammar is what the specification (OpenAPI 3.1.1, section 4.8) says of the
// kinds that the document uses. Schemas are not here: the checker holds them
// against JSON Schema's own meta-schema.
func grammar() map[string]kind {
	return map[string]kind{
		"document": {[]string{"openapi", "info", "paths"}, map[string]string{
			"openapi": "", "info": "info", "servers": "#server", "tags": "#tag", "paths": "*path",
			"components": "components",
		}},
		"info": {
			[]string{"title", "version"}, map[string]string{
				"title": "", "version": "", "summary": "", "description": "", "license": "license",
			},
		},
		"license": {[]string{"name"}, map[string]string{"name": "", "identifier": "", "url": ""}},
		"server":  {[]string{"url"}, map[string]string{"url": "", "description": ""}},
		"tag":     {[]string{"name"}, map[string]string{"name": "", "description": ""}},
		"path": {nil, map[string]string{
			"get": "operation", "put": "operation", "post": "operation", "delete": "operation",
		}},
		"operation": {[]string{"responses"}, map[string]string{
			"operationId": "", "tags": "", "summary": "", "description": "", "security": "",
			"parameters": "#parameter", "requestBody": "body", "responses": "*response",
		}},
		"parameter": {[]string{"name", "in", "schema"}, map[string]string{
			"name": "", "in": "", "required": "", "description": "", "schema": "", "example": "",
		}},
		"body": {[]string{"content"}, map[string]string{"required": "", "description": "", "content": "*media"}},
		"response": {
			[]string{"description"}, map[string]string{"description": "", "headers": "*header", "content": "*media"},
		},
		"header": {
			[]string{"schema"}, map[string]string{"required": "", "description": "", "schema": "", "example": ""},
		},
		"media":   {nil, map[string]string{"schema": "", "examples": "*example"}},
		"example": {[]string{"value"}, map[string]string{"summary": "", "value": ""}},
		"scheme": {
			[]string{"type", "scheme"}, map[string]string{
				"type": "", "scheme": "", "bearerFormat": "", "description": "",
			},
		},
		"components": {nil, map[string]string{
			"securitySchemes": "*scheme", "parameters": "*parameter", "headers": "*header",
			"responses": "*response", "examples": "*example", "schemas": "",
		}},
	}
}

func TestDocument_IsOpenAPI(t *testing.T) {
	t.Parallel()
	d := mustDocument(t)
	if v, _ := d["openapi"].(string); !strings.HasPrefix(v, "3.1.") {
		t.Errorf("openapi = %q, want 3.1", v)
	}
	holds(t, d, "document", "#")
}

// holds fails the test where v is not of that kind.
func holds(t *testing.T, v any, name, at string) {
	t.Helper()
	o, ok := v.(node)
	if !ok {
		t.Errorf("%s is no object, want a %s", at, name)
		return
	}
	if _, refers := o["$ref"]; refers {
		if len(o) != 1 {
			t.Errorf("%s is a reference with something beside it, which readers ignore", at)
		}
		return
	}
	k := grammar()[name]
	for _, field := range k.required {
		if _, there := o[field]; !there {
			t.Errorf("%s is a %s without %s", at, name, field)
		}
	}
	for field, value := range o {
		of, known := k.fields[field]
		switch {
		case !known && !strings.HasPrefix(field, "x-"):
			t.Errorf("%s has the field %s, which a %s has not", at, field, name)
		case strings.HasPrefix(of, "*"):
			all, isMap := value.(node)
			if !isMap {
				t.Errorf("%s/%s is no map", at, field)
			}
			for key, one := range all {
				holds(t, one, of[1:], at+"/"+field+"/"+key)
			}
		case strings.HasPrefix(of, "#"):
			all, isList := value.([]any)
			if !isList {
				t.Errorf("%s/%s is no list", at, field)
			}
			for _, one := range all {
				holds(t, one, of[1:], at+"/"+field)
			}
		case of != "":
			holds(t, value, of, at+"/"+field)
		}
	}
	wantNames(t, o, name, at)
}

// wantNames fails the test where a name or a value is none of those that the specification allows.
func wantNames(t *testing.T, o node, name, at string) {
	t.Helper()
	switch name {
	case "document":
		for path := range dig(o, "paths") {
			if !strings.HasPrefix(path, "/") {
				t.Errorf("the path %s does not begin with a slash", path)
			}
		}
	case "operation":
		for status := range dig(o, "responses") {
			if len(status) != 3 || status[0] < '1' || status[0] > '5' {
				t.Errorf("%s has the status %s", at, status)
			}
		}
	case "parameter":
		if !slices.Contains([]any{"path", "query", "header"}, o["in"]) {
			t.Errorf("%s is in %v", at, o["in"])
		}
		if o["in"] == "path" && o["required"] != true {
			t.Errorf("%s is in the path and not required", at)
		}
	}
}
