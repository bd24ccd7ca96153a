package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// payloadLimit bounds an event, and what a function answers: 6 MB and a little,
// as Lambda's own runtime interface emulator has it ("Lambda quotas":
// invocation payload, synchronous).
const payloadLimit = 6_291_556

// runtimeAPI is the version in the paths of the Lambda Runtime API ("Using the
// Lambda runtime API for custom runtimes", AWS Lambda developer guide).
const runtimeAPI = "/2018-06-01/runtime/"

// Why a function gave no answer. The client sees 500 for each.
var (
	errNotTaken = errors.New("the process ended before it took the event")
	errExited   = errors.New("the process ended before it answered")
	errTimeout  = errors.New("task timed out")
	errInit     = errors.New("the process ended, or took too long, before it asked for an event")
	errProtocol = errors.New("the process asked for the next event before it answered this one")
	errTooLarge = errors.New("the answer exceeds 6291556 bytes")
)

// FunctionError is what a function reports of itself: an error that its handler
// returned, or a panic ("Lambda function errors", errorType and errorMessage).
type FunctionError struct {
	Function string // the logical id
	Type     string
	Message  string
}

// Error gives the function, the type and the message on one line.
func (e *FunctionError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Function, e.Type, e.Message)
}

// invocation is one event on its way through one process.
type invocation struct {
	id       string
	payload  []byte
	trace    string
	deadline time.Time
	answer   chan answer // one slot: the Runtime API never blocks on it
}

// answer is what became of an event.
type answer struct {
	payload []byte
	err     error
}

// process is one process of a function, and the loopback listener at which it,
// and no other, finds the Runtime API. It has one event at a time. A process
// is known by its address because AWS_LAMBDA_RUNTIME_API has no path.
type process struct {
	function *Function
	log      *slog.Logger
	server   *http.Server
	address  string
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
		address:  listener.Addr().String(),
		asking:   make(chan struct{}),
		work:     make(chan *invocation),
		stopped:  make(chan struct{}),
	}
	proc.server = &http.Server{Handler: proc.handler(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug)}
	go func() { _ = proc.server.Serve(listener) }() // it ends with Close, when the process has ended

	// One pipe for both streams keeps the order of the lines, and Wait does not
	// wait for a grandchild that holds its end open.
	reader, writer, err := os.Pipe()
	if err != nil {
		_ = proc.server.Close()
		return nil, fmt.Errorf("opening the output of %s: %w", p.function.Name, err)
	}
	proc.command = &exec.Cmd{
		Path:        p.bootstrap,
		Args:        []string{p.bootstrap},
		Dir:         filepath.Dir(p.bootstrap),
		Env:         p.environment(proc.address),
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
		p.log.Debug("process ended", slog.String("function", p.function.Name), slog.String("state", proc.command.ProcessState.String()))
		_ = reader.SetReadDeadline(time.Now().Add(time.Second))
		<-copied
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
	p.mu.Unlock()
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
		return p.end(deliver, errProtocol)
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

	grace := time.NewTimer(settle)
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

// handler is the Runtime API of this process.
func (p *process) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+runtimeAPI+"invocation/next", p.next)
	mux.HandleFunc("POST "+runtimeAPI+"invocation/{id}/response", p.response)
	mux.HandleFunc("POST "+runtimeAPI+"invocation/{id}/error", p.failure)
	mux.HandleFunc("POST "+runtimeAPI+"init/error", p.initFailure)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A page in the developer's browser can reach loopback ports. No
		// runtime names another host, or says which site it is on.
		if r.Host != p.address || r.Header.Get("Sec-Fetch-Site") != "" {
			runtimeRefusal(w, http.StatusForbidden, "AccessDenied", "this address serves one function's process")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// next serves GET /runtime/invocation/next: it waits until there is an event.
func (p *process) next(w http.ResponseWriter, r *http.Request) {
	select {
	case p.asking <- struct{}{}:
	case <-r.Context().Done():
		return
	}
	select {
	case inv := <-p.work:
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(inv.payload)))
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", functionARN(p.function.Name))
		h.Set("Lambda-Runtime-Trace-Id", inv.trace)
		_, _ = w.Write(inv.payload) // a process that is gone is noticed by its end
	case <-r.Context().Done():
		// A runtime that hangs up while it is free can be given nothing more.
		p.kill()
	}
}

// response serves POST /runtime/invocation/{id}/response.
func (p *process) response(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, payloadLimit+1))
	if err != nil {
		runtimeRefusal(w, http.StatusBadRequest, "InvalidRequest", "the body could not be read")
		return
	}
	a := answer{payload: body}
	status := http.StatusAccepted
	// A runtime that streams its answer reports an error in trailers.
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		a = answer{err: &FunctionError{Function: p.function.Name, Type: kind, Message: "reported while answering"}}
	} else if len(body) > payloadLimit {
		a = answer{err: errTooLarge}
		status = http.StatusRequestEntityTooLarge
	}
	p.settle(w, r.PathValue("id"), a, status)
}

// failure serves POST /runtime/invocation/{id}/error.
func (p *process) failure(w http.ResponseWriter, r *http.Request) {
	p.settle(w, r.PathValue("id"), answer{err: p.reported(r)}, http.StatusAccepted)
}

// initFailure serves POST /runtime/init/error. The runtime exits after it.
func (p *process) initFailure(w http.ResponseWriter, r *http.Request) {
	p.log.LogAttrs(r.Context(), slog.LevelError, "function did not start", slog.String("function", p.function.Name), slog.String("err", p.reported(r).Error()))
	runtimeStatus(w, http.StatusAccepted)
}

// settle gives the answer to the event it belongs to, if that event is
// still waiting for one.
func (p *process) settle(w http.ResponseWriter, id string, a answer, status int) {
	p.mu.Lock()
	inv := p.current
	p.mu.Unlock()
	if inv == nil || inv.id != id {
		runtimeRefusal(w, http.StatusBadRequest, "InvalidRequestID", "no such event is being worked on")
		return
	}
	select {
	case inv.answer <- a:
	default:
		runtimeRefusal(w, http.StatusForbidden, "InvalidStateTransition", "the event has been answered")
		return
	}
	if status != http.StatusAccepted {
		runtimeRefusal(w, status, "RequestEntityTooLarge", errTooLarge.Error())
		return
	}
	runtimeStatus(w, status)
}

// reported reads the error that a runtime posts.
func (p *process) reported(r *http.Request) *FunctionError {
	var report struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, payloadLimit))
	if err == nil {
		err = json.Unmarshal(body, &report)
	}
	if err != nil || report.Type == "" {
		report.Type = "Runtime.Unknown"
	}
	if header := r.Header.Get("Lambda-Runtime-Function-Error-Type"); header != "" {
		report.Type = header
	}
	return &FunctionError{Function: p.function.Name, Type: report.Type, Message: strings.TrimSpace(report.Message)}
}

// runtimeStatus answers a runtime as the Runtime API does.
func runtimeStatus(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"status":"OK"}`+"\n")
}

// runtimeRefusal answers a runtime that did what the Runtime API does not allow.
func runtimeRefusal(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"errorType": kind, "errorMessage": message})
}
