package openapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	problemJSON = "application/problem+json" // RFC 9457
	plainJSON   = "application/json"
)

// Exchange fails the test where the response is not one that the document has
// for the request: the operation and the status are documented, every required
// header is there and every documented one matches its schema, and the body is
// of a documented content type and valid against its schema. A problem
// document must agree with the status, with its own code and with the header
// x-request-id. Where the response is a 2xx, the request must have been one
// that the document allows: a service that accepts more than it says fails.
//
// The bodies are given beside the messages, which have been read by then; the
// request's may be nil. Exchange may be called by parallel tests.
func (c *Checker) Exchange(tb testing.TB, req *http.Request, reqBody []byte, resp *http.Response, respBody []byte) {
	tb.Helper()
	var found []string // reported from here, so that a failure names the caller's line
	c.exchange(req, reqBody, resp, respBody, func(format string, args ...any) {
		found = append(found, fmt.Sprintf(format, args...))
	})
	for _, f := range found {
		tb.Errorf("%s %s: %d: %s", req.Method, req.URL.Path, resp.StatusCode, f)
	}
}

func (c *Checker) exchange(req *http.Request, reqBody []byte, resp *http.Response, respBody []byte, report reporter) {
	o, path := c.find(req.Method, req.URL.Path)
	if o == nil {
		report("the operation is not documented")
		return
	}
	r, ok := o.responses[strconv.Itoa(resp.StatusCode)]
	if !ok {
		report("the status is not documented; the body is %.300q", respBody)
		return
	}
	r.check(resp, respBody, report)
	if resp.StatusCode/100 == 2 {
		o.check(req, path, reqBody, report)
	}
}

type reporter func(format string, args ...any)

// check holds a response against what is documented for its status.
func (r *response) check(resp *http.Response, body []byte, report reporter) {
	content, media := r.mediaOf(resp, body, report)
	var problem struct {
		Type      string `json:"type"`
		Status    int    `json:"status"`
		Code      string `json:"code"`
		RequestID string `json:"request_id"`
	}
	if media != nil && isJSON(content) && validate(media.schema, body, "the body", report) && content == problemJSON {
		if err := json.Unmarshal(body, &problem); err != nil {
			report("reading the problem document: %v", err)
		}
		if problem.Status != resp.StatusCode {
			report("the problem document has status %d", problem.Status)
		}
		if want := "urn:oms:problem:" + problem.Code; problem.Type != want {
			report("the problem document has type %q, want %q", problem.Type, want)
		}
		if id := resp.Header.Get("X-Request-Id"); problem.RequestID != id {
			report("the problem document has request_id %q, and x-request-id is %q", problem.RequestID, id)
		}
	}
	for name, h := range r.headers {
		values := resp.Header.Values(name)
		if name == "Vary" && len(values) > 1 { // a list may come in several lines (RFC 9110, section 5.3)
			values = []string{strings.Join(values, ", ")}
		}
		required := h.required || slices.Contains(h.content, content) ||
			(problem.Code != "" && slices.Contains(h.codes, problem.Code))
		switch {
		case len(values) == 0 && required:
			report("the header %s is missing", name)
		case len(values) > 1:
			report("the header %s is there %d times: %q", name, len(values), values)
		case len(values) == 1:
			if err := validateText(h.schema, values[0]); err != nil {
				report("the header %s is %q: %v", name, values[0], err)
			}
		}
	}
}

// mediaOf returns the response's content type and what is documented for it, or nil.
func (r *response) mediaOf(resp *http.Response, body []byte, report reporter) (string, *mediaType) {
	value := resp.Header.Get("Content-Type")
	if value == "" {
		for name, m := range r.media {
			if m.untyped {
				return name, m
			}
		}
		if len(r.media) > 0 || len(body) > 0 {
			report("there is no Content-Type; the body is %.300q", body)
		}
		return "", nil
	}
	content, params, err := mime.ParseMediaType(value)
	if err != nil {
		report("the Content-Type %q: %v", value, err)
		return "", nil
	}
	if charset, there := params["charset"]; there && !strings.EqualFold(charset, "utf-8") {
		report("the Content-Type is %q, want UTF-8", value)
	}
	m, ok := r.media[content]
	if !ok {
		report("the content type %s is not documented; the body is %.300q", content, body)
	}
	return content, m
}

// check holds a request, which was answered with a 2xx, against what is documented.
func (o *operation) check(req *http.Request, path map[string]string, body []byte, report reporter) {
	query := req.URL.Query()
	for _, p := range o.parameters {
		var values []string
		switch p.in {
		case "path":
			values = []string{path[p.name]}
		case "query":
			values = query[p.name]
		case "header":
			values = req.Header.Values(p.name)
		}
		switch {
		case len(values) == 0 && p.required:
			report("accepted without the %s parameter %s", p.in, p.name)
		case len(values) > 1:
			report("accepted with the %s parameter %s %d times", p.in, p.name, len(values))
		case len(values) == 1:
			if err := validateText(p.schema, values[0]); err != nil {
				report("accepted with the %s parameter %s = %q: %v", p.in, p.name, values[0], err)
			}
		}
	}
	if o.secured && req.Header.Get("Authorization") == "" {
		report("accepted without a token")
	}
	switch {
	case o.body == nil && len(body) > 0:
		report("accepted with a body, and none is documented")
	case o.body != nil && o.body.required && len(body) == 0:
		report("accepted without a body")
	case o.body != nil && len(body) > 0:
		content, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
		m, ok := o.body.media[content]
		if err != nil || !ok {
			report("accepted with the Content-Type %q", req.Header.Get("Content-Type"))
			return
		}
		validate(m.schema, body, "accepted, but the request's body", report)
	}
}

func isJSON(content string) bool { return content == plainJSON || content == problemJSON }

// validate reports whether a JSON text is valid against the schema.
func validate(schema *jsonschema.Schema, text []byte, what string, report reporter) bool {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text)) // refuses what follows the value
	if err != nil {
		report("%s is no JSON: %v: %.300q", what, err, text)
		return false
	}
	if schema == nil {
		return true
	}
	if err := schema.Validate(v); err != nil {
		report("%s: %s", what, explain(err))
		return false
	}
	return true
}

// explain returns a validation's error without the lines that only follow from
// others: where a part of a schema fails, every property that it names counts
// as unevaluated too, and is refused by "false schema".
func explain(err error) string {
	lines := strings.Split(err.Error(), "\n")
	causes := slices.DeleteFunc(slices.Clone(lines),
		func(l string) bool { return strings.HasSuffix(l, "false schema") })
	if len(causes) > 1 { // the first line names the schema
		lines = causes
	}
	return strings.Join(lines, "\n")
}

// validateText holds the text of a header or a parameter against its schema,
// as a number where it can be one and the schema wants that.
func validateText(schema *jsonschema.Schema, text string) error {
	var v any = text
	if schema.Types != nil && slices.Contains(schema.Types.ToStrings(), "integer") {
		if _, err := strconv.ParseInt(text, 10, 64); err == nil {
			v = json.Number(text)
		}
	}
	return schema.Validate(v)
}
