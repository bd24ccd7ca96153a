package gateway

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// router chooses a route by the rule of API Gateway ("Routing API requests" in
// "Create routes for HTTP APIs"): a full match, then a match with a greedy path
// variable, then $default. Among full matches the one with more of its path
// spelt out wins, from the left; among greedy ones the one with more segments
// before the variable. ANY stands for the methods that are not defined for the
// same path.
type router struct {
	stage    string // a named stage, the first segment of every path; or empty
	patterns []*pattern
	fallback *pattern // $default
}

// pattern is one path with the routes of its methods.
type pattern struct {
	segments []segment
	greedy   string // the name of the greedy variable at the end; empty: none
	methods  map[string]*Route
}

// segment is a literal, or a variable that takes one segment.
type segment struct{ literal, variable string }

// match is a route and the values of its path variables.
type match struct {
	route      *Route
	parameters map[string]string
}

const defaultRoute = "$default"

// key is the route key, as in "GET /pets/{id}".
func (r *Route) key() string {
	if r.Path == defaultRoute {
		return defaultRoute
	}
	return r.Method + " " + r.Path
}

// newRouter refuses a path that API Gateway would refuse, and a second route of
// one key.
func newRouter(stage string, routes []Route) (*router, error) {
	out := &router{}
	if stage != "" && stage != defaultRoute {
		out.stage = stage
	}
	byShape := map[string]*pattern{}
	for i := range routes {
		r := &routes[i]
		p, err := parsePath(r.Path)
		if err != nil {
			return nil, fmt.Errorf("line %d: route %s: %w", r.Line, r.key(), err)
		}
		if r.Method == "" || r.Method != strings.ToUpper(r.Method) {
			return nil, fmt.Errorf("line %d: route %s: the method %q is not in capitals", r.Line, r.key(), r.Method)
		}
		shape := p.shape()
		if known := byShape[shape]; known != nil {
			p = known
		} else {
			byShape[shape] = p
			if r.Path == defaultRoute {
				out.fallback = p
			} else {
				out.patterns = append(out.patterns, p)
			}
		}
		method := r.Method
		if r.Path == defaultRoute {
			method = "ANY"
		}
		if other := p.methods[method]; other != nil {
			return nil, fmt.Errorf("line %d: route %s: line %d has a route for the same requests", r.Line, r.key(), other.Line)
		}
		p.methods[method] = r
	}
	slices.SortStableFunc(out.patterns, compareSpecificity)
	return out, nil
}

// parsePath reads a route's path: literals and {variables} between slashes, and
// at its end perhaps one {greedy+} variable.
func parsePath(path string) (*pattern, error) {
	p := &pattern{methods: map[string]*Route{}}
	if path == defaultRoute {
		return p, nil
	}
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("the path %q does not start with a slash", path)
	}
	segments := strings.Split(path[1:], "/")
	names := map[string]bool{}
	for i, s := range segments {
		name, variable := strings.CutPrefix(s, "{")
		if !variable {
			if strings.ContainsAny(s, "{}") || (s == "" && len(segments) > 1 && i < len(segments)-1) {
				return nil, fmt.Errorf("the path %q has a part that is no literal and no variable: %q", path, s)
			}
			p.segments = append(p.segments, segment{literal: s})
			continue
		}
		name, closed := strings.CutSuffix(name, "}")
		name, greedy := strings.CutSuffix(name, "+")
		if !closed || name == "" || strings.ContainsAny(name, "{}+") || names[name] {
			return nil, fmt.Errorf("the path %q has a variable that is not understood: %q", path, s)
		}
		if greedy && i != len(segments)-1 {
			return nil, fmt.Errorf("the path %q has a greedy variable that is not its end", path)
		}
		names[name] = true
		if greedy {
			p.greedy = name
			continue
		}
		p.segments = append(p.segments, segment{variable: name})
	}
	return p, nil
}

// shape is equal for two paths that match the same requests.
func (p *pattern) shape() string {
	var b strings.Builder
	for _, s := range p.segments {
		if s.variable != "" {
			b.WriteString("/{}")
		} else {
			b.WriteString("/" + s.literal)
		}
	}
	if p.greedy != "" {
		b.WriteString("/{+}")
	}
	return b.String()
}

// compareSpecificity orders the more specific pattern first.
func compareSpecificity(a, b *pattern) int {
	if (a.greedy == "") != (b.greedy == "") {
		if a.greedy == "" {
			return -1
		}
		return 1
	}
	if a.greedy != "" {
		if c := cmp.Compare(len(b.segments), len(a.segments)); c != 0 {
			return c
		}
	}
	for i := range min(len(a.segments), len(b.segments)) {
		av, bv := a.segments[i].variable != "", b.segments[i].variable != ""
		if av != bv {
			if bv {
				return -1
			}
			return 1
		}
	}
	return cmp.Compare(len(a.segments), len(b.segments)) // never both match; the order must be total
}

// find returns the route for a method and a decoded path, and nil when there is
// none. Trailing slashes count, and so does every segment: nothing is cleaned.
func (r *router) find(method, path string) *match {
	segments, ok := r.inStage(path)
	if !ok {
		return nil
	}
	for _, p := range r.patterns {
		route := p.methods[method]
		if route == nil {
			route = p.methods["ANY"]
		}
		if route == nil {
			continue
		}
		if parameters, ok := p.match(segments); ok {
			return &match{route: route, parameters: route.named(parameters)}
		}
	}
	if r.fallback != nil {
		return &match{route: r.fallback.methods["ANY"]}
	}
	return nil
}

// inStage returns the segments of a path after those of the stage.
func (r *router) inStage(path string) ([]string, bool) {
	path, rooted := strings.CutPrefix(path, "/")
	segments := strings.Split(path, "/")
	if !rooted || r.stage == "" {
		return segments, rooted
	}
	if segments[0] != r.stage {
		return nil, false
	}
	if len(segments) == 1 {
		return []string{""}, true // the stage alone is its root
	}
	return segments[1:], true
}

// match returns the values of the variables, in their order.
func (p *pattern) match(segments []string) ([]string, bool) {
	n := len(p.segments)
	if len(segments) < n || (p.greedy == "" && len(segments) != n) {
		return nil, false
	}
	var values []string
	for i, s := range p.segments {
		switch {
		case s.variable == "" && s.literal != segments[i], s.variable != "" && segments[i] == "":
			return nil, false
		case s.variable != "":
			values = append(values, segments[i])
		}
	}
	if p.greedy != "" {
		rest := strings.Join(segments[n:], "/")
		if rest == "" {
			return nil, false
		}
		values = append(values, rest)
	}
	return values, true
}

// named gives the values the names that this route's own path has for them: two
// methods of one pattern may name them differently.
func (r *Route) named(values []string) map[string]string {
	if len(values) == 0 {
		return nil
	}
	out := make(map[string]string, len(values))
	i := 0
	for s := range strings.SplitSeq(r.Path[1:], "/") {
		if name, ok := strings.CutPrefix(s, "{"); ok {
			out[strings.TrimRight(name, "+}")] = values[i]
			i++
		}
	}
	return out
}
