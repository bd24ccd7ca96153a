package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// response is what goes to the client.
type response struct {
	status int
	header http.Header
	body   []byte
}

// errResponse says that a function's answer has a statusCode and is not in the
// format that goes with it. The client sees 500.
var errResponse = errors.New("the function's response is malformed")

// newResponse reads a function's answer. An object with a statusCode is a
// response in the format of payload 2.0; anything else is the body of a 200
// with content-type application/json, as it is, even where it is not JSON; a
// JSON string is its text. AWS documents this for valid JSON only; the
// recordings of aws-lambda-dotnet show it for all.
func newResponse(payload []byte) (*response, error) {
	var members map[string]json.RawMessage
	if json.Unmarshal(payload, &members) == nil {
		if _, ok := members["statusCode"]; ok {
			return structured(members)
		}
	}
	out := &response{status: http.StatusOK, header: http.Header{"Content-Type": {"application/json"}}, body: payload}
	var text string
	if bytes.HasPrefix(bytes.TrimSpace(payload), []byte(`"`)) && json.Unmarshal(payload, &text) == nil {
		out.body = []byte(text)
	}
	return out, nil
}

// structured reads a response by its exact member names. Members that the
// format does not have, as multiValueHeaders of 1.0, are ignored.
func structured(members map[string]json.RawMessage) (*response, error) {
	var (
		status  *int
		headers map[string]*string
		body    *string
		cookies []string
		encoded bool
	)
	for _, m := range []struct {
		name string
		into any
	}{
		{"statusCode", &status},
		{"headers", &headers},
		{"body", &body},
		{"cookies", &cookies},
		{"isBase64Encoded", &encoded},
	} {
		if raw, ok := members[m.name]; ok {
			if err := json.Unmarshal(raw, m.into); err != nil {
				return nil, fmt.Errorf("%w: %s: %w", errResponse, m.name, err)
			}
		}
	}
	if status == nil || *status < 200 || *status > 599 {
		return nil, fmt.Errorf("%w: statusCode is not a final HTTP status", errResponse)
	}
	out := &response{status: *status, header: http.Header{}}
	if body != nil {
		out.body = []byte(*body)
		if encoded {
			decoded, err := base64.StdEncoding.DecodeString(*body)
			if err != nil {
				return nil, fmt.Errorf("%w: body is not the base64 it is said to be: %w", errResponse, err)
			}
			out.body = decoded
		}
	}
	for _, c := range cookies {
		if !validValue(c) {
			return nil, fmt.Errorf("%w: a cookie has a control character", errResponse)
		}
		out.header.Add("Set-Cookie", c)
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		value := headers[name]
		switch {
		case value == nil || reservedHeader(name):
		case !validName(name) || !validValue(*value):
			return nil, fmt.Errorf("%w: the header %q cannot be sent", errResponse, name)
		default:
			out.header.Add(name, *value)
		}
	}
	if out.hasBody() && out.header.Get("Content-Type") == "" {
		out.header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	return out, nil
}

// hasBody reports whether the status allows content (RFC 9110, 6.4.1).
func (r *response) hasBody() bool {
	return r.status != http.StatusNoContent && r.status != http.StatusNotModified
}

// reservedHeader reports whether API Gateway keeps a response header to itself:
// the reserved headers of "Transform API requests and responses" that belong to
// the connection or to AWS. The others of that list, content-encoding among
// them, are reserved for parameter mapping only, and reach the client.
func reservedHeader(name string) bool {
	switch name = strings.ToLower(name); name {
	case "connection", "content-length", "date", "keep-alive", "proxy-authenticate", "proxy-authorization",
		"proxy-connection", "te", "trailer", "trailers", "transfer-encoding", "upgrade":
		return true
	default:
		return strings.HasPrefix(name, "apigw-") || strings.HasPrefix(name, "x-amz-") ||
			strings.HasPrefix(name, "x-amzn-")
	}
}

// validName reports whether a header name is a token (RFC 9110, 5.6.2).
func validName(name string) bool {
	for _, c := range []byte(name) {
		alphanumeric := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !alphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return name != ""
}

// validValue reports whether a header value is free of control characters: a line
// break would let a function's data write further headers.
func validValue(value string) bool {
	for _, c := range []byte(value) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// refusals are the gateway's own answers, by status.
func refusal(status int) *response {
	message := map[int]string{
		http.StatusBadRequest:                  "Bad Request",
		http.StatusUnauthorized:                "Unauthorized",
		http.StatusForbidden:                   "Forbidden",
		http.StatusNotFound:                    "Not Found",
		http.StatusRequestEntityTooLarge:       "Request Entity Too Large",
		http.StatusTooManyRequests:             "Too Many Requests",
		http.StatusRequestHeaderFieldsTooLarge: "Request Header Fields Too Large",
		http.StatusInternalServerError:         "Internal Server Error",
		http.StatusServiceUnavailable:          "Service Unavailable",
	}[status]
	out := &response{status: status, header: http.Header{}, body: []byte(`{"message":"` + message + `"}`)}
	if status != http.StatusServiceUnavailable { // recorded without a content type
		out.header.Set("Content-Type", "application/json")
	}
	return out
}

// write sends the response. Content-Length is the gateway's to say; Date comes
// from the server, which also leaves out the body where the request was HEAD.
func (r *response) write(w http.ResponseWriter, request *http.Request, requestID string) {
	h := w.Header()
	maps.Copy(h, r.header)
	h["Apigw-Requestid"] = []string{requestID}
	if len(h["Content-Type"]) == 0 {
		h["Content-Type"] = nil // none, rather than a guess of the server's
	}
	if request.ProtoMajor == 1 && h.Get("Connection") == "" {
		h.Set("Connection", "keep-alive")
	}
	if !r.hasBody() {
		w.WriteHeader(r.status)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(r.body)))
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) // a client that is gone needs no answer
}
