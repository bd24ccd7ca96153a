package template_test

import (
	"fmt"
	"strings"
	"testing"

	"oms/local/template"
)

// parseWith reads a template of no resources with the given sections.
func parseWith(sections string) error {
	const frame = "Transform: AWS::Serverless-2016-10-31\nResources: {}\n" +
		"Parameters:\n  Stage: {Type: String, Default: prod}\n  Zones: {Type: CommaDelimitedList, Default: 'a, b'}\n"
	_, err := template.Parse("t.yaml", []byte(frame+sections), nil)
	return err
}

func TestParse_rules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		assert string
		holds  bool
	}{
		{"!Equals [!Ref Stage, prod]", true},
		{"!Equals [!Ref Stage, dev]", false},
		{"!Not [!Equals [!Ref Stage, dev]]", true},
		{"!And [!Equals [a, a], !Equals [a, b]]", false},
		{"!Or [!Equals [a, a], !Equals [a, b]]", true},
	} {
		t.Run(c.assert, func(t *testing.T) {
			t.Parallel()
			rule := "Rules:\n  R:\n    Assertions:\n    - Assert: " + c.assert +
				"\n      AssertDescription: it must be so\n"
			err := parseWith(rule)
			switch {
			case c.holds && err != nil:
				t.Errorf("Parse = %v, want none", err)
			case !c.holds:
				wantProblem(t, err, 9, "rule R does not hold: it must be so")
			}
			if err := parseWith(strings.Replace(rule, "R:\n", "R:\n    RuleCondition: !Equals [!Ref Stage, dev]\n",
				1)); err != nil {
				t.Errorf("Parse with a rule that does not apply = %v, want none", err)
			}
		})
	}
}

func TestParse_refusesConditions(t *testing.T) {
	t.Parallel()
	for expression, problem := range map[string]string{
		"!And [!Equals [a, a]]":            "a list of two to ten conditions",
		"!Not [!Equals [a, a], x]":         "a list of one condition",
		"!Equals [a]":                      "takes two values",
		"!Equals [!Ref Zones, a]":          "compares texts, and here is a list",
		"!Or [!Equals [a, a], !Ref Stage]": "Ref is not a condition",
		"{'Fn::Contains': [[a], a]}":       "Fn::Contains is not a condition that can be evaluated",
		"!Condition Other":                 `"Other" is not in Conditions`,
		"yes-no":                           "must be one of Fn::Equals",
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			wantProblem(t, parseWith("Conditions:\n  C: "+expression+"\n"), 7, problem)
		})
	}
}

// A template is bounded in every direction, so that a broken one ends in a
// sentence.
func TestParse_bounds(t *testing.T) {
	t.Parallel()
	var bomb strings.Builder
	bomb.WriteString("Conditions:\n  C: !Equals [x, !Sub ['${A}${A}', {A: ")
	for range 12 {
		bomb.WriteString("!Sub ['${A}${A}', {A: ")
	}
	bomb.WriteString("abcdefgh" + strings.Repeat("}]", 13) + "]\n")
	for name, c := range map[string]struct {
		sections string
		line     int
		problem  string
	}{
		"a Sub that doubles and doubles": {bomb.String(), 7, "makes more than 8192 bytes"},
		"nested too deep": {
			"Outputs: " + strings.Repeat("[", 100) + strings.Repeat("]", 100), 6,
			"nested more than 64 deep",
		},
		"too long": {
			"# " + strings.Repeat("x", 1<<20), 0,
			"CloudFormation takes 1048576",
		},
		"a Join of too much": {fmt.Sprintf("Conditions:\n  C: !Equals [x, !Join ['', [%s]]]\n",
			strings.Repeat("abcdefghijklmnop, ", 600)), 7, "makes more than 8192 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantProblem(t, parseWith(c.sections), c.line, c.problem)
		})
	}
}
