package edge

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"oms/shared/fault"
)

// Setup opens what an endpoint needs and returns its handler. What it looks up
// is the environment, or what a host has in its place; what it opens lasts as
// long as ctx.
type Setup func(
	ctx context.Context, lookup func(name string) (value string, ok bool), log *slog.Logger,
) (http.Handler, error)

// Main is the main of a function that answers an HTTP API. It calls setup in
// Lambda's init phase ([Start]), so that what is opened there is re-used by every
// invocation, and then answers events with the handler. Where setup fails, one
// record says why and the process exits with 1. Main does not return.
func Main(setup Setup) {
	log := NewLogger(os.Stdout)
	ctx := context.Background()
	h, err := Start(ctx, setup, os.LookupEnv, log)
	if err != nil {
		exit(ctx, log, err)
	}
	lambda.StartWithOptions(NewFunction(h, log), lambda.WithContext(ctx))
}

// Start calls setup and returns its handler. After a fault of kind Unavailable
// each request calls setup again, until it succeeds, and is answered as the
// fault says: a client hears a 503 and when to come back, where the gateway
// would answer for a process that exits with a bare 500.
func Start(
	ctx context.Context, setup Setup, lookup func(string) (string, bool), log *slog.Logger,
) (http.Handler, error) {
	h, err := setup(ctx, lookup, log)
	if fault.KindOf(err) == fault.Unavailable {
		log.LogAttrs(ctx, slog.LevelWarn, "not started yet", slog.String("err", redact(err.Error())))
		return &starting{setup: func() (http.Handler, error) { return setup(ctx, lookup, log) }}, nil
	}
	return h, err
}

// starting is the handler of a function that could not be set up yet.
type starting struct {
	setup func() (http.Handler, error)
	mu    sync.Mutex
	ready http.Handler // nil until setup succeeds
}

// ServeHTTP serves the request, or says why the function still cannot be set up.
func (s *starting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, err := s.handler()
	if err != nil {
		fail(w, r, err)
		return
	}
	h.ServeHTTP(w, r)
}

func (s *starting) handler() (h http.Handler, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready == nil {
		s.ready, err = s.setup()
	}
	return s.ready, err
}

// Run is one run of a scheduled function. It returns what the run's record
// says beside how long it took: counts, never names.
type Run func(ctx context.Context) ([]slog.Attr, error)

// Job is the main of a function that a schedule starts. It calls setup as [Main]
// does, and exits whatever the reason is that it fails for: the next run starts
// another process. The event is not read; an error of the run fails the invocation, so
// that Lambda's own metric and retries see it. Job does not return.
func Job(setup func(ctx context.Context, lookup func(string) (string, bool), log *slog.Logger) (Run, error)) {
	log := NewLogger(os.Stdout)
	ctx := context.Background()
	run, err := setup(ctx, os.LookupEnv, log)
	if err != nil {
		exit(ctx, log, err)
	}
	lambda.StartWithOptions(NewJob(run, log), lambda.WithContext(ctx))
}

func exit(ctx context.Context, log *slog.Logger, cause error) {
	log.LogAttrs(ctx, slog.LevelError, "cannot start", slog.String("err", redact(cause.Error())))
	os.Exit(1)
}

// job answers any event with a [Run].
type job struct {
	run Run
	log *slog.Logger
}

// NewJob returns the function of run, which leaves one record a run with log.
func NewJob(run Run, log *slog.Logger) lambda.Handler { return &job{run: run, log: log} }

// errRun is all that the caller of a scheduled function hears: the record has the rest.
var errRun = errors.New("the run did not end well; the record with this request id says why")

// Invoke runs once, whatever the event, within [margin] of the deadline.
func (j *job) Invoke(ctx context.Context, _ []byte) ([]byte, error) {
	start := time.Now()
	ctx, cancel := withMargin(ctx)
	defer cancel()
	rec := &record{requestID: invocationID(ctx)}
	ctx = context.WithValue(ctx, recordKey{}, rec)
	said, err := j.once(ctx)
	if err != nil {
		rec.status, rec.err = problemOf(ctx, err).status, err
		if rec.status < http.StatusInternalServerError {
			rec.status = http.StatusInternalServerError // a fault that nobody is there to be told of
		}
	}
	j.log.LogAttrs(ctx, rec.level(), "run", rec.attrs(j.log, time.Since(start), said...)...)
	if err != nil {
		return nil, errRun
	}
	return []byte("null"), nil
}

func (j *job) once(ctx context.Context) (said []slog.Attr, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v)
		}
	}()
	return j.run(ctx)
}
