// Package health answers GET /health: whether the database answers a ping.
package health

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"oms/shared/backend"
	"oms/shared/edge"
	"oms/shared/fault"
)

// Setup opens what the endpoint needs, by what lookup finds, for as long as ctx lasts.
func Setup(ctx context.Context, lookup func(string) (string, bool), log *slog.Logger) (http.Handler, error) {
	b, err := backend.Open(ctx, lookup, log, "health")
	if err != nil {
		return nil, err
	}
	return edge.Public(health(b.Database)), nil
}

// patience is how long the database may take (contract, GET /health).
const patience = time.Second

// pinger is what the endpoint needs; *mongo.Database is one.
type pinger interface {
	Ping(ctx context.Context) error
}

type response struct {
	Status string `json:"status"`
}

func health(database pinger) edge.Endpoint {
	return func(ctx context.Context, _ *edge.Call) (*edge.Answer, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := database.Ping(ctx); err != nil {
			return nil, fault.New(fault.Unavailable, "storage_unavailable", "the database does not answer").
				After(patience).Because(err)
		}
		return &edge.Answer{Body: response{"ok"}}, nil
	}
}
