package gateway_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"oms/local/lambda"
	"oms/shared/must"
)

func TestStage_named(t *testing.T) {
	t.Parallel()
	g := newEcho(t, "StageName: dev, "+corsConfiguration, "GET /a/{id}")
	e := must.JSON[events.APIGatewayV2HTTPRequest](t, g.do(t, "GET", "/dev/a/1", "").body)
	if c := e.RequestContext; e.RawPath != "/dev/a/1" || c.HTTP.Path != "/dev/a/1" || c.Stage != "dev" {
		t.Errorf("the event is %+v", e)
	}
	g.do(t, "GET", "/a/1", "").refuses(t, 404, "Not Found")
	g.preflight(t, "/dev/a/1", app).is(t, 204, "")
	g.preflight(t, "/a/1", app).refuses(t, 404, "Not Found")
}

func TestServeHTTP_failures(t *testing.T) {
	t.Parallel()
	const failed, unavailable = "Internal Server Error", "Service Unavailable"
	for _, tt := range []struct {
		name    string
		f       function
		status  int
		message string
		after   string
	}{
		{"a function that failed", failing(errors.New("task timed out")), 500, failed, ""},
		{"a queue that is full", failing(lambda.ErrBusy), 503, unavailable, "1"},
		{"functions that are being ended", failing(lambda.ErrClosed), 503, unavailable, "1"},
		{"an integration's timeout", hanging(31 * time.Second), 503, unavailable, ""},
		{"an answer in time", hanging(29 * time.Second), 500, failed, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &site{routes: []string{"GET /a F"}, functions: map[string]function{"F": tt.f}}
				got := s.open(t).do(t, "GET", "/a", "")
				got.refuses(t, tt.status, tt.message)
				if after := got.header.Get("Retry-After"); after != tt.after {
					t.Errorf("Retry-After = %q, want %q", after, tt.after)
				}
			})
		})
	}
}

func failing(err error) function {
	return func(context.Context, []byte) ([]byte, error) { return nil, err }
}

// hanging fails after so long, or when the context ends.
func hanging(long time.Duration) function {
	return func(ctx context.Context, _ []byte) ([]byte, error) {
		select {
		case <-time.After(long):
			return nil, errors.New("out of order")
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func TestServeHTTP_hasNoAnswerForAClientThatIsGone(t *testing.T) {
	t.Parallel()
	ctx, hangUp := context.WithCancel(t.Context())
	s := &site{routes: []string{"GET /a F"}, functions: map[string]function{
		"F": func(context.Context, []byte) ([]byte, error) { hangUp(); return []byte(`"well"`), nil },
	}}
	got := s.open(t).ask(httptest.NewRequestWithContext(ctx, "GET", "/a", nil))
	if got.body != "" || len(got.header) != 0 {
		t.Errorf("got %d %q with %v", got.status, got.body, got.header)
	}
}
