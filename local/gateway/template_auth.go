package gateway

import (
	"regexp"
	"time"
)

// authRules are what the API's Auth says to routes.
type authRules struct {
	byDefault string // the name of the DefaultAuthorizer; empty: none
}

// authChoice is what an event's Auth says.
type authChoice struct {
	name string // empty: nothing said
	line int
}

// readAuth reads the API's Auth. None of it may hang on an intrinsic function
// but what SAM lets (FunctionArn and the values of an authorizer).
func (r *reader) readAuth(api string, auth *element) error {
	owner := api + ": Auth"
	var byDefault *element
	err := r.properties(owner, auth, map[string]property{
		"Authorizers": plain(func(v *element) error { return r.readAuthorizers(owner, v) }),
		"DefaultAuthorizer": plain(func(v *element) error {
			byDefault = v
			return nil
		}),
		"EnableIamAuthorizer": plain(func(v *element) error {
			if on, err := r.boolean(owner+".EnableIamAuthorizer", v); err != nil || !on {
				return err
			}
			return r.errorf(v.line, "%s: the IAM authorizer cannot be served offline", owner)
		}),
	})
	if err != nil || byDefault == nil {
		return err
	}
	name, err := r.text(owner+".DefaultAuthorizer", byDefault)
	if err != nil {
		return err
	}
	if _, ok := r.out.Authorizers[name]; !ok {
		return r.errorf(byDefault.line, "%s: the DefaultAuthorizer %q is not in Authorizers", owner, name)
	}
	r.auth.byDefault = name
	return nil
}

func (r *reader) readAuthorizers(owner string, m *element) error {
	if m.kind != mapElement {
		return r.errorf(m.line, "%s.Authorizers must be a mapping, and is %s", owner, m.what())
	}
	for _, f := range m.fields {
		// NONE and AWS_IAM mean something else where a route names them.
		if f.key == "" || f.key == "NONE" || f.key == "AWS_IAM" {
			return r.errorf(f.line, "%s: an authorizer cannot be called %q", owner, f.key)
		}
		a, err := r.readAuthorizer(owner+".Authorizers."+f.key, Authorizer{Name: f.key, Line: f.line}, f.value)
		if err != nil {
			return err
		}
		r.out.Authorizers[a.Name] = a
	}
	return nil
}

// readAuthorizer reads one Lambda authorizer of payload 2.0. API Gateway
// caches its results only where a TTL is given ("Working with AWS Lambda
// authorizers for HTTP APIs"), so an absent ReauthorizeEvery is none.
func (r *reader) readAuthorizer(owner string, a Authorizer, m *element) (Authorizer, error) {
	var version, simple *element
	err := r.properties(owner, m, map[string]property{
		"FunctionArn": use(func(v *element) (err error) {
			a.Function, err = r.functionOf(owner+": FunctionArn", v)
			return err
		}),
		"AuthorizerPayloadFormatVersion": use(func(v *element) error {
			version = v
			return nil
		}),
		"EnableSimpleResponses": use(func(v *element) (err error) {
			simple = v
			a.Simple, err = r.boolean(owner+": EnableSimpleResponses", v)
			return err
		}),
		"EnableFunctionDefaultPermissions": {},
		"FunctionInvokeRole":               {},
		"Identity":                         use(func(v *element) error { return r.readIdentity(owner+": Identity", &a, v) }),
	})
	switch {
	case err != nil:
		return a, err
	case a.Function == "":
		return a, r.errorf(a.Line, "%s has no FunctionArn: only Lambda authorizers can be served offline", owner)
	case version == nil:
		return a, r.errorf(a.Line, "%s has no AuthorizerPayloadFormatVersion", owner)
	case version.kind != scalarElement || version.text != "2.0" || version.tag != "!!str":
		// SAM needs the quotes: unquoted, it is a number, and the start fails.
		return a, r.errorf(version.line, "%s: AuthorizerPayloadFormatVersion must be '2.0', in quotes, and is %s", owner, version.what())
	case simple == nil:
		return a, r.errorf(a.Line, "%s has no EnableSimpleResponses: say true, or false for IAM policies", owner)
	}
	return a, nil
}

func (r *reader) readIdentity(owner string, a *Authorizer, m *element) error {
	token := regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$") // RFC 9110, 5.6.2
	list := func(name string, pattern *regexp.Regexp, into *[]string) property {
		return use(func(v *element) (err error) {
			*into, err = r.texts(owner+"."+name, v, pattern)
			return err
		})
	}
	err := r.properties(owner, m, map[string]property{
		"Headers":      list("Headers", token, &a.Headers),
		"QueryStrings": list("QueryStrings", regexp.MustCompile(`^[^\s$]+$`), &a.Query),
		"Context":      list("Context", regexp.MustCompile(`^[A-Za-z][A-Za-z0-9.]*$`), &a.Context),
		// "The maximum value is 3600, or 1 hour" (AWS SAM,
		// LambdaAuthorizationIdentity).
		"ReauthorizeEvery": use(func(v *element) error {
			seconds, err := r.integer(owner+".ReauthorizeEvery", v, 0, 3600)
			a.TTL = time.Duration(seconds) * time.Second
			return err
		}),
	})
	if err != nil {
		return err
	}
	if a.TTL > 0 && len(a.Headers)+len(a.Query)+len(a.Context) == 0 {
		return r.errorf(m.line, "%s.ReauthorizeEvery needs an identity source: without one, there is no key to cache by", owner)
	}
	return nil
}

// eventAuth reads the Auth of a route.
func (r *reader) eventAuth(owner string, m *element) (authChoice, error) {
	choice := authChoice{line: m.line}
	err := r.properties(owner+": Auth", m, map[string]property{
		"Authorizer": plain(func(v *element) (err error) {
			choice.line = v.line
			if choice.name, err = r.text(owner+": Auth.Authorizer", v); err == nil && choice.name == "" {
				err = r.errorf(v.line, "%s: Auth.Authorizer is empty", owner)
			}
			return err
		}),
	})
	if err == nil && choice.name == "" && r.auth.byDefault == "" {
		err = r.errorf(m.line, "%s: Auth needs an Authorizer: the API has no DefaultAuthorizer", owner)
	}
	return choice, err
}

// authorizerOf decides who guards a route; empty: nobody.
func (r *reader) authorizerOf(owner, method string, choice authChoice) (string, error) {
	switch choice.name {
	case "":
		// SAM leaves OPTIONS routes out of the default, silently.
		if r.auth.byDefault != "" && method == "OPTIONS" {
			return "", r.errorf(choice.line, "%s: SAM puts no DefaultAuthorizer before an OPTIONS route: say Authorizer: %s, or NONE", owner, r.auth.byDefault)
		}
		return r.auth.byDefault, nil
	case "NONE":
		if r.auth.byDefault == "" {
			return "", r.errorf(choice.line, "%s: Authorizer NONE means something only where the API has a DefaultAuthorizer", owner)
		}
		return "", nil
	}
	if _, ok := r.out.Authorizers[choice.name]; !ok {
		return "", r.errorf(choice.line, "%s: the Authorizer %q is not in the API's Authorizers", owner, choice.name)
	}
	return choice.name, nil
}
