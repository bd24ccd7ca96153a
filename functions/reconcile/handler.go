// Package reconcile runs on a schedule and finishes what crashes left behind:
// operations, names, documents and trashes (protocol of package organization).
// It is safe at any time, twice, and beside every other function.
package reconcile

import (
	"context"
	"log/slog"

	"oms/shared/backend"
	"oms/shared/config"
	"oms/shared/edge"
	"oms/shared/organization"
)

// Setup opens what the job needs, by what lookup finds, for as long as ctx lasts.
func Setup(ctx context.Context, lookup func(string) (string, bool), log *slog.Logger) (edge.Run, error) {
	b, err := backend.Open(ctx, lookup, log, "reconcile", config.Retention, config.Unconfirmed)
	if err != nil {
		return nil, err
	}
	return reconcile(b.Organizations, b.Database.PrepareIndexes(ctx)), nil
}

// reconciler is what the job needs; *organization.Service is one.
type reconciler interface {
	Reconcile(ctx context.Context) (organization.Report, error)
}

func reconcile(organizations reconciler, indexes backend.Readiness) edge.Run {
	return backend.WhenIndexed(indexes, func(ctx context.Context) ([]slog.Attr, error) {
		report, err := organizations.Reconcile(ctx)
		return []slog.Attr{slog.Any("report", report)}, err
	})
}
