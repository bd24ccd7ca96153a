package template

import "slices"

// The resource types that mean something offline.
const (
	typeFunction = "AWS::Serverless::Function"
	typeHTTPAPI  = "AWS::Serverless::HttpApi"
)

// silentTypes are the resource types that a stack needs and a run on one
// machine does not: nothing here answers a request. A type that is neither
// modelled nor in this list stops the start.
func silentTypes() []string {
	return []string{
		"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm", "AWS::CloudWatch::Dashboard",
		"AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroupIngress",
		"AWS::EC2::VPCEndpoint",
		"AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::Role",
		"AWS::KMS::Alias", "AWS::KMS::Key",
		"AWS::Lambda::Permission",
		"AWS::Logs::LogGroup", "AWS::Logs::MetricFilter", "AWS::Logs::QueryDefinition", "AWS::Logs::ResourcePolicy",
		"AWS::SNS::Subscription", "AWS::SNS::Topic", "AWS::SNS::TopicPolicy",
		"AWS::SQS::Queue", "AWS::SQS::QueuePolicy",
		"AWS::SecretsManager::ResourcePolicy", "AWS::SecretsManager::RotationSchedule", "AWS::SecretsManager::Secret",
	}
}

// resource is one entry of Resources.
type resource struct {
	id         string
	kind       string
	line       int
	properties *element // with Globals merged in; a mapElement, not yet resolved
	present    bool     // its Condition holds
}

// reader turns a parsed template into a [Template].
type reader struct {
	*resolver
	order       []*resource
	api         *resource // nil: the template has no HTTP API
	functions   map[string]*Function
	authorizers map[string]*Authorizer
	byDefault   *Authorizer    // nil: the API has no DefaultAuthorizer
	requests    map[string]int // what a route takes → its line
	throttle    *Throttle      // of every route that has no settings of its own
	settings    []routeSettings
	out         *Template
}

func (r *reader) read(root *element, parameters map[string]string) error {
	if root.kind != mapElement {
		return r.errorf(root.line, "a template must be a mapping, and is %s", root.what())
	}
	sections, err := r.sections(root)
	if err != nil {
		return err
	}
	if err := r.readParameters(sections["Parameters"], parameters); err != nil {
		return err
	}
	if err := r.readConditions(sections["Conditions"]); err != nil {
		return err
	}
	if err := r.rules(sections["Rules"]); err != nil {
		return err
	}
	if err := r.readResources(sections["Resources"], sections["Globals"]); err != nil {
		return err
	}
	return r.build()
}

// sections checks the top level ("Template sections") and returns what is read
// of it: a mapping each, empty where the template has no such section.
func (r *reader) sections(root *element) (map[string]*element, error) {
	out := map[string]*element{}
	for _, name := range []string{"Parameters", "Conditions", "Rules", "Globals", "Resources"} {
		out[name] = &element{kind: mapElement, line: root.line}
	}
	passedOver := []string{"AWSTemplateFormatVersion", "Description", "Mappings", "Metadata", "Outputs", "Transform"}
	for _, f := range root.fields {
		switch {
		case slices.Contains(passedOver, f.key):
		case out[f.key] == nil:
			return nil, r.errorf(f.line, "the section %s is not known", f.key)
		case f.value.kind != mapElement:
			return nil, r.errorf(f.value.line, "%s must be a mapping, and is %s", f.key, f.value.what())
		default:
			out[f.key] = f.value
		}
	}
	transform := root.get("Transform")
	if transform != nil && transform.kind == listElement && len(transform.items) == 1 {
		transform = transform.items[0]
	}
	if transform == nil || transform.kind != scalarElement || transform.text != "AWS::Serverless-2016-10-31" {
		line := root.line
		if transform != nil {
			line = transform.line
		}
		return nil, r.errorf(line,
			"Transform must be AWS::Serverless-2016-10-31, and nothing else: this is not a SAM template")
	}
	if root.get("Resources") == nil {
		return nil, r.errorf(root.line, "the template has no Resources")
	}
	return out, nil
}

func (r *reader) readConditions(section *element) error {
	r.conditions = map[string]*condition{}
	for _, f := range section.fields {
		r.conditions[f.key] = &condition{expression: f.value}
	}
	// All of them, used or not: a mistake is found at the start.
	for _, f := range section.fields {
		if _, err := r.condition(f.key, f.line); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) readResources(section, globals *element) error {
	shared, err := r.readGlobals(globals)
	if err != nil {
		return err
	}
	r.resources = map[string]*resource{}
	silent := silentTypes()
	for _, f := range section.fields {
		res, err := r.readResource(f)
		if err != nil {
			return err
		}
		switch {
		case res.kind == typeFunction:
			res.properties = mergeGlobals(shared, res.properties)
		case res.kind == typeHTTPAPI:
		case !slices.Contains(silent, res.kind):
			return r.errorf(res.line, "%s: the resource type %s cannot be served offline", res.id, res.kind)
		}
		if !res.present {
			continue
		}
		if res.kind == typeHTTPAPI {
			if r.api != nil {
				return r.errorf(res.line, "%s: a second HTTP API; %s is the first, and one is served", res.id, r.api.id)
			}
			r.api = res
		}
		r.resources[res.id] = res
		r.order = append(r.order, res)
	}
	return nil
}

// readResource reads a resource's attributes.
func (r *reader) readResource(declaration field) (res *resource, err error) {
	id := declaration.key
	if declaration.value.kind != mapElement {
		return nil, r.errorf(declaration.line, "%s must be a mapping", id)
	}
	res = &resource{
		id: id, line: declaration.line, properties: &element{kind: mapElement, line: declaration.line}, present: true,
	}
	for _, f := range declaration.value.fields {
		switch f.key {
		case "Type":
			if f.value.kind != scalarElement {
				return nil, r.errorf(f.line, "%s: Type must be plain text", id)
			}
			res.kind = f.value.text
			res.line = f.line
		case "Properties":
			if f.value.kind != mapElement {
				return nil, r.errorf(f.line, "%s: Properties must be a mapping, and is %s", id, f.value.what())
			}
			res.properties = f.value
		case "Condition":
			if f.value.kind != scalarElement {
				return nil, r.errorf(f.line, "%s: Condition must be the name of a condition", id)
			}
			if res.present, err = r.condition(f.value.text, f.line); err != nil {
				return nil, err
			}
		// What they say concerns the stack's life, or the build, alone.
		case "DependsOn", "Metadata", "DeletionPolicy", "UpdateReplacePolicy", "UpdatePolicy", "CreationPolicy":
		default:
			return nil, r.errorf(f.line, "%s: the resource attribute %s is not known", id, f.key)
		}
	}
	if res.kind == "" {
		return nil, r.errorf(declaration.line, "%s has no Type", id)
	}
	return res, nil
}

// build reads the properties of what is served: functions, then the API with
// its authorizers, which name functions, then the functions' events, which
// name the API.
func (r *reader) build() error {
	for _, res := range r.order {
		if res.kind != typeFunction {
			continue
		}
		f, err := r.readFunction(res)
		if err != nil {
			return err
		}
		r.functions[f.Name] = f
		r.out.Functions = append(r.out.Functions, f)
	}
	if r.api != nil {
		if err := r.readAPI(r.api); err != nil {
			return err
		}
	}
	for _, f := range r.out.Functions {
		if events := r.resources[f.Name].properties.get("Events"); events != nil {
			if err := r.readEvents(f, events); err != nil {
				return err
			}
		}
	}
	return r.applySettings()
}
