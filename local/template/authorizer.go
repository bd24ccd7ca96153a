package template

import "time"

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
	})
	if err != nil || byDefault == nil {
		return err
	}
	name, err := r.text(owner+".DefaultAuthorizer", byDefault)
	if err != nil {
		return err
	}
	if r.byDefault = r.authorizers[name]; r.byDefault == nil {
		return r.errorf(byDefault.line, "%s: the DefaultAuthorizer %q is not in Authorizers", owner, name)
	}
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
		a, err := r.readAuthorizer(owner+".Authorizers."+f.key, f)
		if err != nil {
			return err
		}
		r.authorizers[f.key] = a
	}
	return nil
}

// readAuthorizer reads one Lambda authorizer of payload 2.0. API Gateway
// caches its results only where a TTL is given ("Working with AWS Lambda
// authorizers for HTTP APIs"), so an absent ReauthorizeEvery is none.
func (r *reader) readAuthorizer(owner string, declaration field) (*Authorizer, error) {
	a := &Authorizer{Name: declaration.key}
	var version, simple *element
	err := r.properties(owner, declaration.value, map[string]property{
		"FunctionArn": use(func(v *element) (err error) {
			a.Function, err = r.functionOf(owner+": FunctionArn", v)
			return err
		}),
		"AuthorizerPayloadFormatVersion": use(func(v *element) error {
			version = v
			return nil
		}),
		"EnableSimpleResponses": use(func(v *element) error {
			simple = v
			on, err := r.boolean(owner+": EnableSimpleResponses", v)
			if err == nil && !on {
				err = r.errorf(v.line, "%s: EnableSimpleResponses must be true: IAM policies are not served offline",
					owner)
			}
			return err
		}),
		"EnableFunctionDefaultPermissions": {},
		"FunctionInvokeRole":               {},
		"Identity": use(func(v *element) error {
			return r.readIdentity(owner+": Identity", a, v)
		}),
	})
	switch {
	case err != nil:
		return nil, err
	case a.Function == nil:
		return nil, r.errorf(declaration.line, "%s has no FunctionArn: only Lambda authorizers are served offline",
			owner)
	case version == nil:
		return nil, r.errorf(declaration.line, "%s has no AuthorizerPayloadFormatVersion", owner)
	case !version.isFormat2():
		// SAM needs the quotes: unquoted, it is a number, and the start fails.
		return nil, r.errorf(version.line, "%s: AuthorizerPayloadFormatVersion must be '2.0', in quotes, and is %s",
			owner, version.what())
	case simple == nil:
		return nil, r.errorf(declaration.line, "%s has no EnableSimpleResponses: it must be true", owner)
	}
	return a, nil
}

func (r *reader) readIdentity(owner string, a *Authorizer, m *element) error {
	var variables []string
	err := r.properties(owner, m, map[string]property{
		"Headers": list(r, owner+".Headers", headerName, &a.Headers),
		"Context": list(r, owner+".Context", `^routeKey$`, &variables),
		// "The maximum value is 3600, or 1 hour" (AWS SAM,
		// LambdaAuthorizationIdentity).
		"ReauthorizeEvery": use(func(v *element) error {
			seconds, err := r.integer(owner+".ReauthorizeEvery", v, 0, 3600)
			a.TTL = time.Duration(seconds) * time.Second
			return err
		}),
	})
	a.ByRoute = len(variables) > 0
	if err == nil && a.TTL > 0 && len(a.Headers) == 0 && !a.ByRoute {
		err = r.errorf(m.line, "%s.ReauthorizeEvery needs an identity source: a cache has no key without one", owner)
	}
	return err
}

// readGuard decides who guards a route with the given Auth, which is nil where
// the route has none; nil: nobody.
func (r *reader) readGuard(owner string, route *Route, line int, auth *element) (*Authorizer, error) {
	var name *element
	if auth != nil {
		line = auth.line
		err := r.properties(owner+": Auth", auth, map[string]property{
			"Authorizer": plain(func(v *element) (err error) {
				name = v
				_, err = r.text(owner+": Auth.Authorizer", v)
				return err
			}),
		})
		if err != nil {
			return nil, err
		}
	}
	switch {
	// SAM leaves OPTIONS routes out of the default, silently.
	case name == nil && r.byDefault != nil && route.Method == "OPTIONS":
		return nil, r.errorf(line,
			"%s: SAM puts no DefaultAuthorizer before an OPTIONS route: say Authorizer: %s, or NONE",
			owner, r.byDefault.Name)
	case name == nil && r.byDefault == nil && auth != nil:
		return nil, r.errorf(line, "%s: Auth needs an Authorizer: the API has no DefaultAuthorizer", owner)
	case name == nil:
		return r.byDefault, nil
	case name.text == "NONE" && r.byDefault == nil:
		return nil, r.errorf(name.line, "%s: Authorizer NONE is for an API that has a DefaultAuthorizer", owner)
	case name.text == "NONE":
		return nil, nil
	case r.authorizers[name.text] == nil:
		return nil, r.errorf(name.line, "%s: the Authorizer %q is not in the API's Authorizers", owner, name.text)
	}
	return r.authorizers[name.text], nil
}
