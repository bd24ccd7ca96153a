package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"oms/shared/must"
)

func TestRun_samLocal(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	mustWrite(t, filepath.Join(folder, ".env"), "FROM_DOTENV=dotenv\nUNDECLARED=dotenv\n")
	first := samLocal(t, folder, "FROM_ENVIRONMENT=environment", "STAGE=prod", "FROM_TEMPLATE=")

	secrets := must.JSON[map[string]string](t, mustRead(t, filepath.Join(folder, ".data", secretsFile)))
	want := map[string]map[string]string{"EchoFunction": {
		"STAGE": "local", "GREETING": "hello", "FROM_TEMPLATE": "template", "FROM_DOTENV": "dotenv",
		"FROM_ENVIRONMENT": "environment",
		"MONGO_URI":        composeMongo, "UNSET": "", jwtSecret: secrets[jwtSecret], pepper: secrets[pepper],
	}}
	if diff := cmp.Diff(want, first); diff != "" || secrets[pepper] == "" {
		t.Errorf("the environment for the SAM CLI (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(filepath.Join(folder, "made", "sam.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the file = %v (%v), want 0600", info.Mode().Perm(), err)
	}

	t.Run("has the secrets of a service that is running", func(t *testing.T) {
		t.Parallel()
		running := startProgram(t, folder, nil).env(t)
		beside := samLocal(t, folder)["EchoFunction"]
		for _, name := range []string{jwtSecret, pepper} {
			if got := beside[name]; got != running[name] || got != secrets[name] {
				t.Errorf("%s is another for the SAM CLI than for the running service", name)
			}
		}
	})
}

func TestRun_samLocal_database(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"mongodb://localhost:27017":                        "mongodb://mongo:27017",
		"mongodb://127.0.0.1/?retryWrites=false":           "mongodb://mongo:27017/?retryWrites=false",
		"mongodb://[::1]:27017/x":                          "mongodb://mongo:27017/x",
		"mongodb+srv://me@cluster.example/?w=1":            "mongodb+srv://me@cluster.example/?w=1",
		"mongodb://a.example:27017,b.example:27018/?ssl=1": "mongodb://a.example:27017,b.example:27018/?ssl=1",
		"mongodb://10.0.0.7:27018":                         "mongodb://10.0.0.7:27018",
	} {
		t.Run(given, func(t *testing.T) {
			t.Parallel()
			if got := samLocal(t, t.TempDir(), "MONGO_URI="+given)["EchoFunction"]["MONGO_URI"]; got != want {
				t.Errorf("MONGO_URI = %q, want %q", got, want)
			}
		})
	}
	t.Run("refuses a port that no container can reach", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		code, said := refused(t, folder, []string{"MONGO_URI=mongodb://me:secret@localhost:27018"}, "-sam-local",
			"sam.json")
		if code != 1 || !strings.Contains(said, "port 27018") || strings.Contains(said, "secret") {
			t.Errorf("got %d %q, want a refusal that names the port and no password", code, said)
		}
		if _, err := os.Stat(filepath.Join(folder, "sam.json")); !os.IsNotExist(err) {
			t.Errorf("the file was written: %v", err)
		}
	})
}

// samLocal runs the program with -sam-local in a folder, and returns what it wrote there.
func samLocal(tb testing.TB, folder string, environ ...string) map[string]map[string]string {
	tb.Helper()
	c := command(tb, folder, environ, "-template", echoTemplate(tb), "-sam-local", filepath.Join("made", "sam.json"))
	if said, err := c.CombinedOutput(); err != nil {
		tb.Fatalf("-sam-local: %v\n%s", err, said)
	}
	return must.JSON[map[string]map[string]string](tb, mustRead(tb, filepath.Join(folder, "made", "sam.json")))
}
