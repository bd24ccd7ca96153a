package main

import (
	"context"
	"log/slog"
	"net/http"

	"oms/shared/backend"
	"oms/shared/config"
	"oms/shared/edge"
)

func main() { edge.Main(setup) }

func setup(ctx context.Context, log *slog.Logger) (http.Handler, error) {
	b, err := backend.Open(ctx, log, "org-update", config.Hashing, config.Retention)
	if err != nil {
		return nil, err
	}
	return edge.Protected(update(b.Organizations)), nil
}
