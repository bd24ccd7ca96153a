package lambda

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// The account and the region that events and ARNs name, where a function's
// variables do not say AWS_REGION. The account is the one of AWS's examples.
const (
	AccountID = "123456789012"
	Region    = "us-east-1"
)

// PayloadLimit bounds an event, and what a function answers, in bytes: 6 MB
// and a little, as Lambda's own runtime interface emulator has it ("Lambda
// quotas": invocation payload, synchronous).
const PayloadLimit = 6_291_556

// Function is one function as it runs here: as processes of its own, or in this
// one.
type Function struct {
	Name      string  // its logical id, as in OrgCreateFunction
	Bootstrap string  // the absolute path of its executable
	Handler   Handler // runs in this process, in the place of a Bootstrap
	MemoryMB  int
	Timeout   time.Duration
	Variables map[string]string // its own environment variables, complete; a Handler has been given them
}

// Config is what [New] needs.
type Config struct {
	Functions     []Function // each name once
	Schedules     []Schedule
	Subscriptions *Subscriptions // by what functions print; nil: there are none
	Log           *slog.Logger
	Stderr        io.Writer // what functions print, each line marked with its function
}

// runner has the events of one function worked on.
type runner interface {
	warm()
	invoke(ctx context.Context, payload []byte, trace string) ([]byte, error)
	close(ctx context.Context)
}

// Functions are the functions of one service, and their processes.
type Functions struct {
	runners       map[string]runner
	schedules     []Schedule
	subscriptions *Subscriptions
	launcher      *launcher
	log           *slog.Logger

	running sync.WaitGroup // what Start began
	mu      sync.Mutex
	ended   bool // Close was called
	stop    []context.CancelFunc
	closed  chan struct{} // closed when Close has ended everything
	closing sync.Once
}

// New starts no process: they start with [Functions.Start], or with the first
// event.
func New(c Config) *Functions { return newFunctions(c, defaultLimits()) }

func newFunctions(c Config, l limits) *Functions {
	out := &Functions{
		runners: map[string]runner{}, schedules: c.Schedules, launcher: newLauncher(),
		subscriptions: cmp.Or(c.Subscriptions, NewSubscriptions()), log: c.Log, closed: make(chan struct{}),
	}
	printed := &lines{out: c.Stderr, subscriptions: out.subscriptions}
	for _, f := range c.Functions {
		gate := newGate(l.PerPool, l.Depth, l.Queue)
		if f.MemoryMB >= wholeCPU { // a queue for each: logins, which anybody may ask for, hold up no administrator
			gate = newGate(l.WholeWidth, l.WholeDepth, l.Queue)
		}
		if f.Handler != nil {
			out.runners[f.Name] = &inline{function: f, gate: gate, limits: l, log: c.Log, jobs: make(chan func())}
			continue
		}
		out.runners[f.Name] = &pool{
			function: f, gate: gate, limits: l, launcher: out.launcher, lines: printed, log: c.Log,
			live: map[*process]struct{}{}, drained: make(chan struct{}),
		}
	}
	return out
}

// Start warms one process per function and runs the schedules: each once at
// once, then at its rate, until the context ends or the functions are closed; and
// has those started that listen.
// It does not wait for any of them. After Close it does nothing.
func (f *Functions) Start(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	f.stop = append(f.stop, cancel)
	for _, r := range f.runners {
		f.running.Go(r.warm)
	}
	for _, s := range f.schedules {
		f.running.Go(func() { f.repeat(ctx, s) })
	}
	for name, due := range f.subscriptions.due {
		f.running.Go(func() { f.follow(ctx, name, due) })
	}
}

// Invoke has a function work on one event, JSON of at most [PayloadLimit]
// bytes, and returns what the function answered. The trace is the root of the
// tracing header that the function gets. An error is [ErrBusy], [ErrClosed], the
// context's, or says what the function reported of itself, that its process
// ended, or that it overran its timeout. The context bounds the wait, not the
// work.
func (f *Functions) Invoke(ctx context.Context, name string, event []byte, trace string) ([]byte, error) {
	r := f.runners[name]
	if r == nil {
		return nil, fmt.Errorf("invoking %s: there is no such function", name)
	}
	answer, err := r.invoke(ctx, event, trace+newTraceParent())
	if err != nil {
		return nil, fmt.Errorf("invoking %s: %w", name, err)
	}
	return answer, nil
}

// Close ends every process and waits for them: the idle ones at once, those at
// work when they have answered or after 3 s, or when the context ends. Each is
// sent SIGTERM, and SIGKILL a second later. Events that wait, and those that
// come after, are refused. A second call waits for the first.
func (f *Functions) Close(ctx context.Context) {
	f.closing.Do(func() {
		defer close(f.closed)
		f.mu.Lock()
		f.ended = true
		for _, cancel := range f.stop {
			cancel()
		}
		f.mu.Unlock()
		var runners sync.WaitGroup
		for _, r := range f.runners {
			runners.Go(func() { r.close(ctx) })
		}
		runners.Wait()
		f.running.Wait()
		f.launcher.close() // after the last process: its thread's end would kill them
	})
	<-f.closed
}
