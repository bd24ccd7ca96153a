package edge

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"

	"oms/shared/fault"
)

// Function answers the events of an HTTP API (payload 2.0) with an
// [http.Handler]. [Main] makes one; tests use it directly (package edgetest).
type Function struct {
	adapter *httpadapter.HandlerAdapterV2
	log     *slog.Logger
}

var _ lambda.Handler = (*Function)(nil)

// NewFunction returns the function of h, which leaves its records with log.
func NewFunction(h http.Handler, log *slog.Logger) *Function {
	return &Function{adapter: httpadapter.NewV2(recorded(wholeHeaders(h), log)), log: log}
}

// Invoke answers one event. It returns an error only where the answer cannot
// be encoded: an event that cannot be read is a problem document too, and
// never the bare 504 that the adapter gives.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ctx, cancel := withMargin(ctx)
	defer cancel()
	response, err := f.answer(ctx, payload)
	if err != nil {
		if response, err = f.refuse(ctx, err); err != nil {
			return nil, fmt.Errorf("refusing an event: %w", err)
		}
	}
	out, err := encode(response)
	if err != nil {
		return nil, fmt.Errorf("encoding a response: %w", err)
	}
	return out, nil
}

func (f *Function) answer(ctx context.Context, payload []byte) (events.APIGatewayV2HTTPResponse, error) {
	var none events.APIGatewayV2HTTPResponse
	// RFC 8259, section 8.1. encoding/json would replace the bytes, and a password with them.
	if !utf8.Valid(payload) {
		return none, fault.New(fault.Malformed, "malformed_json", "the request is not valid UTF-8")
	}
	var event events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(payload, &event); err != nil { // its text quotes the event
		return none, errors.New("reading the event: it is no payload of version 2.0")
	}
	event, err := normalise(event)
	if err != nil {
		return none, fmt.Errorf("reading the event: %w", err)
	}
	ctx = context.WithValue(ctx, headersKey{}, event.Headers)
	return f.adapter.ProxyWithContext(ctx, event)
}

// refuse answers an event that never became a request.
func (f *Function) refuse(ctx context.Context, cause error) (events.APIGatewayV2HTTPResponse, error) {
	h := recorded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fail(w, r, cause) }), f.log)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	r.Method = "unreadable"
	w := core.NewProxyResponseWriterV2()
	h.ServeHTTP(w, r)
	return w.GetProxyResponse()
}

// margin is how long before the function's own deadline a request's context
// ends: enough for a command that noticed to come back, for the problem
// document to be encoded and for the answer to reach the runtime API, on a
// machine that is starved (a tenth of it was seen to do on an idle one). The
// client then hears a 503 with Retry-After, not the gateway's bare 500.
const margin = time.Second

// withMargin returns a context that ends [margin] before ctx does, or half of
// what is left where that is less than two margins.
func withMargin(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(margin, time.Until(deadline)/2)))
}

// normalise puts the event into an order that the adapter maps without loss,
// whichever host sent it: API Gateway and SAM decode rawPath, SAM sends cookies
// twice, an empty part may be absent or there.
func normalise(e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPRequest, error) {
	if e.Version != "2.0" {
		return e, errors.New("it is no payload of version 2.0")
	}
	if !isToken(e.RequestContext.HTTP.Method) {
		return e, errors.New("it has no method")
	}
	if e.IsBase64Encoded {
		if _, err := base64.StdEncoding.DecodeString(e.Body); err != nil {
			return e, errors.New("its body is said to be base64 and is not")
		}
	}
	path := e.RawPath
	if path == "" {
		path = e.RequestContext.HTTP.Path
	}
	// Decoded already, so a % in it is a %; the adapter parses it as a URL.
	e.RawPath = (&url.URL{Path: path}).EscapedPath()
	e.RawQueryString = escapeQuery(e.RawQueryString)
	if !isHost(e.RequestContext.DomainName) {
		e.RequestContext.DomainName = "localhost"
	}
	headers := make(map[string]string, len(e.Headers))
	for name, value := range e.Headers {
		name = http.CanonicalHeaderKey(name)
		if name == "Cookie" && len(e.Cookies) > 0 {
			continue
		}
		if was, twice := headers[name]; twice {
			value = was + "," + value
		}
		headers[name] = value
	}
	e.Headers = headers
	return e, nil
}

// escapeQuery escapes the bytes that may not stand in a URL's query (RFC 3986,
// section 3.4): some of them make the adapter fail, # would cut the rest off.
func escapeQuery(q string) string {
	var b strings.Builder
	for i := range len(q) {
		if c := q[i]; c <= ' ' || c >= 0x7f || c == '#' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2), as every method is.
func isToken(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	}) < 0
}

// isHost reports whether s can stand as the host of a URL.
func isHost(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return r != '.' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}

type headersKey struct{}

// wholeHeaders undoes what the adapter does to a header with a comma in it,
// which it cuts into several: an Idempotency-Key may hold a comma, and so may
// an entity tag. One value is one header as the gateway joined it.
func wholeHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers, _ := r.Context().Value(headersKey{}).(map[string]string)
		for name, value := range headers {
			r.Header[name] = []string{value}
		}
		next.ServeHTTP(w, r)
	})
}
