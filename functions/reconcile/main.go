package main

import (
	"context"
	"log/slog"

	"oms/shared/backend"
	"oms/shared/config"
	"oms/shared/edge"
)

func main() { edge.Job(setup) }

func setup(ctx context.Context, log *slog.Logger) (edge.Run, error) {
	b, err := backend.Open(ctx, log, "reconcile", config.Retention)
	if err != nil {
		return nil, err
	}
	return reconcile(b.Organizations, b.Database.PrepareIndexes(ctx)), nil
}
