package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oms/shared/mongo/mongotest"
	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
)

// TestDoctor plants contradictions in a database and lets the program itself
// find and mend them, on every engine.
func TestDoctor(t *testing.T) {
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		db := e.Open(t)
		must.Do(t, db.EnsureIndexes(t.Context()))
		doctor := func(args ...string) (int, string) {
			env := map[string]string{"MONGO_URI": e.URI, "MASTER_DB": db.Name(), "STAGE": "local"}
			var out, problems bytes.Buffer
			lookup := func(n string) (string, bool) { v, ok := env[n]; return v, ok }
			code := run(t.Context(), args, lookup, &out, &problems)
			return code, out.String() + problems.String()
		}
		w := organizationtest.NewWorld(db.Store(), e.Writer(t, db.Name()))
		w.Found(t, "Acme", "a@acme.io")
		if code, said := doctor(); code != 0 {
			t.Fatalf("a sound database: exit code %d, %s", code, said)
		}

		ctx, now := t.Context(), time.Now()
		w.Put(t, "org_strange", "d1", "of nobody")
		dead := organization.Claim{
			Key: "dead", OrgID: organization.NewID(now), ID: organization.NewID(now), Until: now.Add(-time.Hour),
		}
		must.Do(t, db.Store().Claims.Insert(ctx, dead))
		orphan := organization.Admin{
			ID: organization.NewID(now), OrgID: organization.NewID(now), Email: "o@acme.io", Rev: 1,
		}
		settled := organization.Claim{Key: "settled", OrgID: organization.NewID(now), ID: organization.NewID(now)}
		must.Do(t, db.Store().Claims.Insert(ctx, settled))
		must.Do(t, db.Store().Admins.Insert(ctx, orphan))
		must.Do(t, db.Store().Collections.Drop(ctx, "org_acme"))
		code, said := doctor()
		if code != 1 {
			t.Errorf("exit code %d, want 1", code)
		}
		for _, want := range []string{
			"collection_unexplained", "org_strange", "dead_claim", "admin_of_dead_organization", orphan.OrgID.String(),
			"collection_missing", "org_acme",
		} {
			if !strings.Contains(said, want) {
				t.Errorf("it does not say %q:\n%s", want, said)
			}
		}
		if strings.Contains(said, "o@acme.io") {
			t.Errorf("it shows an email address:\n%s", said)
		}

		code, said = doctor("-repair")
		if !strings.Contains(said, "doctor: 4 repaired, 0 changed meanwhile, 0 failed") {
			t.Errorf("it does not say what it has done:\n%s", said)
		}
		if code != 1 || !strings.Contains(said, "ghost_of_a_stranger") {
			t.Errorf("after a repair: exit code %d, want 1 for the stranger's documents, which are kept:\n%s", code,
				said)
		}
		// Its own claim on org_strange's name, and the settled one, run out by themselves.
		got, held := strings.Count(said, "→"), strings.Count(said, "wait: reconcile will free the name")
		if got != 3 || held != 2 {
			t.Errorf("after a repair %d findings are left, %d of them holds, want 3 and 2:\n%s", got, held, said)
		}
		ghosts, err := db.Store().Collections.List(ctx, "ghost_unknown_")
		if err != nil || len(ghosts) != 1 || w.Held(t, ghosts[0]) != "d1" {
			t.Errorf("the stranger's documents are not in one ghost: %v, %v", ghosts, err)
		}
	})
}

// TestDoctor_findsTheDatabaseOfMakeRun: that the service takes this URI, `.ci/run` shows.
func TestDoctor_findsTheDatabaseOfMakeRun(t *testing.T) {
	t.Parallel()
	data, none := t.TempDir(), func(string) (string, bool) { return "", false }
	for secrets, want := range map[string]string{ //nolint:gosec // G101: made up
		`{"JWT_SECRET":"j","DATABASE_PASSWORD":"p"}`: "mongodb://oms:p@127.0.0.1:27018/?authMechanism=SCRAM-SHA-256",
		`{"JWT_SECRET":"j"}`:                         "",
		`{"JWT`:                                      "",
	} {
		must.Do(t, os.WriteFile(filepath.Join(data, "secrets.json"), []byte(secrets), 0o600))
		lookup, err := orLocal(none, data)
		if got, _ := lookup("MONGO_URI"); got != want || (err == nil) != (want != "") {
			t.Errorf("beside %s: %q, %v, want %q", secrets, got, err, want)
		}
	}
}

func TestDoctor_cannotTell(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]map[string]string{
		"no such database": {"MONGO_URI": "mongodb://127.0.0.1:1/", "STAGE": "local"},
		"no connection":    {"MONGO_URI": "nonsense", "STAGE": "local"},
		"a bad setting":    {"MONGO_URI": "mongodb://127.0.0.1:1/", "DELETE_RETENTION": "soon", "STAGE": "local"},
		"no make run":      {}, // this folder has no .data
		// It would keep the documents of a deletion that it finishes for less time than the service does.
		"a repair, for how long documents are kept": {"MONGO_URI": "mongodb://db.example/?tls=true", "STAGE": "prod"},
		"the same without a stage":                  {"MONGO_URI": "mongodb://db.example/?tls=true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, problems bytes.Buffer
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			var args []string
			if strings.HasPrefix(env["MONGO_URI"], "mongodb://db.example") {
				args = []string{"-repair"}
			}
			lookup := func(n string) (string, bool) { v, ok := env[n]; return v, ok }
			code := run(ctx, args, lookup, &out, &problems)
			if code != 2 || out.Len() > 0 || problems.Len() == 0 {
				t.Errorf("exit code %d, said %q and %q, want 2 and a reason", code, out.String(), problems.String())
			}
			if asks := strings.Contains(problems.String(), "DELETE_RETENTION: is needed"); asks != (args != nil) {
				t.Errorf("said %q; asks for the retention: %t", problems.String(), asks)
			}
		})
	}
}
