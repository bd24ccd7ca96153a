package gateway

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// readRoute reads an HttpApi event: one route of the API. Its Auth must not
// hang on an intrinsic function, as SAM will not have it either: whether a
// route is open is for the eye to see.
func (r *reader) readRoute(owner, function string, line int, props *element) error {
	route := Route{Function: function, Timeout: 30 * time.Second, Line: line}
	var apiID *element
	choice := authChoice{line: line}
	err := r.properties(owner, props, map[string]property{
		"ApiId": use(func(v *element) error {
			apiID = v
			return nil
		}),
		"Method": use(func(v *element) (err error) {
			route.Method, err = r.method(owner, v)
			return err
		}),
		"Path": use(func(v *element) (err error) {
			route.Path, err = r.routePath(owner, v)
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
			if v.kind != scalarElement || v.text != "2.0" || v.tag != "!!str" {
				return r.errorf(v.line, "%s: PayloadFormatVersion must be '2.0', in quotes, and is %s", owner, v.what())
			}
			return nil
		}),
		"Auth": plain(func(v *element) (err error) {
			choice, err = r.eventAuth(owner, v)
			return err
		}),
		"RouteSettings": {},
	})
	if err != nil {
		return err
	}
	switch {
	case r.api == nil:
		return r.errorf(line, "%s: the template has no AWS::Serverless::HttpApi", owner)
	case apiID == nil:
		return r.errorf(line, "%s has no ApiId: SAM would make an API of its own for it; write !Ref %s", owner, r.api.id)
	case apiID.kind != scalarElement || apiID.text != r.api.id:
		return r.errorf(apiID.line, "%s: ApiId must be !Ref %s, and is %s", owner, r.api.id, apiID.what())
	case route.Path == "" && route.Method == "":
		// SAM's catch-all: an event with neither.
		route.Method, route.Path = "ANY", "$default"
	case route.Path == "" || route.Method == "":
		return r.errorf(line, "%s needs both Method and Path", owner)
	case route.Path == "$default" && route.Method != "ANY":
		return r.errorf(line, "%s: the route $default takes every method: leave Method ANY", owner)
	}
	if route.Authorizer, err = r.authorizerOf(owner, route.Method, choice); err != nil {
		return err
	}
	shape := routeShape(route)
	for _, other := range r.out.Routes {
		if routeShape(other) == shape {
			return r.errorf(line, "%s: %s %s is declared twice; the first is in line %d", owner, route.Method, route.Path, other.Line)
		}
	}
	r.out.Routes = append(r.out.Routes, route)
	return nil
}

func (r *reader) method(owner string, v *element) (string, error) {
	method := strings.ToUpper(v.text)
	if v.kind == scalarElement && v.text == "x-amazon-apigateway-any-method" {
		method = "ANY"
	}
	if v.kind != scalarElement || !slices.Contains([]string{"ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}, method) {
		return "", r.errorf(v.line, "%s: Method must be ANY or one of the HTTP methods, and is %s", owner, v.what())
	}
	return method, nil
}

// routePath checks the grammar of a route ("Working with routes for HTTP
// APIs"): literal segments, {variables} that are a whole segment, and a
// greedy {variable+} as the last one alone.
func (r *reader) routePath(owner string, v *element) (string, error) {
	p, err := r.text(owner+": Path", v)
	if err != nil {
		return "", err
	}
	if p == "$default" || p == "/" {
		return p, nil
	}
	bad := func(why string) (string, error) {
		return "", r.errorf(v.line, "%s: the Path %q %s", owner, p, why)
	}
	if !strings.HasPrefix(p, "/") {
		return bad("must begin with /")
	}
	literal := regexp.MustCompile(`^[A-Za-z0-9._~!$&'()*+,;=:@-]+$`)
	variable := regexp.MustCompile(`^\{([A-Za-z0-9._-]+)(\+?)\}$`)
	names := map[string]bool{}
	segments := strings.Split(p[1:], "/")
	for i, s := range segments {
		if s == "" {
			return bad("has an empty segment")
		}
		if literal.MatchString(s) {
			continue
		}
		m := variable.FindStringSubmatch(s)
		switch {
		case m == nil:
			return bad("has the segment " + s + ", which is neither plain text nor one {variable}")
		case names[m[1]]:
			return bad("has the variable " + m[1] + " twice")
		case m[2] == "+" && i != len(segments)-1:
			return bad("has " + s + " before its end: a greedy variable is the last segment")
		}
		names[m[1]] = true
	}
	return p, nil
}

// routeShape is a route without the names of its variables: two routes of
// one shape would take the same requests.
func routeShape(r Route) string {
	segments := strings.Split(r.Path, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			segments[i] = "{}"
			if strings.HasSuffix(s, "+}") {
				segments[i] = "{+}"
			}
		}
	}
	return r.Method + " " + strings.Join(segments, "/")
}
