// Package oms_test holds the files that deploy and build the service together:
// template.yaml, the Makefile, samconfig.toml, .env.example, the folders of
// functions and the OpenAPI document. Whatever was forgotten in one of them is
// named here before a deploy finds it.
package oms_test

import (
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	local "oms/local/template"
	"oms/shared/backend"
	"oms/shared/config"
	"oms/shared/must"
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

	named := map[string]bool{}
	for _, f := range tpl.functions(t) {
		named[f.name] = true
		if folder := text(f.properties, "CodeUri"); path.Clean(folder) != "functions/"+f.name {
			t.Errorf("%s has CodeUri %s, want functions/%s/", f.id, folder, f.name)
		}
		for _, file := range []string{"handler.go", "handler_test.go", path.Join(f.name, "main.go")} {
			if _, err := os.Stat(path.Join("functions", f.name, file)); err != nil {
				t.Errorf("%s is not whole: %v", f.id, err)
			}
		}
		want := map[string]any{"BuildMethod": "makefile", "ContextPath": ".", "WorkingDirectory": "."}
		if diff := cmp.Diff(want, f.metadata); diff != "" {
			t.Errorf("%s: Metadata (-want +got):\n%s", f.id, diff)
		}
	}

	entries := must.Get(os.ReadDir("functions"))(t)
	folders := map[string]bool{}
	for _, e := range entries {
		if path.Ext(e.Name()) != ".md" { // a page about them
			folders[e.Name()] = e.IsDir()
		}
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
	for _, stage := range regexp.MustCompile(`(?s)\.deploy\.parameters\].*?"Architecture=(\w+)"`).
		FindAllStringSubmatch(mustRead(t, "samconfig.toml"), -1) {
		if goarch[stage[1]] != deploys[1] {
			t.Errorf("samconfig.toml deploys for %s, and make deploy builds for %s", stage[1], deploys[1])
		}
	}
}

func TestTemplate_TimeoutsNest(t *testing.T) {
	t.Parallel()
	tpl := model(t, nil)
	for _, f := range tpl.Functions {
		if f.Timeout > 10*time.Second {
			t.Errorf("%s may run for %v, want 10s at most", f.Name, f.Timeout)
		}
		if organization.LateBound < 5*f.Timeout {
			t.Errorf("%s may run for %v; the protocol's %v must be five times that", f.Name, f.Timeout,
				organization.LateBound)
		}
		for name := range f.Environment { // what it has time for it says itself; else Lambda ends it without a word
			if strings.HasSuffix(name, "_SECRET_ARN") && f.Timeout < backend.StartWithin+time.Second {
				t.Errorf("%s may run for %v, and a request that begins with a start takes up to %v", f.Name, f.Timeout,
					backend.StartWithin)
			}
		}
	}
	for _, r := range tpl.Routes {
		// A client then sees the function's own end, not the gateway's 503.
		if r.Timeout <= r.Function.Timeout {
			t.Errorf("%s: the integration ends after %v, the function after %v; want later", r.Key(), r.Timeout,
				r.Function.Timeout)
		}
	}
}

func TestTemplate_WhoHashesHasAWholeCPU(t *testing.T) {
	t.Parallel()
	for _, f := range model(t, nil).Functions {
		_, hashes := f.Environment["BCRYPT_COST"]
		if want := map[bool]int{true: 1769, false: 512}[hashes]; f.MemoryMB != want {
			t.Errorf("%s has %d MB, want %d", f.Name, f.MemoryMB, want)
		}
	}
}

func TestSamconfig_StacksHaveTags(t *testing.T) {
	t.Parallel()
	text := mustRead(t, "samconfig.toml")
	for _, stage := range []string{"dev", "staging", "prod"} {
		section, _, _ := strings.Cut(text[strings.Index(text, "["+stage+".deploy.parameters]"):], "\n\n")
		if !strings.Contains(section, `tags = "service=oms stage=`+stage+`"`) {
			t.Errorf("a deploy to %s gives its resources no tags:\n%s", stage, section)
		}
	}
}

func TestTemplate_SecretsStayInSecretsManager(t *testing.T) {
	t.Parallel()
	tpl := readTemplate(t)
	for _, f := range tpl.functions(t) {
		env := tpl.environment(f)
		allowed := []any{}
		for _, plain := range slices.Sorted(maps.Keys(secrets())) {
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
				allowed = append(allowed, ref(s.parameter))
			}
		}
		got := []any{}
		if len(allowed) > 0 {
			if role := text(f.properties, "Role", "Fn::GetAtt"); role != f.id+"Role.Arn" {
				t.Errorf("%s has the role %q, want one of its own", f.id, role)
			}
			policy := list(tpl.resource(f.id+"Role"), "Properties", "Policies")[0]
			got = append(got, list(list(policy, "PolicyDocument", "Statement")[0], "Resource")...)
		}
		got = append(got, list(f.properties, "Policies")...)
		byName := func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
		slices.SortFunc(allowed, byName)
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
		if !slices.ContainsFunc(list(rule, "Assertions"),
			func(a any) bool { return cmp.Equal(at(a, "Assert"), any(want)) }) {
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
	for _, stage := range []struct{ parameters, environment map[string]string }{
		{nil, map[string]string{"PASSWORD_MIN_LENGTH": "8", "PASSWORD_BLOCKLIST": "off", "CREATIONS_PER_STAGE": "0"}},
		{
			deployed(),
			map[string]string{"PASSWORD_MIN_LENGTH": "15", "PASSWORD_BLOCKLIST": "on", "CREATIONS_PER_STAGE": "500"},
		},
	} {
		for _, f := range model(t, stage.parameters).Functions {
			for name, want := range stage.environment {
				if got, there := f.Environment[name]; there && got != want {
					t.Errorf("with the parameters %v, %s of %s is %q, want %q", stage.parameters, name, f.Name, got,
						want)
				}
			}
		}
	}
}

func TestTemplate_RefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	const here, account = "!Ref AWS::AccountId, '123456789012'", "!Ref AWS::AccountId, '210987654321'"
	text := mustRead(t, "template.yaml")
	if strings.Count(text, here) != 1 {
		t.Fatalf("the template has not one rule on %s", here)
	}
	for name, tt := range map[string]struct {
		parameters map[string]string
		elsewhere  bool // in an account
		want       string
	}{
		"placeholders of secrets": {
			map[string]string{"Stage": "prod", "AlarmTopicArn": topic}, true, "MongoSecretArn must be given",
		},
		"what sam deploy --guided offers": {nil, true, "Stage local is for a host on one machine"},
		"alarms that tell nobody":         {deployed("AlarmTopicArn", ""), true, "AlarmTopicArn must be given in prod"},
		"a database of MongoDB's":         {deployed("MasterDb", "config"), true, "MongoDB's own databases"},
		"nothing of dev's":                {deployed("Stage", "dev", "AlarmTopicArn", ""), true, ""},
		"nothing of prod's":               {deployed(), true, ""},
		"nothing on one machine":          {nil, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := text
			if tt.elsewhere {
				data = strings.Replace(text, here, account, 1)
			}
			_, err := local.Parse("template.yaml", []byte(data), tt.parameters)
			if (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Parse = %v, want %q", err, tt.want)
			}
		})
	}
}

// TestTemplate_RefusesWhatTheServiceWould: else a deploy succeeds, and no function starts.
func TestTemplate_RefusesWhatTheServiceWould(t *testing.T) {
	t.Parallel()
	parameters, _, _ := strings.Cut(mustRead(t, "template.yaml"), "\nResources:\n") // and the rules
	for parameter, p := range map[string]struct {
		variable  string
		bad, good []string
	}{
		"MasterDb": {
			"MASTER_DB",
			[]string{"admin", "local", "config", "a/b", "a b", "a.b", "größe", strings.Repeat("x", 64)},
			[]string{"master_db", "oms-1"},
		},
		"JwtAlgorithm": {"JWT_ALGORITHM", []string{"none", "RS256", "hs256"}, []string{"HS512"}},
		"TokenMinutes": {
			"ACCESS_TOKEN_EXPIRE_MINUTES", []string{"0", "-5", "1.5", "10081", "60m"}, []string{"1", "1440"},
		},
		"BcryptCost": {"BCRYPT_COST", []string{"4", "9", "15", "12.5", "twelve"}, []string{"10", "14"}},
		"PasswordMinLength": {
			"PASSWORD_MIN_LENGTH",
			[]string{"7", "0", "65", "70", "100", "15.5", "-8", "eight"},
			[]string{"8", "9", "10", "59", "60", "64"},
		},
		"PasswordBlocklist": {"PASSWORD_BLOCKLIST", []string{"true", "ON", "no"}, []string{"on", "off"}},
		"DeleteRetention": {
			"DELETE_RETENTION",
			[]string{"0m", "1m", "1m59s", "900", "-15m", "30d", "87601h", "99999h", "6000000m"},
			[]string{"2m", "15m", "168h", "61320h"},
		},
		"CreationsPerAddress": {
			"CREATIONS_PER_ADDRESS", []string{"-1", "1.5", "1000000", "many"}, []string{"0", "1", "999999"},
		},
		"CreationsPerStage": {"CREATIONS_PER_STAGE", []string{"-1", "none"}, []string{"0", "20000"}},
		"MongoSecretArn":    {"MONGO_SECRET_ARN", secretArns(), nil},
		"JwtSecretArn":      {"JWT_SECRET_ARN", secretArns(), nil},
		"PasswordPepperArn": {"PASSWORD_PEPPER_ARN", secretArns(), nil},
	} {
		for i, value := range append(p.bad, p.good...) {
			env := map[string]string{ //nolint:gosec // G101: examples
				"STAGE": "prod", "MONGO_URI": "mongodb://db.example/?tls=true",
				"JWT_SECRET":      "an-example-of-32-bytes-or-more-0",
				"PASSWORD_PEPPER": "another-example-of-32-bytes-or-so",
			}
			for plain, s := range secrets() {
				if s.arn == p.variable {
					delete(env, plain)
				}
			}
			env[p.variable] = value
			_, starts := config.Load(t.Context(), func(name string) (string, bool) { v, ok := env[name]; return v, ok },
				config.Mongo, config.JWT, config.Hashing, config.Policy, config.Retention, config.Creations)
			_, deploys := local.Parse("template.yaml", []byte(parameters+"\nResources: {}"), deployed(parameter, value))
			if (starts == nil) != (i >= len(p.bad)) || (deploys == nil) != (starts == nil) {
				t.Errorf("%s=%.20s: the template says %v, the service at its start %v", parameter, value, deploys,
					starts)
			}
		}
	}
}

func secretArns() []string {
	return []string{
		"oms/jwt", "arn:aws:s3:::bucket", "arn:aws:secretsmanager:us-east-1:123456789012:secret:local-placeholder",
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:a b",
	}
}

const topic = "arn:aws:sns:eu-central-1:123456789012:alarms"

// deployed are the parameters of a deploy to prod, with others in the place of some.
func deployed(pairs ...string) map[string]string {
	arn := "arn:aws:secretsmanager:eu-central-1:123456789012:secret:oms"
	all := map[string]string{
		"Stage": "prod", "AlarmTopicArn": topic, "MongoSecretArn": arn, "JwtSecretArn": arn, "PasswordPepperArn": arn,
	}
	for pair := range slices.Chunk(pairs, 2) {
		all[pair[0]] = pair[1]
	}
	return all
}

// TestTemplate_ProtectsWhatItMust: the rest, as the payload's format, the local host wants too (package template).
func TestTemplate_ProtectsWhatItMust(t *testing.T) {
	t.Parallel()
	auth := at(readTemplate(t).resource("HttpApi"), "Properties", "Auth")
	if got := text(auth, "DefaultAuthorizer"); got != "Token" {
		t.Errorf("DefaultAuthorizer is %q, want Token: a route that does not say must be shut", got)
	}
	authorizer := mapping(auth, "Authorizers", "Token")
	for key, want := range map[string]any{
		"EnableFunctionDefaultPermissions": true,
		"Identity":                         map[string]any{"Headers": []any{"Authorization"}, "ReauthorizeEvery": 60},
	} {
		if diff := cmp.Diff(want, authorizer[key]); diff != "" {
			t.Errorf("the authorizer's %s (-want +got):\n%s", key, diff)
		}
	}
}

func TestTemplate_RoutesAreThoseOfTheDocument(t *testing.T) {
	t.Parallel()
	document := must.JSON[struct {
		Paths map[string]map[string]struct{ Security []map[string]any }
	}](t, openapi.Document())
	documented, served := map[string]bool{}, map[string]bool{} // by route: whether it needs a token
	for path, item := range document.Paths {
		for method, o := range item {
			anybody := func(requirement map[string]any) bool { return len(requirement) == 0 }
			documented[strings.ToUpper(method)+" "+path] = len(o.Security) > 0 &&
				!slices.ContainsFunc(o.Security, anybody)
		}
	}
	for _, r := range model(t, nil).Routes {
		served[r.Key()] = r.Authorizer != nil
	}
	if diff := cmp.Diff(documented, served); diff != "" {
		t.Errorf("operations of the OpenAPI document (-) and routes of template.yaml (+) that need a token:\n%s", diff)
	}
}

func TestTemplate_ThrottlesWhatHashesForAnybody(t *testing.T) {
	t.Parallel()
	rates := map[string]float64{}
	for _, r := range model(t, nil).Routes {
		rates[r.Key()] = r.Throttle.Rate
	}
	for _, costly := range []string{"POST /org/create", "POST /admin/login"} {
		if rates[costly] >= rates["GET /health"] {
			t.Errorf("%s hashes for anybody, and is not throttled tighter than the rest", costly)
		}
	}
}
