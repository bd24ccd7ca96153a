package edge_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"oms/shared/edge"
	"oms/shared/edge/edgetest"
	"oms/shared/fault"
	"oms/shared/must"
	"oms/shared/token"
)

// recordsOf reads a log.
func recordsOf(tb testing.TB, log string) []map[string]any {
	tb.Helper()
	var records []map[string]any
	for line := range strings.Lines(log) {
		records = append(records, must.JSON[map[string]any](tb, line))
	}
	return records
}

func TestRecord_saysWhatStyleAsksFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		who := someone()
		who.Expires = time.Now().Add(time.Hour)
		got := edgetest.Invoke(t, edge.Protected(func(context.Context, *edge.Call) (*edge.Answer, error) {
			time.Sleep(1500 * time.Microsecond) // the bubble's clock
			return &edge.Answer{Body: "x"}, nil
		}), edgetest.Event(t, edgetest.Request{Method: "GET", Path: "/x", Query: "q=1", Who: who}))
		want := []map[string]any{{
			"timestamp": "2000-01-01T00:00:00.0015Z", "level": "INFO", "message": "request", "route": "GET /x",
			"status":      200.0,
			"duration_ms": 1.5, "gateway_request_id": "JCJM3j95PHcEJHg=", "function_version": "",
			"admin_id": who.AdminID, "org_id": who.OrgID, "request_id": got.Header.Get("X-Request-Id"),
		}}
		records := recordsOf(t, got.Log)
		if len(records) == 1 { // the time zone is the machine's
			at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(records[0]["timestamp"]))
			if err != nil {
				t.Errorf("timestamp: %v", err)
			}
			records[0]["timestamp"] = at.UTC().Format(time.RFC3339Nano)
		}
		if diff := cmp.Diff(want, records); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
	})
}

func TestRecord_levelsAndErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		err   error
		level string
		err5  any
	}{
		{"a client's mistake", fault.New(fault.Conflict, "c", "d").Because(errors.New("cause")), "INFO", nil},
		{"a database that is away", fault.New(fault.Unavailable, "storage_unavailable", "d").
			Because(errors.New("cause")), "WARN", "storage_unavailable: d: cause"},
		{"a defect", errors.New("cause"), "ERROR", "cause"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := get(t, answering(nil, tt.err))
			records := recordsOf(t, got.Log)
			// The status is what the metric filters of template.yaml count as 5xx, beside the level ERROR.
			if len(records) != 1 || records[0]["level"] != tt.level || records[0]["err"] != tt.err5 ||
				records[0]["status"] != float64(got.Status) {
				t.Errorf("records = %v, want one of level %s and status %d with err %v", records, tt.level, got.Status,
					tt.err5)
			}
		})
	}
}

// TestRecord_ofARefusal: who attacks an account, and by which request, is there to be found.
func TestRecord_ofARefusal(t *testing.T) {
	t.Parallel()
	refusing := func(k fault.Kind) edge.Endpoint {
		return func(_ context.Context, c *edge.Call) (*edge.Answer, error) {
			c.RecordEmail("0123456789abcdef")
			return nil, fault.New(k, "why", "d")
		}
	}
	expired := someone()
	expired.Expires = time.Now().Add(-time.Second)
	for _, tt := range []struct {
		name    string
		handler http.Handler
		who     token.Principal
		want    map[string]any
	}{
		{"a login", edge.Public(refusing(fault.Unauthenticated)), token.Principal{}, map[string]any{
			"status": 401.0, "code": "why", "source_ip": "192.0.2.1", "email_hash": "0123456789abcdef",
		}},
		{"what is somebody else's", edge.Public(refusing(fault.Forbidden)), token.Principal{}, map[string]any{
			"status": 403.0, "code": "why", "source_ip": "192.0.2.1", "email_hash": "0123456789abcdef",
		}},
		{"too many attempts", edge.Public(refusing(fault.TooMany)), token.Principal{}, map[string]any{
			"status": 429.0, "code": "why", "source_ip": "192.0.2.1", "email_hash": "0123456789abcdef",
		}},
		{"no authorizer", edge.Protected(nil), token.Principal{}, map[string]any{
			"status": 401.0, "code": "invalid_token", "source_ip": "192.0.2.1",
		}},
		{"a token that has expired", edge.Protected(nil), expired, map[string]any{
			"status": 401.0, "code": "token_expired", "source_ip": "192.0.2.1", "admin_id": expired.AdminID,
			"org_id": expired.OrgID,
		}},
		{"what is there already", edge.Public(refusing(fault.Conflict)), token.Principal{}, map[string]any{
			"status": 409.0, "code": "why", "email_hash": "0123456789abcdef",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := edgetest.Invoke(t, tt.handler, edgetest.Event(t, edgetest.Request{
				Method: "GET", Path: "/x", Who: tt.who, Header: map[string]string{"X-Forwarded-For": "203.0.113.9"},
			}))
			tt.want["gateway_request_id"] = "JCJM3j95PHcEJHg="
			records := recordsOf(t, got.Log)
			if len(records) != 1 {
				t.Fatalf("records = %v, want one", records)
			}
			for _, always := range []string{
				"timestamp", "level", "message", "route", "duration_ms", "request_id", "function_version",
			} {
				delete(records[0], always)
			}
			if diff := cmp.Diff(tt.want, records[0]); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRecord_route(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"POST /org/create": "POST /org/create", "ANY /docs/{proxy+}": "DELETE /docs/{proxy+}",
		"$default": "DELETE $default", "": "DELETE",
	} {
		got := edgetest.Invoke(t, edge.Public(answering(&edge.Answer{}, nil)), []byte(
			`{"version":"2.0","rawPath":"/secret","rawQueryString":"secret=1","requestContext":{"routeKey":"`+key+
				`","http":{"method":"DELETE"}}}`))
		records := recordsOf(t, got.Log)
		if len(records) != 1 || records[0]["route"] != want && want != "DELETE" {
			t.Errorf("route of %q = %v, want %q", key, records, want)
		}
		if strings.Contains(got.Log, "secret") {
			t.Errorf("the log has the path or the query: %s", got.Log)
		}
	}
}

func TestRecord_carriesNoSecret(t *testing.T) {
	t.Parallel()
	const (
		address = "jane.doe+x@example.com"
		jwt     = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
		refresh = "omsr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-_AAAAAAAAA"
		reset   = "omsp_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-_AAAAAAAAA"
		confirm = "omsc_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-_AAAAAAAAA"
		hash    = "$2b$12$abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUV012345678"
		//nolint:gosec // G101: it is planted, to be looked for
		uri = "mongodb+srv://oms:hunter2@cluster0.example.net/master?x=1"
	)
	planted := []string{
		address, jwt, refresh, reset, confirm, hash, "hunter2", "cluster0.example.net", "pa55word", "the-key",
	}
	for name, err := range map[string]error{
		"a driver's text": fmt.Errorf("inserting: E11000 duplicate key { email: %q } at %s, "+
			"admin has %s, %s, %s, %s and %s", address, uri, hash, jwt, refresh, reset, confirm),
		"a fault's cause": fault.New(fault.Unavailable, "c", "d").Because(
			fmt.Errorf("to <%s>:%s (%s)", address, hash, uri)),
		"a success": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := edgetest.Invoke(t, edge.Public(answering(&edge.Answer{Body: jwt}, err)),
				edgetest.Event(t, edgetest.Request{
					Method: "POST", Path: "/x", Query: "email=" + address, JSON: `{"password":"pa55word","email":"` +
						address + `"}`,
					Header: map[string]string{"Authorization": "Bearer " + jwt, "Idempotency-Key": "the-key"},
				}))
			for _, secret := range planted {
				if strings.Contains(got.Log, secret) {
					t.Errorf("the log has %q: %s", secret, got.Log)
				}
				if err != nil && strings.Contains(got.Body, secret) {
					t.Errorf("the body has %q: %s", secret, got.Body)
				}
			}
			if err != nil && !strings.Contains(got.Log, "[redacted]") {
				t.Errorf("nothing was redacted: %s", got.Log)
			}
		})
	}
}

func TestPanic_isA500AndARecord(t *testing.T) {
	t.Parallel()
	var none *fault.Error
	for _, tt := range []struct {
		name, want string
		panics     func()
	}{
		{
			"of the runtime", "panic: runtime error: invalid memory address or nil pointer dereference at " +
				"oms/shared/edge_test.TestPanic", func() { _ = none.Code },
		},
		{
			"with a text", "panic: a value of type string at oms/shared/edge_test.TestPanic",
			func() { panic("pa55word") },
		},
		{
			"with an error", "panic: a value of type *errors.errorString at oms/shared/edge_test.TestPanic",
			func() { panic(errors.New("pa55word")) },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := get(t, func(context.Context, *edge.Call) (*edge.Answer, error) {
				tt.panics()
				return nil, nil
			})
			if got.Status != 500 || !strings.Contains(got.Body, `"code":"internal_error"`) {
				t.Errorf("answer = %d %s, want 500 internal_error", got.Status, got.Body)
			}
			records := recordsOf(t, got.Log)
			if len(records) != 1 || records[0]["level"] != "ERROR" || !strings.HasPrefix(fmt.Sprint(records[0]["err"]),
				tt.want) {
				t.Errorf("records = %v, want one with err %s…", records, tt.want)
			}
			if strings.Contains(got.Log+got.Body, "pa55word") || strings.Contains(got.Log, "goroutine") ||
				strings.Contains(got.Body, "panic") {
				t.Errorf("the panic's value or the stack got out: %s %s", got.Log, got.Body)
			}
		})
	}
}

func TestPanic_takesBackWhatWasWritten(t *testing.T) {
	t.Parallel()
	got := edgetest.Invoke(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Etag", "x")
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte("half"))
		panic("x")
	}), edgetest.Event(t, edgetest.Request{Method: "GET", Path: "/x"}))
	if got.Status != 500 || got.Header.Get("Etag") != "" || !strings.HasPrefix(got.Body, "{") {
		t.Errorf("answer = %d %v %s, want a clean 500", got.Status, got.Header, got.Body)
	}
}

func TestLogger_addsTheRequestID(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := edge.NewLogger(&log)
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "id-1"})
	must.Do(t, must.Err(edge.NewFunction(edge.Public(func(ctx context.Context, _ *edge.Call) (*edge.Answer, error) {
		logger.With(slog.Int("a", 1)).LogAttrs(ctx, slog.LevelInfo, "inside")
		return &edge.Answer{}, nil
	}), logger).Invoke(ctx, []byte(`{"version":"2.0","requestContext":{"http":{"method":"GET"}}}`))))
	records := recordsOf(t, log.String())
	if len(records) != 2 || records[0]["request_id"] != "id-1" || records[1]["request_id"] != "id-1" {
		t.Errorf("records = %v, want two of request id-1", records)
	}
}

func TestJob(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		run         edge.Run
		level       string
		failed      bool
		want, never string
	}{
		{
			"did its work", func(context.Context) ([]slog.Attr, error) {
				return []slog.Attr{slog.Int("purged", 3)},
					nil
			}, "INFO", false, `"purged":3`, `"err"`,
		},
		{"failed half way", func(context.Context) ([]slog.Attr, error) {
			return []slog.Attr{slog.Int("purged", 3)}, errors.New("at mongodb://u:hunter2@h")
		}, "ERROR", true, `"purged":3,"err":"at [redacted]"`, "hunter2"},
		{"met no database", func(context.Context) ([]slog.Attr, error) {
			return nil, fault.New(fault.Unavailable, "storage_unavailable", "d")
		}, "WARN", true, `"err":"storage_unavailable: d"`, "status"},
		{
			"met a fault", func(context.Context) ([]slog.Attr, error) {
				return nil, fault.New(fault.Conflict, "c", "d")
			}, "ERROR", true, `"err":"c: d"`, "status",
		},
		{
			"panicked", func(context.Context) ([]slog.Attr, error) { panic("hunter2") },
			"ERROR", true, `"err":"panic: a value of type string at `, "hunter2",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "id-1"})
			out, err := edge.NewJob(tt.run, edge.NewLogger(&log)).Invoke(ctx, []byte(`no JSON at all`))
			if (err != nil) != tt.failed || err == nil && string(out) != "null" {
				t.Errorf("Invoke = %s, %v; want an error: %t", out, err, tt.failed)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error has the cause: %v", err)
			}
			records := recordsOf(t, log.String())
			if len(records) != 1 || records[0]["level"] != tt.level ||
				records[0]["request_id"] != "id-1" || records[0]["message"] != "run" {
				t.Errorf("records = %v, want one of level %s", records, tt.level)
			}
			if !strings.Contains(log.String(), tt.want) || strings.Contains(log.String(), tt.never) {
				t.Errorf("log = %s, want %s and not %s", log.String(), tt.want, tt.never)
			}
		})
	}
}
