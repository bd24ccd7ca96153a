package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"oms/local/gateway"
)

func TestLimits_requestBody(t *testing.T) {
	t.Parallel()
	sizes := make(chan int, 1)
	s := newSite(t)
	s.visitor(t, "visit", newDesk(t, eventsOnly(func(v visit) string { sizes <- len(v.event); return "well" })))
	g := s.open(t)
	text := []string{"Content-Type", "text/plain"}
	binary := []string{"Content-Type", "application/octet-stream"}

	g.do(t, "POST", "/visit", strings.Repeat("a", 6_000_000), text...).is(t, 200, "well")
	if got := <-sizes; got < 6_000_000 {
		t.Errorf("the event has %d bytes", got)
	}
	// A character is one byte of the event, whatever it means in HTML.
	g.do(t, "POST", "/visit", strings.Repeat("<", 2_000_000), text...).is(t, 200, "well")
	if got := <-sizes; got > 2_010_000 {
		t.Errorf("the event has %d bytes", got)
	}
	// 6 MB and 1 KB is what aws-lambda-dotnet recorded; 5 MB are more than 6 MB
	// in base64; more than 10 MB exceed the gateway's own quota.
	g.do(t, "POST", "/visit", strings.Repeat("a", 6<<20+1024), text...).refuses(t, 413, "Request Entity Too Large")
	g.do(t, "POST", "/visit", strings.Repeat("a", 5<<20), binary...).refuses(t, 413, "Request Entity Too Large")
	g.do(t, "POST", "/visit", strings.Repeat("a", 10<<20+1), text...).refuses(t, 413, "Request Entity Too Large")
	if n := len(sizes); n != 0 {
		t.Errorf("%d events that are too large arrived", n)
	}
}

func TestLimits_eventAtTheBound(t *testing.T) {
	t.Parallel()
	sizes := make(chan int, 1)
	s := newSite(t)
	s.visitor(t, "visit", newDesk(t, eventsOnly(func(v visit) string { sizes <- len(v.event); return "well" })))
	g := s.open(t)
	body := 6_200_000
	g.do(t, "POST", "/visit", strings.Repeat("a", body), "Content-Type", "text/plain").is(t, 200, "well")
	body += gateway.PayloadLimit - <-sizes // the rest of the event has the same length again
	g.do(t, "POST", "/visit", strings.Repeat("a", body), "Content-Type", "text/plain").is(t, 200, "well")
	if got := <-sizes; got != gateway.PayloadLimit {
		t.Errorf("the event has %d bytes, want %d", got, gateway.PayloadLimit)
	}
	g.do(t, "POST", "/visit", strings.Repeat("a", body+1), "Content-Type", "text/plain").refuses(t, 413, "Request Entity Too Large")
}

// TestLimits_bodyIsNotReadForNothing announces a body that is never sent.
func TestLimits_bodyIsNotReadForNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.function(t, "Echo", "echo")
	s.route("POST /a", "Echo")
	g := s.open(t)
	for name, request := range map[string]struct {
		head   string
		status int
	}{
		"too large a body": {"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10485761\r\n\r\n", 413},
		"too many headers": {"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nX-A: " + strings.Repeat("a", 10_240) + "\r\n\r\n", 431},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(g.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			if _, err := io.WriteString(c, request.head); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }()
			if response.StatusCode != request.status || !response.Close {
				t.Errorf("got %d (close %t), want %d and the connection closed", response.StatusCode, response.Close, request.status)
			}
		})
	}
}

func TestLimits_headers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.function(t, "Echo", "fixed", "ANSWER", `"well"`)
	s.route("GET /a", "Echo")
	g := s.open(t)
	// What is sent, byte for byte: the client adds nothing.
	send := func(size int) int {
		head := "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-A: "
		head += strings.Repeat("a", size-len(head)-len("\r\n")) + "\r\n"
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(g.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := io.WriteString(c, head+"\r\n"); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		return response.StatusCode
	}
	for size, want := range map[int]int{10_240: 200, 10_241: 431} {
		if got := send(size); got != want {
			t.Errorf("request line and headers of %d bytes: got %d, want %d", size, got, want)
		}
	}
}

func TestLimits_answer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.visitor(t, "visit", newDesk(t, eventsOnly(func(v visit) string {
		var size int
		var e struct {
			Query struct{ Size string } `json:"queryStringParameters"`
		}
		mustUnmarshal(t, []byte(v.event), &e)
		_, _ = fmt.Sscan(e.Query.Size, &size)
		return strings.Repeat("a", size)
	})))
	g := s.open(t)
	target := func(size int) string { return fmt.Sprint("/visit?Size=", size) }
	if got := g.do(t, "GET", target(gateway.PayloadLimit), ""); got.status != 200 || len(got.body) != gateway.PayloadLimit {
		t.Errorf("got %d with %d bytes", got.status, len(got.body))
	}
	g.do(t, "GET", target(gateway.PayloadLimit+1), "").refuses(t, 500, "Internal Server Error")
	g.do(t, "GET", target(10), "").is(t, 200, "aaaaaaaaaa")
}
