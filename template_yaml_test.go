package oms_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	local "oms/local/template"
	"oms/shared/must"
)

// template is template.yaml with its short intrinsics written out: !Ref X is
// the mapping Ref: X, and !If is Fn::If.
type template map[string]any

// function is one function of the template, Globals not merged in.
type function struct {
	id         string // OrgCreateFunction
	name       string // org-create
	metadata   map[string]any
	properties map[string]any
}

// model is template.yaml as the local host reads it.
func model(tb testing.TB, parameters map[string]string) *local.Template {
	tb.Helper()
	t, err := local.Read("template.yaml", parameters)
	if err != nil {
		tb.Fatalf("Read(template.yaml, %v) = %v", parameters, err)
	}
	return t
}

func readTemplate(tb testing.TB) template {
	tb.Helper()
	var document yaml.Node
	must.Do(tb, yaml.Unmarshal([]byte(mustRead(tb, "template.yaml")), &document))
	root, ok := plain(tb, document.Content[0]).(map[string]any)
	if !ok {
		tb.Fatal("template.yaml is not a mapping")
	}
	return root
}

// plain turns a node into maps, lists and scalars.
func plain(tb testing.TB, n *yaml.Node) any {
	tb.Helper()
	var value any
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for pair := range slices.Chunk(n.Content, 2) {
			if _, twice := m[pair[0].Value]; twice {
				tb.Fatalf("template.yaml:%d: %s is there twice", pair[0].Line, pair[0].Value)
			}
			m[pair[0].Value] = plain(tb, pair[1])
		}
		value = m
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, item := range n.Content {
			list = append(list, plain(tb, item))
		}
		value = list
	case yaml.ScalarNode:
		if strings.HasPrefix(n.Tag, "!!") {
			if err := n.Decode(&value); err != nil {
				tb.Fatalf("template.yaml:%d: %v", n.Line, err)
			}
		} else {
			value = n.Value
		}
	case yaml.DocumentNode, yaml.AliasNode:
		tb.Fatalf("template.yaml:%d: CloudFormation has no such YAML", n.Line)
	}
	switch tag := strings.TrimPrefix(n.Tag, "!"); {
	case strings.HasPrefix(n.Tag, "!!"):
		return value
	case tag == "Ref" || tag == "Condition":
		return map[string]any{tag: value}
	default:
		return map[string]any{"Fn::" + tag: value}
	}
}

// at walks into maps by their keys; nil where there is no such thing.
func at(value any, keys ...string) any {
	for _, key := range keys {
		m, _ := value.(map[string]any)
		value = m[key]
	}
	return value
}

// text is a scalar at the end of keys as text, empty where there is none.
func text(value any, keys ...string) string {
	switch v := at(value, keys...).(type) {
	case nil, map[string]any, []any:
		return ""
	default:
		return fmt.Sprint(v)
	}
}

func mapping(value any, keys ...string) map[string]any {
	m, _ := at(value, keys...).(map[string]any)
	return m
}

func list(value any, keys ...string) []any {
	l, _ := at(value, keys...).([]any)
	return l
}

func (t template) functions(tb testing.TB) []function {
	tb.Helper()
	var out []function
	for _, id := range slices.Sorted(maps.Keys(mapping(map[string]any(t), "Resources"))) {
		r := t.resource(id)
		if text(r, "Type") != "AWS::Serverless::Function" {
			continue
		}
		out = append(out, function{
			id: id, name: hyphenated(strings.TrimSuffix(id, "Function")),
			metadata: mapping(r, "Metadata"), properties: mapping(r, "Properties"),
		})
	}
	if len(out) == 0 {
		tb.Fatal("template.yaml has no function")
	}
	return out
}

func (t template) resource(id string) map[string]any {
	return mapping(map[string]any(t), "Resources", id)
}

// property is one of a function, or that of Globals where it has none.
func (t template) property(f function, key string) any {
	if v, ok := f.properties[key]; ok {
		return v
	}
	return at(map[string]any(t), "Globals", "Function", key)
}

// environment is a function's variables, those of Globals included.
func (t template) environment(f function) map[string]any {
	out := map[string]any{}
	for _, from := range []any{at(map[string]any(t), "Globals", "Function"), f.properties} {
		maps.Copy(out, mapping(from, "Environment", "Variables"))
	}
	return out
}

// hyphenated turns OrgCreate into org-create.
func hyphenated(camel string) string {
	return strings.ToLower(regexp.MustCompile(`([a-z0-9])([A-Z])`).ReplaceAllString(camel, "$1-$2"))
}

func ref(name string) map[string]any { return map[string]any{"Ref": name} }

func mustRead(tb testing.TB, path string) string {
	tb.Helper()
	return string(must.Get(fs.ReadFile(os.DirFS("."), path))(tb))
}
