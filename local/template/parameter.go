package template

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parameter is one entry of Parameters ("Parameters section").
type parameter struct {
	name    string
	line    int
	kind    string // String, Number or CommaDelimitedList
	value   *string
	allowed []string
	pattern *regexp.Regexp
	bounds  map[string]float64 // MinLength, MaxLength, MinValue, MaxValue
}

// readParameters gives every parameter its value: the given one, or its
// Default. A value that breaks a constraint of the declaration is refused.
func (r *resolver) readParameters(section *element, given map[string]string) error {
	r.parameters = make(map[string]*element)
	for _, f := range section.fields {
		p, err := r.readParameter(f)
		if err != nil {
			return err
		}
		if v, ok := given[p.name]; ok {
			p.value = &v
		}
		if r.parameters[p.name], err = r.parameterValue(p); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, ok := r.parameters[name]; !ok {
			return r.errorf(0, "a value is given for parameter %s, which the template does not declare", name)
		}
	}
	return nil
}

func (r *resolver) readParameter(declaration field) (parameter, error) {
	p := parameter{name: declaration.key, line: declaration.line, bounds: map[string]float64{}}
	if declaration.value.kind != mapElement {
		return p, r.errorf(p.line, "parameter %s must be a mapping", p.name)
	}
	for _, f := range declaration.value.fields {
		if f.key != "AllowedValues" && f.value.kind != scalarElement {
			return p, r.errorf(f.line, "parameter %s: %s must be plain text, and is %s", p.name, f.key, f.value.what())
		}
		text := f.value.text
		switch f.key {
		case "Type":
			p.kind = text
		case "Default":
			p.value = &text
		case "AllowedValues":
			if f.value.kind != listElement || len(f.value.items) == 0 {
				return p, r.errorf(f.line, "parameter %s: AllowedValues must be a list", p.name)
			}
			for _, item := range f.value.items {
				if item.kind != scalarElement {
					return p, r.errorf(item.line, "parameter %s: AllowedValues holds %s", p.name, item.what())
				}
				p.allowed = append(p.allowed, item.text)
			}
		case "AllowedPattern":
			// The pattern must match the whole value.
			re, err := regexp.Compile(`\A(?:` + text + `)\z`)
			if err != nil {
				return p, r.errorf(f.line, "parameter %s: AllowedPattern cannot be checked here: %v", p.name, err)
			}
			p.pattern = re
		case "MinLength", "MaxLength", "MinValue", "MaxValue":
			n, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return p, r.errorf(f.line, "parameter %s: %s must be a number, and is %q", p.name, f.key, text)
			}
			p.bounds[f.key] = n
		case "Description", "ConstraintDescription", "NoEcho":
		default:
			return p, r.errorf(f.line, "parameter %s: %s is not known", p.name, f.key)
		}
	}
	switch p.kind {
	case "String", "Number", "CommaDelimitedList":
		return p, nil
	case "":
		return p, r.errorf(p.line, "parameter %s has no Type", p.name)
	}
	return p, r.errorf(p.line, "parameter %s: the Type %s cannot be read offline", p.name, p.kind)
}

func (r *resolver) parameterValue(p parameter) (*element, error) {
	if p.value == nil {
		return nil, r.errorf(p.line, "parameter %s has no Default and no value is given", p.name)
	}
	if p.kind != "CommaDelimitedList" {
		return newText(p.line, *p.value), r.checkValue(p, *p.value)
	}
	out := &element{kind: listElement, line: p.line}
	for item := range strings.SplitSeq(*p.value, ",") {
		item = strings.TrimSpace(item)
		if err := r.checkValue(p, item); err != nil {
			return nil, err
		}
		out.items = append(out.items, newText(p.line, item))
	}
	return out, nil
}

func (r *resolver) checkValue(p parameter, text string) error {
	if p.kind == "Number" {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return r.errorf(p.line, "parameter %s must be a number, and is %q", p.name, text)
		}
		if least, ok := p.bounds["MinValue"]; ok && n < least {
			return r.errorf(p.line, "parameter %s must be at least %v, and is %s", p.name, least, text)
		}
		if most, ok := p.bounds["MaxValue"]; ok && n > most {
			return r.errorf(p.line, "parameter %s must be at most %v, and is %s", p.name, most, text)
		}
	} else {
		n := float64(utf8.RuneCountInString(text))
		if least, ok := p.bounds["MinLength"]; ok && n < least {
			return r.errorf(p.line, "parameter %s must have at least %v characters, and has %v", p.name, least, n)
		}
		if most, ok := p.bounds["MaxLength"]; ok && n > most {
			return r.errorf(p.line, "parameter %s must have at most %v characters, and has %v", p.name, most, n)
		}
	}
	if len(p.allowed) > 0 && !slices.Contains(p.allowed, text) {
		return r.errorf(p.line, "parameter %s must be one of %s, and is %q", p.name, strings.Join(p.allowed, ", "),
			text)
	}
	if p.pattern != nil && !p.pattern.MatchString(text) {
		return r.errorf(p.line, "parameter %s does not match its AllowedPattern", p.name)
	}
	return nil
}
