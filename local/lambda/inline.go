package lambda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Handler works on one event, as lambda.Handler of aws-lambda-go does.
type Handler interface {
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

var errPanicked = errors.New("the function panicked")

// inline runs a function in this process. The function's timeout ends the wait
// for it and its context; what does not look at its context keeps its place in
// the gate until it has ended.
type inline struct {
	function Function
	gate     *gate
	limits   limits
	log      *slog.Logger

	jobs chan func() // to goroutines that have worked before: their stacks have grown

	mu     sync.Mutex
	closed bool
	work   sync.WaitGroup
}

// idleWorker is how long a goroutine waits for a next event.
const idleWorker = time.Second

// warm does nothing: the handler is there.
func (i *inline) warm() {}

// invoke has one event worked on. The context bounds the wait for a place and
// for the answer; the work itself goes on without a client, as in Lambda.
func (i *inline) invoke(ctx context.Context, payload []byte, _ string) ([]byte, error) {
	if err := i.gate.enter(ctx); err != nil {
		return nil, err
	}
	if !i.begin() {
		i.gate.leave()
		return nil, ErrClosed
	}
	work, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), i.function.Timeout,
		fmt.Errorf("%w after %.2f seconds", errTimeout, i.function.Timeout.Seconds()))
	work = lambdacontext.NewContext(work, &lambdacontext.LambdaContext{
		AwsRequestID: newUUID(), InvokedFunctionArn: functionARN(i.function.Name),
	})
	done := make(chan answer, 1)
	i.do(func() {
		defer i.work.Done()
		defer i.gate.leave()
		defer cancel()
		done <- i.run(work, payload)
	})
	select {
	case a := <-done:
		return a.payload, a.err
	case <-work.Done():
		select {
		case a := <-done: // its end is also the end of its context
			return a.payload, a.err
		default:
			return nil, context.Cause(work)
		}
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// do runs a job beside the caller. A function that computes does so on a thread
// of its own, which leaves the processor to all others; locked to the end, the
// thread ends with its goroutine.
func (i *inline) do(job func()) {
	if i.function.MemoryMB >= wholeCPU {
		go func() {
			runtime.LockOSThread()
			lowerPriority()
			job()
		}()
		return
	}
	select {
	case i.jobs <- job:
		return
	default:
	}
	go func() {
		timer := time.NewTimer(idleWorker)
		defer timer.Stop()
		for {
			job()
			timer.Reset(idleWorker)
			select {
			case job = <-i.jobs:
			case <-timer.C:
				return
			}
		}
	}()
}

// begin reports whether an event may still be begun, and counts it.
func (i *inline) begin() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.closed {
		i.work.Add(1)
	}
	return !i.closed
}

func (i *inline) run(ctx context.Context, payload []byte) (a answer) {
	defer func() {
		if v := recover(); v != nil {
			// The value may hold anything, a password too.
			i.log.LogAttrs(ctx, slog.LevelError, "function panicked",
				slog.String("function", i.function.Name), slog.String("type", fmt.Sprintf("%T", v)))
			a = answer{err: errPanicked}
		}
	}()
	out, err := i.function.Handler.Invoke(ctx, payload)
	if err == nil && len(out) > PayloadLimit {
		err = errTooLarge
	}
	if err != nil {
		return answer{err: fmt.Errorf("%s: %w", i.function.Name, err)}
	}
	return answer{payload: out}
}

// close refuses further events and waits for those at work, for the drain time
// or until the context ends. What is left ends with this process.
func (i *inline) close(ctx context.Context) {
	i.mu.Lock()
	i.closed = true
	i.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		i.work.Wait()
		close(ended)
	}()
	timer := time.NewTimer(i.limits.Drain)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	case <-ctx.Done():
	}
}
