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
	"oms/shared/must"
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
	must.Do(t, json.Unmarshal([]byte(receive(t, reports, "the report")), &report))
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

// TestRuntime_refusesWhoHasNotTheKey asks as another user of the machine, or a
// page in a browser, can, who know the address.
func TestRuntime_refusesWhoHasNotTheKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.function(t, "A", "environment")
	s.function(t, "B", "environment")
	g := s.open(t)
	client, last := &http.Client{Timeout: 30 * time.Second}, ""
	for _, name := range []string{"A", "B"} {
		_, rest, _ := strings.Cut(g.do(t, name, "{}").answer, "AWS_LAMBDA_RUNTIME_API=")
		api, _, _ := strings.Cut(rest, "\n")
		address, key, _ := strings.Cut(api, "/")
		if len(key) < 26 || key == last {
			t.Fatalf("the key is %q after %q, want 128 bits in base32", key, last)
		}
		last = key
		for _, guess := range []string{"", "/" + key[1:], "/" + key[1:] + "A", "/" + strings.ToLower(key), "//" + key} {
			for path, method := range map[string]string{
				"next": http.MethodGet, "d5d0f7a4-6b3c-4b0e-8d0e-0d6c2f6f0001/response": http.MethodPost,
			} {
				target := "http://" + address + guess + "/2018-06-01/runtime/invocation/" + path
				request := must.Get(http.NewRequestWithContext(t.Context(), method, target, nil))(t)
				response, err := client.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				_ = response.Body.Close()
				if response.StatusCode != http.StatusForbidden {
					t.Errorf("%s %s: got %d, want 403", method, target, response.StatusCode)
				}
			}
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
