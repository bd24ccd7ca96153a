package template

import "slices"

// globalProperties are what the section Globals may hold for a resource type
// (AWS SAM, "Globals section"): all but what is one resource's own.
func globalProperties() map[string][]string {
	return map[string][]string{
		typeFunction: {
			"Architectures", "AssumeRolePolicyDocument", "AutoPublishAlias", "AutoPublishAliasAllProperties",
			"CodeSigningConfigArn", "CodeUri", "DeadLetterQueue", "DeploymentPreference", "Description", "Environment",
			"EphemeralStorage", "EventInvokeConfig", "FileSystemConfigs", "FunctionUrlConfig", "Handler", "KmsKeyArn",
			"Layers", "LoggingConfig", "MemorySize", "PermissionsBoundary", "PropagateTags",
			"ProvisionedConcurrencyConfig", "RecursiveLoop", "ReservedConcurrentExecutions", "RolePath", "Runtime",
			"RuntimeManagementConfig", "SnapStart", "SourceKMSKeyArn", "Tags", "Timeout", "Tracing", "VpcConfig",
		},
		typeHTTPAPI: {
			"AccessLogSettings", "Auth", "CorsConfiguration", "DefaultRouteSettings", "Domain", "FailOnWarnings",
			"PropagateTags", "RouteSettings", "StageVariables", "Tags",
		},
	}
}

// readGlobals gives the global properties by resource type. A property that
// SAM takes here and we do not know is refused where it is used, with the
// same line.
func (r *reader) readGlobals(section *element) (map[string]*element, error) {
	if section == nil {
		return nil, nil
	}
	if section.kind != mapElement {
		return nil, r.errorf(section.line, "Globals must be a mapping, and is %s", section.what())
	}
	out := map[string]*element{}
	known := globalProperties()
	for _, f := range section.fields {
		kind := "AWS::Serverless::" + f.key
		names, ok := known[kind]
		if !ok {
			return nil, r.errorf(f.line, "Globals.%s is not known", f.key)
		}
		if f.value.kind != mapElement {
			return nil, r.errorf(f.line, "Globals.%s must be a mapping, and is %s", f.key, f.value.what())
		}
		for _, p := range f.value.fields {
			if !slices.Contains(names, p.key) {
				return nil, r.errorf(p.line, "Globals.%s: %s is not a property that SAM takes here", f.key, p.key)
			}
		}
		out[kind] = f.value
	}
	return out, nil
}

// mergeGlobals merges as SAM does ("Globals section", overridable): maps by
// key, lists one after the other, and of everything else, of intrinsic
// functions too, the resource's own wins.
func mergeGlobals(global, own *element) *element {
	switch {
	case global.kind == listElement && own.kind == listElement:
		return &element{kind: listElement, line: own.line, items: slices.Concat(global.items, own.items)}
	case global.kind != mapElement || own.kind != mapElement:
		return own
	}
	out := &element{kind: mapElement, line: own.line}
	for _, f := range global.fields {
		if v := own.get(f.key); v != nil {
			f.value = mergeGlobals(f.value, v)
			if v == f.value {
				f.line = v.line
			}
		}
		out.fields = append(out.fields, f)
	}
	for _, f := range own.fields {
		if global.get(f.key) == nil {
			out.fields = append(out.fields, f)
		}
	}
	return out
}
