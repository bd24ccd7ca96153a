package adminrecovery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"

	"oms/shared/edge"
)

//go:embed page
var files embed.FS

// page is what the link in a mail leads to. The token stands behind the # of its
// address, which no browser sends anywhere; the page's script alone reads it.
type page struct {
	body   []byte
	policy string
}

// newPage returns the page. Its Content-Security-Policy (W3C CSP Level 3) has the
// hashes of its one script and its one style, and lets nothing else run or load:
// what came with an address is text there, whatever it is. An error means that
// the binary itself is broken.
func newPage() (*page, error) {
	script, err := files.ReadFile("page/recover.js")
	if err != nil {
		return nil, err
	}
	style, err := files.ReadFile("page/recover.css")
	if err != nil {
		return nil, err
	}
	t, err := template.ParseFS(files, "page/index.html")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, struct {
		Script template.JS
		Style  template.CSS
	}{template.JS(script), template.CSS(style)}) //nolint:gosec // G203: both are files of this binary
	if err != nil {
		return nil, err
	}
	return &page{b.Bytes(), "default-src 'none'; script-src " + source(script) + "; style-src " + source(style) +
		"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}, nil
}

// source lets the one script or style run that has these bytes.
func source(b []byte) string {
	sum := sha256.Sum256(b)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func (p *page) show(context.Context, *edge.Call) (*edge.Answer, error) {
	return &edge.Answer{
		Header: edge.Headers("Content-Type", "text/html; charset=utf-8", "Content-Security-Policy", p.policy),
		Body:   p.body,
	}, nil
}
