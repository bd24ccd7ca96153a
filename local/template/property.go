package template

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// property says what the reader does with one property. The zero value
// ignores it, knowingly: its name is in the list because it means nothing on
// one machine.
type property struct {
	read func(v *element) error // gets the evaluated value, unless raw
	raw  bool                   // gets it as it stands, and refuses a call itself
}

// use reads a property's evaluated value. Where that is AWS::NoValue, the
// property is as good as not there.
func use(read func(v *element) error) property { return property{read: read} }

// plain reads a property that must not hang on an intrinsic function.
func plain(read func(v *element) error) property { return property{read: read, raw: true} }

// ignored lists properties that mean nothing offline.
func ignored(names ...string) map[string]property {
	out := make(map[string]property, len(names))
	for _, n := range names {
		out[n] = property{}
	}
	return out
}

// properties reads a map in the file's order; owner stands in the errors. A
// name that is not in known is refused.
func (r *reader) properties(owner string, m *element, known map[string]property) error {
	if m.kind != mapElement {
		return r.errorf(m.line, "%s must be a mapping, and is %s", owner, m.what())
	}
	for _, f := range m.fields {
		p, ok := known[f.key]
		if !ok {
			return r.errorf(f.line, "%s: %s is not understood here", owner, f.key)
		}
		if p.read == nil {
			continue
		}
		v := f.value
		if !p.raw {
			var err error
			if v, err = r.resolve(v); err != nil {
				return err
			}
			if v.kind == absentElement {
				continue
			}
		}
		if err := p.read(v); err != nil {
			return err
		}
	}
	return nil
}

// text reads a text, or a number or boolean as the text it is written as.
func (r *reader) text(what string, v *element) (string, error) {
	if v.kind != scalarElement {
		return "", r.errorf(v.line, "%s must be text, and is %s", what, v.what())
	}
	return v.text, nil
}

// integer reads a whole number between least and most.
func (r *reader) integer(what string, v *element, least, most int) (int, error) {
	if n, err := strconv.Atoi(v.text); err == nil && n >= least && n <= most {
		return n, nil
	}
	return 0, r.errorf(v.line, "%s must be a whole number from %d to %d, and is %s", what, least, most, v.what())
}

func (r *reader) boolean(what string, v *element) (bool, error) {
	switch v.text {
	case "true", "True", "TRUE":
		return true, nil
	case "false", "False", "FALSE":
		return false, nil
	}
	return false, r.errorf(v.line, "%s must be true or false, and is %s", what, v.what())
}

// texts reads a list of texts that match the pattern.
func (r *reader) texts(what string, v *element, pattern *regexp.Regexp) ([]string, error) {
	if v.kind != listElement {
		return nil, r.errorf(v.line, "%s must be a list, and is %s", what, v.what())
	}
	out := make([]string, 0, len(v.items))
	for _, item := range v.items {
		if item.kind != scalarElement || !pattern.MatchString(item.text) {
			return nil, r.errorf(cmp.Or(item.line, v.line), "%s cannot hold %s", what, item.what())
		}
		out = append(out, item.text)
	}
	return out, nil
}

// headerName is the grammar of a header's name: a token (RFC 9110, 5.6.2).
const headerName = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"

// list is a property that is a list of texts that match the pattern.
func list(r *reader, what, pattern string, into *[]string) property {
	return use(func(v *element) (err error) {
		*into, err = r.texts(what, v, regexp.MustCompile(pattern))
		return err
	})
}

// functionOf finds the function that an ARN names: our own form of it, with
// or without a version or alias. The SAM CLI opens a route whose authorizer's
// ARN it cannot read; here that is an error.
func (r *reader) functionOf(what string, v *element) (*Function, error) {
	rest, isARN := strings.CutPrefix(v.text, functionARNStart)
	id, qualifier, qualified := strings.Cut(rest, ":")
	f := r.functions[id]
	if v.kind != scalarElement || !isARN || f == nil {
		return nil, r.errorf(v.line, "%s must be the ARN of a function of this template, "+
			"as in !GetAtt AuthorizerFunction.Arn, and is %s", what, v.what())
	}
	if !qualified {
		return f, nil
	}
	alias, err := r.alias(r.resources[id])
	if err == nil && (alias == "" || qualifier != alias) {
		err = r.errorf(v.line, "%s: %s has no alias %q", what, id, qualifier)
	}
	return f, err
}
