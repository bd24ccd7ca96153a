package contract_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"oms/shared/openapi/openapitest"
)

// caller is somebody who sends requests to a host.
type caller struct {
	h     *host
	tb    testing.TB
	token string // empty: anonymous

	client *http.Client
}

// anyone is a caller without a token.
func (h *host) anyone(tb testing.TB) caller {
	tb.Helper()
	return caller{h: h, tb: tb, client: h.client}
}

// as is a caller with a token.
func (h *host) as(tb testing.TB, token string) caller {
	tb.Helper()
	return caller{h: h, tb: tb, token: token, client: h.client}
}

// fields is a JSON body; raw is a body as it stands.
type (
	fields map[string]any
	raw    string
)

// option changes a request before it is sent.
type option func(*http.Request)

// with sets a header; an empty value deletes it.
func with(name, value string) option {
	return func(r *http.Request) {
		if value == "" {
			r.Header.Del(name)
			return
		}
		r.Header.Set(name, value)
	}
}

// query sets the query as it stands.
func query(raw string) option { return func(r *http.Request) { r.URL.RawQuery = raw } }

// named sets the parameter organization_name.
func named(name string) option { return query(url.Values{"organization_name": {name}}.Encode()) }

func (c caller) get(path string, options ...option) reply {
	c.tb.Helper()
	return c.send(http.MethodGet, path, nil, options...)
}

func (c caller) post(path string, body any, options ...option) reply {
	c.tb.Helper()
	return c.send(http.MethodPost, path, body, options...)
}

func (c caller) put(path string, body any, options ...option) reply { //nolint:unparam // a request reads with its path
	c.tb.Helper()
	return c.send(http.MethodPut, path, body, options...)
}

func (c caller) delete(path string, body any, options ...option) reply {
	c.tb.Helper()
	return c.send(http.MethodDelete, path, body, options...)
}

// send sends a request and holds the exchange against the document. It may be
// called by several goroutines: a request that got no answer is an error of the
// test, and an empty reply.
func (c caller) send(method, path string, body any, options ...option) reply {
	c.tb.Helper()
	r, err := c.try(method, path, body, options...)
	if err != nil {
		c.tb.Errorf("%s %s: %v", method, path, err)
	}
	return r
}

// try is send where it is not a failure that no answer comes.
func (c caller) try(method, path string, body any, options ...option) (reply, error) {
	c.tb.Helper()
	r := reply{tb: c.tb, what: method + " " + path}
	sent, err := encode(body)
	if err != nil {
		return r, err
	}
	for tries := 0; ; tries++ {
		// Not the test's own context: clean-up sends requests too. The client has a time-out.
		//nolint:gosec // G704: the host under test
		request, err := http.NewRequestWithContext(context.WithoutCancel(c.tb.Context()), method,
			c.h.base.String()+path, bytes.NewReader(sent))
		if err != nil {
			return r, err
		}
		if sent != nil {
			request.Header.Set("Content-Type", "application/json")
		}
		if c.token != "" {
			request.Header.Set("Authorization", "Bearer "+c.token)
		}
		for _, o := range options {
			o(request)
		}
		response, err := c.client.Do(request) //nolint:gosec // G704: the host under test
		if err != nil {
			return r, err
		}
		r.status, r.header = response.StatusCode, response.Header
		r.body, err = io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			return reply{tb: c.tb, what: r.what}, err
		}
		r.body = c.asAPIGateway(request, sent, response, r.body)
		r.status = response.StatusCode
		// A host of others throttles, or is too busy; that is not what is tested here.
		busy := r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable
		if c.h.program == nil && busy && r.header.Get("X-Request-Id") == "" && tries < 300 {
			<-time.After(time.Second)
			continue
		}
		c.check(request, sent, response, r)
		return r, nil
	}
}

// check holds an exchange against the document and against what every answer is.
func (c caller) check(request *http.Request, sent []byte, response *http.Response, r reply) {
	c.tb.Helper()
	path := strings.TrimPrefix(request.URL.Path, c.h.base.Path)
	if o, documented := c.h.checker.Find(request.Method, path); documented {
		relative := request.Clone(request.Context())
		relative.URL.Path = path
		c.h.checker.Exchange(c.tb, relative, sent, response, r.body)
		heard := openapitest.Answer{Operation: o, Status: r.status}
		if r.status >= 400 {
			var problem struct{ Code string }
			_ = json.Unmarshal(r.body, &problem) // HEAD has no body, and some hosts' own refusals no code
			heard.Code = problem.Code
		}
		c.h.mu.Lock()
		c.h.answers[heard] = true
		c.h.mu.Unlock()
	}
	if r.status >= 400 {
		if what := c.h.leak(string(r.body)); what != "" {
			c.tb.Errorf("%s: the error body has %s: %s", r.what, what, r.body)
		}
	}
	c.h.mu.Lock()
	defer c.h.mu.Unlock()
	if id := r.header.Get("X-Request-Id"); id != "" {
		c.h.requests[id] = r.status
	}
	for _, s := range confidential(request, sent, r.body) {
		c.h.sent[s] = true
	}
}

func encode(body any) ([]byte, error) {
	switch b := body.(type) {
	case nil:
		return nil, nil
	case raw:
		return []byte(b), nil
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(body)
	return bytes.TrimSpace(out.Bytes()), err
}

// reply is what a caller hears.
type reply struct {
	tb     testing.TB
	what   string // the request, for messages
	status int
	header http.Header
	body   []byte
}

// want ends the test where the status is another.
func (r reply) want(status int) reply {
	r.tb.Helper()
	if r.status != status {
		r.tb.Fatalf("%s = %d %s, want %d", r.what, r.status, r.body, status)
	}
	return r
}

// problem is an error's body.
type problem struct {
	Type      string  `json:"type"`
	Title     string  `json:"title"`
	Status    int     `json:"status"`
	Detail    string  `json:"detail"`
	Code      string  `json:"code"`
	RequestID string  `json:"request_id"`
	Errors    []entry `json:"errors"`
}

type entry struct {
	Field  string `json:"field"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// refused fails the test where the answer is not the problem of that status and
// code; with fields, where it does not have exactly one entry for each.
func (r reply) refused(status int, code string, fields ...string) problem {
	r.tb.Helper()
	p := problem{}
	if r.status != status || json.Unmarshal(r.body, &p) != nil || p.Code != code {
		r.tb.Errorf("%s = %d %s, want %d %s", r.what, r.status, r.body, status, code)
		return p
	}
	var got []string
	for _, e := range p.Errors {
		got = append(got, e.Field)
		if e.Code == "" || e.Detail == "" {
			r.tb.Errorf("%s: the entry of %q says nothing: %s", r.what, e.Field, r.body)
		}
	}
	slices.Sort(got)
	slices.Sort(fields)
	if diff := cmp.Diff(fields, got); diff != "" {
		r.tb.Errorf("%s: entries for these fields (-want +got):\n%s%s", r.what, diff, r.body)
	}
	return p
}

// invalid is refused with the 422 that has these fields.
func (r reply) invalid(fields ...string) problem {
	r.tb.Helper()
	return r.refused(http.StatusUnprocessableEntity, "invalid_request", fields...)
}

// decode decodes a body.
func decode[T any](r reply) T {
	r.tb.Helper()
	var v T
	if err := json.Unmarshal(r.body, &v); err != nil {
		r.tb.Fatalf("%s = %d %s: %v", r.what, r.status, r.body, err)
	}
	return v
}
