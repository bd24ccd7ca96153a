package lambda_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"oms/local/lambda"
)

func TestRuntime_protocol(t *testing.T) {
	t.Parallel()
	reports := make(chan string, 1)
	s := newSite(t)
	f := s.function(t, "Hand", "protocol", "DESK", newDesk(t, func(v visit) string { reports <- v.event; return "" }))
	f.Timeout = 30 * time.Second
	g := s.open(t)
	before := time.Now()
	g.do(t, "Hand", "{}").is(t, "2") // the first answer
	var report struct {
		Header http.Header
		Seen   []string
	}
	if err := json.Unmarshal([]byte(receive(t, reports, "the report")), &report); err != nil {
		t.Fatal(err)
	}
	// The event; another event's answer; the answer; a second one; an error after it.
	if d := cmp.Diff([]string{"200", "400", "202", "403", "403"}, report.Seen); d != "" {
		t.Errorf("statuses (-want +got):\n%s", d)
	}
	for name, form := range map[string]string{
		"Lambda-Runtime-Aws-Request-Id":       `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
		"Lambda-Runtime-Invoked-Function-Arn": `^arn:aws:lambda:us-east-1:123456789012:function:Hand$`,
		"Lambda-Runtime-Trace-Id":             `^` + trace + `;Parent=[0-9a-f]{16};Sampled=0$`,
		"Lambda-Runtime-Deadline-Ms":          `^[0-9]{13}$`,
	} {
		if got := report.Header.Get(name); !regexp.MustCompile(form).MatchString(got) {
			t.Errorf("%s is %q, want the form %s", name, got, form)
		}
	}
	deadline, _ := strconv.ParseInt(report.Header.Get("Lambda-Runtime-Deadline-Ms"), 10, 64)
	if left := time.UnixMilli(deadline).Sub(before); left < 29*time.Second || left > 60*time.Second {
		t.Errorf("the deadline is in %s, want 30s", left)
	}
}

func TestRuntime_protocolErrors(t *testing.T) {
	t.Parallel()
	for do, want := range map[string]struct{ failure, logged string }{
		"init error": {"before it asked for an event", "Hand: Broken: no configuration"},
		"ask twice":  {"asked for the next event before it answered", "process ended"},
	} {
		t.Run(do, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.function(t, "Hand", "protocol", "DO", do)
			s.open(t).do(t, "Hand", "{}").fails(t, want.failure)
			s.logs.await(t, want.logged)
		})
	}
	t.Run("a stream that fails", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		s.function(t, "Torn", "torn")
		s.open(t).do(t, "Torn", "{}").fails(t, "reported while answering")
	})
}

func TestRuntime_refusesABrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.function(t, "Env", "environment")
	g := s.open(t)
	_, rest, _ := strings.Cut(g.do(t, "Env", "{}").answer, "AWS_LAMBDA_RUNTIME_API=")
	address, _, _ := strings.Cut(rest, "\n")
	for name, header := range map[string]http.Header{
		"rebinding": {"Host": {"evil.example:1"}}, "a page": {"Sec-Fetch-Site": {"cross-site"}},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
			"http://"+address+"/2018-06-01/runtime/invocation/next", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header, request.Host = header, header.Get("Host")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("%s: got %d, want 403", name, response.StatusCode)
		}
	}
}

func TestRuntime_boundsAnswers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.visitor(t, "visit", newDesk(t, eventsOnly(func(v visit) string {
		size, _ := strconv.Atoi(v.event)
		return strings.Repeat("a", size)
	})))
	g := s.open(t)
	g.do(t, "visit", strconv.Itoa(lambda.PayloadLimit)).is(t, strings.Repeat("a", lambda.PayloadLimit))
	g.do(t, "visit", strconv.Itoa(lambda.PayloadLimit+1)).fails(t, "the answer exceeds 6291556 bytes")
	g.do(t, "visit", "10").is(t, "aaaaaaaaaa")
}
