package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"

	"oms/shared/mongo/embedded"
)

// databaseFolder holds the embedded database, in the data folder.
const databaseFolder = "db"

// database is what the functions connect to.
type database struct {
	uri      string
	embedded *embedded.Server // nil: somebody else's server
}

// openDatabase takes the database that the settings name, or else starts one
// in the data folder.
func openDatabase(ctx context.Context, settings map[string]string, data, addr string, log *slog.Logger) (*database, error) {
	if uri := settings["MONGO_URI"]; uri != "" {
		return &database{uri: uri}, nil
	}
	s, err := embedded.Start(ctx, filepath.Join(data, databaseFolder), addr, log)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("the database's address %s is taken by another program: stop that one, or choose another with -db-addr", addr)
	case err != nil:
		return nil, err
	}
	return &database{uri: s.URI(), embedded: s}, nil
}

// shown is the URI as it may be printed: without credentials, nor options,
// which can hold some too.
func (d *database) shown() string {
	scheme, rest, ok := strings.Cut(d.uri, "://")
	if !ok {
		return "(MONGO_URI is no URI)"
	}
	// A password may hold what should have been escaped: nothing before the
	// last @ is shown.
	rest = rest[strings.LastIndex(rest, "@")+1:]
	rest, _, _ = strings.Cut(rest, "?")
	return scheme + "://" + rest
}

// close ends the server, if it is ours.
func (d *database) close(ctx context.Context) error {
	if d.embedded == nil {
		return nil
	}
	return d.embedded.Close(ctx)
}
