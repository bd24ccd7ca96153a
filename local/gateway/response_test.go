package gateway_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"oms/local/lambda"
)

// TestResponse has what the table of TestFidelity has not.
func TestResponse(t *testing.T) {
	t.Parallel()
	answers := func(name, payload string, status int, contentType, body string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := newFixed(t, "", payload).do(t, "GET", "/", "")
			got.is(t, status, body)
			if got := got.header.Get("Content-Type"); got != contentType {
				t.Errorf("content type is %q, want %q", got, contentType)
			}
		})
	}
	const asJSON, asText = "application/json", "text/plain; charset=utf-8"
	// Without a statusCode the answer is the body, as aws-lambda-dotnet recorded.
	for _, payload := range []string{
		`{"name": "John Doe", "age": 30}`, "Hello, World!", "\xff\x00\xfe", `{"errorMessage":"x","errorType":"y"}`,
		`{"StatusCode":201}`,
	} {
		answers(payload, payload, 200, asJSON, payload)
	}
	answers("a string", `"Special \"quoted\" text"`, 200, asJSON, `Special "quoted" text`)
	answers("an empty string", `""`, 200, asJSON, ``)

	answers("no body", `{"statusCode":200}`, 200, asText, ``)
	answers("null members", `{"statusCode":200,"body":null,"headers":null,"cookies":null,"isBase64Encoded":null}`,
		200, asText, ``)
	answers("bytes",
		`{"statusCode":200,"headers":{"Content-Type":"image/png"},"body":"AAEC/w==","isBase64Encoded":true}`,
		200, "image/png", "\x00\x01\x02\xff")
	answers("unknown members", `{"statusCode":200,"body":"a","more":1}`, 200, asText, `a`)
	answers("no content", `{"statusCode":204,"body":"ignored"}`, 204, "", "")
	answers("not modified", `{"statusCode":304,"headers":{"etag":"\"1\""}}`, 304, "", "")

	fails := func(name, payload string) { answers(name, payload, 500, asJSON, `{"message":"Internal Server Error"}`) }
	fails("a status of letters", `{"statusCode":"abc","body":"a"}`)
	fails("a status that is null", `{"statusCode":null}`)
	fails("a status too large", `{"statusCode":1000}`)
	fails("a status that is not final", `{"statusCode":101}`)
	fails("a negative status", `{"statusCode":-200}`)
	fails("a body that is not the base64 it claims", `{"statusCode":200,"body":"%","isBase64Encoded":true}`)
	fails("headers that are a list", `{"statusCode":200,"headers":[]}`)
	fails("a header that is a number", `{"statusCode":200,"headers":{"a":1}}`)
	fails("a header with a line break", `{"statusCode":200,"headers":{"a":"b\r\nset-cookie: c=d"}}`)
	fails("a header's name with a space", `{"statusCode":200,"headers":{"a b":"c"}}`)
	fails("cookies that are text", `{"statusCode":200,"cookies":"a=b"}`)
	fails("a cookie with a line break", `{"statusCode":200,"cookies":["a=b\nc"]}`)
}

func TestResponse_headers(t *testing.T) {
	t.Parallel()
	got := newFixed(t, "", `{"statusCode":200,"body":"four","headers":{
		"myheader":"test,shouldhavesecondvalue","X-Null":null,"Content-Encoding":"br","content-length":"1",
		"Connection":"close","Transfer-Encoding":"chunked","x-amzn-requestid":"a","X-Amz-Id-2":"b",
		"Apigw-Requestid":"c","Keep-Alive":"d","Upgrade":"e","date":"never","Set-Cookie":"last=1"},
		"cookies":["a=1; Path=/","b=2"],"multiValueHeaders":{"x-many":["1","2"]}}`).do(t, "GET", "/", "")
	h := got.header
	if id := h.Get("Apigw-Requestid"); len(id) != 16 {
		t.Errorf("Apigw-Requestid is %q", id)
	}
	h.Del("Apigw-Requestid")
	want := http.Header{
		"Myheader":         {"test,shouldhavesecondvalue"},
		"Content-Encoding": {"br"},
		"Content-Length":   {"4"},
		"Content-Type":     {"text/plain; charset=utf-8"},
		"Connection":       {"keep-alive"},
		"Set-Cookie":       {"a=1; Path=/", "b=2", "last=1"},
	}
	if d := cmp.Diff(want, h); d != "" {
		t.Errorf("headers (-want +got):\n%s", d)
	}
}

func FuzzResponse(f *testing.F) {
	f.Add(`{"statusCode":200,"headers":{"a":"b"},"cookies":["c"],"body":"ZA==","isBase64Encoded":true}`)
	f.Add(`{"statusCode":1e2}`)
	f.Add(`"text"`)
	f.Add(`{"statusCode":200,"headers":{"Transfer-Encoding":"x","a\u0000":"\n"}}`)
	f.Fuzz(func(t *testing.T, payload string) {
		got := newFixed(t, "", payload).do(t, "GET", "/", "")
		if got.status < 200 || got.status > 599 {
			t.Errorf("status is %d", got.status)
		}
		for name, values := range got.header {
			for _, v := range values {
				if strings.ContainsAny(name+v, "\r\n\x00") {
					t.Errorf("header %q: %q", name, v)
				}
			}
		}
		if id := got.header.Values("Apigw-Requestid"); len(id) != 1 {
			t.Errorf("there are %d request ids", len(id))
		}
		var r events.APIGatewayV2HTTPResponse
		if utf8.ValidString(payload) && json.Unmarshal([]byte(payload), &r) == nil &&
			slices.Contains([]int{201, 404}, r.StatusCode) &&
			!slices.Contains([]int{r.StatusCode, 200, 500}, got.status) {
			t.Errorf("status is %d, want %d", got.status, r.StatusCode)
		}
	})
}

// TestResponse_onTheWire looks at what a server adds, and leaves out.
func TestResponse_onTheWire(t *testing.T) {
	t.Parallel()
	const four = `{"statusCode":200,"body":"four"}`
	for _, tt := range []struct {
		method       string
		f            function
		body, length string
		typed        bool
	}{
		{"GET", fixed(four), "four", "4", true},
		{"HEAD", fixed(four), "", "4", true},
		{"GET", fixed(`{"statusCode":204}`), "", "", false},
		{"GET", failing(lambda.ErrBusy), `{"message":"Service Unavailable"}`, "33", false},
	} {
		s := &site{routes: []string{"ANY / F"}, functions: map[string]function{"F": tt.f}}
		got := s.open(t).send(t, tt.method, tt.method+" / HTTP/1.1\r\nHost: h\r\n\r\n")
		h := got.header
		if got.body != tt.body || h.Get("Content-Length") != tt.length || (h["Content-Type"] != nil) != tt.typed ||
			h.Get("Connection") != "keep-alive" || h.Get("Date") == "" || h.Get("Apigw-Requestid") == "" {
			t.Errorf("%s: got %d %q with %v, want %q", tt.method, got.status, got.body, h, tt.body)
		}
	}
}
