package template

import (
	"regexp"
	"strings"
)

// What a stack would know and a machine without one does not: the values
// that the SAM CLI uses offline.
const (
	offlineAccount   = "123456789012"
	offlineRegion    = "us-east-1"
	offlineStack     = "local"
	functionARNStart = "arn:aws:lambda:" + offlineRegion + ":" + offlineAccount + ":function:"
)

// maxText bounds what a Join or a Sub can make, so that a template of nested
// ones cannot ask for more memory than there is.
const maxText = 8 << 10

// resolver evaluates intrinsic functions for one set of parameter values.
type resolver struct {
	source
	parameters map[string]*element
	conditions map[string]*condition
	resources  map[string]*resource // those whose condition holds
}

// resolve evaluates every call in e. What AWS::NoValue stands for leaves its
// list or map; at the top it is an absentElement.
func (r *resolver) resolve(e *element) (*element, error) {
	switch e.kind {
	case scalarElement, absentElement:
		return e, nil
	case listElement:
		out := &element{kind: listElement, line: e.line}
		for _, item := range e.items {
			v, err := r.resolve(item)
			if err != nil {
				return nil, err
			}
			if v.kind != absentElement {
				out.items = append(out.items, v)
			}
		}
		return out, nil
	case mapElement:
		out := &element{kind: mapElement, line: e.line}
		for _, f := range e.fields {
			v, err := r.resolve(f.value)
			if err != nil {
				return nil, err
			}
			if v.kind != absentElement {
				out.fields = append(out.fields, field{key: f.key, line: f.line, value: v})
			}
		}
		return out, nil
	case callElement:
		return r.call(e)
	}
	return nil, r.errorf(e.line, "a value is missing")
}

func (r *resolver) call(e *element) (*element, error) {
	arg := e.items[0]
	switch e.text {
	case "Ref":
		if arg.kind != scalarElement {
			return nil, r.errorf(e.line, "Ref takes a name, and here is %s", arg.what())
		}
		return r.ref(arg.text, e.line)
	case "Fn::GetAtt":
		return r.getAtt(e)
	case "Fn::Sub":
		return r.sub(e)
	case "Fn::Join":
		return r.join(e)
	case "Fn::If":
		return r.ifElse(e)
	case "Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not", "Condition":
		return nil, r.errorf(e.line, "%s stands only in Conditions and Rules", e.text)
	}
	return nil, r.errorf(e.line, "%s is not evaluated offline", e.text)
}

func (r *resolver) ref(name string, line int) (*element, error) {
	text := func(s string) (*element, error) { return newText(line, s), nil }
	switch name {
	case "AWS::NoValue":
		return &element{kind: absentElement, line: line}, nil
	case "AWS::AccountId":
		return text(offlineAccount)
	case "AWS::Region":
		return text(offlineRegion)
	case "AWS::Partition":
		return text("aws")
	case "AWS::URLSuffix":
		return text("amazonaws.com")
	case "AWS::StackName":
		return text(offlineStack)
	}
	if v, ok := r.parameters[name]; ok {
		moved := *v
		moved.line = line
		return &moved, nil
	}
	if _, ok := r.resources[name]; ok {
		return text(name)
	}
	// SAM gives a function with AutoPublishAlias the name Function.Alias for
	// the alias; Ref of an AWS::Lambda::Alias is its ARN.
	if id, ok := strings.CutSuffix(name, ".Alias"); ok {
		if f, ok := r.resources[id]; ok && f.kind == typeFunction {
			alias, err := r.alias(f)
			if err != nil {
				return nil, err
			}
			if alias == "" {
				return nil, r.errorf(line, "%s has no alias: it has no AutoPublishAlias", id)
			}
			return text(functionARNStart + id + ":" + alias)
		}
	}
	return nil, r.errorf(line, "%q is neither a parameter nor a resource of this template", name)
}

// alias evaluates a function's AutoPublishAlias; empty where there is none.
func (r *resolver) alias(f *resource) (string, error) {
	v := f.properties.get("AutoPublishAlias")
	if v == nil {
		return "", nil
	}
	if v.kind == callElement && v.text == "Ref" && v.items[0].text == f.id+".Alias" {
		return "", r.errorf(v.line, "AutoPublishAlias refers to itself")
	}
	v, err := r.resolve(v)
	if err != nil || v.kind == absentElement {
		return "", err
	}
	if v.kind != scalarElement || !regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`).MatchString(v.text) {
		return "", r.errorf(v.line, "AutoPublishAlias must be the name of an alias, and is %s", v.what())
	}
	return v.text, nil
}

func (r *resolver) getAtt(e *element) (*element, error) {
	arg := e.items[0]
	var id, attribute string
	switch {
	case arg.kind == scalarElement:
		id, attribute, _ = strings.Cut(arg.text, ".")
	case arg.kind == listElement && len(arg.items) == 2 &&
		arg.items[0].kind == scalarElement && arg.items[1].kind == scalarElement:
		id, attribute = arg.items[0].text, arg.items[1].text
	default:
		return nil, r.errorf(e.line, "Fn::GetAtt takes a resource and an attribute, as in AuthorizerFunction.Arn")
	}
	return r.attribute(id, attribute, e.line)
}

// attribute knows one attribute, a function's ARN: nothing else that a stack
// would make exists offline.
func (r *resolver) attribute(id, attribute string, line int) (*element, error) {
	f, ok := r.resources[id]
	switch {
	case !ok:
		return nil, r.errorf(line, "%q is not a resource of this template", id)
	case f.kind != typeFunction || attribute != "Arn":
		return nil, r.errorf(line, "%s.%s has no value offline: only the Arn of a function has", id, attribute)
	}
	return newText(line, functionARNStart+id), nil
}

func (r *resolver) sub(e *element) (*element, error) {
	arg := e.items[0]
	own := map[string]*element{}
	if arg.kind == listElement && len(arg.items) == 2 && arg.items[1].kind == mapElement {
		for _, f := range arg.items[1].fields {
			v, err := r.resolve(f.value)
			if err != nil {
				return nil, err
			}
			own[f.key] = v
		}
		arg = arg.items[0]
	}
	if arg.kind != scalarElement {
		return nil, r.errorf(e.line, "Fn::Sub takes text, or text and a mapping")
	}
	var out strings.Builder
	for rest := arg.text; ; {
		before, after, found := strings.Cut(rest, "${")
		out.WriteString(before)
		if !found {
			break
		}
		name, after, closed := strings.Cut(after, "}")
		if !closed {
			return nil, r.errorf(e.line, "Fn::Sub: ${ is not closed")
		}
		rest = after
		// ${!Name} is the text ${Name} ("Fn::Sub").
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			out.WriteString("${" + literal + "}")
			continue
		}
		v, err := r.variable(own, name, e.line)
		if err != nil {
			return nil, err
		}
		if v.kind != scalarElement {
			return nil, r.errorf(e.line, "Fn::Sub: ${%s} is %s, not text", name, v.what())
		}
		out.WriteString(v.text)
		if out.Len() > maxText {
			return nil, r.errorf(e.line, "Fn::Sub makes more than %d bytes", maxText)
		}
	}
	return newText(e.line, out.String()), nil
}

func (r *resolver) variable(own map[string]*element, name string, line int) (*element, error) {
	if v, ok := own[name]; ok {
		return v, nil
	}
	id, attribute, dotted := strings.Cut(name, ".")
	if dotted && attribute != "Alias" {
		return r.attribute(id, attribute, line)
	}
	return r.ref(name, line)
}

// arguments evaluates a call's list of n arguments.
func (r *resolver) arguments(e *element, n int, usage string) ([]*element, error) {
	arg := e.items[0]
	if arg.kind != listElement || len(arg.items) != n {
		return nil, r.errorf(e.line, "%s takes %s", e.text, usage)
	}
	args := make([]*element, 0, n)
	for _, item := range arg.items {
		v, err := r.resolve(item)
		if err != nil {
			return nil, err
		}
		args = append(args, v)
	}
	return args, nil
}

func (r *resolver) join(e *element) (*element, error) {
	const usage = "a delimiter and a list of texts"
	args, err := r.arguments(e, 2, usage)
	if err != nil {
		return nil, err
	}
	if args[0].kind != scalarElement || args[1].kind != listElement {
		return nil, r.errorf(e.line, "Fn::Join takes %s", usage)
	}
	var out strings.Builder
	for i, item := range args[1].items {
		if item.kind != scalarElement {
			return nil, r.errorf(e.line, "Fn::Join takes %s, and item %d is %s", usage, i+1, item.what())
		}
		if i > 0 {
			out.WriteString(args[0].text)
		}
		out.WriteString(item.text)
		if out.Len() > maxText {
			return nil, r.errorf(e.line, "Fn::Join makes more than %d bytes", maxText)
		}
	}
	return newText(e.line, out.String()), nil
}

func (r *resolver) ifElse(e *element) (*element, error) {
	arg := e.items[0]
	if arg.kind != listElement || len(arg.items) != 3 || arg.items[0].kind != scalarElement {
		return nil, r.errorf(e.line, "Fn::If takes the name of a condition and two values")
	}
	holds, err := r.condition(arg.items[0].text, e.line)
	if err != nil {
		return nil, err
	}
	if holds {
		return r.resolve(arg.items[1])
	}
	return r.resolve(arg.items[2])
}
