package gateway_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRuntime_protocol(t *testing.T) {
	t.Parallel()
	reports := make(chan string, 1)
	s := newSite(t)
	f := s.function(t, "Hand", "protocol", "DESK", newDesk(t, func(v visit) string { reports <- v.event; return "" }))
	f.Timeout = 30 * time.Second
	g := s.open(t)
	before := time.Now()
	answer, err := g.Invoke(t.Context(), "Hand", []byte("{}"))
	if err != nil || string(answer) != "2" {
		t.Errorf("Invoke = %s, %v; want the first answer, 2", answer, err)
	}
	var report struct {
		Header http.Header
		Seen   []string
	}
	mustUnmarshal(t, []byte(receive(t, reports, "the report")), &report)
	// The event; another event's answer; the answer; a second one; an error after it.
	if d := cmp.Diff([]string{"200", "400", "202", "403", "403"}, report.Seen); d != "" {
		t.Errorf("statuses (-want +got):\n%s", d)
	}
	for name, form := range map[string]string{
		"Lambda-Runtime-Aws-Request-Id":       `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
		"Lambda-Runtime-Invoked-Function-Arn": `^arn:aws:lambda:us-east-1:123456789012:function:Hand$`,
		"Lambda-Runtime-Trace-Id":             `^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`,
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
	for do, logged := range map[string]string{
		"init error": "Hand: Broken: no configuration",
		"ask twice":  "asked for the next event before it answered",
	} {
		t.Run(do, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.function(t, "Hand", "protocol", "DO", do)
			s.route("GET /hand", "Hand")
			g := s.open(t)
			g.do(t, "GET", "/hand", "").refuses(t, 500, "Internal Server Error")
			s.logs.await(t, logged)
		})
	}
	t.Run("a stream that fails", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		s.function(t, "Torn", "torn")
		s.route("GET /torn", "Torn")
		g := s.open(t)
		g.do(t, "GET", "/torn", "").refuses(t, 500, "Internal Server Error")
	})
}

func TestRuntime_refusesABrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.function(t, "Env", "environment")
	g := s.open(t)
	answer, err := g.Invoke(t.Context(), "Env", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(answer), "AWS_LAMBDA_RUNTIME_API=")
	address, _, _ := strings.Cut(rest, "\n")
	for name, header := range map[string][2]string{"rebinding": {"Host", "evil.example:" + strconv.Itoa(1)}, "a page": {"Sec-Fetch-Site", "cross-site"}} {
		api := &running{url: "http://" + address, client: http.DefaultClient}
		if got := api.do(t, "GET", "/2018-06-01/runtime/invocation/next", "", header[0], header[1]); got.status != 403 {
			t.Errorf("%s: got %d %s, want 403", name, got.status, got.body)
		}
	}
}
