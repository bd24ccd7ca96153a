package edge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"oms/shared/edge"
	"oms/shared/fault"
	"oms/shared/must"
)

// TestMain runs the test binary as a function where a test asks for that: Main
// and Job end the process, so they need one of their own.
func TestMain(m *testing.M) {
	failure := errors.New("MONGO_URI: is missing, not mongodb://u:hunter2@h")
	switch os.Getenv("EDGE_TEST_RUN") {
	case "main":
		edge.Main(func(context.Context, func(string) (string, bool), *slog.Logger) (http.Handler, error) {
			return edge.Public(answering(&edge.Answer{Body: "hello"}, nil)), nil
		})
	case "main later":
		starts := 0
		edge.Main(func(context.Context, func(string) (string, bool), *slog.Logger) (http.Handler, error) {
			if starts++; starts < 3 {
				return nil, fmt.Errorf("JWT_SECRET_ARN: %w", fault.New(fault.Unavailable, "storage_unavailable",
					"not yet"))
			}
			return edge.Public(answering(&edge.Answer{Body: starts}, nil)), nil
		})
	case "main fails":
		edge.Main(func(context.Context, func(string) (string, bool), *slog.Logger) (http.Handler, error) {
			return nil, failure
		})
	case "job":
		edge.Job(func(context.Context, func(string) (string, bool), *slog.Logger) (edge.Run, error) {
			return func(context.Context) ([]slog.Attr, error) { return nil, errors.New("hunter2") }, nil
		})
	case "job fails":
		edge.Job(func(context.Context, func(string) (string, bool), *slog.Logger) (edge.Run, error) {
			return nil, failure
		})
	default:
		os.Exit(m.Run())
	}
}

// runs runs the test binary as the function called name and returns what it wrote.
func runs(tb testing.TB, name, runtimeAPI string) (stdout string, code int) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), os.Args[0]) //nolint:gosec // G204: it is this binary
	cmd.Env = append(os.Environ(), "EDGE_TEST_RUN="+name, "AWS_LAMBDA_RUNTIME_API="+runtimeAPI,
		"AWS_LAMBDA_FUNCTION_VERSION=7")
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		tb.Fatalf("running %s: %v", name, err)
	}
	return string(out), 0
}

func TestMainAndJob_sayWhyTheyCannotStart(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"main fails", "job fails"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, code := runs(t, name, "127.0.0.1:1")
			records := recordsOf(t, out)
			if code != 1 || len(records) != 1 || records[0]["message"] != "cannot start" ||
				records[0]["level"] != "ERROR" ||
				records[0]["err"] != "MONGO_URI: is missing, not [redacted]" {
				t.Errorf("exit %d with %s, want 1 and one record that names the cause", code, out)
			}
		})
	}
}

// invoked is what a function told the runtime about an invocation.
type invoked struct{ kind, body string }

// invokes runs the test binary as the function called name, beside a runtime
// API that hands out so many invocations (Lambda runtime API, "Using the Lambda
// runtime API for custom runtimes") and then is gone. It returns what the
// function wrote and answered.
func invokes(tb testing.TB, name string, times int) (stdout string, answers []invoked) {
	tb.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, _ *http.Request) {
		if len(answers) == times {
			w.WriteHeader(http.StatusGone)
			return
		}
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "id-7")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", "33000000000000")
		_, _ = io.WriteString(w, `{"version":"2.0","requestContext":{"http":{"method":"GET","path":"/x"}}}`)
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/id-7/{kind}", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		answers = append(answers, invoked{r.PathValue("kind"), string(body)})
		w.WriteHeader(http.StatusAccepted)
	})
	api := httptest.NewServer(mux)
	stdout, _ = runs(tb, name, strings.TrimPrefix(api.URL, "http://"))
	api.Close() // whose handlers have ended then
	return stdout, answers
}

func TestMainAndJob_answerTheRuntime(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"main": "response", "job": "error"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, answers := invokes(t, name, 1)
			if len(answers) != 1 {
				t.Fatalf("the answers are %v, want one", answers)
			}
			got := answers[0]
			if got.kind != want || strings.Contains(got.body, "hunter2") {
				t.Errorf("%s %s, want a %s without the cause", got.kind, got.body, want)
			}
			records := recordsOf(t, out)
			if len(records) != 1 || records[0]["request_id"] != "id-7" || records[0]["function_version"] != "7" {
				t.Errorf("records = %v, want one of request id-7 and version 7", records)
			}
			if name != "main" {
				return
			}
			response := must.JSON[answered](t, got.body)
			if response.StatusCode != 200 || response.Body != `"hello"` || response.Headers["X-Request-Id"] != "id-7" {
				t.Errorf("response = %s", got.body)
			}
		})
	}
}

func TestMain_startsWhenItCan(t *testing.T) {
	t.Parallel()
	out, answers := invokes(t, "main later", 3)
	records := recordsOf(t, out)
	if len(answers) != 3 || len(records) != 4 || records[0]["message"] != "not started yet" ||
		records[0]["level"] != "WARN" {
		t.Fatalf("answers %v and records %v, want three, and a warning before them", answers, records)
	}
	for i, want := range []struct {
		status int
		body   string
	}{{503, `"code":"storage_unavailable"`}, {200, "3"}, {200, "3"}} { // and it is not started again
		response := must.JSON[answered](t, answers[i].body)
		if response.StatusCode != want.status || !strings.Contains(response.Body, want.body) ||
			records[i+1]["status"] != float64(want.status) ||
			(response.Headers["Retry-After"] != "") != (want.status == 503) {
			t.Errorf("answer %d = %s, want %d with %s", i, answers[i].body, want.status, want.body)
		}
	}
}
