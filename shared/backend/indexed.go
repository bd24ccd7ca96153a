package backend

import (
	"context"
	"log/slog"

	"oms/shared/edge"
	"oms/shared/fault"
)

// Readiness reports whether the indexes are there; *mongo.Indexes is one.
type Readiness interface {
	Ready() bool
}

// WhenIndexed is run for jobs whose lists are look-ups in indexes: it does nothing
// before those are there, for until then it would read every document there is.
func WhenIndexed(indexes Readiness, run edge.Run) edge.Run {
	return func(ctx context.Context) ([]slog.Attr, error) {
		if !indexes.Ready() {
			return nil, fault.New(fault.Unavailable, "storage_unavailable", "the indexes are not made yet")
		}
		return run(ctx)
	}
}
