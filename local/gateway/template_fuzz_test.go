package gateway_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"oms/local/gateway"
)

// An accepted template never leaves a route without a function, nor behind a
// guard that is not there; a refused one says where.
func FuzzParseTemplate(f *testing.F) {
	small := mustReadFile(f, "testdata/small.yaml")
	f.Add([]byte(small))
	f.Add([]byte(mustReadFile(f, "testdata/skeleton.yaml")))
	f.Add([]byte(strings.Repeat("- ", 200)))
	f.Add([]byte("Transform: AWS::Serverless-2016-10-31\nResources: {A: &a {Type: *a}}"))
	f.Add([]byte("Transform: AWS::Serverless-2016-10-31\nResources: {A: {Type: 'AWS::Serverless::Function', Properties: {AutoPublishAlias: !Ref A.Alias, CodeUri: !Ref A.Alias}}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := gateway.ParseTemplate("t.yaml", data, nil)
		if err != nil {
			at, ok := errors.AsType[*gateway.TemplateError](err)
			if !ok || at.File != "t.yaml" || at.Problem == "" {
				t.Fatalf("error = %v, want a TemplateError of t.yaml", err)
			}
			return
		}
		exists := func(function string) bool {
			return slices.ContainsFunc(got.Functions, func(f gateway.Function) bool { return f.Name == function })
		}
		for name, a := range got.Authorizers {
			if a.Name != name || !exists(a.Function) || a.TTL < 0 || a.TTL > time.Hour {
				t.Errorf("authorizer %q = %+v, want one of a function that exists", name, a)
			}
		}
		seen := map[string]bool{}
		for _, r := range got.Routes {
			if _, ok := got.Authorizers[r.Authorizer]; !ok && r.Authorizer != "" {
				t.Errorf("route %+v is behind an authorizer that does not exist", r)
			}
			if !exists(r.Function) || r.Timeout <= 0 || seen[r.Method+r.Path] || r.Path != "$default" && !strings.HasPrefix(r.Path, "/") {
				t.Errorf("route %+v, want its own path, of a function that exists", r)
			}
			seen[r.Method+r.Path] = true
		}
		for _, s := range got.Schedules {
			if !exists(s.Function) || s.Every < time.Minute {
				t.Errorf("schedule %+v, want one of a function that exists, a minute or more apart", s)
			}
		}
		for _, f := range got.Functions {
			if f.CodeURI == "" || f.Timeout <= 0 || f.MemoryMB < 128 {
				t.Errorf("function %+v, want code, a timeout and memory", f)
			}
		}
	})
}
