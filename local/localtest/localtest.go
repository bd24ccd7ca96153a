// Package localtest starts the real service in processes of its own: signals,
// exit codes and what a killed process leaves behind cannot be seen from
// inside. It is for the tests of local and of local/contract.
package localtest

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"oms/shared/must"
)

// Command prepares the service on free ports, with a working folder and an
// environment of its own: nothing that the developer has set reaches it. A flag
// in args overrides.
func Command(program, folder string, environ []string, args ...string) *exec.Cmd {
	args = append([]string{"-addr", "127.0.0.1:0", "-db-addr", "127.0.0.1:0"}, args...)
	//nolint:gosec,noctx // G204: what the test built; it ends with its test, by signals that the tests send
	c := exec.Command(program, args...)
	c.Dir = folder
	for _, pair := range os.Environ() {
		switch name, _, _ := strings.Cut(pair, "="); {
		case name == "PATH", name == "HOME", name == "TMPDIR", strings.HasPrefix(name, "GO"),
			strings.HasPrefix(name, "XDG_"):
			c.Env = append(c.Env, pair)
		}
	}
	c.Env = append(c.Env, environ...)
	return c
}

// Program is a run of the service.
type Program struct {
	URL, Docs, Database, Data string // as it printed them; URL is the API's

	command *exec.Cmd
	log     Buffer
	ended   chan struct{}
	err     error // of Wait, once ended
}

// Start starts what [Command] prepared, and waits until it is ready. It is
// killed, with all of its functions, at the end of the test, if it has not
// ended before.
func Start(tb testing.TB, c *exec.Cmd) *Program {
	tb.Helper()
	p := &Program{command: c, ended: make(chan struct{})}
	c.Stderr = &p.log
	stdout := must.Get(c.StdoutPipe())(tb)
	must.Do(tb, c.Start())
	ready := make(chan struct{})
	go func() {
		defer close(p.ended)
		// After the pipe's end. It also waits for the end of standard error, which
		// the functions' processes do not share: their lines come through the service.
		defer func() { p.err = c.Wait() }()
		said := map[string]*string{
			"API": &p.URL, "Docs": &p.Docs, "Database": &p.Database, "Data": &p.Data,
		}
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			f := strings.Fields(lines.Text())
			if len(f) != 2 || said[f[0]] == nil || p.Data != "" {
				continue
			}
			*said[f[0]] = f[1]
			if f[0] == "Data" { // the last line
				close(ready)
			}
		}
	}()
	tb.Cleanup(func() {
		p.Kill()
		if tb.Failed() {
			tb.Log("what the service complained of:\n" + p.complaints())
		}
	})
	select {
	case <-ready:
	case <-p.ended:
		tb.Fatalf("the service ended before it was ready: %v\n%s", p.err, p.Log())
	case <-time.After(2 * time.Minute):
		tb.Fatalf("the service was not ready within two minutes\n%s", p.Log())
	}
	return p
}

// Log returns what the service and its functions have logged so far.
func (p *Program) Log() string { return p.log.String() }

// complaints returns the lines of the log that an operator would look at.
func (p *Program) complaints() string {
	var lines []string
	for line := range strings.Lines(p.Log()) {
		if strings.Contains(line, "ERROR") || strings.Contains(line, "WARN") || strings.Contains(line, "panic") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-100):], "")
}

// Signal sends the signal, if the service has not ended.
func (p *Program) Signal(tb testing.TB, s os.Signal) {
	tb.Helper()
	if err := p.command.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		tb.Fatalf("sending %v: %v", s, err)
	}
}

// Ended is closed when the service has ended.
func (p *Program) Ended() <-chan struct{} { return p.ended }

// Wait waits for the service's end, and returns its exit code; -1: a signal's.
func (p *Program) Wait(tb testing.TB) int {
	tb.Helper()
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		tb.Fatal("the service has not ended within a minute")
	}
	return p.command.ProcessState.ExitCode()
}

// Stop ends the service as Ctrl-C does.
func (p *Program) Stop(tb testing.TB) {
	tb.Helper()
	p.Signal(tb, syscall.SIGINT)
	if code := p.Wait(tb); code != 0 {
		tb.Errorf("the service ended with %d, %v", code, p.err)
	}
}

// Kill kills the service alone, as kill -9 does, and waits for its end.
func (p *Program) Kill() {
	_ = p.command.Process.Kill() // it may have ended
	<-p.ended
}

// Processes returns the ids of the processes whose program is in a folder, or
// below it; of no folder there are none.
func Processes(tb testing.TB, folder string) []int {
	tb.Helper()
	if folder == "" {
		return nil
	}
	all := must.Get(filepath.Glob("/proc/[0-9]*/exe"))(tb)
	var found []int
	for _, exe := range all {
		file, err := os.Readlink(exe) // of a zombie, or one that has ended, there is none
		if err != nil || !strings.HasPrefix(file, folder+"/") {
			continue
		}
		if id, err := strconv.Atoi(filepath.Base(filepath.Dir(exe))); err == nil {
			found = append(found, id)
		}
	}
	return found
}

// Gone waits until no program below a folder runs: the kernel ends the functions
// after the service, which a test cannot wait for otherwise.
func Gone(tb testing.TB, folder string) {
	tb.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-tick.C {
		left := Processes(tb, folder)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("the processes %v are left", left)
		}
	}
}

// Buffer is a buffer for several goroutines.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends p.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns all that was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
