package template_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"oms/local/template"
	"oms/shared/must"
)

// Each of these would open a route, or serve another guard than AWS does,
// if it were let through.
func TestParse_refusesAuthorizer(t *testing.T) {
	t.Parallel()
	const function = "FunctionArn: !GetAtt Guard.Arn"
	refuse, refuseAt := edits(t)
	refuse("an ARN of no function here", function, "FunctionArn: arn:aws:lambda:us-east-1:123456789012:function:Other",
		"must be the ARN of a function of this template")
	refuse("a function that is not there", function, "FunctionArn: !GetAtt Gard.Arn", `"Gard" is not a resource`)
	refuse("a function that its condition takes away", function, "FunctionArn: !GetAtt OnlyProd.Arn",
		`"OnlyProd" is not a resource`)
	refuse("a name instead of an ARN", function, "FunctionArn: !Ref Guard", "must be the ARN of a function")
	refuse("an alias that is not there", function, "FunctionArn: !Sub '${Guard.Arn}:live'", `Guard has no alias "live"`)
	refuseAt("an ARN that is not there", function, "FunctionArn: !Ref AWS::NoValue", "          Token:",
		"has no FunctionArn")
	refuse("JWT", function, "JwtConfiguration: {issuer: x}", "JwtConfiguration is not understood")
	refuse("payload 1.0", "AuthorizerPayloadFormatVersion: '2.0'", "AuthorizerPayloadFormatVersion: '1.0'",
		"must be '2.0'")
	refuse("a payload version without quotes", "AuthorizerPayloadFormatVersion: '2.0'",
		"AuthorizerPayloadFormatVersion: 2.0", "in quotes")
	refuseAt("no payload version", "            AuthorizerPayloadFormatVersion: '2.0'\n", "", "          Token:",
		"has no AuthorizerPayloadFormatVersion")
	refuseAt("no word about simple responses", "            EnableSimpleResponses: true\n", "", "          Token:",
		"has no EnableSimpleResponses")
	refuse("stage variables", "Context: [routeKey]", "StageVariables: [x]", "StageVariables is not understood")
	refuse("a header with a space", "Headers: [Authorization]", "Headers: ['a b']", "cannot hold")
	refuse("a result kept too long", "ReauthorizeEvery: 60", "ReauthorizeEvery: 3601", "from 0 to 3600")
	refuseAt("a result kept by no key",
		"Identity:\n              Headers: [Authorization]\n              Context: [routeKey]",
		"Identity:", "ReauthorizeEvery: 60", "needs an identity source")
	refuse("a default that is not defined", "DefaultAuthorizer: Token", "DefaultAuthorizer: Tokn",
		`"Tokn" is not in Authorizers`)
	refuse("a default behind a function", "DefaultAuthorizer: Token",
		"DefaultAuthorizer: !If [IsLocal, !Ref AWS::NoValue, Token]",
		"must be text, and is the intrinsic function Fn::If")
	refuse("an Auth behind a function", "Auth:\n        DefaultAuthorizer: Token\n        Authorizers:",
		"Auth: !If [IsLocal, a, b]\n      Tags:\n        Authorizers:",
		"Auth must be a mapping, and is the intrinsic function Fn::If")
	refuse("IAM policies", "EnableSimpleResponses: true", "EnableSimpleResponses: false", "IAM policies are not served")
	refuse("an unknown context variable", "Context: [routeKey]", "Context: [path]", "cannot hold")
	refuse("an unknown property of Auth", "DefaultAuthorizer: Token", "ApiKeyRequired: true",
		"ApiKeyRequired is not understood")
	refuse("an authorizer called NONE", "          Token:\n", "          NONE:\n", `cannot be called "NONE"`)
	refuse("a route behind an unknown authorizer", "Authorizer: NONE", "Authorizer: None",
		`"None" is not in the API's Authorizers`)
	refuse("a route behind IAM", "Authorizer: NONE", "Authorizer: AWS_IAM", `"AWS_IAM" is not in`)
	refuse("a route's Auth behind a function", "Auth: {Authorizer: NONE}", "Auth: !Ref AWS::NoValue",
		"must be a mapping, and is the intrinsic function Ref")
	refuse("a route's authorizer behind a function", "Auth: {Authorizer: NONE}",
		"Auth: {Authorizer: !Ref AWS::NoValue}", "must be text")
	refuse("a route's Auth without a value", "Auth: {Authorizer: NONE}", "Auth:", "a value is missing")
	refuse("scopes", "Auth: {Authorizer: NONE}", "Auth: {AuthorizationScopes: [a]}",
		"AuthorizationScopes is not understood")
	refuseAt("NONE without a default", "        DefaultAuthorizer: Token\n", "", "Auth: {Authorizer: NONE}",
		"for an API that has a DefaultAuthorizer")
	refuse("OPTIONS without a word", "Method: get", "Method: options", "no DefaultAuthorizer before an OPTIONS route")
	refuse("stage variables of the API", "      Auth:\n", "      StageVariables: {a: b}\n      Auth:\n",
		"StageVariables is not understood")
	refuse("a stage name with a slash", "      Auth:\n", "      StageName: a/b\n      Auth:\n", "StageName cannot be")
}

func TestParse_refusesCORS(t *testing.T) {
	t.Parallel()
	const origins = "AllowOrigins: !Ref Origins"
	refuse, _ := edits(t)
	refuse("credentials with every origin", origins, "AllowOrigins: ['*']", "do not go together")
	refuse("credentials without an origin", "        AllowOrigins: !Ref Origins\n", "", "do not go together")
	refuse("a star inside an origin", origins, "AllowOrigins: ['https://*.example']", "cannot hold")
	refuse("an origin with a path", origins, "AllowOrigins: ['https://app.example/']", "cannot hold")
	refuse("an empty origin", origins, "AllowOrigins: ['']", "cannot hold")
	refuse("an unknown method", "AllowMethods: [POST]", "AllowMethods: [FETCH]", "cannot hold")
	refuse("an age beyond the gateway's", "AllowCredentials: true", "MaxAge: 86401", "from -1 to 86400")
	refuse("one of SAM's short forms", "CorsConfiguration:\n        AllowOrigins",
		"CorsConfiguration: true\n      Tags:\n        AllowOrigins", `must be a mapping, and is "true"`)
	refuse("an unknown property", "AllowCredentials: true", "AllowCredential: true",
		"AllowCredential is not understood")
}

func TestParse_authorizerFunction(t *testing.T) {
	t.Parallel()
	small := mustReadFile(t, "testdata/small.yaml")
	for _, arn := range []string{
		"!GetAtt Guard.Arn",
		"{'Fn::GetAtt': [Guard, Arn]}",
		"!Ref Guard.Alias",
		"!Sub '${Guard.Arn}'",
		"!Sub '${Guard.Arn}:v1'",
		"!Sub '${Guard.Alias}'",
		"!If [IsLocal, !GetAtt Guard.Arn, !Ref Guard.Alias]",
		"!If [IsProd, !GetAtt Guard.Arn, !Ref Guard.Alias]",
	} {
		t.Run(arn, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(small, "!GetAtt Guard.Arn", arn, 1)
			got := must.Get(template.Parse("t.yaml", []byte(text), nil))(t)
			if f := got.Routes[0].Authorizer.Function; f.Name != "Guard" {
				t.Errorf("function = %q, want Guard", f.Name)
			}
		})
	}
}

func TestParse_defaults(t *testing.T) {
	t.Parallel()
	const minimal = `
Transform: [AWS::Serverless-2016-10-31]
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      StageName: v1
      Auth:
        Authorizers:
          Token: {FunctionArn: !GetAtt F.Arn, AuthorizerPayloadFormatVersion: '2.0', EnableSimpleResponses: true}
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: f
      Runtime: provided.al2023
      Handler: bootstrap
      Events:
        A: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /}}
        B: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: OPTIONS, Path: /, Auth: {Authorizer: Token}}}
`
	got := must.Get(template.Parse("t.yaml", []byte(minimal), nil))(t)
	f := &template.Function{
		Name: "F", CodeURI: "f", MemoryMB: 128, Timeout: 3 * time.Second,
		Environment: map[string]string{},
	}
	token := &template.Authorizer{Name: "Token", Function: f}
	want := &template.Template{
		Functions: []*template.Function{f},
		Routes: []*template.Route{
			{Method: "GET", Path: template.Path{{}}, Function: f, Timeout: 30 * time.Second},
			{Method: "OPTIONS", Path: template.Path{{}}, Function: f, Authorizer: token, Timeout: 30 * time.Second},
		},
		Stage: "v1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse differs (-want +got):\n%s", diff)
	}
}
