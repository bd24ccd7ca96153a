// Local runs the whole service on one machine, from the very binaries that
// Lambda would run and the template that deploys them:
//
//	go run ./local [-addr 127.0.0.1:8000] [-data .data] [-template template.yaml]
//
// It owns the order in which things start and end: it reads the template (with
// package template), builds the functions, opens the database, finds or makes
// the secrets, runs the functions (package lambda), serves the API (package
// gateway), and on SIGINT or SIGTERM ends all of it again.
// Everything that a run keeps is in its one data folder: the database in db,
// the secrets of the first start in secrets.json, the database's password among
// them, the built functions in bin, and what would have been mailed in mailbox.
//
// It refuses to start with what it does not understand (a property of the
// template, a flag, a line of .env), with a secrets file that it cannot read,
// and with a data folder that another run uses; each time with one sentence.
// What it makes up (secrets, a database) must never be somebody's production:
// outside stage local it makes nothing and asks for all of it.
//
// With -in-process the functions run in this process instead, behind the same
// template and the same events: that is what an image runs, and the one way in
// which a STAGE other than local is served, for who has no Lambda.
//
// When the service answers, it prints to standard output, and nothing else
// goes there:
//
//	OMS is ready.
//	  API       http://127.0.0.1:8000
//	  Docs      http://127.0.0.1:8000/docs
//	  Mailbox   http://127.0.0.1:8000/mailbox
//	  Database  mongodb://oms:mXn3…@127.0.0.1:27018/?authMechanism=SCRAM-SHA-256
//	  Data      /home/me/oms/.data
//
// With port 0 these lines tell which ports were free.
//
// With -sam-local it serves nothing, but writes the functions' environment for
// the SAM CLI, with the secrets of the same data folder.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// From the first signal on, the second has its own effect again: it ends
	// the process at once, and the functions' processes with it.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is the program: its end is the end of ctx. It returns the exit code: 0
// after an orderly end, 1 when something failed, 2 when the flags are wrong.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2 // the flag package has said why
	}
	switch {
	case o.check != "":
		err = check(ctx, o.check)
	case o.samLocal != "":
		err = writeSAMLocal(o, environ, stdout)
	default:
		err = serve(ctx, o, environ, stdout, stderr)
	}
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		err = errors.New("stopped before it was ready")
	}
	_, _ = fmt.Fprintf(stderr, "oms: %v\n", err)
	return 1
}
