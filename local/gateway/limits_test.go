package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"oms/local/lambda"
)

func TestLimits_requestBody(t *testing.T) {
	t.Parallel()
	g := newEcho(t, "", "POST /a")
	text := []string{"Content-Type", "text/plain"}
	// size is that of the event of a body.
	size := func(body string, contentType ...string) int {
		got := g.do(t, "POST", "/a", body, contentType...)
		if got.status != 200 {
			got.refuses(t, 413, "Request Entity Too Large")
			return 0
		}
		return len(got.body)
	}
	body := 6_200_000
	// The rest of the event has the same length again.
	body += lambda.PayloadLimit - size(strings.Repeat("a", body), text...)
	if got := size(strings.Repeat("a", body), text...); got != lambda.PayloadLimit {
		t.Errorf("the event has %d bytes, want %d", got, lambda.PayloadLimit)
	}
	// A character is one byte of the event, whatever it means in HTML.
	if got := size(strings.Repeat("<", 2_000_000), text...); got < 2_000_000 || got > 2_010_000 {
		t.Errorf("the event has %d bytes", got)
	}
	// 5 MB are more than 6 MB in base64; more than 10 MB exceed the gateway's own
	// quota.
	for _, got := range []int{
		size(strings.Repeat("a", body+1), text...),
		size(strings.Repeat("a", 5<<20), "Content-Type", "application/octet-stream"),
		size(strings.Repeat("a", 10<<20+1), text...),
	} {
		if got != 0 {
			t.Errorf("an event of %d bytes arrived", got)
		}
	}
}

// TestLimits_bodyIsNotReadForNothing announces a body that is never sent.
func TestLimits_bodyIsNotReadForNothing(t *testing.T) {
	t.Parallel()
	g := newEcho(t, "", "POST /a")
	for head, status := range map[string]int{
		"Content-Length: 10485761":                                  413,
		"Content-Length: 10\r\nX-A: " + strings.Repeat("a", 10_240): 431,
	} {
		got := g.send(t, "POST", "POST /a HTTP/1.1\r\nHost: h\r\n"+head+"\r\n\r\n")
		if got.status != status || got.header.Get("Connection") != "close" {
			t.Errorf("got %d with %v, want %d and the connection closed", got.status, got.header, status)
		}
	}
}

// TestLimits_headers sends requests byte for byte: a client adds nothing.
func TestLimits_headers(t *testing.T) {
	t.Parallel()
	g := newEcho(t, "", "GET /a")
	for size, want := range map[int]int{10_240: 200, 10_241: 431} {
		head := "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-A: "
		head += strings.Repeat("a", size-len(head)-len("\r\n")) + "\r\n"
		if got := g.send(t, "GET", head+"\r\n"); got.status != want {
			t.Errorf("request line and headers of %d bytes: got %d, want %d", size, got.status, want)
		}
	}
}

// TestLimits_cache fills an authorizer's cache.
func TestLimits_cache(t *testing.T) {
	t.Parallel()
	s := newGuarded("{Headers: [Authorization], ReauthorizeEvery: 3600}", `{"isAuthorized":true}`)
	g := s.open(t)
	ask := func(token any, asked int) {
		g.do(t, "GET", "/b", "", "Authorization", fmt.Sprint(token))
		if len(s.asked) != asked {
			t.Fatalf("token %v: the authorizer was asked %d times, want %d", token, len(s.asked), asked)
		}
	}
	for i := range 4096 {
		ask(i, i+1)
	}
	ask(0, 4096)
	ask("one too many", 4097)
	ask(1, 4097)
	ask(0, 4098) // the oldest made room
}
