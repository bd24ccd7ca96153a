package main

import (
	"context"
	"log/slog"
	"net/http"

	"oms/shared/backend"
	"oms/shared/config"
	"oms/shared/edge"
	"oms/shared/token"
)

func main() { edge.Main(setup) }

func setup(ctx context.Context, log *slog.Logger) (http.Handler, error) {
	b, err := backend.Open(ctx, log, "org-get", config.JWT, config.Retention)
	if err != nil {
		return nil, err
	}
	return edge.Public(get(b.Organizations, token.New(b.Config.Keys, b.Config.TokenLife, nil))), nil
}
