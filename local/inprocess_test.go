package main

import (
	"io"
	"log/slog"
	"net/http"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"oms/local/template"
	"oms/shared/mongo/mongotest"
	"oms/shared/must"
	"oms/shared/secret"
)

func TestLookupIn_hasTheHostsCredentials(t *testing.T) {
	t.Parallel()
	lookup := lookupIn(map[string]string{"MAIL_FROM": "a", "AWS_REGION": "declared"}, map[string]string{
		"MAIL_FROM": "b", "JWT_SECRET": "s", "AWS_REGION": "r", "AWS_SESSION_TOKEN": "t", "AWS_PROFILE": "p",
	})
	for name, want := range map[string]string{
		"MAIL_FROM": "a", "AWS_REGION": "declared", "AWS_SESSION_TOKEN": "t", "JWT_SECRET": "", "AWS_PROFILE": "",
		"AWS_ACCESS_KEY_ID": "",
	} {
		if got, ok := lookup(name); got != want || ok != (want != "") {
			t.Errorf("%s is %q, %t, want %q", name, got, ok, want)
		}
	}
}

// TestTemplate_declaresWhatEachFunctionLooksUp: every function is in this program.
// A variable that the template leaves out would have its default in every stage,
// and one too many is a secret in the wrong hands.
func TestTemplate_declaresWhatEachFunctionLooksUp(t *testing.T) {
	t.Parallel()
	tpl := must.Get(template.Read("../template.yaml", nil))(t)
	if len(setups()) != len(tpl.Functions) {
		t.Errorf("setups has %d functions, template.yaml %d", len(setups()), len(tpl.Functions))
	}
	for _, f := range tpl.Functions {
		looked := map[string]string{"STAGE": f.Environment["STAGE"]} // of all functions, by Globals
		lookup := func(name string) (string, bool) {
			if !strings.HasSuffix(name, "_FILE") { // for hosts of containers
				looked[name] = f.Environment[name]
			}
			return "", false
		}
		open := setups()[path.Clean(f.CodeURI)]
		if open == nil {
			t.Errorf("%s is not in setups", f.Name)
			continue
		}
		_, _ = open(t.Context(), lookup, slog.New(slog.DiscardHandler)) // without values few can start
		// who only verifies tokens has no use for their life, which comes with the keys
		if f.Name != "AdminLoginFunction" && f.Name != "AdminSessionsFunction" {
			delete(looked, "ACCESS_TOKEN_EXPIRE_MINUTES")
		}
		if diff := cmp.Diff(looked, f.Environment); diff != "" {
			t.Errorf("%s: what its setup looks up (-) and what the template declares (+):\n%s", f.Name, diff)
		}
	}
}

// production is a template and settings with which stage prod starts; the
// database is the embedded one, as a server of its own.
func production(tb testing.TB, database, folder string) (args, environ []string) {
	tb.Helper()
	for _, name := range []string{"mongo", "jwt", "pepper"} {
		value := secret.New().Reveal() + "\n"
		if name == "mongo" {
			value = database
		}
		mustWrite(tb, filepath.Join(folder, name), value)
	}
	return []string{"-in-process", "-template", abs(tb, "../template.yaml"), "-data", filepath.Join(folder, "none")},
		[]string{
			"STAGE=prod", "MASTER_DB=in_process", "MONGO_URI_FILE=" + filepath.Join(folder, "mongo"),
			"JWT_SECRET_FILE=" + filepath.Join(folder, "jwt"),
			"PASSWORD_PEPPER_FILE=" + filepath.Join(folder, "pepper"), "BCRYPT_COST=10",
		}
}

func TestInProcess_servesProduction(t *testing.T) {
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		folder := t.TempDir()
		args, environ := production(t, strings.TrimSuffix(e.URI, "/")+"/?directConnection=true", folder)
		p := startProgram(t, folder, environ, append(args, "-drain", "1m")...)
		nobody := p.URL + "/org/get?organization_name=nobody"
		if status, body := get(t.Context(), t, nobody); status != http.StatusNotFound || p.Data != "none" {
			t.Errorf("GET /org/get = %d %s, with data in %s, want 404 and none", status, body, p.Data)
		}
		if code := run(t.Context(), []string{"-check", p.URL + "/health"}, nil, io.Discard, io.Discard); code != 0 {
			t.Errorf("-check = %d, want 0", code)
		}
		p.Signal(t, syscall.SIGTERM)
		for status := http.StatusOK; status != http.StatusServiceUnavailable; {
			status, _ = get(t.Context(), t, p.URL+"/health")
		}
		if status, body := get(t.Context(), t, nobody); status != http.StatusNotFound {
			t.Errorf("GET /org/get while it drains = %d %s, want 404", status, body)
		}
		if code := run(t.Context(), []string{"-check", p.URL + "/health"}, nil, io.Discard, io.Discard); code != 1 {
			t.Errorf("-check while it drains = %d, want 1", code)
		}
	})
}

func TestInProcess_refuses(t *testing.T) {
	t.Parallel()
	const database = "mongodb://127.0.0.1:1/?directConnection=true"
	for _, tt := range []struct {
		name, environ, args string // settings and arguments, with spaces between them
		want                string
	}{
		{"a stage without a database", "MONGO_URI_FILE=", "", "MONGO_URI is not set, and STAGE is prod"},
		{"a stage without secrets", "JWT_SECRET_FILE=", "", "JWT_SECRET"},
		{"a weak secret", "JWT_SECRET_FILE= JWT_SECRET=short", "", "JWT_SECRET"},
		{"a secret twice", "JWT_SECRET=" + secret.New().Reveal(), "", "JWT_SECRET and JWT_SECRET_FILE are both set"},
		{"a secret's file that is missing", "JWT_SECRET_FILE=/nowhere", "", "JWT_SECRET_FILE: open /nowhere"},
		{"a secret's file that is empty", "JWT_SECRET_FILE=/dev/null", "", "JWT_SECRET_FILE: /dev/null is empty"},
		{"a stage that there is none of", "STAGE=production", "", "Stage"},
		{
			"another stage for the template", "", "-parameter Stage=dev",
			"STAGE is prod and -parameter Stage=dev",
		},
		{"built functions, too", "", "-functions bin", "give one of the two"},
		{
			"a function that is not in it", "STAGE=", "-template " + echoTemplate(t),
			"functions/echo/, which is not in this program",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			args, environ := production(t, database, folder)
			environ = append(environ, strings.Fields(tt.environ)...)
			code, said := refused(t, folder, environ, append(args, strings.Fields(tt.args)...)...)
			if code == 0 || !strings.Contains(said, tt.want) {
				t.Errorf("exit code %d, said %s, want %s", code, said, tt.want)
			}
		})
	}
}
