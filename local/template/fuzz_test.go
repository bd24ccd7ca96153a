package template_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"oms/local/template"
)

// An accepted template never leaves a route without a function, nor behind a
// guard that is not there; a refused one says where.
func FuzzParse(f *testing.F) {
	small := mustReadFile(f, "testdata/small.yaml")
	f.Add([]byte(small))
	f.Add([]byte(mustReadFile(f, "../../template.yaml")))
	f.Add([]byte(strings.Repeat("- ", 200)))
	f.Add([]byte("Transform: AWS::Serverless-2016-10-31\nResources: {A: &a {Type: *a}}"))
	f.Add([]byte("Transform: AWS::Serverless-2016-10-31\nResources: {A: {Type: 'AWS::Serverless::Function', " +
		"Properties: {AutoPublishAlias: !Ref A.Alias, CodeUri: !Ref A.Alias}}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := template.Parse("t.yaml", data, nil)
		if err != nil {
			at, ok := errors.AsType[*template.Error](err)
			if !ok || at.File != "t.yaml" || at.Problem == "" {
				t.Fatalf("error = %v, want a Error of t.yaml", err)
			}
			return
		}
		for _, r := range got.Routes {
			if !slices.Contains(got.Functions, r.Function) || r.Timeout <= 0 {
				t.Errorf("route %+v, want one of a function that exists", r)
			}
			a := r.Authorizer
			if a != nil && (!slices.Contains(got.Functions, a.Function) || a.TTL < 0 || a.TTL > time.Hour) {
				t.Errorf("route %+v, want it behind an authorizer of a function that exists", r)
			}
			if n := slices.IndexFunc(got.Routes,
				func(other *template.Route) bool { return other.Key() == r.Key() }); got.Routes[n] != r {
				t.Errorf("route %+v is there twice", r)
			}
		}
		for _, s := range got.Schedules {
			if !slices.Contains(got.Functions, s.Function) || s.Every < time.Minute {
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
