// Answer is one function that answers in every way a function can, and its own
// authorizer. The header X-Answer says how: raw bytes in base64, or an order
// that begins with an exclamation mark. Without it, it echoes of its event what
// the tests compare.
package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

type event struct {
	Type            string            `json:"type"`
	RouteKey        string            `json:"routeKey"`
	RawPath         string            `json:"rawPath"`
	RawQueryString  string            `json:"rawQueryString"`
	Cookies         []string          `json:"cookies"`
	Headers         map[string]string `json:"headers"`
	Query           map[string]string `json:"queryStringParameters"`
	PathParameters  map[string]string `json:"pathParameters"`
	Body            *string           `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
	RequestContext  struct {
		Authorizer json.RawMessage `json:"authorizer"`
		HTTP       struct {
			Method string `json:"method"`
		} `json:"http"`
	} `json:"requestContext"`
}

func (e event) header(name string) string {
	for k, v := range e.Headers {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

type function struct{}

// Invoke answers with bytes that may be no JSON.
func (function) Invoke(_ context.Context, payload []byte) ([]byte, error) {
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, err
	}
	if e.Type == "REQUEST" {
		switch e.header("Authorization") {
		case "allow":
			return []byte(`{"isAuthorized":true,"context":{"n":1,"who":"me"}}`), nil
		case "deny":
			return []byte(`{"isAuthorized":false}`), nil
		case "shape":
			return []byte(`{"allowed":true}`), nil
		}
		return nil, errors.New("out of order")
	}
	switch answer := e.header("X-Answer"); answer {
	case "":
		return echo(e, payload)
	case "!error":
		return nil, errors.New("out of order")
	case "!panic":
		panic("out of order")
	case "!exit":
		os.Exit(1)
	case "!sleep":
		time.Sleep(5 * time.Second)
	case "!big":
		return json.Marshal(map[string]any{"statusCode": 200, "body": strings.Repeat("x", 6291556)})
	default:
		return base64.StdEncoding.DecodeString(answer)
	}
	return nil, nil
}

// echo answers with one line: the event's fields that a request asked for in
// X-Show, with the names of headers as they are, and what is absent left out.
func echo(e event, payload []byte) ([]byte, error) {
	whole := map[string]json.RawMessage{}
	if err := json.Unmarshal(payload, &whole); err != nil {
		return nil, err
	}
	shown := map[string]any{}
	for name := range strings.SplitSeq(e.header("X-Show"), " ") {
		switch {
		case name == "authorizer":
			shown[name] = e.RequestContext.Authorizer
		case name == "method":
			shown[name] = e.RequestContext.HTTP.Method
		case strings.HasPrefix(name, "headers."):
			want := strings.TrimPrefix(name, "headers.")
			for k, v := range e.Headers {
				if strings.EqualFold(k, want) {
					shown["headers."+k] = v
				}
			}
		default:
			if v, ok := whole[name]; ok {
				shown[name] = v
			}
		}
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(shown); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{
		"statusCode": 200, "headers": map[string]string{"content-type": "application/json"},
		"body": strings.TrimSpace(body.String()),
	})
}

func main() { lambda.Start(function{}) }
