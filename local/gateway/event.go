package gateway

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"oms/local/lambda"
)

// event is a request in payload format 2.0 ("Create AWS Lambda proxy
// integrations for HTTP APIs"). What is empty is absent, as recorded events
// have it.
type event struct {
	Version               string            `json:"version"`
	RouteKey              string            `json:"routeKey"`
	RawPath               string            `json:"rawPath"`
	RawQueryString        string            `json:"rawQueryString"`
	Cookies               []string          `json:"cookies,omitempty"`
	Headers               map[string]string `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters,omitempty"`
	RequestContext        requestContext    `json:"requestContext"`
	PathParameters        map[string]string `json:"pathParameters,omitempty"`
	Body                  string            `json:"body,omitempty"`
	IsBase64Encoded       bool              `json:"isBase64Encoded"`
}

type requestContext struct {
	AccountID    string             `json:"accountId"`
	APIID        string             `json:"apiId"`
	Authorizer   *authorizerContext `json:"authorizer,omitempty"`
	DomainName   string             `json:"domainName"`
	DomainPrefix string             `json:"domainPrefix"`
	HTTP         httpContext        `json:"http"`
	RequestID    string             `json:"requestId"`
	RouteKey     string             `json:"routeKey"`
	Stage        string             `json:"stage"`
	Time         string             `json:"time"`      // common log format
	TimeEpoch    int64              `json:"timeEpoch"` // milliseconds
}

type authorizerContext struct {
	Lambda json.RawMessage `json:"lambda"`
}

type httpContext struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// newEvent describes a request that matched a route. The body has been read.
func newEvent(r *http.Request, body []byte, m *match, stage, requestID string, now time.Time) *event {
	host := hostname(r.Host)
	prefix, _, _ := strings.Cut(host, ".")
	sourceIP := sourceAddress(r)
	e := &event{
		Version:               "2.0",
		RouteKey:              m.route.Key(),
		RawPath:               r.URL.Path, // decoded, and with a named stage before it
		RawQueryString:        r.URL.RawQuery,
		Cookies:               cookies(r.Header),
		Headers:               eventHeaders(r, len(body), sourceIP, now),
		QueryStringParameters: queryParameters(r.URL.RawQuery),
		PathParameters:        m.parameters,
		RequestContext: requestContext{
			AccountID:    lambda.AccountID,
			APIID:        apiID,
			DomainName:   host, // "should be the same as the incoming Host header"
			DomainPrefix: prefix,
			HTTP: httpContext{
				Method:    r.Method,
				Path:      r.URL.Path,
				Protocol:  "HTTP/1.1", // what integrations are sent, whatever the client speaks
				SourceIP:  sourceIP,
				UserAgent: r.UserAgent(),
			},
			RequestID: requestID,
			RouteKey:  m.route.Key(),
			Stage:     stage,
			Time:      now.UTC().Format("02/Jan/2006:15:04:05 -0700"),
			TimeEpoch: now.UnixMilli(),
		},
	}
	e.setBody(body, r.Header.Get("Content-Type"))
	return e
}

// newRequestID makes the id of a request in the form that API Gateway has:
// sixteen characters, as in JCJM3j95PHcEJHg=.
func newRequestID() string {
	b := make([]byte, 11)
	_, _ = rand.Read(b) // it never fails (crypto/rand)
	return base64.URLEncoding.EncodeToString(b)
}

// trace is the root of the tracing header that a function is given for this event.
func (e *event) trace() string {
	root, _, _ := strings.Cut(e.Headers["x-amzn-trace-id"], ";")
	return root
}

// setBody encodes the body. API Gateway sends as text what it knows to be text
// by the media type, and all else as base64, forms and a missing type included.
// A body that says text and is not UTF-8 could not be told from its damaged copy
// in JSON, so it is base64 too.
func (e *event) setBody(body []byte, contentType string) {
	switch {
	case len(body) == 0:
	case isText(contentType) && utf8.Valid(body):
		e.Body = string(body)
	default:
		e.Body = base64.StdEncoding.EncodeToString(body)
		e.IsBase64Encoded = true
	}
}

func isText(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	switch media = strings.ToLower(strings.TrimSpace(media)); media {
	case "application/json", "application/xml", "application/javascript":
		return true
	default:
		return strings.HasPrefix(media, "text/")
	}
}

// encode gives the event's JSON. Characters that matter in HTML are not escaped:
// they would count against the limit.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding an event: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// eventHeaders lower-cases names, joins values with commas, and adds what API
// Gateway adds. Cookies have their own place; what belongs to the connection
// stays behind (RFC 9110, 7.6.1), and so does an expectation that has been met.
func eventHeaders(r *http.Request, length int, sourceIP string, now time.Time) map[string]string {
	skip := []string{
		"cookie", "connection", "keep-alive", "proxy-connection", "te",
		"trailer", "transfer-encoding", "upgrade", "expect",
	}
	for _, v := range r.Header.Values("Connection") {
		for name := range strings.SplitSeq(v, ",") {
			skip = append(skip, strings.ToLower(strings.TrimSpace(name)))
		}
	}
	h := make(map[string]string, len(r.Header)+7)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if lower := strings.ToLower(name); !slices.Contains(skip, lower) {
			h[lower] = strings.Join(r.Header[name], ",")
		}
	}
	h["content-length"] = strconv.Itoa(length)
	h["host"] = r.Host
	if !strings.HasPrefix(h["x-amzn-trace-id"], "Root=") {
		h["x-amzn-trace-id"] = lambda.NewTrace(now)
	}
	if before := h["x-forwarded-for"]; before != "" {
		h["x-forwarded-for"] = before + ", " + sourceIP
	} else {
		h["x-forwarded-for"] = sourceIP
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	h["x-forwarded-proto"] = scheme
	h["x-forwarded-port"] = port(r, scheme)
	return h
}

// cookies are the pairs of all Cookie headers.
func cookies(h http.Header) []string {
	var out []string
	for _, line := range h.Values("Cookie") {
		for pair := range strings.SplitSeq(line, ";") {
			if pair = strings.TrimSpace(pair); pair != "" {
				out = append(out, pair)
			}
		}
	}
	return out
}

// queryParameters decodes a query string; the values of one name are joined
// with commas. What is not a valid encoding stays as it was sent.
func queryParameters(raw string) map[string]string {
	var out map[string]string
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, value = unescape(name), unescape(value)
		if out == nil {
			out = map[string]string{}
		}
		if before, ok := out[name]; ok {
			value = before + "," + value
		}
		out[name] = value
	}
	return out
}

func unescape(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	return s
}

// hostname is a Host header without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

// sourceAddress is the client's address without port and zone.
func sourceAddress(r *http.Request) string {
	address, _, _ := strings.Cut(hostname(r.RemoteAddr), "%")
	return address
}

// port is the port that the client connected to.
func port(r *http.Request, scheme string) string {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if _, p, err := net.SplitHostPort(local.String()); err == nil {
			return p
		}
	}
	if _, p, err := net.SplitHostPort(r.Host); err == nil {
		return p
	}
	if scheme == "https" {
		return "443"
	}
	return "80"
}
