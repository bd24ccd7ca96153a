package lambda_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"oms/local/lambda"
)

// inner is a function in this process.
type inner func(ctx context.Context, event string) (string, error)

func (h inner) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	out, err := h(ctx, string(payload))
	return []byte(out), err
}

// inline adds a function that runs in this process.
func (s *site) inline(name string, memory int, timeout time.Duration, h inner) {
	s.Functions = append(s.Functions, lambda.Function{Name: name, Handler: h, MemoryMB: memory, Timeout: timeout})
}

func TestInline(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.inline("echo", 512, time.Minute, func(ctx context.Context, event string) (string, error) {
		lc, ok := lambdacontext.FromContext(ctx)
		deadline, bound := ctx.Deadline()
		if !ok || len(lc.AwsRequestID) != 36 || !strings.HasSuffix(lc.InvokedFunctionArn, ":function:echo") ||
			!bound || time.Until(deadline) > time.Minute {
			t.Errorf("the function's context has %+v, deadline %v", lc, deadline)
		}
		return event, nil
	})
	s.inline("fails", 512, time.Minute, func(context.Context, string) (string, error) {
		return "", errors.New("no luck")
	})
	s.inline("panics", 512, time.Minute, func(context.Context, string) (string, error) { panic("secret123") })
	s.inline("talks", 512, time.Minute, func(context.Context, string) (string, error) {
		return strings.Repeat("x", lambda.PayloadLimit+1), nil
	})
	s.inline("obeys", 512, time.Millisecond, func(ctx context.Context, _ string) (string, error) {
		<-ctx.Done()
		return "in time, just", nil
	})
	ignores := make(chan struct{})
	s.inline("ignores", 512, time.Millisecond, func(context.Context, string) (string, error) {
		<-ignores
		return "late", nil
	})
	g := s.open(t)

	g.do(t, "echo", `{"a":1}`).is(t, `{"a":1}`)
	g.do(t, "fails", "{}").fails(t, "fails: no luck")
	g.do(t, "panics", "{}").fails(t, "the function panicked")
	if log := s.logs.String(); !strings.Contains(log, "type=string") || strings.Contains(log, "secret123") {
		t.Errorf("the log of a panic = %s, want its type and not its value", log)
	}
	g.do(t, "talks", "{}").fails(t, "exceeds 6291556 bytes")
	if r := g.do(t, "obeys", "{}"); r.err != nil && !strings.Contains(r.err.Error(), "timed out") {
		t.Errorf("a function that ends at its deadline = %q, %v", r.answer, r.err)
	}
	g.do(t, "ignores", "{}").fails(t, "timed out after 0.00 seconds")
	close(ignores)

	left, leave := context.WithCancel(t.Context())
	leave()
	if r := g.invoke(left, "echo", "{}"); r.err != nil && !errors.Is(r.err, context.Canceled) {
		t.Errorf("a client that is gone gets %v", r.err)
	}
}

func TestInline_whatComputesIsBounded(t *testing.T) {
	t.Parallel()
	began, end := make(chan struct{}), make(chan struct{})
	s := newSite(t)
	compute := func(context.Context, string) (string, error) {
		began <- struct{}{}
		<-end
		return "done", nil
	}
	s.inline("hash", 1769, time.Minute, compute)
	s.inline("read", 512, time.Minute, func(context.Context, string) (string, error) { return "read", nil })
	g := s.open(t, func(l *lambda.Limits) { l.WholeWidth, l.WholeDepth, l.Queue = 1, 1, time.Minute })

	first := g.start(t.Context(), "hash", 1)
	receive(t, began, "the first")
	second := g.start(t.Context(), "hash", 2)
	if r := receive(t, second, "the one that finds the queue full"); !errors.Is(r.err, lambda.ErrBusy) {
		t.Errorf("a third event = %q, %v, want ErrBusy", r.answer, r.err)
	}
	g.do(t, "read", "{}").is(t, "read")
	end <- struct{}{}
	receive(t, first, "the first").is(t, "done")
	receive(t, began, "the second")
	end <- struct{}{}
	receive(t, second, "the second").is(t, "done")
}

func TestInline_CloseLetsWorkEnd(t *testing.T) {
	t.Parallel()
	began, end := make(chan struct{}), make(chan struct{})
	s := newSite(t)
	s.inline("busy", 512, time.Minute, func(context.Context, string) (string, error) {
		close(began)
		<-end
		return "done", nil
	})
	s.inline("other", 512, time.Minute, func(context.Context, string) (string, error) { return "", nil })
	g := s.open(t, func(l *lambda.Limits) { l.Drain = time.Hour })
	answer := g.start(t.Context(), "busy", 1)
	receive(t, began, "the event")
	closed := make(chan struct{})
	go func() {
		g.Close(t.Context())
		close(closed)
	}()
	for !errors.Is(g.do(t, "other", "{}").err, lambda.ErrClosed) {
		continue // not closed yet
	}
	close(end)
	receive(t, answer, "the answer").is(t, "done")
	receive(t, closed, "Close")
}
