package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"oms/local/localtest"
	"oms/shared/must"
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
type program struct{ *localtest.Program }

// command prepares this very binary, as the program.
func command(tb testing.TB, folder string, environ []string, args ...string) *exec.Cmd {
	tb.Helper()
	self := must.Get(os.Executable())(tb)
	args = append([]string{"-template", echoTemplate(tb)}, args...)
	return localtest.Command(self, folder, append([]string{asProgram + "=1"}, environ...), args...)
}

// startProgram starts the service on free ports, with its data in folder/.data.
func startProgram(tb testing.TB, folder string, environ []string, args ...string) program {
	tb.Helper()
	return program{localtest.Start(tb, command(tb, folder, environ, args...))}
}

// refused runs the program until it ends by itself, and gives its exit code
// and what it said.
func refused(tb testing.TB, folder string, environ []string, args ...string) (int, string) {
	tb.Helper()
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
	return must.Get(filepath.Abs(path))(tb)
}

func mustWrite(tb testing.TB, path, text string) {
	tb.Helper()
	must.Do(tb, os.MkdirAll(filepath.Dir(path), 0o700))
	must.Do(tb, os.WriteFile(path, []byte(text), 0o600))
}

func mustRead(tb testing.TB, path string) string {
	tb.Helper()
	return string(must.Get(os.ReadFile(path))(tb)) //nolint:gosec // G304: a test's own file
}

// get sends a GET and gives the status and the body.
func get(ctx context.Context, tb testing.TB, url string) (int, string) {
	tb.Helper()
	request := must.Get(http.NewRequestWithContext(ctx, http.MethodGet, url, nil))(tb)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		tb.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	return response.StatusCode, string(must.Get(io.ReadAll(response.Body))(tb))
}

// env returns the environment of a function.
func (p program) env(tb testing.TB) map[string]string {
	tb.Helper()
	status, body := get(tb.Context(), tb, p.URL+"/env")
	var environment map[string]string
	if err := json.Unmarshal([]byte(body), &environment); err != nil || status != http.StatusOK {
		tb.Fatalf("GET /env = %d %s (%v)", status, body, err)
	}
	return environment
}

// held is a request that a function holds until it is released.
type held struct {
	release string
	status  chan int
}

// hold sends a request, and returns when its function works on it.
func (p program) hold(tb testing.TB) *held {
	tb.Helper()
	folder := tb.TempDir()
	started, release := filepath.Join(folder, "started"), filepath.Join(folder, "release")
	for _, pipe := range []string{started, release} {
		must.Do(tb, syscall.Mkfifo(pipe, 0o600))
	}
	h := &held{release: release, status: make(chan int, 1)}
	request := must.Get(http.NewRequestWithContext(context.WithoutCancel(tb.Context()), http.MethodGet,
		p.URL+"/hold?started="+started+"&release="+release, nil))(tb)
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
