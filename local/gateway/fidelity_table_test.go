package gateway_test

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// fidelityCase is a request, and what API Gateway answers.
type fidelityCase struct {
	name    string
	request string // method, target and perhaps body
	headers []string
	show    string // headers of the answer
	aws     string // status, shown headers, body
}

// fidelityCases is what is known of API Gateway's HTTP APIs: its developer
// guide, and what AWS's own Lambda test tool and others recorded from it. Where
// an account was asked, testdata/fidelity/hosts.json has that instead.
func fidelityCases() []fidelityCase {
	var cases []fidelityCase
	add := func(name, request, aws string, headers ...string) {
		cases = append(cases, fidelityCase{name: name, request: request, headers: headers, aws: aws})
	}
	const (
		failed = `500 {"message":"Internal Server Error"}`
		none   = `404 {"message":"Not Found"}`
		shut   = `401 {"message":"Unauthorized"}`
	)

	// What a function gets: it answers with the fields of its event that are named.
	gets := func(name, request, fields, aws string, headers ...string) {
		add(name, request, "200 "+aws, append(headers, "X-Show: "+fields)...)
	}
	gets("a full match before a parameter", "GET /one/fixed", "routeKey", `{"routeKey":"GET /one/fixed"}`)
	gets("a parameter", "GET /one/x", "routeKey pathParameters",
		`{"pathParameters":{"id":"x"},"routeKey":"GET /one/{id}"}`)
	gets("a greedy parameter", "GET /greedy/a/b", "pathParameters", `{"pathParameters":{"proxy":"a/b"}}`)
	gets("no parameters", "GET /answer",
		"pathParameters queryStringParameters cookies body stageVariables rawQueryString", `{"rawQueryString":""}`)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		name, request := "any method: "+method, method+" /answer"
		if method == "HEAD" {
			add(name, request, "200")
			continue
		}
		gets(name, request, "routeKey method", fmt.Sprintf(`{"method":%q,"routeKey":"ANY /answer"}`, method))
	}
	gets("a path is decoded", "GET /one/a%20b", "rawPath pathParameters",
		`{"pathParameters":{"id":"a b"},"rawPath":"/one/a b"}`)
	gets("a path beyond ASCII", "GET /one/%C3%BC", "rawPath", `{"rawPath":"/one/ü"}`)
	gets("an encoded slash in a greedy parameter", "GET /greedy/a%2Fb", "rawPath pathParameters",
		`{"pathParameters":{"proxy":"a/b"},"rawPath":"/greedy/a/b"}`)
	gets("a query", "GET /answer?x=1&x=2&y=%20z", "rawQueryString queryStringParameters",
		`{"queryStringParameters":{"x":"1,2","y":" z"},"rawQueryString":"x=1&x=2&y=%20z"}`)
	gets("headers are lower-case and joined", "GET /answer", "headers.x-multi", `{"headers.x-multi":"a,b"}`,
		"X-Multi: a", "X-Multi: b")
	gets("cookies leave the headers", "GET /answer", "cookies headers.cookie", `{"cookies":["c1=v1","c2=v2"]}`,
		"Cookie: c1=v1; c2=v2")
	const body = "body isBase64Encoded"
	gets("JSON is text", `POST /answer {"a":1}`, body, `{"body":"{\"a\":1}","isBase64Encoded":false}`,
		"Content-Type: application/json; charset=utf-8")
	gets("text is text", "POST /answer a,b", body, `{"body":"a,b","isBase64Encoded":false}`, "Content-Type: text/csv")
	gets("bytes are base64", "POST /answer \x01\x02\x03\x04\x05", body, `{"body":"AQIDBAU=","isBase64Encoded":true}`,
		"Content-Type: application/octet-stream")
	gets("a form is base64", "POST /answer a=b", body, `{"body":"YT1i","isBase64Encoded":true}`,
		"Content-Type: application/x-www-form-urlencoded")
	gets("an untyped body is base64", "POST /answer a", body, `{"body":"YQ==","isBase64Encoded":true}`)
	add("a body of more than the event may hold", "POST /answer "+strings.Repeat("x", 7<<20),
		`413 {"message":"Request Entity Too Large"}`, "Content-Type: text/plain")

	add("no route", "GET /nowhere", none)
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		add("a method that has no route: "+method, method+" /one/x", none)
	}
	add("HEAD on a GET", "HEAD /one/x", "404")
	add("an encoded slash is one before routes are looked at", "GET /one/a%2Fb", none)

	// What becomes of an answer.
	answers := func(name, payload, show, aws string, headers ...string) {
		answer := "X-Answer: " + base64.StdEncoding.EncodeToString([]byte(payload))
		add(name, "GET /answer", aws, append(headers, answer)...)
		cases[len(cases)-1].show = show
	}
	const typed, asJSON = "Content-Type", "200 Content-Type=application/json "
	answers("a status and a body", `{"statusCode":201,"body":"hi"}`, typed,
		"201 Content-Type=text/plain; charset=utf-8 hi")
	answers("an object without a status", `{"foo":1}`, typed, asJSON+`{"foo":1}`)
	answers("a number", `42`, typed, asJSON+`42`)
	answers("an array", `[1,"a"]`, typed, asJSON+`[1,"a"]`)
	answers("true", `true`, typed, asJSON+`true`)
	answers("no JSON at all", `{"partial":`, typed, asJSON+`{"partial":`)
	answers("a body that is an object", `{"statusCode":200,"body":{"a":"b"}}`, "", failed)
	answers("status 0", `{"statusCode":0}`, "", failed)
	answers("status 200.5", `{"statusCode":200.5}`, "", failed)
	answers("a body in base64",
		`{"statusCode":200,"headers":{"content-type":"x/y"},"body":"aGk=","isBase64Encoded":true}`, typed,
		"200 Content-Type=x/y hi")
	answers("headers of format 1.0", `{"statusCode":200,"multiValueHeaders":{"x-a":["1"]},"body":"hi"}`, "X-A",
		"200 X-A= hi")
	answers("cookies before Set-Cookie",
		`{"statusCode":200,"headers":{"set-cookie":"h=1"},"cookies":["a=1","b=2"],"body":"hi"}`, "Set-Cookie",
		"200 Set-Cookie=a=1|b=2|h=1 hi")
	answers("a wrong Content-Length", `{"statusCode":200,"headers":{"content-length":"1"},"body":"hi"}`,
		"Content-Length", "200 Content-Length=2 hi")
	const cors = "Access-Control-Allow-Origin Access-Control-Expose-Headers"
	answers("an answer to an origin",
		`{"statusCode":200,"headers":{"access-control-allow-origin":"*"},"body":"hi"}`, cors,
		"200 Access-Control-Allow-Origin=https://a.example Access-Control-Expose-Headers=etag hi",
		"Origin: https://a.example")
	answers("an answer to another origin", `{"statusCode":200,"body":"hi"}`, cors,
		"200 Access-Control-Allow-Origin= Access-Control-Expose-Headers= hi", "Origin: https://b.example")

	// What becomes of a failure.
	for name, order := range map[string]string{
		"an error": "!error", "a panic": "!panic", "an exit": "!exit",
		"a function's time-out": "!sleep", "an answer that is too large": "!big",
	} {
		add(name, "GET /answer", failed, "X-Answer: "+order)
	}
	add("an integration's time-out", "GET /slow", `503 {"message":"Service Unavailable"}`, "X-Answer: !sleep")

	// Who is let in.
	add("no token", "GET /guarded", shut)
	add("an empty token", "GET /guarded", shut, "Authorization:")
	add("a token that is refused", "GET /guarded", `403 {"message":"Forbidden"}`, "Authorization: deny")
	gets("a token that is taken", "GET /guarded", "authorizer", `{"authorizer":{"lambda":{"n":1,"who":"me"}}}`,
		"Authorization: allow")
	add("an authorizer that fails", "GET /guarded", failed, "Authorization: error")
	add("an authorizer that makes no sense", "GET /guarded", failed, "Authorization: shape")
	for name, request := range map[string]string{
		"a preflight": "OPTIONS /guarded", "a preflight of no route": "OPTIONS /nowhere",
		"a preflight of a throttled route": "OPTIONS /shut",
	} {
		add(name, request, "204 Access-Control-Allow-Origin=https://a.example "+
			"Access-Control-Allow-Methods=GET,POST Access-Control-Max-Age=600",
			"Origin: https://a.example", "Access-Control-Request-Method: GET")
		cases[len(cases)-1].show = "Access-Control-Allow-Origin Access-Control-Allow-Methods Access-Control-Max-Age"
	}

	// What is throttled: a route whose bucket never holds a token.
	const throttled = `{"message":"Too Many Requests"}`
	add("a throttled request", "GET /shut", "429 Content-Type=application/json Access-Control-Allow-Origin= "+
		"Retry-After= "+throttled, "Origin: https://a.example")
	cases[len(cases)-1].show = "Content-Type Access-Control-Allow-Origin Retry-After"
	add("a throttled request without a token", "GET /shut/guarded", "429 "+throttled)
	return cases
}
