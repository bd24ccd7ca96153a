package edge

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// Main is the main of a function that answers an HTTP API. It calls setup in
// Lambda's init phase, so that what is opened there is re-used by every
// invocation, and then answers events with the handler that setup returned.
// The context of setup lasts as long as the process. Where setup fails, one
// record says why and the process exits with 1. Main does not return.
func Main(setup func(ctx context.Context, log *slog.Logger) (http.Handler, error)) {
	log := NewLogger(os.Stdout)
	ctx := context.Background()
	h, err := setup(ctx, log)
	if err != nil {
		exit(ctx, log, err)
	}
	lambda.StartWithOptions(NewFunction(h, log), lambda.WithContext(ctx))
}

// Run is one run of a scheduled function. It returns what the run's record
// says beside how long it took: counts, never names.
type Run func(ctx context.Context) ([]slog.Attr, error)

// Job is the main of a function that a schedule starts, with setup as in
// [Main]. The event is not read; an error of the run fails the invocation, so
// that Lambda's own metric and retries see it. Job does not return.
func Job(setup func(ctx context.Context, log *slog.Logger) (Run, error)) {
	log := NewLogger(os.Stdout)
	ctx := context.Background()
	run, err := setup(ctx, log)
	if err != nil {
		exit(ctx, log, err)
	}
	lambda.StartWithOptions(NewJob(run, log), lambda.WithContext(ctx))
}

func exit(ctx context.Context, log *slog.Logger, cause error) {
	log.LogAttrs(ctx, slog.LevelError, "cannot start", slog.String("err", redact(cause.Error())))
	os.Exit(1)
}

// JobFunction answers any event with a [Run].
type JobFunction struct {
	run Run
	log *slog.Logger
}

var _ lambda.Handler = (*JobFunction)(nil)

// NewJob returns the function of run, which leaves one record a run with log.
func NewJob(run Run, log *slog.Logger) *JobFunction { return &JobFunction{run: run, log: log} }

// errRun is all that the caller of a scheduled function hears: the record has the rest.
var errRun = errors.New("the run did not end well; the record with this request id says why")

// Invoke runs once, whatever the event, within [margin] of the deadline.
func (j *JobFunction) Invoke(ctx context.Context, _ []byte) ([]byte, error) {
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

func (j *JobFunction) once(ctx context.Context) (said []slog.Attr, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v)
		}
	}()
	return j.run(ctx)
}
