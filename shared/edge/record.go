package edge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"

	"oms/shared/token"
)

// NewLogger returns a logger that writes JSON to w and adds the function's
// version to every record, by which the alarms of template.yaml tell a new
// version's failures from the old one's, and the request's id to those that are
// made with a request's context. The names of time and message are those that
// Lambda's own log handling looks for (lambdacontext).
func NewLogger(w io.Writer) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr})
	return slog.New(requestIDs{h}).With(slog.String("function_version", lambdacontext.FunctionVersion))
}

// requestIDs adds request_id to records made with a request's context.
type requestIDs struct{ slog.Handler }

// Handle adds the id and hands the record on.
func (h requestIDs) Handle(ctx context.Context, r slog.Record) error {
	if rec, ok := ctx.Value(recordKey{}).(*record); ok {
		r = r.Clone()
		r.AddAttrs(slog.String("request_id", rec.requestID))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps the id in loggers that are made from this one.
func (h requestIDs) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestIDs{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the id in loggers that are made from this one.
func (h requestIDs) WithGroup(name string) slog.Handler {
	return requestIDs{h.Handler.WithGroup(name)}
}

// record is what is known of a request when its one log record is written.
type record struct {
	requestID string
	gatewayID string // the API's own id of the request: its access log has it
	sourceIP  string // of the connection to the API, which no header can change
	route     string
	who       token.Principal
	emailHash string
	status    int
	code      string // of the problem that was answered
	err       error
}

type recordKey struct{}

// recordOf returns the record of the request that ctx belongs to. Without one
// (a handler used outside [Function]) it is one that nobody reads.
func recordOf(ctx context.Context) *record {
	if rec, ok := ctx.Value(recordKey{}).(*record); ok {
		return rec
	}
	return &record{requestID: invocationID(ctx)}
}

// invocationID returns the Lambda invocation's own id, or a new one where there is none (tests).
func invocationID(ctx context.Context) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok && lc.AwsRequestID != "" {
		return lc.AwsRequestID
	}
	return strings.ToLower(rand.Text())
}

// recorded returns next with what every answer has: its headers (see flush), no
// caching unless next says otherwise, a 500 for a panic, and one log record.
func recorded(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rc, _ := core.GetAPIGatewayV2ContextFromContext(r.Context())
		rec := &record{
			requestID: invocationID(r.Context()), gatewayID: rc.RequestID, sourceIP: rc.HTTP.SourceIP,
			route: route(r.Method, rc.RouteKey),
		}
		r = r.WithContext(context.WithValue(r.Context(), recordKey{}, rec))
		buf := &answer{header: http.Header{}}
		func() {
			defer func() {
				if v := recover(); v != nil {
					*buf = answer{header: http.Header{}}
					fail(buf, r, panicked(v))
				}
			}()
			next.ServeHTTP(buf, r)
		}()
		rec.status = buf.flush(w, rec.requestID)
		log.LogAttrs(r.Context(), rec.level(), "request", rec.attrs(log, time.Since(start))...)
	})
}

// route returns method and route key, which come from the template; the path
// and the query, which come from the client, stay out of the log.
func route(method, key string) string {
	switch {
	case key == "":
		return method
	case strings.HasPrefix(key, "ANY "):
		return method + strings.TrimPrefix(key, "ANY")
	case strings.HasPrefix(key, "$"):
		return method + " " + key
	}
	return key
}

// level is Warn where an operator may look, Error where someone must.
func (rec *record) level() slog.Level {
	switch {
	case rec.status == http.StatusServiceUnavailable:
		return slog.LevelWarn
	case rec.status >= http.StatusInternalServerError:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// attrs returns what the record says, for a logger that may or may not add the request's id.
func (rec *record) attrs(log *slog.Logger, took time.Duration, more ...slog.Attr) []slog.Attr {
	attrs := make([]slog.Attr, 0, 12+len(more))
	said := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	if _, adds := log.Handler().(requestIDs); !adds {
		attrs = append(attrs, slog.String("request_id", rec.requestID))
	}
	if rec.route != "" {
		attrs = append(attrs, slog.String("route", rec.route), slog.Int("status", rec.status))
	}
	attrs = append(attrs, slog.Float64("duration_ms", float64(took.Microseconds())/1000))
	said("gateway_request_id", rec.gatewayID)
	said("code", rec.code)
	switch rec.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		said("source_ip", rec.sourceIP) // who may be attacking; of everybody else the access log has it
	}
	said("email_hash", rec.emailHash)
	if !rec.who.Anonymous() {
		attrs = append(attrs, slog.String("admin_id", rec.who.AdminID), slog.String("org_id", rec.who.OrgID))
	}
	attrs = append(attrs, more...)
	if rec.err != nil && rec.status >= http.StatusInternalServerError {
		attrs = append(attrs, slog.String("err", redact(rec.err.Error())))
	}
	return attrs
}

// secrets are the shapes of what no record may carry: a connection string, a
// JSON Web Token, a token that is refreshed or mailed, a bcrypt hash, an email
// address. Errors are made without them; this is for the one that was not, such
// as a driver's text about a duplicate key, which quotes the key.
var secrets = regexp.MustCompile(`mongodb(\+srv)?://\S+` +
	`|eyJ[\w-]+\.[\w-]*\.[\w-]*` +
	`|(` + token.RefreshPrefix + `|` + string(token.ResetPassword) + `|` + string(token.ConfirmEmail) + `)[\w-]+` +
	`|\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}` +
	`|[^\s"'<>:,;()\[\]{}]+@[^\s"'<>:,;()\[\]{}]+`)

func redact(s string) string { return secrets.ReplaceAllString(s, "[redacted]") }

// panicError is a panic as the log may show it: where it happened, and what
// the runtime said. The value of any other panic may hold anything, a password
// too, so only its type is kept; and of the stack only the innermost line that
// is ours, for no log carries a stack (contract).
type panicError struct{ what, where string }

// Error says what and where.
func (e *panicError) Error() string { return "panic: " + e.what + " at " + e.where }

// panicked is called by a deferred function that has recovered v.
func panicked(v any) error {
	what := fmt.Sprintf("a value of type %T", v)
	if err, ok := v.(error); ok {
		if re, ok := errors.AsType[runtime.Error](err); ok {
			what = re.Error()
		}
	}
	return &panicError{what: what, where: origin()}
}

// origin returns file and line of the innermost frame below the recovered panic that is not the runtime's.
func origin() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	below := false
	for {
		f, more := frames.Next()
		if f.Function == "runtime.gopanic" {
			below = true
		} else if below && !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf("%s (line %d)", f.Function, f.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}

// answer holds what a handler writes until it has ended: one that panics after
// its first byte then still becomes a clean 500.
type answer struct {
	header http.Header
	status int
	body   []byte
}

// Header returns the header, as [http.ResponseWriter] has it.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader sets the status; the first one counts.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK { // 1xx are for the wire only
		a.status = status
	}
}

// Write appends to the body.
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.body = append(a.body, b...)
	return len(b), nil
}

// flush sends what was held, with the headers that every answer has, and
// returns the status. Three of those are for a browser (OWASP ASVS 5.0, 3.4.1,
// 3.4.4 and 3.4.5): it is to ask by HTTPS alone for two years, must not guess a
// type, and tells no other site where it was.
func (a *answer) flush(w http.ResponseWriter, requestID string) int {
	a.WriteHeader(http.StatusOK)
	a.header.Set("X-Request-Id", requestID)
	a.header.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	a.header.Set("X-Content-Type-Options", "nosniff")
	a.header.Set("Referrer-Policy", "no-referrer")
	if a.header.Get("Cache-Control") == "" {
		a.header.Set("Cache-Control", "no-store")
	}
	if a.header.Get("Content-Type") == "" && len(a.body) > 0 {
		a.header.Set("Content-Type", http.DetectContentType(a.body))
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	if len(a.body) > 0 {
		_, _ = w.Write(a.body)
	}
	return a.status
}
