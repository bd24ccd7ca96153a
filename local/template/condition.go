package template

import "strings"

// condition is one entry of Conditions, evaluated when first asked for.
type condition struct {
	expression *element
	begun      bool  // to meet it again before it holds or not is a circle
	holds      *bool // nil: not evaluated
}

// condition reports whether a named condition holds.
func (r *resolver) condition(name string, line int) (bool, error) {
	c, ok := r.conditions[name]
	switch {
	case !ok:
		return false, r.errorf(line, "%q is not in Conditions", name)
	case c.holds != nil:
		return *c.holds, nil
	case c.begun:
		return false, r.errorf(line, "condition %s depends on itself", name)
	}
	c.begun = true
	holds, err := r.truth(c.expression)
	c.holds = &holds
	return holds, err
}

// truth evaluates a condition function. Those that rules alone have
// ("Rule-specific intrinsic functions") are refused.
func (r *resolver) truth(e *element) (bool, error) {
	if e.kind != callElement {
		return false, r.errorf(e.line,
			"a condition must be one of Fn::Equals, Fn::And, Fn::Or, Fn::Not and Condition, "+
				"and here is %s", e.what())
	}
	arg := e.items[0]
	switch e.text {
	case "Condition":
		if arg.kind != scalarElement {
			return false, r.errorf(e.line, "Condition takes a name, and here is %s", arg.what())
		}
		return r.condition(arg.text, e.line)
	case "Fn::Equals":
		args, err := r.arguments(e, 2, "two values")
		if err != nil {
			return false, err
		}
		for _, a := range args {
			if a.kind != scalarElement {
				return false, r.errorf(e.line, "Fn::Equals compares texts, and here is %s", a.what())
			}
		}
		return args[0].text == args[1].text, nil
	case "Fn::Not":
		if arg.kind != listElement || len(arg.items) != 1 {
			return false, r.errorf(e.line, "Fn::Not takes a list of one condition")
		}
		holds, err := r.truth(arg.items[0])
		return !holds, err
	case "Fn::And", "Fn::Or":
		return r.several(e)
	}
	return false, r.errorf(e.line, "%s is not a condition that can be evaluated offline", e.text)
}

// several evaluates And and Or: all of their operands, so that a mistake in
// the last one is found whatever the first one is.
func (r *resolver) several(e *element) (bool, error) {
	arg := e.items[0]
	if arg.kind != listElement || len(arg.items) < 2 || len(arg.items) > 10 {
		return false, r.errorf(e.line, "%s takes a list of two to ten conditions", e.text)
	}
	all, some := true, false
	for _, item := range arg.items {
		holds, err := r.truth(item)
		if err != nil {
			return false, err
		}
		all, some = all && holds, some || holds
	}
	if e.text == "Fn::And" {
		return all, nil
	}
	return some, nil
}

// rules evaluates the section Rules: an assertion that does not hold stops
// the start, as it stops a deployment. (The SAM CLI skips the section.)
func (r *resolver) rules(section *element) error {
	for _, f := range section.fields {
		if f.value.kind != mapElement {
			return r.errorf(f.line, "rule %s must be a mapping", f.key)
		}
		applies := true
		for _, part := range f.value.fields {
			switch part.key {
			case "RuleCondition":
				var err error
				if applies, err = r.truth(part.value); err != nil {
					return err
				}
			case "Assertions":
			default:
				return r.errorf(part.line, "rule %s: %s is not known", f.key, part.key)
			}
		}
		assertions := f.value.get("Assertions")
		if assertions == nil || assertions.kind != listElement {
			return r.errorf(f.line, "rule %s: Assertions must be a list", f.key)
		}
		for _, a := range assertions.items {
			if err := r.assertion(f.key, a, applies); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *resolver) assertion(rule string, a *element, applies bool) error {
	said, check := "", (*element)(nil)
	for _, f := range a.fields {
		switch {
		case f.key == "Assert":
			check = f.value
		case f.key == "AssertDescription" && f.value.kind == scalarElement:
			said = ": " + strings.TrimSpace(f.value.text)
		default:
			return r.errorf(f.line, "rule %s: %s is not known", rule, f.key)
		}
	}
	if check == nil {
		return r.errorf(a.line, "rule %s: an assertion needs Assert", rule)
	}
	holds, err := r.truth(check)
	if err != nil {
		return err
	}
	if applies && !holds {
		return r.errorf(a.line, "rule %s does not hold%s", rule, said)
	}
	return nil
}
