package template

import (
	"maps"
	"path"
	"regexp"
	"strings"
	"time"
)

// silentFunctionProperties are the properties of a function that mean nothing
// on one machine: permissions, deployment, tracing, where it runs.
func silentFunctionProperties() map[string]property {
	return ignored(
		"Architectures", "AssumeRolePolicyDocument", "AutoPublishAliasAllProperties", "AutoPublishCodeSha256",
		"CodeSigningConfigArn", "DeadLetterQueue", "DeploymentPreference", "Description", "EphemeralStorage",
		"EventInvokeConfig", "FunctionName", "KmsKeyArn", "LoggingConfig", "PermissionsBoundary", "Policies",
		"PropagateTags", "ProvisionedConcurrencyConfig", "RecursiveLoop", "ReservedConcurrentExecutions", "Role",
		"RolePath", "RuntimeManagementConfig", "SourceKMSKeyArn", "Tags", "Tracing", "VersionDescription", "VpcConfig",
	)
}

// readFunction reads the properties of an AWS::Serverless::Function. Where
// one is absent, AWS's default stands: 3 seconds and 128 MB ("CreateFunction",
// AWS Lambda API).
func (r *reader) readFunction(res *resource) (*Function, error) {
	f := &Function{Name: res.id, MemoryMB: 128, Timeout: 3 * time.Second, Environment: map[string]string{}}
	found := map[string]bool{}
	must := func(name, want string) property {
		return use(func(v *element) error {
			if v.kind != scalarElement || v.text != want {
				return r.errorf(v.line, "%s: %s must be %s, and is %s", res.id, name, want, v.what())
			}
			found[name] = true
			return nil
		})
	}
	known := silentFunctionProperties()
	maps.Copy(known, map[string]property{
		"CodeUri": use(func(v *element) (err error) {
			f.CodeURI, err = r.codeURI(res.id, v)
			return err
		}),
		"Runtime": must("Runtime", "provided.al2023"),
		"Handler": must("Handler", "bootstrap"),
		"MemorySize": use(func(v *element) (err error) {
			f.MemoryMB, err = r.integer(res.id+": MemorySize", v, 128, 10240)
			return err
		}),
		"Timeout": use(func(v *element) error {
			seconds, err := r.integer(res.id+": Timeout", v, 1, 900)
			f.Timeout = time.Duration(seconds) * time.Second
			return err
		}),
		"Environment": use(func(v *element) error {
			return r.properties(res.id+": Environment", v, map[string]property{
				"Variables": use(func(v *element) error { return r.variables(res.id, v, f.Environment) }),
			})
		}),
		"AutoPublishAlias": plain(func(*element) error {
			_, err := r.alias(res)
			return err
		}),
		"Events": {}, // read once the API is
	})
	if err := r.properties(res.id, res.properties, known); err != nil {
		return nil, err
	}
	switch {
	case f.CodeURI == "":
		return nil, r.errorf(res.line, "%s has no CodeUri", res.id)
	case !found["Runtime"]:
		return nil, r.errorf(res.line, "%s has no Runtime: it must be provided.al2023", res.id)
	case !found["Handler"]:
		return nil, r.errorf(res.line, "%s has no Handler: it must be bootstrap", res.id)
	}
	return f, nil
}

// codeURI reads the folder of a function's package, which must lie beside or
// below the template.
func (r *reader) codeURI(id string, v *element) (string, error) {
	uri, err := r.text(id+": CodeUri", v)
	if err != nil {
		return "", err
	}
	clean := path.Clean(uri)
	outside := path.IsAbs(uri) || clean == ".." || strings.HasPrefix(clean, "../")
	if uri == "" || strings.ContainsAny(uri, `:\`) || outside {
		return "", r.errorf(v.line,
			"%s: CodeUri must be a folder below the template's, as functions/health/, and is %q",
			id, uri)
	}
	return uri, nil
}

// variables reads the environment. The names that Lambda keeps for itself are
// refused, as Lambda refuses them ("Defined runtime environment variables"; one
// that begins with an underscore is not a name at all). Region and credentials
// are reserved there and allowed here: no role gives them.
func (r *reader) variables(id string, m *element, into map[string]string) error {
	if m.kind != mapElement {
		return r.errorf(m.line, "%s: Environment.Variables must be a mapping, and is %s", id, m.what())
	}
	name := regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]+$`)
	for _, f := range m.fields {
		if !name.MatchString(f.key) {
			return r.errorf(f.line, "%s: %q cannot be the name of an environment variable", id, f.key)
		}
		if strings.HasPrefix(f.key, "AWS_LAMBDA_") || strings.HasPrefix(f.key, "LAMBDA_") ||
			f.key == "AWS_EXECUTION_ENV" {
			return r.errorf(f.line, "%s: the environment variable %s is Lambda's own", id, f.key)
		}
		v, err := r.text(id+": the environment variable "+f.key, f.value)
		if err != nil {
			return err
		}
		if strings.ContainsRune(v, 0) {
			return r.errorf(f.line, "%s: the environment variable %s holds a NUL byte", id, f.key)
		}
		into[f.key] = v
	}
	return nil
}
