package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// policy is the IAM policy of an authorizer's answer, as far as it can decide
// about one action on one resource. A statement with any other element, as
// Condition or NotAction, is refused: ignoring it could let someone in.
type policy struct {
	statements []statement
}

type statement struct {
	Effect   string   `json:"Effect"`
	Action   oneOrAll `json:"Action"`
	Resource oneOrAll `json:"Resource"`
	SID      string   `json:"Sid"`
}

// oneOrAll is an element that may be a string or a list of strings.
type oneOrAll []string

// UnmarshalJSON accepts both forms.
func (o *oneOrAll) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*o = oneOrAll{one}
		return nil
	}
	var all []string
	if err := json.Unmarshal(b, &all); err != nil {
		return errors.New("neither a string nor a list of strings")
	}
	*o = all
	return nil
}

func newPolicy(document json.RawMessage) (*policy, error) {
	var outer struct {
		Version   string          `json:"Version"`
		ID        string          `json:"Id"`
		Statement json.RawMessage `json:"Statement"`
	}
	if err := decodeStrictly(document, &outer); err != nil {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	p := &policy{}
	if err := decodeStrictly(outer.Statement, &p.statements); err != nil {
		var single statement
		if decodeStrictly(outer.Statement, &single) != nil {
			return nil, fmt.Errorf("reading the policy's statements: %w", err)
		}
		p.statements = []statement{single}
	}
	if len(p.statements) == 0 {
		return nil, errors.New("the policy has no statement")
	}
	for _, s := range p.statements {
		if (s.Effect != "Allow" && s.Effect != "Deny") || len(s.Action) == 0 || len(s.Resource) == 0 {
			return nil, errors.New("a statement lacks its effect, action or resource")
		}
	}
	return p, nil
}

// allows evaluates the policy for execute-api:Invoke: an explicit Deny wins,
// and without an Allow nothing is allowed ("Policy evaluation logic", AWS
// Identity and Access Management user guide).
func (p *policy) allows(resource string) bool {
	allowed := false
	for _, s := range p.statements {
		if !s.Action.matches("execute-api:invoke", strings.ToLower) || !s.Resource.matches(resource, nil) {
			continue
		}
		if s.Effect == "Deny" {
			return false
		}
		allowed = true
	}
	return allowed
}

func (o oneOrAll) matches(value string, fold func(string) string) bool {
	for _, pattern := range o {
		if fold != nil {
			pattern = fold(pattern)
		}
		if wildcard(pattern, value) {
			return true
		}
	}
	return false
}

// wildcard matches * with any characters and ? with one. It takes time in
// proportion to the product of the lengths at worst: the pattern comes from a
// function, the value from a client.
func wildcard(pattern, value string) bool {
	p, v, star, mark := 0, 0, -1, 0
	for v < len(value) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, v
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == value[v]):
			p++
			v++
		case star >= 0:
			mark++
			p, v = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
