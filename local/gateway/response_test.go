package gateway_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"
	"github.com/google/go-cmp/cmp"
)

const internal = `{"message":"Internal Server Error"}`

func TestResponse(t *testing.T) {
	t.Parallel()
	const jsonType, textType = "application/json", "text/plain; charset=utf-8"
	tests := []struct {
		name, payload string
		status        int
		contentType   string
		body          string
	}{
		// Without a statusCode the answer is the body, as aws-lambda-dotnet recorded.
		{"object", `{"name": "John Doe", "age": 30}`, 200, jsonType, `{"name": "John Doe", "age": 30}`},
		{"object in part", `{"name": "John Doe", "age":`, 200, jsonType, `{"name": "John Doe", "age":`},
		{"array", `[1, "a"]`, 200, jsonType, `[1, "a"]`},
		{"number", `42`, 200, jsonType, `42`},
		{"boolean", `true`, 200, jsonType, `true`},
		{"bare text", `Hello, World!`, 200, jsonType, `Hello, World!`},
		{"bytes", "\xff\x00\xfe", 200, jsonType, "\xff\x00\xfe"},
		{"string", `"Hello, World!"`, 200, jsonType, `Hello, World!`},
		{"string of quotes", `"Special \"quoted\" text"`, 200, jsonType, `Special "quoted" text`},
		{"empty string", `""`, 200, jsonType, ``},
		{"an object of an error", `{"errorMessage":"x","errorType":"y"}`, 200, jsonType,
			`{"errorMessage":"x","errorType":"y"}`},
		{"another case of the name", `{"StatusCode":201}`, 200, jsonType, `{"StatusCode":201}`},

		{"status", `{"statusCode":201,"body":"{\"message\":\"Created\"}"}`, 201, textType, `{"message":"Created"}`},
		{"content type", `{"statusCode":201,"headers":{"content-type":"application/xml"},"body":"<a/>"}`, 201,
			"application/xml", `<a/>`},
		{"no body", `{"statusCode":200}`, 200, textType, ``},
		{"null members", `{"statusCode":200,"body":null,"headers":null,"cookies":null,"isBase64Encoded":null}`, 200,
			textType, ``},
		{"base64", `{"statusCode":200,"headers":{"Content-Type":"image/png"},"body":"AAEC/w==","isBase64Encoded":true}`,
			200, "image/png", "\x00\x01\x02\xff"},
		{"unknown members", `{"statusCode":200,"body":"a","more":1}`, 200, textType, `a`},
		{"no content", `{"statusCode":204,"body":"ignored"}`, 204, "", ""},
		{"not modified", `{"statusCode":304,"headers":{"etag":"\"1\""}}`, 304, "", ""},

		{"status 0", `{"statusCode":0,"body":"a"}`, 500, jsonType, internal},
		{"status 200.5", `{"statusCode":200.5,"body":"a"}`, 500, jsonType, internal},
		{"status of letters", `{"statusCode":"abc","body":"a"}`, 500, jsonType, internal},
		{"status null", `{"statusCode":null}`, 500, jsonType, internal},
		{"status too large", `{"statusCode":1000}`, 500, jsonType, internal},
		{"status that is not final", `{"statusCode":101}`, 500, jsonType, internal},
		{"negative status", `{"statusCode":-200}`, 500, jsonType, internal},
		{"body that is an object", `{"statusCode":200,"body":{"a":"b"}}`, 500, jsonType, internal},
		{"body that is not the base64 it claims", `{"statusCode":200,"body":"%","isBase64Encoded":true}`, 500, jsonType,
			internal},
		{"headers that are a list", `{"statusCode":200,"headers":[]}`, 500, jsonType, internal},
		{"header that is a number", `{"statusCode":200,"headers":{"a":1}}`, 500, jsonType, internal},
		{"header with a line break", `{"statusCode":200,"headers":{"a":"b\r\nset-cookie: c=d"}}`, 500, jsonType,
			internal},
		{"header name with a space", `{"statusCode":200,"headers":{"a b":"c"}}`, 500, jsonType, internal},
		{"cookies that are text", `{"statusCode":200,"cookies":"a=b"}`, 500, jsonType, internal},
		{"cookie with a line break", `{"statusCode":200,"cookies":["a=b\nc"]}`, 500, jsonType, internal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := newFixed(t, "", tt.payload).do(t, "GET", "/", "")
			got.is(t, tt.status, tt.body)
			if got := got.header.Get("Content-Type"); got != tt.contentType {
				t.Errorf("content type is %q, want %q", got, tt.contentType)
			}
		})
	}
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

func TestResponse_ofTheAdapterArrives(t *testing.T) {
	t.Parallel()
	a := core.NewProxyResponseWriterV2()
	a.Header().Add("Set-Cookie", "a=1")
	a.Header().Add("Set-Cookie", "b=2")
	a.Header().Add("X-Many", "1")
	a.Header().Add("X-Many", "2")
	a.Header().Set("Content-Type", "image/png")
	a.WriteHeader(http.StatusCreated)
	if _, err := a.Write([]byte{0, 0xff}); err != nil {
		t.Fatal(err)
	}
	answer, err := a.GetProxyResponse()
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	got := newFixed(t, "", string(payload)).do(t, "GET", "/", "")
	got.is(t, http.StatusCreated, "\x00\xff")
	if d := cmp.Diff([]string{"a=1", "b=2"}, got.header.Values("Set-Cookie")); d != "" {
		t.Errorf("cookies (-want +got):\n%s", d)
	}
	if got := got.header.Get("X-Many"); got != "1,2" {
		t.Errorf("X-Many is %q", got)
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
			slices.Contains([]int{201, 404}, r.StatusCode) && !slices.Contains([]int{r.StatusCode, 200, 500},
			got.status) {
			t.Errorf("status is %d, want %d", got.status, r.StatusCode)
		}
	})
}

// TestResponse_onTheWire looks at what a server adds, and leaves out.
func TestResponse_onTheWire(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ method, answer, body, length string }{
		{"GET", `{"statusCode":200,"body":"four"}`, "four", "4"},
		{"HEAD", `{"statusCode":200,"body":"four"}`, "", "4"},
		{"GET", `{"statusCode":204}`, "", ""},
	} {
		got, body := newFixed(t, "", tt.answer).send(t, tt.method, tt.method+" / HTTP/1.1\r\nHost: h\r\n\r\n")
		h := got.Header
		if body != tt.body || h.Get("Content-Length") != tt.length || h.Get("Connection") != "keep-alive" {
			t.Errorf("%s %s: got %q with %v", tt.method, tt.answer, body, h)
		}
		if h.Get("Date") == "" || h.Get("Apigw-Requestid") == "" || tt.length == "" && h.Get("Content-Type") != "" {
			t.Errorf("%s %s: got %v", tt.method, tt.answer, h)
		}
	}
}
