// Package docs answers GET /docs, an interactive page over the service's OpenAPI
// document, GET /openapi.json, the document, and the page's own assets. It
// refuses to load anything from another host and to run an inline script.
package docs

import (
	"bytes"
	"context"
	"html/template"
	"log/slog"
	"net/http"

	"oms/shared/edge"
	"oms/shared/fault"
	"oms/shared/openapi"
)

// Setup returns the handler of all that this function serves. An error means
// that the binary itself is broken.
func Setup(context.Context, func(string) (string, bool), *slog.Logger) (http.Handler, error) {
	return newHandler()
}

// policy is the page's Content-Security-Policy (W3C CSP Level 3): scripts,
// styles and requests from this service alone and no inline script, so that a
// text in the document, or a value that a visitor was talked into typing, can
// never run as a script. data: is for the icons within Swagger UI's own style
// sheet.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// forever is for what is served under a path that changes with the content (RFC 8246).
const forever = "public, max-age=31536000, immutable"

// newHandler returns the handler of all that this function serves. An error
// means that the binary itself is broken.
func newHandler() (http.Handler, error) {
	files, err := readAssets()
	if err != nil {
		return nil, err
	}
	page, err := pageOf(files)
	if err != nil {
		return nil, err
	}
	return edge.Public(func(_ context.Context, c *edge.Call) (*edge.Answer, error) {
		switch c.Path {
		case "/docs":
			return answer(page, "text/html; charset=utf-8", "Content-Security-Policy", policy), nil
		case "/openapi.json":
			return answer(openapi.Document(), "application/json"), nil
		}
		a, ok := files.find(c.Path)
		if !ok {
			return nil, fault.New(fault.NotFound, "asset_not_found", "there is no such asset, or not in that version")
		}
		body, coding, err := a.encoded(c.Header.Values("Accept-Encoding"))
		if err != nil {
			return nil, err
		}
		found := answer(body, a.media, "Cache-Control", forever, "Vary", "Accept-Encoding")
		if coding != "" {
			found.Header.Set("Content-Encoding", coding)
		}
		return found, nil
	}), nil
}

func answer(body []byte, media string, pairs ...string) *edge.Answer {
	h := edge.Headers(pairs...)
	h.Set("Content-Type", media)
	return &edge.Answer{Header: h, Body: body}
}

// pageOf returns the page, with the paths of its assets relative to /docs.
func pageOf(files assets) ([]byte, error) {
	t, err := template.ParseFS(own, "page/index.html")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, "docs/assets/"+files.version); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
