package main

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// ownHostOnly refuses, on a loopback address, what is meant for a host of
// another name (RFC 9110, 15.5.20). A page whose name is pointed at this
// machine once it is loaded (DNS rebinding) is of one origin with the service
// for a browser, and could read all of it. An address is nobody's name. On an
// address that others reach nothing is refused: what they call it is not known.
func ownHostOnly(at net.Addr, next http.Handler) http.Handler {
	if tcp, ok := at.(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := (&url.URL{Host: r.Host}).Hostname()
		if !strings.EqualFold(name, "localhost") && !net.ParseIP(name).IsLoopback() {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusMisdirectedRequest)
			_, _ = w.Write([]byte(`{"message":"Misdirected Request: this service is localhost, and nothing else"}`))
			return
		}
		next.ServeHTTP(w, r)
	})
}
