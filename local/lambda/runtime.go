package lambda

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
)

// runtimeAPI is the version in the paths of the Lambda Runtime API ("Using the
// Lambda runtime API for custom runtimes", AWS Lambda developer guide).
const runtimeAPI = "/2018-06-01/runtime/"

// handler is the Runtime API of this process.
func (p *process) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+runtimeAPI+"invocation/next", p.next)
	mux.HandleFunc("POST "+runtimeAPI+"invocation/{id}/response", p.response)
	mux.HandleFunc("POST "+runtimeAPI+"invocation/{id}/error", p.failure)
	mux.HandleFunc("POST "+runtimeAPI+"init/error", p.initFailure)
	prefix := "/" + p.key
	api := http.StripPrefix(prefix, mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Another user, or a page in the developer's browser, would take the
		// event, and answer in the function's name.
		begin := r.URL.Path[:min(len(prefix), len(r.URL.Path))]
		if subtle.ConstantTimeCompare([]byte(begin), []byte(prefix)) != 1 {
			runtimeRefusal(w, http.StatusForbidden, "AccessDenied", "this address serves one function's process")
			return
		}
		api.ServeHTTP(w, r)
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
	body, err := io.ReadAll(io.LimitReader(r.Body, PayloadLimit+1))
	if err != nil {
		runtimeRefusal(w, http.StatusBadRequest, "InvalidRequest", "the body could not be read")
		return
	}
	a := answer{payload: body}
	status := http.StatusAccepted
	// A runtime that streams its answer reports an error in trailers.
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		a = answer{err: fmt.Errorf("%s: %s: reported while answering", p.function.Name, kind)}
	} else if len(body) > PayloadLimit {
		a = answer{err: errTooLarge}
		status = http.StatusRequestEntityTooLarge
	}
	p.answer(w, r.PathValue("id"), a, status)
}

// failure serves POST /runtime/invocation/{id}/error.
func (p *process) failure(w http.ResponseWriter, r *http.Request) {
	p.answer(w, r.PathValue("id"), answer{err: p.reported(r)}, http.StatusAccepted)
}

// initFailure serves POST /runtime/init/error. The runtime exits after it.
func (p *process) initFailure(w http.ResponseWriter, r *http.Request) {
	p.log.LogAttrs(r.Context(), slog.LevelError, "function did not start",
		slog.String("function", p.function.Name), slog.String("err", p.reported(r).Error()))
	runtimeStatus(w, http.StatusAccepted)
}

// answer gives the answer to the event it belongs to, if that event is
// still waiting for one.
func (p *process) answer(w http.ResponseWriter, id string, a answer, status int) {
	p.mu.Lock()
	inv := p.current
	known := inv != nil && inv.id == id
	again := known && inv.answered
	if known {
		inv.answered = true
	}
	p.mu.Unlock()
	if !known {
		runtimeRefusal(w, http.StatusBadRequest, "InvalidRequestID", "no such event is being worked on")
		return
	}
	if again {
		runtimeRefusal(w, http.StatusForbidden, "InvalidStateTransition", "the event has been answered")
		return
	}
	inv.answer <- a
	if status != http.StatusAccepted {
		runtimeRefusal(w, status, "RequestEntityTooLarge", errTooLarge.Error())
		return
	}
	runtimeStatus(w, status)
}

// reported reads the error that a runtime posts: one that the handler returned,
// or a panic ("Lambda function errors", errorType and errorMessage).
func (p *process) reported(r *http.Request) error {
	var report struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, PayloadLimit))
	if err == nil {
		err = json.Unmarshal(body, &report)
	}
	if err != nil || report.Type == "" {
		report.Type = "Runtime.Unknown"
	}
	if header := r.Header.Get("Lambda-Runtime-Function-Error-Type"); header != "" {
		report.Type = header
	}
	return fmt.Errorf("%s: %s: %s", p.function.Name, report.Type, strings.TrimSpace(report.Message))
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
