package lambda

import (
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

// Function is one function as it runs here.
type Function struct {
	Name      string // its logical id, as in OrgCreateFunction
	Bootstrap string // the absolute path of its executable
	MemoryMB  int
	Timeout   time.Duration
	Variables map[string]string // its own environment variables, complete
}

// Config is what [New] needs.
type Config struct {
	Functions []Function // each name once
	Schedules []Schedule
	Log       *slog.Logger
	Stderr    io.Writer // what functions print, each line marked with its function
}

// Functions are the functions of one service, and their processes.
type Functions struct {
	pools     map[string]*pool
	schedules []Schedule
	launcher  *launcher
	log       *slog.Logger

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
		pools: map[string]*pool{}, schedules: c.Schedules, launcher: newLauncher(),
		log: c.Log, closed: make(chan struct{}),
	}
	whole := newGate(l.WholeWidth, l.WholeDepth, l.Queue)
	printed := &lines{out: c.Stderr}
	for _, f := range c.Functions {
		gate := whole
		if f.MemoryMB < wholeCPU {
			gate = newGate(l.PerPool, l.Depth, l.Queue)
		}
		out.pools[f.Name] = &pool{
			function: f, gate: gate, limits: l, launcher: out.launcher, lines: printed, log: c.Log,
			live: map[*process]struct{}{}, drained: make(chan struct{}),
		}
	}
	return out
}

// Start warms one process per function and runs the schedules: each once at
// once, then at its rate, until the context ends or the functions are closed.
// It does not wait for any of them. After Close it does nothing.
func (f *Functions) Start(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	f.stop = append(f.stop, cancel)
	for _, p := range f.pools {
		f.running.Go(p.warm)
	}
	for _, s := range f.schedules {
		f.running.Go(func() { f.repeat(ctx, s) })
	}
}

// Invoke has a function work on one event, JSON of at most [PayloadLimit]
// bytes, and returns what the function answered. The trace is the root of the
// tracing header that the function gets. An error is [ErrBusy], [ErrClosed], the
// context's, or says what the function reported of itself, that its process
// ended, or that it overran its timeout. The context bounds the wait, not the
// work.
func (f *Functions) Invoke(ctx context.Context, name string, event []byte, trace string) ([]byte, error) {
	p := f.pools[name]
	if p == nil {
		return nil, fmt.Errorf("invoking %s: there is no such function", name)
	}
	answer, err := p.invoke(ctx, event, trace+newTraceParent())
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
		var pools sync.WaitGroup
		for _, p := range f.pools {
			pools.Go(func() { p.close(ctx) })
		}
		pools.Wait()
		f.running.Wait()
		f.launcher.close() // after the last process: its thread's end would kill them
	})
	<-f.closed
}
