// Command health answers GET /health: whether the database answers a ping.
package main

import (
	"context"
	"time"

	"oms/shared/edge"
	"oms/shared/fault"
)

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
