package shared_test

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"oms/shared/must"
)

// rule says what the files of one package may import beside the standard
// library. A path that ends in /... stands for the tree below it, and itself.
type rule struct {
	pkg   string   // relative to the module
	own   []string // of the module, relative to it
	other []string // of other modules
	tests []string // what its tests may import beside that, relative or not
}

// rules are the dependency rule of doc.go: every package of the module has the
// one that fits it most closely. An import that is not here is a decision: it
// is made by whoever adds the line, in the same commit.
func rules() []rule {
	const (
		cmpModule = "github.com/google/go-cmp/..."
		lambda    = "github.com/aws/aws-lambda-go/..."
		adapter   = "github.com/awslabs/aws-lambda-go-api-proxy/..."
		driver    = "go.mongodb.org/mongo-driver/v2/..."
		norm      = "golang.org/x/text/unicode/norm"
	)
	return []rule{
		{
			pkg: ".", tests: []string{
				"local/template", "shared/backend", "shared/config", "shared/must", "shared/openapi/...",
				"shared/organization", cmpModule, "go.yaml.in/yaml/v3",
			},
		},
		{pkg: "shared", tests: []string{"shared/must", cmpModule}},

		// The middle.
		{pkg: "shared/fault", tests: []string{cmpModule}},
		{pkg: "shared/object"},
		{pkg: "shared/must"}, // for tests and test support
		{pkg: "shared/secret", own: []string{"shared/object"}, tests: []string{"shared/must", cmpModule}},

		// The domain.
		{
			pkg: "shared/token", own: []string{"shared/fault", "shared/object", "shared/secret"},
			other: []string{"github.com/golang-jwt/jwt/v5"}, tests: []string{"shared/must", cmpModule},
		},
		{
			pkg: "shared/password", own: []string{"shared/fault", "shared/secret"},
			other: []string{"golang.org/x/crypto/bcrypt", norm}, tests: []string{"shared/must", cmpModule},
		},
		{
			pkg: "shared/throttle", own: []string{"shared/fault", "shared/secret"},
			tests: []string{"shared/must", "shared/throttle/throttletest", cmpModule},
		},
		{
			pkg: "shared/throttle/throttletest", own: []string{"shared/must", "shared/throttle"},
			other: []string{cmpModule},
		},
		{
			pkg: "shared/organization", own: []string{
				"shared/fault", "shared/secret", "shared/token", "shared/password", "shared/throttle",
			},
			other: []string{"github.com/mozillazg/go-unidecode", "golang.org/x/net/idna", norm},
			tests: []string{"shared/must", "shared/organization/...", "shared/throttle/throttletest", cmpModule},
		},
		{
			pkg: "shared/organization/organizationtest", own: []string{
				"shared/fault", "shared/must", "shared/token", "shared/password", "shared/organization",
				"shared/throttle/throttletest",
			},
		},
		{
			// A store for tests: no rule but those of tests and of test support has it.
			pkg: "shared/organization/memory", own: []string{
				"shared/organization", "shared/organization/organizationtest",
			},
			tests: []string{"shared/must", "shared/organization/storetest", cmpModule},
		},
		{
			pkg: "shared/organization/storetest", own: []string{
				"shared/must", "shared/password", "shared/organization", "shared/organization/organizationtest",
			},
			other: []string{cmpModule},
		},
		{
			pkg: "shared/organization/crashtest",
			own: []string{
				"shared/fault", "shared/must", "shared/token", "shared/organization", "shared/organization/memory",
				"shared/organization/organizationtest",
			},
		},
		{
			pkg: "shared/organization/linearizable", own: []string{"shared/organization"},
			other: []string{"github.com/anishathalye/porcupine"},
		},
		{
			pkg: "shared/admin", own: []string{
				"shared/fault", "shared/token", "shared/password", "shared/organization", "shared/throttle",
			},
			tests: []string{
				"shared/must", "shared/organization/organizationtest", "shared/throttle/throttletest",
				"golang.org/x/crypto/bcrypt", cmpModule,
			},
		},

		// The rim.
		{
			pkg: "shared/edge", own: []string{"shared/fault", "shared/object", "shared/token"},
			other: []string{lambda, adapter}, tests: []string{"shared/must", "shared/edge/edgetest", cmpModule},
		},
		{
			pkg: "shared/edge/edgetest",
			own: []string{"shared/edge", "shared/must", "shared/openapi/openapitest", "shared/token"},
		},
		{
			pkg: "shared/config", own: []string{"shared/secret", "shared/fault", "shared/token", "shared/password"},
			other: []string{"github.com/aws/aws-sdk-go-v2/...", "github.com/aws/smithy-go/..."},
			tests: []string{"shared/must", cmpModule},
		},
		{
			pkg: "shared/mongo", own: []string{
				"shared/fault", "shared/password", "shared/organization", "shared/admin", "shared/throttle",
			},
			other: []string{driver},
			tests: []string{
				"shared/must", "shared/throttle/throttletest",
				"shared/token", "shared/mongo/mongotest", "shared/mongo/embedded", "shared/mongo/wire",
				"shared/mongo/wiretest", "shared/organization/...", cmpModule,
			},
		},
		{
			pkg: "shared/mongo/embedded", own: []string{"shared/mongo/wire"},
			other: []string{
				"github.com/FerretDB/FerretDB/...", "github.com/xdg-go/scram", "go.mongodb.org/mongo-driver/v2/bson",
				"golang.org/x/sync/semaphore", "modernc.org/sqlite",
			},
			tests: []string{driver, "shared/mongo", "shared/must", cmpModule},
		},
		{
			pkg: "shared/mongo/wire", other: []string{"go.mongodb.org/mongo-driver/v2/bson"},
			tests: []string{"shared/must"},
		},
		{
			pkg: "shared/mongo/wiretest", own: []string{"shared/must", "shared/mongo/wire"},
			other: []string{"go.mongodb.org/mongo-driver/v2/bson"}, tests: []string{driver},
		},
		{
			pkg: "shared/mongo/mongotest",
			own: []string{
				"shared/must", "shared/mongo", "shared/mongo/embedded", "shared/organization",
				"shared/organization/organizationtest",
			}, other: []string{driver},
		},
		{
			pkg: "shared/backend", own: []string{
				"shared/config", "shared/edge", "shared/fault", "shared/mongo", "shared/organization",
				"shared/password", "shared/throttle",
			},
			tests: []string{"shared/must"},
		},
		{
			// The SDK for mail alone: whatever else imports this package carries it.
			pkg: "shared/mail", own: []string{"shared/organization"},
			other: []string{"github.com/aws/aws-sdk-go-v2/...", "github.com/aws/smithy-go", "golang.org/x/net/idna"},
			tests: []string{"shared/must", "shared/token"},
		},
		{pkg: "shared/representation", own: []string{"shared/admin", "shared/edge", "shared/organization"}},
		{
			pkg:   "shared/openapi",
			other: []string{"go.yaml.in/yaml/v3"},
			tests: []string{"shared/must", "shared/openapi/openapitest", cmpModule},
		},
		{
			pkg: "shared/openapi/openapitest", own: []string{"shared/openapi"},
			other: []string{
				"github.com/santhosh-tekuri/jsonschema/v6/...", "go.yaml.in/yaml/v3", "golang.org/x/text/message", norm,
				cmpModule,
			},
		},

		// The functions.
		{
			pkg: "functions/...",
			own: []string{
				"shared/backend", "shared/config", "shared/edge", "shared/representation",
				"shared/admin", "shared/organization", "shared/token", "shared/fault",
			},
			tests: []string{"shared/edge/edgetest", "shared/must", cmpModule},
		},
		{
			pkg: "functions/mail",
			own: []string{
				"shared/backend", "shared/config", "shared/edge", "shared/fault", "shared/mail", "shared/organization",
			},
		},
		{
			pkg: "functions/authorizer", own: []string{"shared/config", "shared/token", "shared/fault"},
			other: []string{lambda}, tests: []string{cmpModule},
		},
		{pkg: "functions/authorizer/authorizer", other: []string{lambda}},
		{
			pkg: "functions/docs", own: []string{"shared/edge", "shared/fault", "shared/openapi"},
			other: []string{"github.com/swaggest/swgui/..."},
			tests: []string{"shared/edge/edgetest", "shared/must", cmpModule},
		},
		{
			pkg: "functions/docs/docstest", own: []string{"shared/openapi/openapitest"},
			other: []string{"github.com/chromedp/..."},
		},

		// The host.
		{
			pkg:   "local/doctor",
			own:   []string{"shared/config", "shared/mongo", "shared/organization", "shared/throttle"},
			tests: []string{"shared/must", "shared/mongo/mongotest", "shared/organization/organizationtest"},
		},
		{
			pkg: "local/secrets", own: []string{"shared/config", "shared/password", "shared/secret", "shared/token"},
			other: []string{"github.com/aws/aws-sdk-go-v2/...", "golang.org/x/term"}, tests: []string{"shared/must"},
		},
		{
			pkg: "local",
			own: []string{
				"local/gateway", "local/lambda", "local/template", "functions/...", "shared/edge",
				"shared/mongo/embedded", "shared/secret",
			},
			other: []string{"github.com/joho/godotenv", "golang.org/x/sync/errgroup"},
			// The end-to-end tests are another client of the database.
			tests: []string{"local/localtest", "shared/...", driver, cmpModule, "golang.org/x/sync/..."},
		},
		{pkg: "local/localtest", own: []string{"shared/must"}},
		{pkg: "local/compare", tests: []string{"local/localtest", "shared/must", "shared/mongo/mongotest"}},
		{
			// The service as its clients see it: tests alone.
			pkg: "local/contract", tests: []string{
				"local/localtest", "shared/...", "functions/docs/docstest", cmpModule,
			},
		},
		{
			pkg: "local/gateway", own: []string{"local/lambda", "local/template"},
			other: []string{"golang.org/x/time/rate"},
			tests: []string{"shared/must", lambda, adapter, cmpModule},
		},
		{pkg: "local/lambda", other: []string{lambda}, tests: []string{"shared/must", cmpModule}},
		{pkg: "local/template", other: []string{"go.yaml.in/yaml/v3"}, tests: []string{"shared/must", cmpModule}},
	}
}

const module = "oms"

func TestImports_pointOneWay(t *testing.T) {
	t.Parallel()
	got, files, err := breaches(os.DirFS(".."), rules())
	must.Do(t, err)
	for _, b := range got {
		t.Error(b)
	}
	if files < 50 {
		t.Errorf("only %d files were looked at: this is not the whole module", files)
	}
}

// breaches returns what breaks the rules in the module at tree, sorted, and how many files it read.
func breaches(tree fs.FS, rules []rule) (found []string, files int, err error) {
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return skipped(tree, name)
		case !strings.HasSuffix(name, ".go"):
			return nil
		}
		imports, err := importsOf(tree, name)
		if err != nil {
			return err
		}
		files++
		for _, imported := range imports {
			if why := forbidden(rules, path.Dir(name), strings.HasSuffix(name, "_test.go"), imported); why != "" {
				found = append(found, fmt.Sprintf("%s imports %s: %s", name, imported, why))
			}
		}
		return nil
	})
	slices.Sort(found)
	return slices.Compact(found), files, err
}

// skipped returns fs.SkipDir for what the go command does not look at either.
func skipped(tree fs.FS, dir string) error {
	base := path.Base(dir)
	if dir != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata") {
		return fs.SkipDir
	}
	if dir != "." {
		if _, err := fs.Stat(tree, path.Join(dir, "go.mod")); err == nil {
			return fs.SkipDir // another module
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// importsOf reads the import paths of a file, whatever its build constraints are.
func importsOf(tree fs.FS, name string) ([]string, error) {
	src, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var imports []string
	for _, spec := range file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("reading an import of %s: %w", name, err)
		}
		imports = append(imports, p)
	}
	return imports, nil
}

// forbidden says why a file of pkg may not import what it does, or "".
func forbidden(rules []rule, pkg string, isTest bool, imported string) string {
	r, ok := ruleOf(rules, pkg)
	if !ok {
		return "the package has no rule in shared/imports_test.go"
	}
	allowed := slices.Concat(r.own, r.other)
	if isTest {
		allowed = append(append(allowed, r.tests...), pkg)
	}
	switch {
	case imported == "testing" || strings.HasPrefix(imported, "testing/"):
		if isTest || strings.HasSuffix(pkg, "test") || pkg == "shared/must" {
			return ""
		}
		return "only tests and packages of test support know package testing"
	case imported == "net/http" || strings.HasPrefix(imported, "net/http/"):
		if isTest || !isDomain(pkg) {
			return ""
		}
		return "only edge, config and what stands before them know HTTP"
	case imported == "log":
		if isTest {
			return ""
		}
		return "records are made with log/slog"
	case imported == "C" || !strings.Contains(strings.SplitN(imported, "/", 2)[0], ".") && imported != module &&
		!strings.HasPrefix(imported, module+"/"):
		return "" // the standard library
	case imported == module+"/"+path.Dir(pkg) && path.Base(pkg) == path.Base(path.Dir(pkg)):
		return "" // a function's program imports the function
	}
	rel := imported
	if inside, ok := strings.CutPrefix(imported, module+"/"); ok {
		rel = inside
	}
	for _, a := range allowed {
		if covers(a, rel) {
			return ""
		}
	}
	return fmt.Sprintf("the rule of %s in shared/imports_test.go does not allow it", r.pkg)
}

// isDomain reports whether pkg is one of those that know no HTTP.
func isDomain(pkg string) bool {
	for _, p := range []string{
		"shared/fault", "shared/secret", "shared/object",
		"shared/token", "shared/password", "shared/organization", "shared/admin", "shared/mongo",
	} {
		if covers(p+"/...", pkg) {
			return true
		}
	}
	return false
}

func ruleOf(rules []rule, pkg string) (rule, bool) {
	var best rule
	for _, r := range rules {
		if covers(r.pkg, pkg) && (best.pkg == "" || !strings.HasSuffix(r.pkg, "/...")) {
			best = r
		}
	}
	return best, best.pkg != ""
}

func covers(pattern, p string) bool {
	tree, isTree := strings.CutSuffix(pattern, "/...")
	return p == tree || isTree && strings.HasPrefix(p, tree+"/")
}

func TestImports_breachesAreFound(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		// file: its import, and whether that is a breach
		"shared/organization/a.go:go.mongodb.org/mongo-driver/v2/mongo":          "breach",
		"shared/admin/a.go:go.mongodb.org/mongo-driver/v2/bson":                  "breach",
		"functions/org-get/a.go:go.mongodb.org/mongo-driver/v2/bson":             "breach",
		"shared/mongo/a.go:go.mongodb.org/mongo-driver/v2/bson":                  "",
		"shared/mongo/a.go:go.mongodb.org/mongo-driver/bson":                     "breach", // the older major
		"shared/mongo/a.go:oms/shared/mongo/embedded":                            "breach",
		"shared/mongo/a_test.go:oms/shared/mongo/embedded":                       "",
		"local/a.go:oms/shared/mongo/embedded":                                   "",
		"functions/health/a.go:oms/shared/mongo/embedded":                        "breach",
		"functions/health/a.go:github.com/aws/aws-lambda-go/lambda":              "breach",
		"functions/authorizer/a.go:github.com/aws/aws-lambda-go/lambda":          "",
		"functions/authorizer/a.go:oms/shared/mongo":                             "breach",
		"functions/authorizer/a.go:oms/shared/edge":                              "breach",
		"local/gateway/a.go:github.com/aws/aws-lambda-go/events":                 "breach",
		"local/gateway/a_test.go:github.com/aws/aws-lambda-go/events":            "",
		"local/gateway/a.go:oms/local/lambda":                                    "",
		"local/lambda/a.go:oms/local/template":                                   "breach",
		"local/a.go:oms/functions/org-get":                                       "",
		"local/gateway/a.go:oms/functions/org-get":                               "breach",
		"local/template/a.go:oms/local/lambda":                                   "breach",
		"shared/edge/a.go:github.com/aws/aws-lambda-go/events":                   "",
		"shared/edge/a.go:oms/shared/organization":                               "breach",
		"shared/config/a.go:github.com/aws/aws-sdk-go-v2/aws":                    "",
		"shared/mongo/a.go:github.com/aws/aws-sdk-go-v2/aws":                     "breach",
		"local/secrets/a.go:github.com/aws/aws-sdk-go-v2/config":                 "",
		"local/a.go:github.com/aws/aws-sdk-go-v2/aws":                            "breach",
		"shared/fault/a.go:oms/shared/token":                                     "breach",
		"shared/fault/a.go:golang.org/x/text/unicode/norm":                       "breach",
		"shared/token/a.go:oms/shared/organization":                              "breach",
		"shared/organization/a.go:oms/shared/admin":                              "breach",
		"shared/organization/a.go:oms/shared/mongo":                              "breach",
		"shared/organization/a.go:oms/shared/organization/organizationtest":      "breach",
		"shared/organization/a_test.go:oms/shared/organization/organizationtest": "",
		"shared/organization/a_test.go:oms/shared/organization/memory":           "",
		"shared/mongo/a.go:oms/shared/organization/memory":                       "breach",
		"local/a.go:oms/shared/organization/memory":                              "breach",
		"shared/organization/a_test.go:oms/shared/organization":                  "",
		"shared/organization/a.go:oms/functions/org-get":                         "breach",
		"shared/organization/a_test.go:oms/local/gateway":                        "breach",
		"shared/organization/a.go:net/http":                                      "breach",
		"shared/edge/a.go:net/http":                                              "",
		"functions/org-get/a.go:testing":                                         "breach",
		"functions/org-get/a.go:oms/shared/edge/edgetest":                        "breach",
		"functions/org-get/a_test.go:oms/shared/edge/edgetest":                   "",
		"functions/org-get/a.go:oms/functions/org-create":                        "breach",
		"functions/org-get/a.go:oms/local":                                       "breach",
		"functions/org-get/org-get/a.go:oms/functions/org-get":                   "",
		"functions/org-get/org-get/a.go:oms/functions/org-create":                "breach",
		"functions/new/a.go:oms/shared/organization":                             "",
		"functions/new/deep/a.go:log":                                            "breach",
		"shared/util/a.go:strings":                                               "breach", // no rule: no place for it
		"shared/organization/util/a.go:strings":                                  "breach",
		"shared/organization/testdata/a.go:oms/local":                            "", // not of the module
		"tool/.hidden/a.go:oms/local":                                            "",
	} {
		name, imported, _ := strings.Cut(file, ":")
		tree := fstest.MapFS{name: {Data: []byte("//go:build never\n\npackage x\n\nimport _ \"" + imported + "\"\n")}}
		got, _, err := breaches(tree, rules())
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if (len(got) > 0) != (want != "") {
			t.Errorf("%s: breaches %v, want %q", file, got, want)
		}
	}
}

func TestImports_sayWhatIsWrong(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{
		"shared/fault/a.go": {Data: []byte("package fault\n\nimport (\n\t\"errors\"\n\t_ \"oms/shared/mongo\"\n)\n")},
		"other/go.mod":      {Data: []byte("module other\n")},
		"other/a.go":        {Data: []byte("package other\n\nimport _ \"oms/local\"\n")},
	}
	got, files, err := breaches(tree, rules())
	must.Do(t, err)
	want := []string{"shared/fault/a.go imports oms/shared/mongo: the rule of shared/fault in " +
		"shared/imports_test.go does not allow it"}
	if diff := cmp.Diff(want, got); diff != "" || files != 1 {
		t.Errorf("breaches of %d files (-want +got):\n%s", files, diff)
	}
	if _, _, err := breaches(fstest.MapFS{"a.go": {Data: []byte("no Go")}}, rules()); err == nil {
		t.Error("a file that cannot be read was not reported")
	}
}
