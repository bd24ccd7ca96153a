package contract_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// built is the service's programs.
type built struct {
	service   string // the local host
	functions string // a folder of them, <logical id>/bootstrap
}

// build builds the service as `make build` does. That takes as long as linking ten programs.
func build(tb testing.TB) built {
	tb.Helper()
	out := tb.TempDir()
	c := exec.CommandContext(tb.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags=-s -w", "-o", out+"/", "./local", "./functions/...") //nolint:gosec // G204: the go command
	c.Dir = "../.."
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := c.CombinedOutput(); err != nil {
		tb.Fatalf("building the service: %v\n%s", err, said)
	}
	b := built{service: filepath.Join(out, "local"), functions: filepath.Join(out, "functions")}
	programs, err := os.ReadDir(out)
	if err != nil {
		tb.Fatal(err)
	}
	for _, p := range programs {
		if p.Name() == "local" {
			continue
		}
		var id strings.Builder // org-create is OrgCreateFunction in the template
		for word := range strings.SplitSeq(p.Name(), "-") {
			id.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
		link(tb, filepath.Join(out, p.Name()), filepath.Join(b.functions, id.String()+"Function", "bootstrap"))
	}
	return b
}

// own returns the same programs in a folder of their own, so that a test can
// tell which processes are its own.
func (b built) own(tb testing.TB) built {
	tb.Helper()
	out := tb.TempDir()
	all, err := filepath.Glob(filepath.Join(b.functions, "*", "bootstrap"))
	if err != nil || len(all) == 0 {
		tb.Fatalf("finding the functions: %q, %v", all, err)
	}
	for _, file := range all {
		link(tb, file, filepath.Join(out, filepath.Base(filepath.Dir(file)), "bootstrap"))
	}
	return built{service: b.service, functions: out}
}

func link(tb testing.TB, from, to string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.Link(from, to); err != nil {
		tb.Fatal(err)
	}
}

// program is a running service.
type program struct {
	api, database string // as it printed them
	data          string

	functions string // the folder
	command   *exec.Cmd
	stderr    *lockedBuffer
	ended     chan struct{}
	err       error // of Wait, once ended
}

// start starts the service on free ports with its data in a folder, and waits
// until it is ready. It is killed at the end of the test, if it has not ended.
func (b built) start(tb testing.TB, data string, environ ...string) *program {
	tb.Helper()
	p := &program{data: data, functions: b.functions, stderr: &lockedBuffer{}, ended: make(chan struct{})}
	p.command = exec.Command(b.service, "-addr", "127.0.0.1:0", "-db-addr", "127.0.0.1:0", "-template", template(tb), "-data", data, "-functions", b.functions) //nolint:gosec,noctx // G204: built above; it ends with its test
	p.command.Dir = data                                                                                                                                        // no .env of the developer's
	p.command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "STAGE=local", "BCRYPT_COST=4"}, environ...)
	p.command.Stderr = p.stderr
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		tb.Fatal(err)
	}
	ready := make(chan struct{})
	go func() {
		defer close(p.ended)
		defer func() { p.err = p.command.Wait() }() // after the pipe's end
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			switch f := strings.Fields(scanner.Text()); {
			case len(f) != 2:
			case f[0] == "API":
				p.api = f[1]
			case f[0] == "Database":
				p.database = f[1]
			case f[0] == "Data": // the last line
				close(ready)
			}
		}
	}()
	tb.Cleanup(func() {
		p.kill()
		if tb.Failed() {
			tb.Log("what the service complained of:\n" + p.complaints())
		}
	})
	select {
	case <-ready:
	case <-p.ended:
		tb.Fatalf("the service ended before it was ready: %v\n%s", p.err, p.log())
	case <-time.After(time.Minute):
		tb.Fatalf("the service was not ready within a minute\n%s", p.log())
	}
	return p
}

// template returns the path of the template, with two changes. Functions that
// ask for a whole CPU share what the machine has and, on one with two, run one
// at a time; here they are to meet one another. And reconcile runs when a test
// says so, not once a minute: else it may be at the very work that a test left
// half done for somebody else to finish.
func template(tb testing.TB) string {
	tb.Helper()
	changes := map[string]string{
		"MemorySize: 1769":                   "MemorySize: 512",
		"ScheduleExpression: rate(1 minute)": "ScheduleExpression: rate(1 day)",
	}
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	for is, shall := range changes {
		if !bytes.Contains(text, []byte(is)) {
			tb.Fatalf("the template has no %s any more", is)
		}
		text = bytes.ReplaceAll(text, []byte(is), []byte(shall))
	}
	path := filepath.Join(tb.TempDir(), "template.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil { //nolint:gosec // G703: the test's own folder
		tb.Fatal(err)
	}
	return path
}

// log returns what the service and its functions have logged so far.
func (p *program) log() string { return p.stderr.String() }

// complaints returns the lines of the log that an operator would look at.
func (p *program) complaints() string {
	var lines []string
	for line := range strings.Lines(p.log()) {
		if strings.Contains(line, "ERROR") || strings.Contains(line, "WARN") || strings.Contains(line, "panic") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-100):], "")
}

// running tells whether the service has not ended.
func (p *program) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// kill kills the service alone, as kill -9 does, and waits for its end.
func (p *program) kill() {
	_ = p.command.Process.Kill() // it may have ended
	<-p.ended
}

// stop ends the service as Ctrl-C does.
func (p *program) stop(tb testing.TB) {
	tb.Helper()
	if err := p.command.Process.Signal(syscall.SIGINT); err != nil {
		tb.Errorf("sending SIGINT: %v; it ended with %v", err, p.err)
		return
	}
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		tb.Fatal("the service has not ended within a minute")
	}
	if p.err != nil {
		tb.Errorf("the service ended with %v", p.err)
	}
}

// processes returns the ids of the processes of this service's functions.
func (p *program) processes(tb testing.TB) []int {
	tb.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		tb.Fatal(err)
	}
	var found []int
	for _, exe := range all {
		file, err := os.Readlink(exe) // of a zombie, or one that has ended, there is none
		if err != nil || !strings.HasPrefix(file, p.functions+"/") {
			continue
		}
		if id, err := strconv.Atoi(filepath.Base(filepath.Dir(exe))); err == nil {
			found = append(found, id)
		}
	}
	return found
}

// lockedBuffer is a buffer for two goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends p.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns all that was written.
func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
