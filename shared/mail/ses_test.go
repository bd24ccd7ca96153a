package mail_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"oms/shared/mail"
	"oms/shared/organization"
	"oms/shared/token"
)

// ses is what a region answers, and what it was asked.
type ses struct {
	answer func(w http.ResponseWriter)
	asked  []map[string]any
	signed string
}

func (s *ses) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var asked map[string]any
	_ = json.Unmarshal(body, &asked)
	s.asked, s.signed = append(s.asked, asked), r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")
	s.answer(w)
}

func (s *ses) send(t *testing.T, to string) error {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	c := mail.NewSES(aws.Config{
		Region: "eu-central-1", BaseEndpoint: &server.URL,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}, nil
		}),
	}, "oms@x.example")
	return mail.New(c, "https://x.example").Send(t.Context(), organization.Letter{
		Mail:  organization.Mail{Kind: organization.MailReset, To: to, At: time.Unix(0, 0)},
		Token: token.NewMailed(token.ResetPassword, [12]byte{1}, [12]byte{2}),
	})
}

func TestSES(t *testing.T) {
	t.Parallel()
	s := &ses{answer: func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"MessageId":"1"}`)) }}
	if err := s.send(t, "a@bücher.example"); err != nil || len(s.asked) != 1 {
		t.Fatalf("Send = %v, after %d requests", err, len(s.asked))
	}
	text, _ := json.Marshal(s.asked[0])
	for _, want := range []string{
		`"FromEmailAddress":"oms@x.example"`, `"ToAddresses":["\u003ca@xn--bcher-kva.example\u003e"]`,
		`"Subject":{"Charset":"UTF-8","Data":"Set a new password"}`, `https://x.example/admin/recover#omsp_`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("SES was asked for %s, want %s in it", text, want)
		}
	}
	if !strings.HasPrefix(s.signed, "POST /v2/email/outbound-emails AWS4-HMAC-SHA256 Credential=id/") ||
		!strings.Contains(s.signed, "/eu-central-1/ses/aws4_request") {
		t.Errorf("the request is %s", s.signed)
	}
}

// TestSES_failures: one try each, and an error that has no address in it.
func TestSES_failures(t *testing.T) {
	t.Parallel()
	for want, answer := range map[string]func(http.ResponseWriter){
		"SES refused it: MessageRejected": func(w http.ResponseWriter) {
			w.Header().Set("X-Amzn-Errortype", "MessageRejected")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"message":"Email address is not verified: a@acme.example"}`))
		},
		"SES refused it: TooManyRequestsException": func(w http.ResponseWriter) {
			w.Header().Set("X-Amzn-Errortype", "TooManyRequestsException")
			w.WriteHeader(http.StatusTooManyRequests)
		},
	} {
		s := &ses{answer: answer}
		err := s.send(t, "a@acme.example")
		if err == nil || err.Error() != want || len(s.asked) != 1 {
			t.Errorf("Send = %v after %d requests, want %q after one", err, len(s.asked), want)
		}
	}
	s := &ses{answer: func(http.ResponseWriter) { panic(http.ErrAbortHandler) }}
	if err := s.send(t, "a@acme.example"); err == nil || strings.Contains(err.Error(), "acme") {
		t.Errorf("without an answer Send = %v", err)
	}
	if err := s.send(t, "a@xn--a.example"); err == nil || len(s.asked) != 1 {
		t.Errorf("to a domain that cannot be Send = %v", err)
	}
}
