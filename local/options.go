package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	addr       string
	data       string
	template   string
	functions  string // empty: build them
	inProcess  bool   // functions run in this process
	drain      time.Duration
	check      string // empty: serve
	dbAddr     string
	throttle   bool
	samLocal   string            // empty: serve
	parameters map[string]string // of the template
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	o := options{parameters: map[string]string{}}
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.addr, "addr", "127.0.0.1:8000", "serve the API at this `address`; port 0 takes a free one")
	flags.StringVar(&o.data, "data", ".data", "keep everything in this `folder`")
	flags.StringVar(&o.template, "template", "template.yaml", "serve what this `file` declares")
	flags.StringVar(&o.functions, "functions", "", "run the built functions in this `folder`, <logical "+
		"id>/bootstrap, instead of building them: no Go is needed")
	flags.BoolVar(&o.inProcess, "in-process", false, "run the functions in this process: faster, and the one way "+
		"that serves a STAGE other than local")
	flags.DurationVar(&o.drain, "drain", 0, "after a SIGTERM, go on for this `long` with /health at 503, so that a "+
		"load balancer sees it before connections are refused")
	flags.StringVar(&o.check, "check", "", "serve nothing: ask this `URL`, and succeed if it answers 200, for a "+
		"container's health check")
	flags.StringVar(&o.dbAddr, "db-addr", "127.0.0.1:27018", "serve the embedded database at this `address`, where "+
		"MONGO_URI is not set; port 0 takes a free one")
	flags.BoolVar(&o.throttle, "throttle", true, "answer 429 beyond the rates of the template, as API Gateway does; "+
		"-throttle=false for benchmarks")
	flags.StringVar(&o.samLocal, "sam-local", "", "serve nothing: write the functions' environment to this `file`, "+
		"for sam local start-api --env-vars")
	flags.Func("parameter", "a parameter of the template, as `Name=Value`; may be given several times",
		func(s string) error {
			name, value, ok := strings.Cut(s, "=")
			if !ok || name == "" {
				return errors.New("it is Name=Value")
			}
			o.parameters[name] = value
			return nil
		})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	var err error
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("%q is not understood: there are only flags", flags.Arg(0))
	case o.inProcess && o.functions != "":
		err = errors.New("-functions names processes, and -in-process has none: give one of the two")
	default:
		return o, nil
	}
	_, _ = fmt.Fprintf(stderr, "oms: %v\n", err)
	return o, err
}
