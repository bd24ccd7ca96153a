package contract_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"unicode/utf8"
)

// The hosts that OMS_HOST may name. Without it the host is what the tests have
// started, or API Gateway itself: neither has a row in the table below.
const (
	samLocal = "sam"      // `sam local start-api`
	emulator = "emulator" // a stack deployed to MiniStack
)

// difference is one way in which a host is not API Gateway: what it answers
// is put back into what API Gateway would have said, and only then looked at.
// Every other difference fails a test.
type difference struct {
	host   string
	reason string
	is     func(x exchange) bool
	amend  func(x *exchange)
}

// exchange is a request, and the answer that may be amended.
type exchange struct {
	method string
	origin string // of the request
	sent   []byte

	status int
	header http.Header
	body   []byte
}

// differences are all that are known, by host.
func differences() []difference {
	spaced := func(x exchange) bool {
		return x.header.Get("X-Request-Id") == "" && bytes.HasPrefix(x.body, []byte(`{"message":`)) &&
			!bytes.Equal(compact(x.body), x.body)
	}
	respace := func(x *exchange) { x.body = compact(x.body) }
	return []difference{
		{samLocal, "the gateway's own answers end in a line end", spaced, respace},
		{emulator, "the gateway's own answers are spaced as Python does", spaced, respace},
		{
			samLocal, "no route and no such method are one answer, and not API Gateway's",
			saysAnyway(http.StatusForbidden, "Missing Authentication Token"), says(http.StatusNotFound, "Not Found"),
		},
		{
			samLocal, "a refusal of the authorizer has another text",
			saysAnyway(http.StatusForbidden, "User is not authorized to access this resource"),
			says(http.StatusForbidden, "Forbidden"),
		},
		{
			samLocal, "a body must be text: one that is not UTF-8 reaches no function",
			func(x exchange) bool {
				return !utf8.Valid(x.sent) && saysAnyway(http.StatusBadGateway, "Internal server error")(x)
			},
			malformed,
		},
		{
			samLocal, "a preflight is 200, with the content type of nothing",
			func(x exchange) bool {
				return x.method == http.MethodOptions && x.status == http.StatusOK && len(x.body) == 0
			},
			func(x *exchange) {
				x.status = http.StatusNoContent
				x.header.Del("Content-Type")
			},
		},
		{
			samLocal, "ExposeHeaders of the CORS configuration is left out",
			func(x exchange) bool {
				return x.method != http.MethodOptions && x.header.Get("Access-Control-Allow-Origin") != "" &&
					x.header.Get("Access-Control-Expose-Headers") == ""
			},
			func(x *exchange) {
				x.header.Set("Access-Control-Expose-Headers",
					"ETag,Location,Retry-After,X-Request-Id,Idempotent-Replayed,WWW-Authenticate")
			},
		},
		{
			samLocal, "no answer has the gateway's request id",
			func(x exchange) bool { return x.header.Get("Apigw-Requestid") == "" },
			func(x *exchange) { x.header.Set("Apigw-Requestid", "none") },
		},
		{
			emulator, "OPTIONS without an Origin is taken for a preflight, and denied",
			func(x exchange) bool {
				return x.method == http.MethodOptions && x.origin == "" &&
					saysAnyway(http.StatusForbidden, "CORS origin denied")(x)
			},
			says(http.StatusNotFound, "Not Found"),
		},
		{
			emulator, "bytes that are not UTF-8 reach the function as U+FFFD, which a string may have",
			func(x exchange) bool { return !utf8.Valid(x.sent) && x.status == http.StatusUnprocessableEntity },
			malformed,
		},
	}
}

// compact is JSON without white space, or what is not JSON as it stands.
func compact(body []byte) []byte {
	var out bytes.Buffer
	if json.Compact(&out, body) != nil {
		return body
	}
	return out.Bytes()
}

// saysAnyway is true of a gateway's own answer, however it is spaced.
func saysAnyway(status int, message string) func(exchange) bool {
	return func(x exchange) bool {
		var body struct {
			Message string `json:"message"`
		}
		return x.status == status && x.header.Get("X-Request-Id") == "" && json.Unmarshal(x.body, &body) == nil &&
			body.Message == message
	}
}

func says(status int, message string) func(*exchange) {
	return func(x *exchange) { x.status, x.body = status, []byte(`{"message":"`+message+`"}`) }
}

// malformed is what the function answers to a body that is not UTF-8.
func malformed(x *exchange) {
	id := x.header.Get("X-Request-Id")
	if id == "" {
		id = "none"
		x.header.Set("X-Request-Id", id)
	}
	x.header.Set("Content-Type", "application/problem+json")
	for name, value := range everyAnswer() {
		x.header.Set(name, value)
	}
	x.status = http.StatusBadRequest
	x.body = []byte(`{"type":"urn:oms:problem:malformed_json","title":"Malformed JSON","status":400,"detail":"the ` +
		`body is not JSON","code":"malformed_json","request_id":"` + id + `"}`)
}

// asAPIGateway amends an answer by the rows of the host that OMS_HOST names.
func (c caller) asAPIGateway(request *http.Request, sent []byte, response *http.Response, body []byte) []byte {
	c.tb.Helper()
	named := os.Getenv("OMS_HOST")
	switch {
	case c.h.program != nil || named == "":
		return body
	case named != samLocal && named != emulator:
		c.tb.Fatalf("OMS_HOST is %q: it is %s or %s, or not set", named, samLocal, emulator)
	}
	x := exchange{
		method: request.Method, origin: request.Header.Get("Origin"), sent: sent,
		status: response.StatusCode, header: response.Header, body: body,
	}
	for _, d := range differences() {
		if d.host == named && d.is(x) {
			d.amend(&x)
		}
	}
	response.StatusCode = x.status
	return x.body
}
