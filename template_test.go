// Package oms_test holds the files that deploy and build the service together:
// template.yaml, the Makefile, samconfig.toml, .env.example, the folders of
// functions and the OpenAPI document. Whatever was forgotten in one of them is
// named here before a deploy finds it.
package oms_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	local "oms/local/template"
	"oms/shared/openapi"
	"oms/shared/organization"
)

// secrets are the variables that may hold one, and what holds it in the cloud.
func secrets() map[string]struct{ arn, parameter string } {
	return map[string]struct{ arn, parameter string }{
		"MONGO_URI":       {"MONGO_SECRET_ARN", "MongoSecretArn"},
		"JWT_SECRET":      {"JWT_SECRET_ARN", "JwtSecretArn"},
		"PASSWORD_PEPPER": {"PASSWORD_PEPPER_ARN", "PasswordPepperArn"},
	}
}

func TestTemplate_EveryFunctionIsBuilt(t *testing.T) {
	t.Parallel()
	tpl := readTemplate(t)

	declared := map[string]string{} // logical id to folder
	for _, f := range tpl.functions(t) {
		declared[f.id] = strings.TrimSuffix(strings.TrimPrefix(text(f.properties, "CodeUri"), "functions/"), "/")
		if declared[f.id] != f.name {
			t.Errorf("%s has CodeUri %s, want functions/%s/", f.id, text(f.properties, "CodeUri"), f.name)
		}
		want := map[string]any{"BuildMethod": "makefile", "ContextPath": ".", "WorkingDirectory": "."}
		if diff := cmp.Diff(want, f.metadata); diff != "" {
			t.Errorf("%s: Metadata (-want +got):\n%s", f.id, diff)
		}
	}

	targets := map[string]string{}
	makefile := mustRead(t, "Makefile")
	for _, m := range regexp.MustCompile(`(?m)^build-(\w+): *; \$\(call bootstrap,([\w-]+)\)$`).FindAllStringSubmatch(makefile, -1) {
		targets[m[1]] = m[2]
		if !regexp.MustCompile(`\.PHONY:(.*\\\n)*.*\bbuild-` + m[1] + `\b`).MatchString(makefile) {
			t.Errorf("build-%s is not in the Makefile's .PHONY", m[1])
		}
	}
	if diff := cmp.Diff(declared, targets); diff != "" {
		t.Errorf("functions of template.yaml (-) and build targets of the Makefile (+):\n%s", diff)
	}

	entries, err := os.ReadDir("functions")
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string]bool{}
	for _, e := range entries {
		if path.Ext(e.Name()) != ".md" { // a page about them
			folders[e.Name()] = e.IsDir()
		}
	}
	named := map[string]bool{}
	for _, folder := range declared {
		named[folder] = true
	}
	if diff := cmp.Diff(named, folders); diff != "" {
		t.Errorf("functions of template.yaml (-) and folders of functions (+):\n%s", diff)
	}
}

func TestTemplate_ArchitectureIsOneEverywhere(t *testing.T) {
	t.Parallel()
	tpl := readTemplate(t)
	for _, f := range tpl.functions(t) {
		if diff := cmp.Diff([]any{ref("Architecture")}, tpl.property(f, "Architectures")); diff != "" {
			t.Errorf("%s: Architectures (-want +got):\n%s", f.id, diff)
		}
		if got := text(tpl.property(f, "Runtime")); got != "provided.al2023" {
			t.Errorf("%s has Runtime %s", f.id, got)
		}
	}
	goarch := map[string]string{"x86_64": "amd64", "arm64": "arm64"}
	makefile := mustRead(t, "Makefile")
	byDefault := goarch[text(map[string]any(tpl), "Parameters", "Architecture", "Default")]
	if want := "\nGOARCH ?= " + byDefault + "\n"; !strings.Contains(makefile, want) {
		t.Errorf("the Makefile does not build for %s, the default of Architecture", byDefault)
	}
	deploys := regexp.MustCompile(`(?m)^\tGOARCH=(\w+) sam build `).FindStringSubmatch(makefile)
	if deploys == nil {
		t.Fatal("make deploy does not say for which architecture it builds")
	}
	for _, stage := range regexp.MustCompile(`(?s)\.deploy\.parameters\].*?"Architecture=(\w+)"`).FindAllStringSubmatch(mustRead(t, "samconfig.toml"), -1) {
		if goarch[stage[1]] != deploys[1] {
			t.Errorf("samconfig.toml deploys for %s, and make deploy builds for %s", stage[1], deploys[1])
		}
	}
}

func TestTemplate_TimeoutsNest(t *testing.T) {
	t.Parallel()
	tpl := readTemplate(t)
	for _, f := range tpl.functions(t) {
		got := tpl.timeout(t, f)
		if got > 10*time.Second {
			t.Errorf("%s may run for %v, want 10s at most", f.id, got)
		}
		if organization.LateBound < 5*got {
			t.Errorf("%s may run for %v; the protocol's %v must be five times that", f.id, got, organization.LateBound)
		}
	}
	for _, r := range tpl.routes(t) {
		// A client then sees the function's own end, not the gateway's 503.
		if r.integration <= tpl.timeout(t, r.function) || r.integration > 30*time.Second {
			t.Errorf("%s: the integration ends after %v, the function after %v; want later, and 30s at most",
				r.methodPath, r.integration, tpl.timeout(t, r.function))
		}
	}
}

func TestTemplate_WhoHashesHasAWholeCPU(t *testing.T) {
	t.Parallel()
	tpl := readTemplate(t)
	for _, f := range tpl.functions(t) {
		_, hashes := tpl.environment(f)["BCRYPT_COST"]
		got := number(t, tpl.property(f, "MemorySize"))
		if want := map[bool]int{true: 1769, false: 512}[hashes]; got != want {
			t.Errorf("%s has %d MB, want %d", f.id, got, want)
		}
	}
}

func TestTemplate_EveryFunctionIsWatched(t *testing.T) {
	t.Parallel()
	tpl := readTemplate(t)
	throttled := fmt.Sprint(tpl.resource("Throttles"))
	for _, f := range tpl.functions(t) {
		logs := strings.TrimSuffix(f.id, "Function") + "Logs"
		if diff := cmp.Diff(ref(logs), at(f.properties, "LoggingConfig", "LogGroup")); diff != "" {
			t.Errorf("%s: LogGroup (-want +got):\n%s", f.id, diff)
		}
		if got := text(at(map[string]any(tpl), "Globals", "Function"), "LoggingConfig", "LogFormat"); got != "JSON" {
			t.Errorf("functions log as %s, want JSON", got)
		}
		group := tpl.resource(logs)
		if text(group, "Type") != "AWS::Logs::LogGroup" || at(group, "Properties", "RetentionInDays") == nil {
			t.Errorf("%s is no log group with a retention: %v", logs, group)
		}
		if want := "/aws/lambda/${AWS::StackName}/" + f.name; text(group, "Properties", "LogGroupName", "Fn::Sub") != want {
			t.Errorf("%s is named %v, want %s", logs, at(group, "Properties", "LogGroupName"), want)
		}

		errors := strings.TrimSuffix(f.id, "Function") + "Errors"
		alarm := mapping(tpl.resource(errors), "Properties")
		want := []any{
			map[string]any{"Name": "FunctionName", "Value": ref(f.id)},
			map[string]any{"Name": "Resource", "Value": map[string]any{"Fn::Sub": "${" + f.id + "}:live"}},
		}
		if diff := cmp.Diff(want, at(alarm, "Dimensions")); diff != "" || text(alarm, "MetricName") != "Errors" {
			t.Errorf("%s does not watch the errors of %s:live (-want +got):\n%s", errors, f.id, diff)
		}
		if diff := cmp.Diff([]any{ref(errors)}, at(f.properties, "DeploymentPreference", "Alarms")); diff != "" {
			t.Errorf("%s: the alarms of its deployment (-want +got):\n%s", f.id, diff)
		}
		if text(tpl.property(f, "AutoPublishAlias")) != "live" {
			t.Errorf("%s has no alias live", f.id)
		}
		if !strings.Contains(throttled, "map[Ref:"+f.id+"]") {
			t.Errorf("the alarm Throttles leaves out %s", f.id)
		}
	}
	for id, r := range mapping(map[string]any(tpl), "Resources") {
		if text(r, "Type") == "AWS::CloudWatch::Alarm" && at(r, "Properties", "AlarmActions") == nil {
			t.Errorf("the alarm %s tells nobody", id)
		}
	}
}

func TestTemplate_SecretsStayInSecretsManager(t *testing.T) {
	t.Parallel()
	tpl := readTemplate(t)
	for _, f := range tpl.functions(t) {
		env := tpl.environment(f)
		allowed := []any{}
		for _, plain := range sorted(secrets()) {
			s := secrets()[plain]
			value, there := env[plain]
			if there && value != "" {
				t.Errorf("%s: the template gives %s the value %v; only a local host does that", f.id, plain, value)
			}
			arn, byARN := env[s.arn]
			if there != byARN {
				t.Errorf("%s has only one of %s and %s", f.id, plain, s.arn)
			}
			if byARN {
				if diff := cmp.Diff(any(ref(s.parameter)), arn); diff != "" {
					t.Errorf("%s: %s (-want +got):\n%s", f.id, s.arn, diff)
				}
				allowed = append(allowed, map[string]any{
					"AWSSecretsManagerGetSecretValuePolicy": map[string]any{"SecretArn": ref(s.parameter)},
				})
			}
		}
		byName := func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
		slices.SortFunc(allowed, byName)
		got := append([]any{}, list(f.properties, "Policies")...)
		slices.SortFunc(got, byName)
		if diff := cmp.Diff(allowed, got); diff != "" {
			t.Errorf("%s: secrets that it uses (-) and that it may read (+):\n%s", f.id, diff)
		}
	}

	// Outside local, a deploy without them is refused.
	rule := mapping(map[string]any(tpl), "Rules", "SecretsOutsideLocal")
	local := map[string]any{"Fn::Not": []any{map[string]any{"Fn::Equals": []any{ref("Stage"), "local"}}}}
	if diff := cmp.Diff(local, at(rule, "RuleCondition")); diff != "" {
		t.Errorf("Rules.SecretsOutsideLocal.RuleCondition (-want +got):\n%s", diff)
	}
	for _, s := range secrets() {
		placeholder := text(map[string]any(tpl), "Parameters", s.parameter, "Default")
		want := map[string]any{"Fn::Not": []any{map[string]any{"Fn::Equals": []any{ref(s.parameter), placeholder}}}}
		if !slices.ContainsFunc(list(rule, "Assertions"), func(a any) bool { return cmp.Equal(at(a, "Assert"), any(want)) }) {
			t.Errorf("no rule refuses the placeholder of %s outside local", s.parameter)
		}
	}
}

func TestTemplate_VariablesAreListed(t *testing.T) {
	t.Parallel()
	tpl := readTemplate(t)
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#?([A-Z_]+)=`).FindAllStringSubmatch(mustRead(t, ".env.example"), -1) {
		listed[m[1]] = true
	}
	used := map[string]bool{}
	for _, f := range tpl.functions(t) {
		for name, value := range tpl.environment(f) {
			used[name] = true
			// "Defined runtime environment variables", AWS Lambda developer guide.
			if strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "LAMBDA_") || strings.HasPrefix(name, "_") {
				t.Errorf("%s: Lambda keeps the name %s for itself", f.id, name)
			}
			if literal := text(value); literal != "" {
				t.Errorf("%s: %s is %q in every stage, want a parameter", f.id, name, literal)
			}
		}
	}
	if diff := cmp.Diff(used, listed); diff != "" {
		t.Errorf("variables of template.yaml (-) and of .env.example (+):\n%s", diff)
	}
}

func TestTemplate_LocalHostReadsIt(t *testing.T) {
	t.Parallel()
	arn := "arn:aws:secretsmanager:eu-central-1:123456789012:secret:oms"
	deployed := map[string]string{"Stage": "prod", "MongoSecretArn": arn, "JwtSecretArn": arn, "PasswordPepperArn": arn}
	for _, parameters := range []map[string]string{nil, deployed} {
		if _, err := local.Read("template.yaml", parameters); err != nil {
			t.Errorf("Read(template.yaml, %v) = %v", parameters, err)
		}
	}
	if _, err := local.Read("template.yaml", map[string]string{"Stage": "prod"}); err == nil {
		t.Error("Read(template.yaml, Stage=prod) takes the placeholders of the secrets")
	}
}

func TestTemplate_ProtectsWhatItMust(t *testing.T) {
	t.Parallel()
	tpl := readTemplate(t)
	auth := at(tpl.resource("HttpApi"), "Properties", "Auth")
	if got := text(auth, "DefaultAuthorizer"); got != "Token" {
		t.Errorf("DefaultAuthorizer is %q, want Token: a route that does not say must be shut", got)
	}
	authorizer := mapping(auth, "Authorizers", "Token")
	for key, want := range map[string]any{
		"AuthorizerPayloadFormatVersion":   "2.0", // as a number, sam local does not start
		"EnableSimpleResponses":            true,
		"EnableFunctionDefaultPermissions": true,
		"Identity":                         map[string]any{"Headers": []any{"Authorization"}, "ReauthorizeEvery": 60},
	} {
		if diff := cmp.Diff(want, authorizer[key]); diff != "" {
			t.Errorf("the authorizer's %s (-want +got):\n%s", key, diff)
		}
	}
	for _, r := range tpl.routes(t) {
		if diff := cmp.Diff(any(ref("HttpApi")), r.properties["ApiId"]); diff != "" {
			t.Errorf("%s belongs to another API (-want +got):\n%s", r.methodPath, diff)
		}
	}
}

func TestTemplate_RoutesAreThoseOfTheDocument(t *testing.T) {
	t.Parallel()
	var document struct {
		Paths map[string]map[string]struct{ Security []map[string]any }
	}
	if err := json.Unmarshal(openapi.Document(), &document); err != nil {
		t.Fatal(err)
	}
	documented, served := map[string]string{}, map[string]string{} // by route: its authorizer
	for path, item := range document.Paths {
		for method, o := range item {
			authorizer := "NONE"
			anybody := func(requirement map[string]any) bool { return len(requirement) == 0 }
			if len(o.Security) > 0 && !slices.ContainsFunc(o.Security, anybody) {
				authorizer = "Token"
			}
			documented[strings.ToUpper(method)+" "+path] = authorizer
		}
	}
	for _, r := range readTemplate(t).routes(t) {
		served[r.methodPath] = r.authorizer
	}
	if diff := cmp.Diff(documented, served); diff != "" {
		t.Errorf("operations of the OpenAPI document (-) and routes of template.yaml (+), and their authorizers:\n%s", diff)
	}
}

func TestTemplate_ThrottlesRoutesThatExist(t *testing.T) {
	t.Parallel()
	tpl := readTemplate(t)
	var served []string
	for _, r := range tpl.routes(t) {
		served = append(served, r.methodPath)
	}
	api := mapping(tpl.resource("HttpApi"), "Properties")
	for _, costly := range []string{"POST /org/create", "POST /admin/login"} {
		if number(t, api, "RouteSettings", costly, "ThrottlingRateLimit") >= number(t, api, "DefaultRouteSettings", "ThrottlingRateLimit") {
			t.Errorf("%s hashes for anybody, and is not throttled tighter than the rest", costly)
		}
	}
	for name := range mapping(api, "RouteSettings") {
		if !slices.Contains(served, name) {
			t.Errorf("RouteSettings names %s, which is no route: the deploy would end there", name)
		}
	}
}

func TestTemplate_ReconcileSaysWhatItCannotDo(t *testing.T) {
	t.Parallel()
	tpl := readTemplate(t)
	// That its record has what the filters look for, the test of functions/reconcile shows.
	namespace := map[string]any{"Fn::Sub": "OMS/${AWS::StackName}"} // two stacks of an account must not share a metric
	published, watched := map[string]bool{}, map[string]bool{}
	for id, r := range mapping(map[string]any(tpl), "Resources") {
		p := mapping(r, "Properties")
		switch text(r, "Type") {
		case "AWS::Logs::MetricFilter":
			if diff := cmp.Diff(any(ref("ReconcileLogs")), p["LogGroupName"]); diff != "" {
				t.Errorf("%s: LogGroupName (-want +got):\n%s", id, diff)
			}
			for _, m := range list(p, "MetricTransformations") {
				if diff := cmp.Diff(any(namespace), at(m, "MetricNamespace")); diff != "" || at(m, "DefaultValue") != 0 {
					t.Errorf("%s: want DefaultValue 0, for runs with nothing to tell, and namespace (-want +got):\n%s", id, diff)
				}
				published[text(m, "MetricName")] = true
			}
		case "AWS::CloudWatch::Alarm":
			if strings.HasPrefix(text(p, "Namespace"), "AWS/") || at(p, "Metrics") != nil {
				continue
			}
			// A record that is not the run's own counts as the default: the maximum is what the run said.
			if diff := cmp.Diff(any(namespace), p["Namespace"]); diff != "" || text(p, "Statistic") != "Maximum" || p["Dimensions"] != nil {
				t.Errorf("%s: want the maximum, no dimension, and namespace (-want +got):\n%s", id, diff)
			}
			watched[text(p, "MetricName")] = true
		}
	}
	if len(published) == 0 {
		t.Error("reconcile publishes no metric")
	}
	if diff := cmp.Diff(published, watched); diff != "" {
		t.Errorf("metrics that filters publish (-) and that alarms watch (+):\n%s", diff)
	}
}
