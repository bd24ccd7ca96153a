package template

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// readRoute reads an HttpApi event: one route of the API. Its Auth must not
// hang on an intrinsic function, as SAM will not have it either: whether a
// route is open is for the eye to see.
func (r *reader) readRoute(owner string, f *Function, line int, props *element) error {
	route := &Route{Function: f, Timeout: 30 * time.Second, Throttle: r.throttle}
	var api, path, auth *element
	err := r.properties(owner, props, map[string]property{
		"ApiId": use(func(v *element) error {
			api = v
			return nil
		}),
		"Method": use(func(v *element) (err error) {
			route.Method, err = r.method(owner, v)
			return err
		}),
		"Path": use(func(v *element) (err error) {
			path = v
			route.Path, err = r.path(owner, v)
			return err
		}),
		// "Integration timeout: 50 milliseconds – 30 seconds for HTTP APIs"
		// (API Gateway quotas).
		"TimeoutInMillis": use(func(v *element) error {
			ms, err := r.integer(owner+": TimeoutInMillis", v, 50, 30000)
			route.Timeout = time.Duration(ms) * time.Millisecond
			return err
		}),
		"PayloadFormatVersion": use(func(v *element) error {
			if !v.isFormat2() {
				return r.errorf(v.line, "%s: PayloadFormatVersion must be '2.0', in quotes, and is %s", owner, v.what())
			}
			return nil
		}),
		"Auth": plain(func(v *element) error {
			auth = v
			return nil
		}),
	})
	if err != nil {
		return err
	}
	switch {
	case r.api == nil:
		return r.errorf(line, "%s: the template has no AWS::Serverless::HttpApi", owner)
	case api == nil:
		return r.errorf(line, "%s has no ApiId: SAM would make an API of its own for it; write !Ref %s", owner,
			r.api.id)
	case api.kind != scalarElement || api.text != r.api.id:
		return r.errorf(api.line, "%s: ApiId must be !Ref %s, and is %s", owner, r.api.id, api.what())
	case path == nil && route.Method == "":
		route.Method = "ANY" // SAM's catch-all: an event with neither
	case path == nil || route.Method == "":
		return r.errorf(line, "%s needs both Method and Path", owner)
	case route.Path == nil && route.Method != "ANY":
		return r.errorf(line, "%s: the route $default takes every method: leave Method ANY", owner)
	}
	if route.Authorizer, err = r.readGuard(owner, route, line, auth); err != nil {
		return err
	}
	// Two routes of one form would take the same requests.
	requests := route.Method + " " + regexp.MustCompile(`\{[^}+]*`).ReplaceAllString(route.Path.String(), "{")
	if first, taken := r.requests[requests]; taken {
		return r.errorf(line, "%s: %s is declared twice; the first is in line %d", owner, route.Key(), first)
	}
	r.requests[requests] = line
	r.out.Routes = append(r.out.Routes, route)
	return nil
}

func (r *reader) method(owner string, v *element) (string, error) {
	method := strings.ToUpper(v.text)
	methods := []string{"ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
	if v.kind != scalarElement || !slices.Contains(methods, method) {
		return "", r.errorf(v.line, "%s: Method must be ANY or one of the HTTP methods, and is %s", owner, v.what())
	}
	return method, nil
}

// path reads a path by the grammar of routes ("Working with routes for HTTP
// APIs"): literal segments, {variables} that are a whole segment, and a greedy
// {variable+} as the last one alone.
func (r *reader) path(owner string, v *element) (Path, error) {
	text, err := r.text(owner+": Path", v)
	switch {
	case err != nil:
		return nil, err
	case text == "$default":
		return nil, nil
	case text == "/":
		return Path{{}}, nil
	}
	bad := func(why string) (Path, error) {
		return nil, r.errorf(v.line, "%s: the Path %q %s", owner, text, why)
	}
	if !strings.HasPrefix(text, "/") {
		return bad("must begin with /")
	}
	literal := regexp.MustCompile(`^[A-Za-z0-9._~!$&'()*+,;=:@-]+$`)
	variable := regexp.MustCompile(`^\{([A-Za-z0-9._-]+)(\+?)\}$`)
	var path Path
	segments := strings.Split(text[1:], "/")
	for i, s := range segments {
		m := variable.FindStringSubmatch(s)
		switch {
		case s == "":
			return bad("has an empty segment")
		case literal.MatchString(s):
			path = append(path, Segment{Literal: s})
			continue
		case m == nil:
			return bad("has the segment " + s + ", which is neither plain text nor one {variable}")
		case slices.ContainsFunc(path, func(other Segment) bool { return other.Variable == m[1] }):
			return bad("has the variable " + m[1] + " twice")
		case m[2] == "+" && i != len(segments)-1:
			return bad("has " + s + " before its end: a greedy variable is the last segment")
		}
		path = append(path, Segment{Variable: m[1], Greedy: m[2] == "+"})
	}
	return path, nil
}
