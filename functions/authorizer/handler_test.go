package main

import (
	"bytes"
	"context"
	"encoding/json"
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

// fakeVerifier knows one token.
type fakeVerifier struct{ err error }

func (f fakeVerifier) Verify(_ context.Context, compact string) (token.Principal, error) {
	switch {
	case f.err != nil:
		return token.Principal{}, f.err
	case compact != "good.token":
		return token.Principal{}, fault.New(fault.Unauthenticated, "invalid_token", "d")
	}
	return token.Principal{AdminID: "0123456789abcdef01234567", OrgID: "76543210fedcba9876543210", CredentialVersion: "v1", Expires: time.Unix(1_900_000_000, 0)}, nil
}

const (
	allowed = `{"isAuthorized":true,"context":{"admin_id":"0123456789abcdef01234567","exp":1900000000,"org_id":"76543210fedcba9876543210","ver":"v1"}}`
	refused = `{"isAuthorized":false}`
)

func TestAuthorize(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, headers string
		err           error
		want          string // empty: an error
	}{
		{"a good token", `{"authorization":"Bearer good.token"}`, nil, allowed},
		{"a header as SAM local sends it", `{"Accept":"*/*","Authorization":"Bearer good.token"}`, nil, allowed},
		{"a scheme in another case", `{"authorization":"bEARER  good.token "}`, nil, allowed},
		{"a bad token", `{"authorization":"Bearer good.token2"}`, nil, refused},
		{"another scheme", `{"authorization":"Basic good.token"}`, nil, refused},
		{"no scheme", `{"authorization":"good.token"}`, nil, refused},
		{"an empty header", `{"authorization":""}`, nil, refused},
		{"no header", `{}`, nil, refused},
		{"no headers", `null`, nil, refused},
		{"a token in another header", `{"x-authorization":"Bearer good.token"}`, nil, refused},
		{"an expired token", `{"authorization":"Bearer good.token"}`, fault.New(fault.Unauthenticated, "token_expired", "d"), refused},
		{"keys that cannot be read", `{"authorization":"Bearer good.token"}`, errors.New("secretsmanager: throttled"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			h := lambda.NewHandler(authorize(fakeVerifier{tt.err}, slog.New(slog.NewJSONHandler(&log, nil))))
			ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "id-1"})
			out, err := h.Invoke(ctx, []byte(`{"version":"2.0","type":"REQUEST","routeArn":"arn:aws:execute-api:eu-west-1:1:a/$default/PUT/org/update",
				"identitySource":["Bearer good.token"],"routeKey":"PUT /org/update","rawPath":"/org/update","rawQueryString":"","cookies":[],"headers":`+tt.headers+`,
				"requestContext":{"http":{"method":"PUT"}}}`))
			if (err != nil) != (tt.want == "") || err != nil && strings.Contains(err.Error(), "throttled") {
				t.Fatalf("Invoke = %v", err)
			}
			if tt.want != "" && !equalJSON(t, out, tt.want) {
				t.Errorf("Invoke = %s, want %s", out, tt.want)
			}
			if strings.Contains(log.String(), "good") || strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), `"request_id":"id-1"`) {
				t.Errorf("log = %s, want one record of request id-1 without the token", log.String())
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

func equalJSON(tb testing.TB, got []byte, want string) bool {
	tb.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		tb.Fatalf("reading %s: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		tb.Fatalf("reading %s: %v", want, err)
	}
	a, _ := json.Marshal(g)
	b, _ := json.Marshal(w)
	return bytes.Equal(a, b)
}
