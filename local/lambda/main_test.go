package lambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	runtime "github.com/aws/aws-lambda-go/lambda"
)

// kindVariable makes this test binary a function: a process is the very
// binary that tests it, with the variable naming what it shall do.
const kindVariable = "TEST_FUNCTION"

func TestMain(m *testing.M) {
	kind := os.Getenv(kindVariable)
	if kind == "" {
		os.Exit(m.Run())
	}
	if err := runFunction(kind); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// runFunction is the main of a test function. Most kinds tell the desk of their
// test that they start, and ask it what to do with each event.
func runFunction(kind string) error {
	switch kind {
	case "environment":
		runtime.Start(handler(func([]byte) ([]byte, error) {
			return []byte(strings.Join(os.Environ(), "\n")), nil
		}))
	case "echo":
		runtime.Start(handler(func(event []byte) ([]byte, error) { return bytes.Clone(event), nil }))
	case "fixed":
		runtime.Start(handler(func([]byte) ([]byte, error) { return []byte(os.Getenv("ANSWER")), nil }))
	case "print":
		runtime.Start(handler(func([]byte) ([]byte, error) {
			_, err := fmt.Println(os.Getenv("LINE"))
			return nil, err
		}))
	case "torn": // the answer is a stream that fails
		runtime.Start(func() (io.Reader, error) {
			return io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errors.New("torn"))), nil
		})
	case "protocol":
		return runProtocol()
	case "grandchild":
		_, err := ask("grandchild", nil)
		return err
	}
	if _, err := ask("start", nil); err != nil {
		return err
	}
	switch kind {
	case "init-exit":
		return errors.New("cannot start")
	case "init-hang":
		select {}
	}
	runtime.Start(handler(func(event []byte) ([]byte, error) {
		answer, err := ask("event", event)
		switch {
		case err != nil:
			return nil, err
		case string(answer) == "!exit":
			os.Exit(1)
		case string(answer) == "!error":
			return nil, errors.New("out of order")
		case string(answer) == "!panic":
			panic("out of order")
		case string(answer) == "!exit when answered":
			go func() {
				_, _ = ask("leaving", nil)
				os.Exit(0)
			}()
			return []byte("answered"), nil
		case string(answer) == "!grandchild":
			self, err := os.Executable()
			if err != nil {
				return nil, err
			}
			child := exec.CommandContext(context.Background(), self) //nolint:gosec // G204: it is this binary
			child.Env = append(os.Environ(), kindVariable+"=grandchild")
			child.Stdout, child.Stderr = os.Stdout, os.Stderr // it holds the pipes open
			return []byte("started"), child.Start()
		}
		return answer, nil
	}))
	return nil
}

// handler answers an event with bytes that may not be JSON.
type handler func(event []byte) ([]byte, error)

func (h handler) Invoke(_ context.Context, event []byte) ([]byte, error) { return h(event) }

// ask visits the desk and returns what it says, however long that takes.
func ask(what string, event []byte) ([]byte, error) {
	url := fmt.Sprintf("%s/%s?pid=%d&function=%s",
		os.Getenv("DESK"), what, os.Getpid(), os.Getenv("AWS_LAMBDA_FUNCTION_NAME"))
	//nolint:gosec // G704: the test gave the address
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, bytes.NewReader(event))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request) //nolint:gosec // G704: the test gave the address
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	return io.ReadAll(response.Body)
}

// runProtocol speaks the Runtime API by hand: what DO says, and tells the desk
// what it saw.
func runProtocol() error {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"
	var seen []string
	call := func(method, path, body string) http.Header {
		//nolint:gosec // G704: the runtime API's address was given
		request, err := http.NewRequestWithContext(context.Background(), method, api+path, strings.NewReader(body))
		if err != nil {
			return nil
		}
		response, err := http.DefaultClient.Do(request) //nolint:gosec // G704: the test subject gave the address
		if err != nil {
			return nil
		}
		defer func() { _ = response.Body.Close() }()
		seen = append(seen, strconv.Itoa(response.StatusCode))
		return response.Header
	}
	switch os.Getenv("DO") {
	case "init error":
		call(http.MethodPost, "init/error", `{"errorType":"Broken","errorMessage":"no configuration"}`)
		return errors.New("exit")
	case "ask twice":
		call(http.MethodGet, "invocation/next", "")
		call(http.MethodGet, "invocation/next", "")
		return errors.New("was given a second event")
	}
	h := call(http.MethodGet, "invocation/next", "")
	id := h.Get("Lambda-Runtime-Aws-Request-Id")
	call(http.MethodPost, "invocation/another/response", "1")
	call(http.MethodPost, "invocation/"+id+"/response", "2")
	call(http.MethodPost, "invocation/"+id+"/response", "3")
	call(http.MethodPost, "invocation/"+id+"/error", "{}")
	report, err := json.Marshal(map[string]any{"header": h, "seen": seen})
	if err != nil {
		return err
	}
	_, err = ask("event", report)
	return err
}
