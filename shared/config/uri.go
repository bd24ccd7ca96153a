package config

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"

	"oms/shared/secret"
)

// ParseMongoURI reads a database's URI, of which outer white space is not a part.
// The driver reads the rest of it; here only what decides about encryption is
// looked at, because no parser's error is sure not to quote the password in it.
//
// Unless plain is true, a URI is refused that lets somebody on the way read or
// change what is sent: it needs mongodb+srv:// or tls=true, and nothing that
// turns the check of the server's certificate off (URI options specification,
// "TLS options"; tlsDisableOCSPEndpointCheck is none of those: a server's own
// proof that it was not revoked is still checked, and in a closed network no
// other can be had). A server on this machine may do without: that is a
// loopback address with directConnection=true, by which the driver talks to
// nobody else.
func ParseMongoURI(text string, plain bool) (secret.Text, error) {
	uri := strings.TrimSpace(text)
	scheme, rest, _ := strings.Cut(uri, "://")
	if scheme != "mongodb" && scheme != "mongodb+srv" || rest == "" ||
		strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", errors.New("must be a mongodb:// or mongodb+srv:// URI")
	}
	if !plain {
		if err := encrypted(scheme == "mongodb+srv", rest); err != nil {
			return "", err
		}
	}
	return secret.Text(uri), nil
}

// encrypted returns what is wrong with the part of a URI behind its scheme,
// which it takes apart as the driver does; srv is what tls is without the option.
func encrypted(srv bool, rest string) error {
	if _, hosts, credentials := strings.Cut(rest, "@"); credentials {
		rest = hosts
	}
	hosts, query, _ := strings.Cut(rest, "?")
	hosts, _, _ = strings.Cut(hosts, "/")

	on, off, direct := srv, false, false
	for _, pair := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err != nil || err2 != nil {
			return errors.New("has an option that cannot be read")
		}
		switch name = strings.ToLower(name); name {
		case "tls", "ssl":
			on, off = true, off || value != "true"
		case "directconnection":
			direct = value == "true"
		case "tlsinsecure", "sslinsecure", "tlsallowinvalidcertificates", "sslallowinvalidcertificates",
			"tlsallowinvalidhostnames", "sslallowinvalidhostnames", "tlsdisablecertificaterevocationcheck":
			if value != "false" {
				return errors.New("turns a check of the server's certificate off (" + name +
					"), which only stage local may")
			}
		}
	}
	if on && !off || direct && loopback(hosts) {
		return nil
	}
	return errors.New("is not encrypted, which only stage local may be: it needs mongodb+srv:// or tls=true")
}

// loopback reports whether hosts is one address that is this machine's own, and no name.
func loopback(hosts string) bool {
	if at, err := netip.ParseAddrPort(hosts); err == nil {
		return at.Addr().IsLoopback()
	}
	at, err := netip.ParseAddr(strings.Trim(hosts, "[]"))
	return err == nil && at.IsLoopback()
}
