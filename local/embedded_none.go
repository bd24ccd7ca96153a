//go:build noembedded

package main

import (
	"context"
	"errors"
	"log/slog"
)

// startEmbedded refuses: an image for servers has no use for the twenty
// megabytes of a database.
func startEmbedded(context.Context, string, string, string, *slog.Logger) (*database, error) {
	return nil, errors.New("MONGO_URI is not set, and this program was built without the embedded database")
}
