package gateway_test

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"oms/local/gateway"
	"oms/local/lambda"
	"oms/local/template"
	"oms/shared/must"
)

//nolint:gochecknoglobals // a flag
var updateFidelity = flag.Bool("update-fidelity", false, "record what the other hosts answer")

const (
	// recordedFidelity holds what an account answered, and what other hosts do
	// where they differ.
	recordedFidelity = "testdata/fidelity/hosts.json"
	account          = "aws"
)

// TestFidelity sends one table of requests to this gateway, and to API Gateway
// itself, `sam local start-api` and an emulated API Gateway where FIDELITY_AWS,
// FIDELITY_SAM and FIDELITY_EMULATOR have their URLs, all with the template and
// the function of testdata/fidelity. What API Gateway does is the column of
// testdata/fidelity/hosts.json that was recorded from an account, and until one
// was, the table, by documents and by others' recordings: this gateway equals
// it, and the rest differ exactly where hosts.json says so.
func TestFidelity(t *testing.T) {
	t.Parallel()
	recorded := map[string]map[string]string{}
	if text, err := os.ReadFile(recordedFidelity); err == nil {
		must.Do(t, json.Unmarshal(text, &recorded))
	}
	hosts := map[string]string{"local": fidelityHost(t)}
	for host, variable := range map[string]string{
		account: "FIDELITY_AWS", "sam": "FIDELITY_SAM", "emulator": "FIDELITY_EMULATOR",
	} {
		if base := os.Getenv(variable); base != "" {
			hosts[host] = base
			if *updateFidelity {
				recorded[host] = map[string]string{}
			}
		}
	}
	agree := map[string]int{}
	for _, c := range fidelityCases() {
		for _, host := range slices.Sorted(maps.Keys(hosts)) { // the account's first: the rest are held against it
			got, aws := c.ask(t, hosts[host]), cmp.Or(recorded[account][c.name], c.aws)
			if got == aws {
				agree[host]++
			}
			if host == account {
				t.Logf("%s: %s", c.name, got)
			}
			want := cmp.Or(recorded[host][c.name], aws)
			switch {
			case *updateFidelity && host != "local":
				if got != aws || host == account {
					recorded[host][c.name] = got
				}
			case got != want:
				t.Errorf("%s: %s answers\n\t%.300s\nwant\n\t%.300s", c.name, host, got, want)
			}
		}
	}
	for host, n := range agree {
		t.Logf("%s agrees with API Gateway in %d of %d", host, n, len(fidelityCases()))
	}
	if *updateFidelity {
		text := must.Get(json.MarshalIndent(recorded, "", "  "))(t)
		must.Do(t, os.WriteFile(recordedFidelity, append(text, '\n'), 0o600))
	}
}

// fidelityHost serves the template of testdata/fidelity with this gateway.
func fidelityHost(tb testing.TB) string {
	tb.Helper()
	bootstrap := filepath.Join(tb.TempDir(), "bootstrap")
	const folder = "./testdata/fidelity/answer"
	//nolint:gosec // G204: the go command
	build := exec.CommandContext(tb.Context(), "go", "build", "-o", bootstrap, folder)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("building the function: %v\n%s", err, said)
	}
	t := must.Get(template.Read("testdata/fidelity/template.yaml", nil))(tb)
	config := lambda.Config{Log: slog.New(slog.DiscardHandler), Stderr: io.Discard}
	for _, f := range t.Functions {
		config.Functions = append(config.Functions, lambda.Function{
			Name: f.Name, Bootstrap: bootstrap, MemoryMB: f.MemoryMB, Timeout: f.Timeout,
		})
	}
	functions := lambda.New(config)
	server := httptest.NewServer(gateway.New(t, functions, config.Log))
	tb.Cleanup(func() {
		server.Close()
		functions.Close(tb.Context()) // ended already: nothing is in flight
	})
	return server.URL
}

// ask sends the request as it stands and returns the answer as one line: the
// status, the headers that are shown, and the body.
func (c fidelityCase) ask(tb testing.TB, base string) string {
	tb.Helper()
	u := must.Get(url.Parse(base))(tb)
	method, rest, _ := strings.Cut(c.request, " ")
	target, content, _ := strings.Cut(rest, " ")
	text := fmt.Sprintf("%s %s%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method,
		strings.TrimSuffix(u.Path, "/"), target, u.Host)
	for _, h := range c.headers {
		text += h + "\r\n"
	}
	if content != "" {
		text += fmt.Sprintf("Content-Length: %d\r\n", len(content))
	}
	response, err := exchange(tb, u, method, text+"\r\n"+content)
	if err != nil {
		return "no answer"
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "half an answer"
	}
	line := []string{fmt.Sprint(response.StatusCode)}
	for _, name := range strings.Fields(c.show) {
		line = append(line, name+"="+strings.Join(response.Header.Values(name), "|"))
	}
	if shown := shape(body); shown != "" {
		line = append(line, shown)
	}
	return strings.Join(line, " ")
}

// exchange sends a request as it stands, and reads the head of the answer.
func exchange(tb testing.TB, base *url.URL, method, text string) (*http.Response, error) {
	tb.Helper()
	dial, port := (&net.Dialer{}).DialContext, "80"
	if base.Scheme == "https" {
		dial, port = (&tls.Dialer{}).DialContext, "443"
	}
	connection := must.Get(dial(tb.Context(), "tcp", net.JoinHostPort(base.Hostname(), cmp.Or(base.Port(), port))))(tb)
	tb.Cleanup(func() { _ = connection.Close() })
	must.Do(tb, connection.SetDeadline(time.Now().Add(time.Minute)))
	go func() { _, _ = io.WriteString(connection, text) }() // an answer may come before it is all sent
	return http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: method})
}

// shape is a body without what no client reads: how an object is spaced and
// escaped, a line end; and without the most of a long one.
func shape(body []byte) string {
	text := strings.TrimSpace(string(body))
	object := map[string]any{}
	if json.Unmarshal(body, &object) == nil {
		var out strings.Builder
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		if encoder.Encode(object) == nil {
			text = strings.TrimSpace(out.String())
		}
	}
	if len(text) > 200 {
		return text[:80] + "…"
	}
	return text
}
