package gateway

import (
	"slices"
	"strings"

	"oms/local/template"
)

// router chooses a route by the rule of API Gateway ("Routing API requests" in
// "Create routes for HTTP APIs"): a full match, then a match with a greedy path
// variable, then $default. Among full matches the one with more of its path
// spelt out wins, from the left; among greedy ones the one with more segments
// before the variable. ANY stands for the methods that are not defined for the
// same path.
type router struct {
	stage  string
	routes []*template.Route // in the order in which they are tried
}

// match is a route and the values of its path variables.
type match struct {
	route      *template.Route
	parameters map[string]string
}

func newRouter(t *template.Template) *router {
	routes := slices.Clone(t.Routes)
	slices.SortStableFunc(routes, func(a, b *template.Route) int { return slices.Compare(rank(a), rank(b)) })
	return &router{stage: t.Stage, routes: routes}
}

// rank is less for a route that is tried before another. Two that take the same
// request never have the same.
func rank(r *template.Route) []int {
	one := map[bool]int{true: 1}
	key := []int{one[r.Path == nil], one[r.Path.Greedy()], -len(r.Path)}
	for _, s := range r.Path {
		key = append(key, one[s.Variable != ""])
	}
	return append(key, one[r.Method == "ANY"])
}

// find returns the route for a method and a decoded path, and nil when there is
// none. Trailing slashes count, and so does every segment: nothing is cleaned.
func (r *router) find(method, path string) *match {
	segments, ok := r.inStage(path)
	if !ok {
		return nil
	}
	for _, route := range r.routes {
		if route.Method != method && route.Method != "ANY" {
			continue
		}
		if parameters, ok := matchPath(route.Path, segments); ok {
			return &match{route: route, parameters: parameters}
		}
	}
	return nil
}

// inStage returns the segments of a path after those of the stage.
func (r *router) inStage(path string) ([]string, bool) {
	path, rooted := strings.CutPrefix(path, "/")
	segments := strings.Split(path, "/")
	if !rooted || r.stage == template.DefaultStage {
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

// matchPath reports whether a route's path takes the segments of a request's,
// and returns the values of its variables.
func matchPath(path template.Path, segments []string) (map[string]string, bool) {
	if path == nil {
		return nil, true
	}
	if len(segments) < len(path) || len(segments) > len(path) && !path.Greedy() {
		return nil, false
	}
	var values map[string]string
	for i, s := range path {
		value := segments[i]
		if s.Greedy {
			value = strings.Join(segments[i:], "/")
		}
		switch {
		case s.Variable == "" && s.Literal != value, s.Variable != "" && value == "":
			return nil, false
		case s.Variable != "":
			if values == nil {
				values = map[string]string{}
			}
			values[s.Variable] = value
		}
	}
	return values, true
}
