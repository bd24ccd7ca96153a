//go:build !noembedded

package main

import (
	"context"
	"log/slog"

	"oms/shared/mongo/embedded"
)

// startEmbedded starts the embedded database on what is in the folder, for
// who knows the password.
func startEmbedded(ctx context.Context, folder, addr, password string, log *slog.Logger) (*database, error) {
	s, err := embedded.Start(ctx, folder, addr, log, embedded.WithPassword(password))
	if err != nil {
		return nil, err
	}
	return &database{uri: s.URI(), end: s.Close}, nil
}
