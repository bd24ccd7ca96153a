package template

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of a template. The size is CloudFormation's for a template in S3
// ("Understand CloudFormation quotas"); the depth is ours, and keeps the
// readers, which recurse, away from the end of the stack.
const (
	maxTemplateBytes = 1 << 20
	maxTemplateDepth = 64
)

// elementKind is the form of an [element].
type elementKind int

const (
	scalarElement elementKind = iota
	listElement
	mapElement
	callElement   // an intrinsic function, not yet evaluated
	absentElement // what AWS::NoValue evaluates to
)

// element is a node of a template: YAML without its spelling, so that
// "!Ref X" and "Ref: X" are one thing, but with its line.
type element struct {
	kind   elementKind
	line   int
	text   string     // a scalar's text, or the name of the function called
	tag    string     // a scalar's YAML type: !!str, !!int, !!float, !!bool, !!timestamp
	items  []*element // a list's, or the one argument of a call
	fields []field    // a map's, in the file's order
}

type field struct {
	key   string
	line  int
	value *element
}

func newText(line int, text string) *element {
	return &element{kind: scalarElement, line: line, text: text, tag: "!!str"}
}

// get finds a map's field by its key.
func (e *element) get(key string) *element {
	for _, f := range e.fields {
		if f.key == key {
			return f.value
		}
	}
	return nil
}

// isFormat2 reports whether the element is the payload format '2.0', in quotes.
func (e *element) isFormat2() bool {
	return e.kind == scalarElement && e.text == "2.0" && e.tag == "!!str"
}

// what names the element's kind in a sentence.
func (e *element) what() string {
	switch e.kind {
	case scalarElement:
		return strconv.Quote(e.text)
	case listElement:
		return "a list"
	case mapElement:
		return "a mapping"
	case callElement:
		return "the intrinsic function " + e.text
	case absentElement:
		return "AWS::NoValue"
	}
	return "nothing"
}

// intrinsics are the functions that CloudFormation knows ("Intrinsic
// function reference"); which of them have a value offline, the resolver
// decides. The five last ones stand in rules.
func intrinsics() []string {
	return []string{
		"Ref", "Condition", "Fn::And", "Fn::Base64", "Fn::Cidr", "Fn::Equals", "Fn::FindInMap", "Fn::GetAZs",
		"Fn::GetAtt", "Fn::If", "Fn::ImportValue", "Fn::Join", "Fn::Not", "Fn::Or", "Fn::Select", "Fn::Split",
		"Fn::Sub", "Fn::Transform",
		"Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn", "Fn::ValueOf", "Fn::RefAll",
	}
}

// parseElement reads the one YAML document in data. What CloudFormation's
// YAML has not (anchors, merge keys, null, several documents) is refused, as
// CloudFormation refuses it ("Template formats").
func parseElement(file string, data []byte) (*element, error) {
	if len(data) > maxTemplateBytes {
		problem := fmt.Sprintf("the template has %d bytes, and CloudFormation takes %d", len(data), maxTemplateBytes)
		return nil, &Error{File: file, Problem: problem}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, &Error{File: file, Problem: "the template is empty"}
		}
		return nil, yamlProblem(file, err)
	}
	var more yaml.Node
	switch err := dec.Decode(&more); {
	case err == nil:
		return nil, &Error{
			File: file, Line: more.Line,
			Problem: "a template is one YAML document, and here begins a second",
		}
	case !errors.Is(err, io.EOF):
		return nil, yamlProblem(file, err)
	}
	return source(file).parse(doc.Content[0], 0)
}

// yamlProblem moves the line that the YAML package puts in its text to where
// ours stands. The package has no other way to tell it.
func yamlProblem(file string, err error) error {
	m := regexp.MustCompile(`(?s)^(?:yaml: )?(?:line (\d+): )?(.*)$`).FindStringSubmatch(err.Error())
	line, _ := strconv.Atoi(m[1]) // 0 where there is none
	return &Error{File: file, Line: line, Problem: "not YAML: " + m[2]}
}

// source is the name of the template, which all that is said of it begins with.
type source string

func (s source) errorf(line int, format string, args ...any) error {
	return &Error{File: string(s), Line: line, Problem: fmt.Sprintf(format, args...)}
}

func (s source) parse(n *yaml.Node, depth int) (*element, error) {
	if depth > maxTemplateDepth {
		return nil, s.errorf(n.Line, "nested more than %d deep", maxTemplateDepth)
	}
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		return nil, s.errorf(n.Line, "YAML anchors and aliases have no meaning in CloudFormation: write the value out")
	}
	if name, ok := strings.CutPrefix(n.Tag, "!"); ok && !strings.HasPrefix(name, "!") && name != "" {
		return s.shortCall(n, name, depth)
	}
	switch n.Kind {
	case yaml.ScalarNode:
		return s.scalar(n)
	case yaml.SequenceNode:
		if n.ShortTag() != "!!seq" {
			return nil, s.errorf(n.Line, "the YAML tag %s is not known to CloudFormation", n.Tag)
		}
		return s.list(n, depth)
	case yaml.MappingNode:
		if n.ShortTag() != "!!map" {
			return nil, s.errorf(n.Line, "the YAML tag %s is not known to CloudFormation", n.Tag)
		}
		return s.mapping(n, depth)
	case yaml.DocumentNode, yaml.AliasNode:
		return nil, s.errorf(n.Line, "a value is missing")
	}
	return nil, s.errorf(n.Line, "a value is missing")
}

// shortCall reads the !Name spelling of an intrinsic function.
func (s source) shortCall(n *yaml.Node, name string, depth int) (*element, error) {
	full := name
	if name != "Ref" && name != "Condition" {
		full = "Fn::" + name
	}
	if !slices.Contains(intrinsics(), full) {
		return nil, s.errorf(n.Line, "!%s is not an intrinsic function known here", name)
	}
	bare := *n
	bare.Tag = ""
	if n.Kind == yaml.ScalarNode {
		bare.Tag = "!!str"
	}
	arg, err := s.parse(&bare, depth+1)
	if err != nil {
		return nil, err
	}
	return &element{kind: callElement, line: n.Line, text: full, items: []*element{arg}}, nil
}

func (s source) scalar(n *yaml.Node) (*element, error) {
	tag := n.ShortTag()
	switch tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!timestamp":
	case "!!null":
		return nil, s.errorf(n.Line, "a value is missing: CloudFormation knows no null")
	default:
		return nil, s.errorf(n.Line, "the YAML tag %s is not known to CloudFormation", tag)
	}
	// CloudFormation and SAM read YAML 1.1, where these are booleans; the
	// parser here reads 1.2, where they are text.
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle |
		yaml.LiteralStyle | yaml.FoldedStyle | yaml.TaggedStyle
	if tag == "!!str" && n.Style&quoted == 0 {
		switch strings.ToLower(n.Value) {
		case "yes", "no", "on", "off":
			return nil, s.errorf(n.Line, "%s is a boolean to CloudFormation: write true or false, or quote it", n.Value)
		}
	}
	return &element{kind: scalarElement, line: n.Line, text: n.Value, tag: tag}, nil
}

func (s source) list(n *yaml.Node, depth int) (*element, error) {
	list := &element{kind: listElement, line: n.Line}
	for _, c := range n.Content {
		item, err := s.parse(c, depth+1)
		if err != nil {
			return nil, err
		}
		list.items = append(list.items, item)
	}
	return list, nil
}

func (s source) mapping(n *yaml.Node, depth int) (*element, error) {
	m := &element{kind: mapElement, line: n.Line}
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind != yaml.ScalarNode || k.Anchor != "" {
			return nil, s.errorf(k.Line, "a key must be plain text")
		}
		if k.ShortTag() == "!!merge" {
			return nil, s.errorf(k.Line, "YAML merge keys (<<) have no meaning in CloudFormation: write the values out")
		}
		if first, dup := seen[k.Value]; dup {
			return nil, s.errorf(k.Line, "%s is given twice; the first is in line %d", k.Value, first)
		}
		seen[k.Value] = k.Line
		v, err := s.parse(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		m.fields = append(m.fields, field{key: k.Value, line: k.Line, value: v})
	}
	if len(m.fields) != 1 {
		return m, nil
	}
	// A map of the one key Ref or Fn::Name is a call. "Condition: Name" is
	// one as well, but a resource's attribute and a policy's clause look
	// alike, so only where its value is plain text.
	only := m.fields[0]
	switch {
	case only.key == "Condition" && only.value.kind != scalarElement:
	case slices.Contains(intrinsics(), only.key):
		return &element{kind: callElement, line: only.line, text: only.key, items: []*element{only.value}}, nil
	case strings.HasPrefix(only.key, "Fn::"):
		return nil, s.errorf(only.line, "%s is not an intrinsic function known here", only.key)
	}
	return m, nil
}
