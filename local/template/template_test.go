package template_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"oms/local/template"
	"oms/shared/must"
)

const guardARN = "arn:aws:lambda:us-east-1:123456789012:function:Guard"

func mustReadFile(tb testing.TB, path string) string {
	tb.Helper()
	return string(must.Get(os.ReadFile(path))(tb)) //nolint:gosec // G304: a file of testdata
}

func mustRead(tb testing.TB, path string, parameters map[string]string) *template.Template {
	tb.Helper()
	got, err := template.Read(path, parameters)
	if err != nil {
		tb.Fatalf("Read(%q, %v): %v", path, parameters, err)
	}
	return got
}

func TestRead_small(t *testing.T) {
	t.Parallel()
	got := mustRead(t, "testdata/small.yaml", nil)
	guard := &template.Function{
		Name: "Guard", CodeURI: "functions/guard/", MemoryMB: 128, Timeout: 10 * time.Second,
		Environment: map[string]string{"STAGE": "local", "SHARED": "global"},
	}
	thing := &template.Function{
		Name: "Thing", CodeURI: "functions/thing", MemoryMB: 256, Timeout: 10 * time.Second,
		Environment: map[string]string{
			"STAGE": "local", "SHARED": "own",
			"SUB":     "a-local-v1-Guard-" + guardARN + "-${Left}",
			"SUB_MAP": "http://localhost:5173+https://app.example/local",
			"IF":      "stays", "LONG": "us-east-1/" + guardARN, "NUMBER": "012",
			"EMPTY": "", "QUOTED": "on",
		},
	}
	token := &template.Authorizer{
		Name: "Token", Function: guard, Headers: []string{"Authorization"}, ByRoute: true, TTL: time.Minute,
	}
	want := &template.Template{
		Functions: []*template.Function{guard, thing},
		Routes: []*template.Route{
			{
				Method: "GET", Path: template.Path{{Literal: "things"}, {Variable: "id"}},
				Function: thing, Authorizer: token, Timeout: 30 * time.Second,
				Throttle: &template.Throttle{Rate: 0.5, Burst: 3},
			},
			{
				Method: "ANY", Path: template.Path{{Literal: "open"}, {Variable: "proxy", Greedy: true}},
				Function: thing, Timeout: 12 * time.Second,
				Throttle: &template.Throttle{Rate: 50, Burst: 100},
			},
		},
		CORS: &template.CORS{
			AllowOrigins:     []string{"http://localhost:5173", "https://app.example"},
			AllowMethods:     []string{"POST"},
			AllowCredentials: true,
		},
		Stage:         template.DefaultStage,
		Schedules:     []*template.Schedule{{Name: "Tick", Function: thing, Every: 5 * time.Minute}},
		Subscriptions: []*template.Subscription{{Function: thing, Message: "it is so"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Read(small.yaml) differs (-want +got):\n%s", diff)
	}
	for i, want := range []string{"GET /things/{id}", "ANY /open/{proxy+}"} {
		if got := got.Routes[i].Key(); got != want {
			t.Errorf("route %d has the key %q, want %q", i, got, want)
		}
	}
}

func TestRead_parameters(t *testing.T) {
	t.Parallel()
	got := mustRead(t, "testdata/small.yaml", map[string]string{"Stage": "prod", "Tag": "v7"})
	if len(got.Functions) != 3 || got.Functions[2].Name != "OnlyProd" {
		t.Fatalf("functions = %v, want OnlyProd to be the third", got.Functions)
	}
	thing := got.Functions[1]
	if thing.MemoryMB != 1769 || thing.Environment["IF"] != "gone" || thing.Environment["NOTHING"] != "gone" {
		t.Errorf("Thing = %+v, want the values of stage prod", thing)
	}
	last := got.Routes[len(got.Routes)-1]
	if last.Method != "ANY" || last.Key() != "$default" || last.Authorizer == nil {
		t.Errorf("an event without method and path = %+v, want the route $default behind the default authorizer", last)
	}
}

func TestRead_aParameterThatIsNotDeclared(t *testing.T) {
	t.Parallel()
	_, err := template.Read("testdata/small.yaml", map[string]string{"Stge": "prod"})
	const want = "testdata/small.yaml: a value is given for parameter Stge, which the template does not declare"
	if err == nil || err.Error() != want {
		t.Errorf("Read = %v, want %s", err, want)
	}
}

func TestRead_missing(t *testing.T) {
	t.Parallel()
	_, err := template.Read("testdata/none.yaml", nil)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Read(none.yaml) = %v, want os.ErrNotExist", err)
	}
}

func wantProblem(tb testing.TB, err error, line int, problem string) {
	tb.Helper()
	at, ok := errors.AsType[*template.Error](err)
	if !ok {
		tb.Fatalf("error = %v, want one of line %d: %s", err, line, problem)
	}
	if at.Line != line || !strings.Contains(at.Problem, problem) {
		tb.Errorf("error = %v, want line %d: …%s…", err, line, problem)
	}
}

// edits returns two functions that read small.yaml with one edit, which makes it
// wrong: the error names the line of the edit, or the one that holds at.
func edits(t *testing.T) (
	refuse func(name, old, with, problem string), refuseAt func(name, old, with, at, problem string),
) {
	t.Helper()
	small := mustReadFile(t, "testdata/small.yaml")
	refuseAt = func(name, old, with, at, problem string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, _, found := strings.Cut(small, old)
			if !found {
				t.Fatalf("small.yaml does not hold %q", old)
			}
			edited := strings.Replace(small, old, with, 1)
			if at != "" {
				before, _, _ = strings.Cut(edited, at)
			}
			_, err := template.Parse("t.yaml", []byte(edited), nil)
			wantProblem(t, err, 1+strings.Count(before, "\n"), problem)
		})
	}
	return func(name, old, with, problem string) { refuseAt(name, old, with, "", problem) }, refuseAt
}

func TestParse_refuses(t *testing.T) {
	t.Parallel()
	refuse, refuseAt := edits(t)
	refuse("not YAML", "Timeout: 10\n", "Timeout: 10: 11\n", "not YAML: mapping values are not allowed in this context")
	refuse("a second document", "  Queue:\n", "---\nResources:\n  Queue:\n", "here begins a second")
	refuse("an anchor", "Default: local,", "Default: &a local,", "anchors")
	refuse("a merge key", "    Timeout: 10\n", "    <<: {Timeout: 10}\n", "merge keys")
	refuseAt("a key given twice", "    Timeout: 10\n", "    Timeout: 10\n    Timeout: 11\n", "Timeout: 11",
		"Timeout is given twice; the first is in line 16")
	refuse("null", "Tracing: Active", "Tracing:", "a value is missing")
	refuse("a boolean of YAML 1.1", "SHARED: own", "SHARED: on", "on is a boolean to CloudFormation")
	refuse("an unknown tag", "!Ref Stage\n        SHARED", "!Reff Stage\n        SHARED",
		"!Reff is not an intrinsic function")
	refuse("an unknown long function", "'Fn::Join': ['',", "'Fn::Jion': ['',", "Fn::Jion is not an intrinsic function")
	refuse("another transform", "AWS::Serverless-2016-10-31", "AWS::Include", "Transform must be")
	refuse("an unknown section", "Globals:\n", "Hooks: {}\nGlobals:\n", "the section Hooks is not known")
	refuse("an unknown resource type", "AWS::SQS::Queue", "AWS::DynamoDB::Table",
		"AWS::DynamoDB::Table cannot be served")
	refuseAt("a resource without a type", "    Type: AWS::SQS::Queue", "    DependsOn: Api", "Queue:",
		"Queue has no Type")
	refuseAt("an unknown resource attribute", "    Type: AWS::SQS::Queue",
		"    Type: AWS::SQS::Queue\n    Connectors: {}", "Connectors", "attribute Connectors is not known")
	refuse("a second API", "    Type: AWS::SQS::Queue", "    Type: AWS::Serverless::HttpApi", "a second HTTP API")
	refuse("an unknown condition of a resource", "Condition: IsProd\n    P", "Condition: IsPrd\n    P",
		`"IsPrd" is not in Conditions`)
	refuse("globals of the API", "Resources:\n", "  HttpApi: {Tags: {}}\nResources:\n",
		"Globals: HttpApi is not understood here")
	refuse("a global that SAM does not take", "    Timeout: 10\n", "    Policies: []\n",
		"Policies is not a property that SAM takes here")
	refuse("a Ref to nothing", "!Ref Stage\n        SHARED", "!Ref Stge\n        SHARED",
		`"Stge" is neither a parameter nor a resource`)
	refuse("a Ref to a resource that its condition takes away", "SHARED: own", "SHARED: !Ref OnlyProd",
		`"OnlyProd" is neither`)
	refuse("an attribute that does not exist offline", "SHARED: own", "SHARED: !GetAtt Queue.Arn",
		"Queue.Arn has no value offline")
	refuse("another attribute of a function", "SHARED: own", "SHARED: !GetAtt Guard.Version",
		"Guard.Version has no value offline")
	refuse("rules that are a list", "Globals:\n", "Rules: [a]\nGlobals:\n", "Rules must be a mapping")
	refuse("a function that is not needed", "SHARED: own", "SHARED: !FindInMap [a, b, c]",
		"Fn::FindInMap is not evaluated offline")
	refuse("an unclosed Sub", "${!Left}", "${Left", "${ is not closed")
	refuse("a list in a Sub", "${!Left}", "${Origins}", "${Origins} is a list")
	refuse("a condition that depends on itself", "!Not [Condition: IsLocal]", "!Not [Condition: IsProd]",
		"condition IsProd depends on itself")
	refuse("what is not a condition", "!Not [Condition: IsLocal]", "!Ref Stage", "Ref is not a condition")
	refuse("a condition where a value belongs", "IF: !If [IsProd, gone, stays]", "IF: !Equals [a, a]",
		"stands only in Conditions and Rules")
	refuse("a parameter beyond its bound", "Default: 5,", "Default: 10,", "Limit must be at most 9")
	refuse("a parameter that is not a number", "Default: 5,", "Default: NaN,", "Limit must be a number")
	refuse("a parameter beside its pattern", "Default: v1,", "Default: vx,", "Tag does not match its AllowedPattern")
	refuse("a parameter that is too long", "Default: v1,", "Default: v11,", "at most 2 characters")
	refuse("a parameter that is not among its values", "Default: local,", "Default: test,",
		"Stage must be one of local, prod")
	refuse("a parameter without a value", "Default: local, ", "", "Stage has no Default")
	refuse("a parameter from SSM", "{Type: String, Default: local",
		"{Type: 'AWS::SSM::Parameter::Value<String>', Default: local", "cannot be read offline")
	refuse("a parameter below its bound", "Default: 5,", "Default: 0,", "Limit must be at least 1")
	refuse("a parameter that is too short", "Default: v1,", "Default: v,", "at least 2 characters")
	refuse("a parameter without a type", "Tag: {Type: String,", "Tag: {", "Tag has no Type")
	refuse("allowed values that are one text", "AllowedValues: [local, prod]", "AllowedValues: local", "must be a list")
	refuse("a Ref to a list", "SHARED: own", "SHARED: !Ref [a]", "Ref takes a name")
	refuse("a Sub of a list", "SHARED: own", "SHARED: !Sub [a]", "Fn::Sub takes text")
	refuse("a Join of a text", "SHARED: own", "SHARED: !Join ['', a]", "Fn::Join takes")
	refuse("a Join of lists", "SHARED: own", "SHARED: !Join ['', [!Ref Origins]]", "item 1 is a list")
	refuse("an If without an else", "SHARED: own", "SHARED: !If [IsProd, a]", "Fn::If takes")
	refuse("an alias that is not a name", "AutoPublishAlias: live", "AutoPublishAlias: a b",
		"must be the name of an alias")
	refuse("an unknown attribute of a parameter", "MinLength: 2", "Minlength: 2", "Minlength is not known")
}

func TestParse_refusesFunction(t *testing.T) {
	t.Parallel()
	const guard = "Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: functions/guard"
	refuse, refuseAt := edits(t)
	refuse("an unknown property", "Tracing: Active", "InlineCode: x", "Thing: InlineCode is not understood here")
	refuse("an unknown global property where it is used", "    Timeout: 10\n", "    Layers: []\n",
		"Guard: Layers is not understood here")
	refuse("another runtime", "provided.al2023", "python3.14", "Runtime must be provided.al2023")
	refuse("another handler", "Handler: bootstrap", "Handler: main", "Handler must be bootstrap")
	refuseAt("no code", "      CodeUri: functions/thing\n", "",
		"Type: AWS::Serverless::Function\n    Properties:\n      MemorySize", "Thing has no CodeUri")
	refuseAt("no runtime", "    Runtime: provided.al2023\n", "", guard, "Guard has no Runtime")
	refuseAt("no handler", "    Handler: bootstrap\n", "", guard, "Guard has no Handler")
	refuse("code outside the folder", "functions/thing", "functions/../../x", "a folder below the template's")
	refuse("code in a bucket", "functions/thing", "s3://bucket/key", "a folder below the template's")
	refuse("a timeout beyond Lambda's", "    Timeout: 10\n", "    Timeout: 901\n", "from 1 to 900")
	refuse("too little memory", "1769, 256]", "1769, 64]", "from 128 to 10240")
	refuse("a variable that is a map", "SHARED: own", "SHARED: {a: b}", "must be text, and is a mapping")
	refuse("a variable with a NUL byte", "SHARED: own", `SHARED: "a\0b"`, "holds a NUL byte")
	refuse("variables that are a list", "Variables:\n          SHARED: own",
		"Variables: [a]\n      X:\n          SHARED: own", "Environment.Variables must be a mapping")
	refuse("a variable of Lambda's own", "SHARED: own", "AWS_LAMBDA_RUNTIME_API: x", "is Lambda's own")
	refuse("another variable of Lambda's own", "SHARED: own", "AWS_EXECUTION_ENV: x", "is Lambda's own")
	refuse("a variable that is not a name", "SHARED: own", "'A-B': x", `"A-B" cannot be the name`)
	refuseAt("an unknown event type", "Type: ScheduleV2", "Type: SQS", "Tick:", `the event type "SQS" is not served`)
	refuse("a cron expression", "rate(5 minutes)", "'cron(0 3 * * ? *)'", "cron and at expressions are not served")
	refuse("a rate of nothing", "rate(5 minutes)", "rate(0 minutes)", "must be a rate")
	refuse("an unknown state", "Name: tick", "State: on-call", "State must be ENABLED or DISABLED")
	refuse("a rate beyond EventBridge's", "rate(5 minutes)", "rate(366 days)", "at most 365 days")
	refuseAt("a schedule without a rate", "ScheduleExpression: rate(5 minutes), ", "", "Tick:",
		"has no ScheduleExpression")
	refuse("another filter", `$.message = "it is so"`, `$.status >= 500`, "FilterPattern must be of the form")
	refuseAt("a subscription to everything", `, FilterPattern: '{ $.message = "it is so" }'`, "", "Told:",
		"has no FilterPattern")
	refuse("an input, which no job here takes", "Name: tick", "Input: '{}'", "Input is not understood")
}

func TestParse_refusesRoute(t *testing.T) {
	t.Parallel()
	const route = "Path: /open/{proxy+}"
	refuse, refuseAt := edits(t)
	refuse("an empty variable", route, "Path: '/{}'", "neither plain text nor one {variable}")
	refuse("an empty greedy variable", route, "Path: '/{+}'", "neither plain text nor one {variable}")
	refuse("a greedy variable twice", route, "Path: '/{proxy+}+}'", "neither plain text nor one {variable}")
	refuse("a greedy variable in the middle", route, "Path: '/{proxy+}/x'", "a greedy variable is the last segment")
	refuse("half a variable", route, "Path: '/x{id}'", "neither plain text nor one {variable}")
	refuse("a variable twice", route, "Path: '/{id}/{id}'", "has the variable id twice")
	refuse("an empty segment", route, "Path: '/a//b'", "has an empty segment")
	refuse("no slash at the beginning", route, "Path: 'a'", "must begin with /")
	refuse("a query", route, "Path: '/a?b'", "neither plain text")
	refuseAt("a route that takes the same requests", "Method: ANY\n            Path: /open/{proxy+}",
		"Method: GET\n            Path: '/things/{name}'", "Open:", "declared twice; the first is in line 67")
	refuse("an unknown method", "Method: get", "Method: FETCH", "Method must be ANY or one of")
	refuse("a path without a method", "Method: get, ", "", "needs both Method and Path")
	refuse("$default with a method", "Path: '/things/{id}'", "Path: $default", "takes every method")
	refuse("no API", "ApiId: !Ref Api, Method: get", "Method: get", "has no ApiId")
	refuse("another API", "ApiId: !Ref Api, Method: get", "ApiId: !Ref Queue, Method: get", "ApiId must be !Ref Api")
	refuse("an integration timeout beyond the gateway's", "12000", "30001", "from 50 to 30000")
	refuse("payload 1.0", "PayloadFormatVersion: '2.0'\n            Auth",
		"PayloadFormatVersion: '1.0'\n            Auth", "must be '2.0'")
	refuse("an unknown property", "Path: '/things/{id}'", "Path: '/things/{id}', Cors: x", "Cors is not understood")
}

func TestParse_refusesThrottle(t *testing.T) {
	t.Parallel()
	refuse, refuseAt := edits(t)
	refuse("a rate that is no number", "RateLimit: 0.5", "RateLimit: fast", `a number from 0 up, and is "fast"`)
	refuse("a rate without an end", "RateLimit: 0.5", "RateLimit: Inf", "must be a number from 0 up")
	refuse("a rate of NaN", "RateLimit: 0.5", "RateLimit: NaN", "must be a number from 0 up")
	refuse("half a token", "BurstLimit: 100", "BurstLimit: 1.5", "ThrottlingBurstLimit must be a whole number")
	refuse("a rate without a burst", "ThrottlingRateLimit: 50, ThrottlingBurstLimit: 100", "ThrottlingRateLimit: 50",
		"DefaultRouteSettings has one of ThrottlingRateLimit and ThrottlingBurstLimit")
	refuse("a route without its rate", "{ThrottlingRateLimit: 0.5, ThrottlingBurstLimit: !If [IsProd, 9, 3]}",
		"{DetailedMetricsEnabled: true}", "RouteSettings.GET /things/{id} has no ThrottlingRateLimit")
	refuse("a setting of WebSocket APIs", "DetailedMetricsEnabled: true", "LoggingLevel: INFO",
		"DefaultRouteSettings: LoggingLevel is not understood")
	refuse("a route that is not there", "'GET /things/{id}':", "'POST /things/{id}':",
		`there is no route "POST /things/{id}"`)
	refuseAt("settings that are a list", "RouteSettings:\n        'GET /things/{id}': {",
		"RouteSettings: [1]\n      Tags: {", "RouteSettings: [1]", "RouteSettings must be a mapping, and is a list")
}
