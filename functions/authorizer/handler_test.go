package authorizer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"oms/shared/fault"
	"oms/shared/token"
)

// fakeVerifier knows a token, and one that an older version made.
type fakeVerifier struct{ err error }

func (f fakeVerifier) Verify(_ context.Context, compact string) (token.Principal, error) {
	switch {
	case f.err != nil:
		return token.Principal{}, f.err
	case compact != "good.token" && compact != "older.token":
		return token.Principal{}, fault.New(fault.Unauthenticated, "invalid_token", "d")
	}
	who := token.Principal{
		AdminID: "0123456789abcdef01234567", OrgID: "76543210fedcba9876543210", CredentialVersion: "v1",
		Expires: time.Unix(1_900_000_000, 0),
	}
	if compact == "good.token" {
		who.Session, who.AuthTime = "fedcba9876543210fedcba98", time.Unix(1_899_999_000, 0)
	}
	return who, nil
}

const (
	allowed = `{"isAuthorized":true,"context":{"admin_id":"0123456789abcdef01234567",` +
		`"auth_time":1899999000,"exp":1900000000,` +
		`"org_id":"76543210fedcba9876543210","sid":"fedcba9876543210fedcba98","ver":"v1"}}`
	older = `{"isAuthorized":true,"context":{"admin_id":"0123456789abcdef01234567","exp":1900000000,` +
		`"org_id":"76543210fedcba9876543210","ver":"v1"}}`
	refused = `{"isAuthorized":false}`
)

func TestAuthorize(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, headers string
		err           error
		want          string // empty: an error
		code          string // of a refusal; empty: invalid_token
	}{
		{"a good token", `{"authorization":"Bearer good.token"}`, nil, allowed, ""},
		{"a token of no session", `{"authorization":"Bearer older.token"}`, nil, older, ""},
		{"a header as SAM local sends it", `{"Accept":"*/*","Authorization":"Bearer good.token"}`, nil, allowed, ""},
		{"a bad token", `{"authorization":"Bearer good.token2"}`, nil, refused, ""},
		{"another scheme", `{"authorization":"Basic good.token"}`, nil, refused, ""},
		{"no header", `{}`, nil, refused, ""},
		{"a token in another header", `{"x-authorization":"Bearer good.token"}`, nil, refused, ""},
		{
			"an expired token", `{"authorization":"Bearer good.token"}`,
			fault.New(fault.Unauthenticated, "token_expired", "d"), refused, "token_expired",
		},
		{
			"keys that cannot be read", `{"authorization":"Bearer good.token"}`,
			errors.New("secretsmanager: throttled"), "", "",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			h := lambda.NewHandler(authorize(fakeVerifier{tt.err}, slog.New(slog.NewJSONHandler(&log, nil))))
			ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "id-1"})
			out, err := h.Invoke(ctx, []byte(`{"version":"2.0","type":"REQUEST",
				"routeArn":"arn:aws:execute-api:eu-west-1:1:a/$default/PUT/org/update",
				"identitySource":["Bearer good.token"],"routeKey":"PUT /org/update","rawPath":"/org/update",
				"rawQueryString":"","cookies":[],"headers":`+tt.headers+`,
				"requestContext":{"http":{"method":"PUT","sourceIp":"192.0.2.1"},"requestId":"JCJM3j95PHcEJHg="}}`))
			if (err != nil) != (tt.want == "") || err != nil && strings.Contains(err.Error(), "throttled") {
				t.Fatalf("Invoke = %v", err)
			}
			if string(out) != tt.want {
				t.Errorf("Invoke = %s, want %s", out, tt.want)
			}
			// An error is what the metric filter of template.yaml counts.
			if (err != nil) != strings.Contains(log.String(), `"level":"ERROR"`) {
				t.Errorf("Invoke = %v, log = %s", err, log.String())
			}
			const ids = `"request_id":"id-1","gateway_request_id":"JCJM3j95PHcEJHg=","route":"PUT /org/update"`
			if strings.Contains(log.String(), "good") || strings.Count(log.String(), "\n") != 1 ||
				!strings.Contains(log.String(), ids) {
				t.Errorf("log = %s, want one record with %s without the token", log.String(), ids)
			}
			why := `"code":"` + cmp.Or(tt.code, "invalid_token") + `","source_ip":"192.0.2.1"`
			if strings.Contains(log.String(), why) != (tt.want == refused) ||
				strings.Contains(log.String(), "source_ip") != (tt.want == refused) {
				t.Errorf("log = %s, want %s there, if this is a refusal", log.String(), why)
			}
		})
	}
}

func TestAuthorize_refusesAnEventThatItCannotRead(t *testing.T) {
	t.Parallel()
	h := lambda.NewHandler(authorize(fakeVerifier{}, slog.New(slog.DiscardHandler)))
	if out, err := h.Invoke(t.Context(), []byte(`{"headers":{"authorization":["Bearer good.token"]}}`)); err == nil {
		t.Errorf("Invoke = %s, want an error", out)
	}
}
