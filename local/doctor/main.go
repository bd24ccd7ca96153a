// Doctor reads a whole master database and names every organization, claim,
// admin and collection that contradicts the others, with what it would do:
//
//	go run ./local/doctor [-repair]
//
// It works on the database that MONGO_URI and MASTER_DB name (or, in the cloud,
// MONGO_SECRET_ARN), and without them on the one that `make run` serves, whose
// password is in the data folder (-data). It changes nothing, unless -repair asks for it; then it mends what a program
// may mend, also while the service is at work, and tells what is left. It refuses
// to decide for a person: which of two admins with one email address is right, say.
// Outside stage local it mends only where DELETE_RETENTION says how long the service
// keeps deleted documents: a deletion that it finishes must not keep them for less.
// A name that it mends is held for a minute and a half: nobody can take it, and
// the claim that holds it is shown as one that reconcile will free.
//
// The exit code tells: 0 nothing contradicts, 1 something does, 2 it could not be told.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"text/tabwriter"

	"oms/shared/config"
	"oms/shared/mongo"
	"oms/shared/organization"
	"oms/shared/throttle"
)

// localURI returns the URI of the database of `make run`, as that prints it.
func localURI(data string) (string, error) {
	path := filepath.Join(data, "secrets.json")
	text, err := os.ReadFile(path) //nolint:gosec // G304: the caller's own -data flag
	if err != nil {
		return "", fmt.Errorf("looking for the database of make run: %w", err)
	}
	var secrets struct {
		Password string `json:"DATABASE_PASSWORD"`
	}
	if json.Unmarshal(text, &secrets) != nil || secrets.Password == "" {
		return "", fmt.Errorf("looking for the database of make run: %s has no DATABASE_PASSWORD", path)
	}
	return "mongodb://oms:" + secrets.Password + "@127.0.0.1:27018/?authMechanism=SCRAM-SHA-256", nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program; it returns the exit code.
func run(ctx context.Context, args []string, lookup func(string) (string, bool), stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.SetOutput(stderr)
	repair := flags.Bool("repair", false, "mend what a program may mend, then look again")
	data := flags.String("data", ".data", "the data `folder` of make run, where no MONGO_URI is set")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return 2
	}
	lookup, err := orLocal(lookup, *data)
	var findings []organization.Finding
	if err == nil {
		findings, err = examine(ctx, *repair, lookup, stderr)
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "doctor: %v\n", err)
		return 2
	}
	return report(findings, stdout)
}

func examine(
	ctx context.Context, repair bool, lookup func(string) (string, bool), stderr io.Writer,
) ([]organization.Finding, error) {
	c, err := config.Load(ctx, lookup, config.Mongo, config.Retention)
	if err != nil {
		return nil, err
	}
	if given, _ := lookup("DELETE_RETENTION"); repair && c.Stage != config.Local && given == "" {
		return nil, errors.New("DELETE_RETENTION: is needed for a repair outside stage local, as the service has it: " +
			"who finishes a deletion decides for how long its documents are kept")
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	db, err := mongo.Open(ctx, mongo.Config{
		URI: c.MongoURI.Reveal(), Database: c.Database, AppName: "doctor", Log: log,
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close(context.WithoutCancel(ctx)) }() // nothing is under way any more
	s := organization.New(organization.Config{
		Store: db.Store(), Guard: throttle.New(throttle.Config{Store: db.Counters(), Log: log}),
		Retention: c.Retention, Log: log,
	})
	if repair {
		r, err := s.Repair(ctx)
		_, _ = fmt.Fprintf(stderr, "doctor: %d repaired, %d changed meanwhile, %d failed\n", r.Mended, r.Changed,
			r.Failed)
		if err != nil {
			return nil, fmt.Errorf("repairing: %w", err)
		}
	}
	return s.Examine(ctx)
}

// orLocal fills in the local run's database where none is named.
func orLocal(lookup func(string) (string, bool), data string) (func(string) (string, bool), error) {
	given := func(name string) bool {
		v, ok := lookup(name)
		return ok && v != ""
	}
	if given("MONGO_URI") || given("MONGO_SECRET_ARN") {
		return lookup, nil
	}
	uri, err := localURI(data)
	return func(name string) (string, bool) {
		switch name {
		case "MONGO_URI":
			return uri, true
		case "STAGE":
			return string(config.Local), true
		}
		return lookup(name)
	}, err
}

// report prints a line for each finding and returns the exit code. What
// reconcile mends by itself when its time has come is shown, and is not a fault.
func report(findings []organization.Finding, out io.Writer) int {
	code := 0
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, f := range findings {
		remedy := f.Repair
		switch {
		case f.Later:
			remedy = "wait: reconcile will " + remedy
		case remedy == "":
			remedy = "decide: no program may"
		}
		if !f.Later {
			code = 1
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t→ %s\n", f.Kind, f.Subject, f.Detail, remedy)
	}
	_ = table.Flush()
	if code == 0 {
		_, _ = fmt.Fprintln(out, "nothing contradicts anything else")
	}
	return code
}
