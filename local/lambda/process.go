package lambda

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// Why a function gave no answer.
var (
	errNotTaken = errors.New("the process ended before it took the event")
	errExited   = errors.New("the process ended before it answered")
	errTimeout  = errors.New("task timed out")
	errInit     = errors.New("the process ended, or took too long, before it asked for an event")
	errProtocol = errors.New("the process asked for the next event before it answered this one")
	errTooLarge = errors.New("the answer exceeds 6291556 bytes")
)

// invocation is one event on its way through one process.
type invocation struct {
	id       string
	payload  []byte
	trace    string
	deadline time.Time
	answer   chan answer // one slot, for the one answer
	answered bool        // under the process's lock
}

// answer is what became of an event.
type answer struct {
	payload []byte
	err     error
}

// process is one process of a function, and the loopback listener at which it,
// and no other, finds the Runtime API. It has one event at a time. Any user of
// the machine can reach the listener, and none but the process's own can read
// its environment (proc_pid_environ(5)): there it finds the key, which is the
// first part of the path of all that it asks.
type process struct {
	function Function
	log      *slog.Logger
	server   *http.Server
	key      string
	command  *exec.Cmd

	asking  chan struct{}    // a GET next has come: the process is free
	work    chan *invocation // handed to that GET next
	stopped chan struct{}    // closed when the process has ended

	mu      sync.Mutex
	current *invocation // nil before the first
	gone    bool        // waited for: its number may be another's by now

	idleSince time.Time // the pool's, under its lock
}

// startProcess starts a function's executable and its Runtime API. ended is
// called once, when the process is gone.
func (p *pool) startProcess(ended func(*process)) (*process, error) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("opening the runtime API of %s: %w", p.function.Name, err)
	}
	proc := &process{
		function: p.function,
		log:      p.log,
		key:      rand.Text(),
		asking:   make(chan struct{}),
		work:     make(chan *invocation),
		stopped:  make(chan struct{}),
	}
	proc.server = &http.Server{
		Handler: proc.handler(), ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	go func() { _ = proc.server.Serve(listener) }() // it ends with Close, when the process has ended

	// One pipe for both streams keeps the order of the lines, and Wait does not
	// wait for a grandchild that holds its end open.
	reader, writer, err := os.Pipe()
	if err != nil {
		_ = proc.server.Close()
		return nil, fmt.Errorf("opening the output of %s: %w", p.function.Name, err)
	}
	proc.command = &exec.Cmd{
		Path:        p.function.Bootstrap,
		Args:        []string{p.function.Bootstrap},
		Dir:         filepath.Dir(p.function.Bootstrap),
		Env:         p.environment(listener.Addr().String() + "/" + proc.key),
		Stdout:      writer,
		Stderr:      writer,
		SysProcAttr: processAttributes(),
	}
	err = p.launcher.start(proc.command)
	_ = writer.Close() // the child has its own
	if err != nil {
		_ = reader.Close()
		_ = proc.server.Close()
		return nil, fmt.Errorf("starting %s: %w", p.function.Name, err)
	}
	copied := make(chan struct{})
	go func() {
		p.lines.copy(p.function.Name, reader)
		close(copied)
	}()
	go func() {
		_ = proc.command.Wait() // how it ended is in its state
		proc.mu.Lock()
		proc.gone = true
		proc.mu.Unlock()
		killGroup(proc.command.Process) // whatever it started ends with it
		p.log.Debug("process ended", slog.String("function", p.function.Name),
			slog.String("state", proc.command.ProcessState.String()))
		select {
		case <-copied:
		case <-time.After(time.Second): // something that left the group holds the pipe
		}
		_ = reader.Close()
		close(proc.stopped)
		_ = proc.server.Close()
		ended(proc)
	}()
	return proc, nil
}

// run gives the process one event, reports what became of it through deliver,
// and returns when the process is free again (true) or has ended (false). Both
// happen at the same time as a rule: a runtime asks for the next event within a
// fraction of a millisecond of its answer, and waiting for that keeps a client
// that sends its next request at once from being given a second process. Where
// the function works on after its answer, the answer goes out first; the
// function's timeout covers that work too.
func (p *process) run(inv *invocation, deliver func(answer)) bool {
	inv.deadline = time.Now().Add(p.function.Timeout)
	timeout := time.NewTimer(p.function.Timeout)
	defer timeout.Stop()

	p.mu.Lock()
	p.current = inv
	gone := p.gone
	p.mu.Unlock()
	if gone { // its question may still be there
		deliver(answer{err: errNotTaken})
		return false
	}
	select {
	case p.work <- inv:
	case <-p.stopped:
		deliver(answer{err: errNotTaken})
		return false
	case <-timeout.C: // it hung up, and is being killed
		return p.end(deliver, errNotTaken)
	}

	var a answer
	select {
	case a = <-inv.answer:
	case <-p.asking:
		select {
		case a = <-inv.answer: // it came before: on a busy machine both are seen at once
			deliver(a)
			return true
		default:
			return p.end(deliver, errProtocol)
		}
	case <-p.stopped:
		select {
		case a = <-inv.answer: // it came before the end: it stands
		default:
			a.err = errExited
		}
		deliver(a)
		return false
	case <-timeout.C:
		return p.end(deliver, fmt.Errorf("%w after %.2f seconds", errTimeout, p.function.Timeout.Seconds()))
	}

	grace := time.NewTimer(freeGrace)
	defer grace.Stop()
	select {
	case <-p.asking:
		deliver(a)
		return true
	case <-p.stopped:
		deliver(a)
		return false
	case <-grace.C:
		deliver(a)
	}
	select {
	case <-p.asking:
		return true
	case <-p.stopped:
		return false
	case <-timeout.C:
		p.kill()
		<-p.stopped
		return false
	}
}

// end kills a process in the middle of an event.
func (p *process) end(deliver func(answer), err error) bool {
	p.kill()
	deliver(answer{err: err})
	<-p.stopped
	return false
}

// kill ends the process and all that it started.
func (p *process) kill() { p.signal(killGroup) }

func (p *process) signal(send func(*os.Process)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.gone {
		send(p.command.Process)
	}
}

// terminate asks the process to end, and kills it after the time given.
func (p *process) terminate(within time.Duration) {
	p.signal(terminateGroup)
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.stopped:
	case <-timer.C:
		p.kill()
		<-p.stopped
	}
}
