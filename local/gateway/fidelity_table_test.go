package gateway_test

import (
	"fmt"
	"strings"
)

// fidelityCase is a request, and what API Gateway answers.
type fidelityCase struct {
	name    string
	request string // method and target
	headers []string
	body    string
	show    []string // headers of the answer
	aws     string   // status, shown headers, body
}

// fidelityCases is what is known of API Gateway's HTTP APIs: its developer
// guide, and what AWS's own Lambda test tool and others recorded from it.
func fidelityCases() []fidelityCase {
	const (
		failed = `500 {"message":"Internal Server Error"}`
		none   = `404 {"message":"Not Found"}`
	)
	typed := []string{"Content-Type"}
	cors := []string{"Access-Control-Allow-Origin", "Access-Control-Expose-Headers"}
	preflight := []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Max-Age"}
	cases := []fidelityCase{
		{name: "a full match before a parameter", request: "GET /one/fixed", headers: []string{"X-Show: routeKey"}, aws: `200 {"routeKey":"GET /one/fixed"}`},
		{name: "a parameter", request: "GET /one/x", headers: []string{"X-Show: routeKey pathParameters"}, aws: `200 {"pathParameters":{"id":"x"},"routeKey":"GET /one/{id}"}`},
		{name: "a greedy parameter", request: "GET /greedy/a/b", headers: []string{"X-Show: pathParameters"}, aws: `200 {"pathParameters":{"proxy":"a/b"}}`},
		{name: "no parameters", request: "GET /answer", headers: []string{"X-Show: pathParameters queryStringParameters cookies body stageVariables rawQueryString"}, aws: `200 {"rawQueryString":""}`},
		{name: "no route", request: "GET /nowhere", aws: none},
		{name: "no such method", request: "POST /one/x", aws: none},
		{name: "HEAD on a GET", request: "HEAD /one/x", aws: `404`},
		{name: "a path is decoded", request: "GET /one/a%20b", headers: []string{"X-Show: rawPath pathParameters"}, aws: `200 {"pathParameters":{"id":"a b"},"rawPath":"/one/a b"}`},
		{name: "a path beyond ASCII", request: "GET /one/%C3%BC", headers: []string{"X-Show: rawPath"}, aws: `200 {"rawPath":"/one/ü"}`},
		{name: "an encoded slash is one before routes are looked at", request: "GET /one/a%2Fb", aws: none},
		{name: "an encoded slash in a greedy parameter", request: "GET /greedy/a%2Fb", headers: []string{"X-Show: rawPath pathParameters"}, aws: `200 {"pathParameters":{"proxy":"a/b"},"rawPath":"/greedy/a/b"}`},
		{name: "a query", request: "GET /answer?x=1&x=2&y=%20z", headers: []string{"X-Show: rawQueryString queryStringParameters"}, aws: `200 {"queryStringParameters":{"x":"1,2","y":" z"},"rawQueryString":"x=1&x=2&y=%20z"}`},
		{name: "headers are lower-case and joined", request: "GET /answer", headers: []string{"X-Show: headers.x-multi", "X-Multi: a", "X-Multi: b"}, aws: `200 {"headers.x-multi":"a,b"}`},
		{name: "cookies leave the headers", request: "GET /answer", headers: []string{"X-Show: cookies headers.cookie", "Cookie: c1=v1; c2=v2"}, aws: `200 {"cookies":["c1=v1","c2=v2"]}`},
		{name: "JSON is text", request: "POST /answer", headers: []string{"X-Show: body isBase64Encoded", "Content-Type: application/json; charset=utf-8"}, body: `{"a":1}`, aws: `200 {"body":"{\"a\":1}","isBase64Encoded":false}`},
		{name: "text is text", request: "POST /answer", headers: []string{"X-Show: body isBase64Encoded", "Content-Type: text/csv"}, body: "a,b", aws: `200 {"body":"a,b","isBase64Encoded":false}`},
		{name: "bytes are base64", request: "POST /answer", headers: []string{"X-Show: body isBase64Encoded", "Content-Type: application/octet-stream"}, body: "\x01\x02\x03\x04\x05", aws: `200 {"body":"AQIDBAU=","isBase64Encoded":true}`},
		{name: "a form is base64", request: "POST /answer", headers: []string{"X-Show: body isBase64Encoded", "Content-Type: application/x-www-form-urlencoded"}, body: "a=b", aws: `200 {"body":"YT1i","isBase64Encoded":true}`},
		{name: "an untyped body is base64", request: "POST /answer", headers: []string{"X-Show: body isBase64Encoded"}, body: "a", aws: `200 {"body":"YQ==","isBase64Encoded":true}`},
		{name: "a body of more than the event may hold", request: "POST /answer", headers: []string{"Content-Type: text/plain"}, body: strings.Repeat("x", 7<<20), aws: `413 {"message":"Request Entity Too Large"}`},

		{name: "a status and a body", request: "GET /answer", headers: []string{raw(`{"statusCode":201,"body":"hi"}`)}, show: typed, aws: `201 Content-Type=text/plain; charset=utf-8 hi`},
		{name: "an object without a status", request: "GET /answer", headers: []string{raw(`{"foo":1}`)}, show: typed, aws: `200 Content-Type=application/json {"foo":1}`},
		{name: "a number", request: "GET /answer", headers: []string{raw(`42`)}, show: typed, aws: `200 Content-Type=application/json 42`},
		{name: "an array", request: "GET /answer", headers: []string{raw(`[1,"a"]`)}, show: typed, aws: `200 Content-Type=application/json [1,"a"]`},
		{name: "true", request: "GET /answer", headers: []string{raw(`true`)}, show: typed, aws: `200 Content-Type=application/json true`},
		{name: "no JSON at all", request: "GET /answer", headers: []string{raw(`{"partial":`)}, show: typed, aws: `200 Content-Type=application/json {"partial":`},
		{name: "a body that is an object", request: "GET /answer", headers: []string{raw(`{"statusCode":200,"body":{"a":"b"}}`)}, aws: failed},
		{name: "status 0", request: "GET /answer", headers: []string{raw(`{"statusCode":0}`)}, aws: failed},
		{name: "status 200.5", request: "GET /answer", headers: []string{raw(`{"statusCode":200.5}`)}, aws: failed},
		{name: "a body in base64", request: "GET /answer", headers: []string{raw(`{"statusCode":200,"headers":{"content-type":"x/y"},"body":"aGk=","isBase64Encoded":true}`)}, show: typed, aws: `200 Content-Type=x/y hi`},
		{name: "headers of format 1.0", request: "GET /answer", headers: []string{raw(`{"statusCode":200,"multiValueHeaders":{"x-a":["1"]},"body":"hi"}`)}, show: []string{"X-A"}, aws: `200 X-A= hi`},
		{name: "cookies before Set-Cookie", request: "GET /answer", headers: []string{raw(`{"statusCode":200,"headers":{"set-cookie":"h=1"},"cookies":["a=1","b=2"],"body":"hi"}`)}, show: []string{"Set-Cookie"}, aws: `200 Set-Cookie=a=1|b=2|h=1 hi`},
		{name: "a wrong Content-Length", request: "GET /answer", headers: []string{raw(`{"statusCode":200,"headers":{"content-length":"1"},"body":"hi"}`)}, show: []string{"Content-Length"}, aws: `200 Content-Length=2 hi`},
		{name: "an error", request: "GET /answer", headers: []string{"X-Answer: !error"}, aws: failed},
		{name: "a panic", request: "GET /answer", headers: []string{"X-Answer: !panic"}, aws: failed},
		{name: "an exit", request: "GET /answer", headers: []string{"X-Answer: !exit"}, aws: failed},
		{name: "a function's time-out", request: "GET /answer", headers: []string{"X-Answer: !sleep"}, aws: failed},
		{name: "an integration's time-out", request: "GET /slow", headers: []string{"X-Answer: !sleep"}, aws: `503 {"message":"Service Unavailable"}`},
		{name: "an answer that is too large", request: "GET /answer", headers: []string{"X-Answer: !big"}, aws: failed},

		{name: "no token", request: "GET /guarded", aws: `401 {"message":"Unauthorized"}`},
		{name: "an empty token", request: "GET /guarded", headers: []string{"Authorization:"}, aws: `401 {"message":"Unauthorized"}`},
		{name: "a token that is refused", request: "GET /guarded", headers: []string{"Authorization: deny"}, aws: `403 {"message":"Forbidden"}`},
		{name: "a token that is taken", request: "GET /guarded", headers: []string{"Authorization: allow", "X-Show: authorizer"}, aws: `200 {"authorizer":{"lambda":{"n":1,"who":"me"}}}`},
		{name: "an authorizer that fails", request: "GET /guarded", headers: []string{"Authorization: error"}, aws: failed},
		{name: "an authorizer that makes no sense", request: "GET /guarded", headers: []string{"Authorization: shape"}, aws: failed},

		{name: "a preflight", request: "OPTIONS /guarded", headers: []string{"Origin: https://a.example", "Access-Control-Request-Method: GET"}, show: preflight, aws: `204 Access-Control-Allow-Origin=https://a.example Access-Control-Allow-Methods=GET,POST Access-Control-Max-Age=600`},
		{name: "a preflight of no route", request: "OPTIONS /nowhere", headers: []string{"Origin: https://a.example", "Access-Control-Request-Method: GET"}, show: preflight, aws: `204 Access-Control-Allow-Origin=https://a.example Access-Control-Allow-Methods=GET,POST Access-Control-Max-Age=600`},
		{name: "an answer to an origin", request: "GET /answer", headers: []string{"Origin: https://a.example", raw(`{"statusCode":200,"headers":{"access-control-allow-origin":"*"},"body":"hi"}`)}, show: cors, aws: `200 Access-Control-Allow-Origin=https://a.example Access-Control-Expose-Headers=etag hi`},
		{name: "an answer to another origin", request: "GET /answer", headers: []string{"Origin: https://b.example", raw(`{"statusCode":200,"body":"hi"}`)}, show: cors, aws: `200 Access-Control-Allow-Origin= Access-Control-Expose-Headers= hi`},
	}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		c := fidelityCase{
			name: "any method: " + method, request: method + " /answer", headers: []string{"X-Show: routeKey method"},
			aws: fmt.Sprintf(`200 {"method":%q,"routeKey":"ANY /answer"}`, method),
		}
		if method == "HEAD" {
			c.aws = "200"
		}
		cases = append(cases, c)
	}
	for _, method := range []string{"PUT", "DELETE"} {
		cases = append(cases, fidelityCase{name: "a method that has no route: " + method, request: method + " /one/x", aws: none})
	}
	return cases
}
