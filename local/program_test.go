package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
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

// These tests run the real program, in processes of its own: signals, exit
// codes and what a killed process leaves behind cannot be seen from inside.
// The program is this test binary, which runs main where this variable says
// so; that is why they stand in package main.
const asProgram = "OMS_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program is a run of the service in a folder of its own.
type program struct {
	URL      string // of the API, without a slash at its end
	Docs     string
	Database string
	Data     string

	command *exec.Cmd
	stderr  *bytes.Buffer
	ended   chan struct{}
	err     error // of Wait, once ended
}

// command prepares the program with a working folder and an environment of
// its own: nothing that the developer has set reaches it.
func command(tb testing.TB, folder string, environ []string, args ...string) *exec.Cmd {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	c := exec.Command(self, args...) //nolint:gosec,noctx // G204: this very binary; it ends with its test, by signals that the tests send
	c.Dir = folder
	c.Env = []string{asProgram + "=1"}
	for _, pair := range os.Environ() {
		switch name, _, _ := strings.Cut(pair, "="); {
		case name == "PATH", name == "HOME", name == "TMPDIR", strings.HasPrefix(name, "GO"), strings.HasPrefix(name, "XDG_"):
			c.Env = append(c.Env, pair)
		}
	}
	c.Env = append(c.Env, environ...)
	return c
}

// startProgram starts the service on free ports, with its data in
// folder/.data, and waits until it is ready. It is killed, with all of its
// functions, at the end of the test, if it has not ended before. A flag in
// args overrides.
func startProgram(tb testing.TB, folder string, environ []string, args ...string) *program {
	tb.Helper()
	args = append([]string{"-addr", "127.0.0.1:0", "-db-addr", "127.0.0.1:0", "-template", echoTemplate(tb)}, args...)
	p := &program{command: command(tb, folder, environ, args...), stderr: &bytes.Buffer{}, ended: make(chan struct{})}
	p.command.Stderr = &syncWriter{w: p.stderr}
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		tb.Fatal(err)
	}
	lines := make(chan string)
	go func() {
		scanner := bufio.NewScanner(stdout)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
		close(lines)
	}()
	tb.Cleanup(func() {
		_ = p.command.Process.Kill()
		<-p.ended
	})
	ready := map[string]*string{"API": &p.URL, "Docs": &p.Docs, "Database": &p.Database, "Data": &p.Data}
	for line := range lines {
		if f := strings.Fields(line); len(f) == 2 && ready[f[0]] != nil {
			*ready[f[0]] = f[1]
		}
		if p.Data != "" {
			break
		}
	}
	go func() {
		defer close(p.ended)
		for range lines {
			continue // the pipe must be read to its end before Wait
		}
		// Wait also waits for the end of standard error, which the functions'
		// processes do not share: their lines come through the service.
		p.err = p.command.Wait()
	}()
	if p.Data == "" {
		<-p.ended
		tb.Fatalf("the program ended before it was ready: %v\n%s", p.err, p.stderr)
	}
	return p
}

// signal sends the signal.
func (p *program) signal(tb testing.TB, s os.Signal) {
	tb.Helper()
	if err := p.command.Process.Signal(s); err != nil {
		tb.Fatalf("sending %v: %v", s, err)
	}
}

// wait waits for the program's end, and gives its exit code; -1: a signal's.
func (p *program) wait(tb testing.TB) int {
	tb.Helper()
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		tb.Fatal("the program has not ended within a minute")
	}
	return p.command.ProcessState.ExitCode()
}

// syncWriter lets one write through at a time.
type syncWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *syncWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}

// refused runs the program until it ends by itself, and gives its exit code
// and what it said.
func refused(tb testing.TB, folder string, environ []string, args ...string) (int, string) {
	tb.Helper()
	args = append([]string{"-addr", "127.0.0.1:0", "-db-addr", "127.0.0.1:0", "-template", echoTemplate(tb)}, args...)
	c := command(tb, folder, environ, args...)
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	err := c.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		tb.Fatal(err)
	}
	return c.ProcessState.ExitCode(), said.String()
}

func echoTemplate(tb testing.TB) string {
	tb.Helper()
	return abs(tb, "testdata/service/template.yaml")
}

func abs(tb testing.TB, path string) string {
	tb.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

func mustWrite(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func mustRead(tb testing.TB, path string) string {
	tb.Helper()
	data, err := os.ReadFile(path) //nolint:gosec // G304: a test's own file
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// get sends a GET and gives the status and the body.
func get(ctx context.Context, tb testing.TB, url string) (int, string) {
	tb.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		tb.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		tb.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(response.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// found is what the echo function finds.
type found struct {
	PID         int               `json:"pid"`
	Environment map[string]string `json:"environment"`
}

func (p *program) env(tb testing.TB) found {
	tb.Helper()
	status, body := get(tb.Context(), tb, p.URL+"/env")
	var f found
	if err := json.Unmarshal([]byte(body), &f); err != nil || status != http.StatusOK {
		tb.Fatalf("GET /env = %d %s (%v)", status, body, err)
	}
	return f
}

// held is a request that a function holds until it is released.
type held struct {
	release string
	status  chan int
}

// hold sends a request, and returns when its function works on it.
func (p *program) hold(tb testing.TB) *held {
	tb.Helper()
	folder := tb.TempDir()
	started, release := filepath.Join(folder, "started"), filepath.Join(folder, "release")
	for _, pipe := range []string{started, release} {
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	h := &held{release: release, status: make(chan int, 1)}
	request, err := http.NewRequestWithContext(context.WithoutCancel(tb.Context()), http.MethodGet, p.URL+"/hold?started="+started+"&release="+release, nil)
	if err != nil {
		tb.Fatal(err)
	}
	go func() {
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			h.status <- 0
			return
		}
		_ = response.Body.Close()
		h.status <- response.StatusCode
	}()
	mustRead(tb, started) // blocks until the function has opened it
	return h
}

// gone waits until no process has the id. The kernel ends a function's
// process after the service's, which a test cannot wait for otherwise.
func gone(tb testing.TB, pid int) {
	tb.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || zombie(pid) {
			tick.Stop()
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("process %d is still there", pid)
		}
	}
}

// zombie tells whether the process has ended and only waits to be reaped, by
// an init that may not be there in a container.
func zombie(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	_, after, ok := strings.Cut(string(stat), ") ")
	return ok && strings.HasPrefix(after, "Z")
}
