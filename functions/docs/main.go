// Docs answers GET /docs, an interactive page over the service's OpenAPI
// document, GET /openapi.json, the document, and the page's own assets. It
// refuses to load anything from another host and to run an inline script.
package main

import (
	"context"
	"log/slog"
	"net/http"

	"oms/shared/edge"
)

func main() {
	edge.Main(func(context.Context, *slog.Logger) (http.Handler, error) {
		return newHandler()
	})
}
