package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"
)

// databaseFolder holds the embedded database, in the data folder.
const databaseFolder = "db"

// database is what the functions connect to.
type database struct {
	uri string
	end func(context.Context) error // nil: somebody else's server
}

// openDatabase takes the database that the settings name, or else starts one
// in the data folder.
func openDatabase(
	ctx context.Context, settings map[string]string, data, addr string, log *slog.Logger,
) (*database, error) {
	if uri := settings["MONGO_URI"]; uri != "" {
		return &database{uri: uri}, nil
	}
	if stage := settings["STAGE"]; stage != local {
		if settings["MONGO_SECRET_ARN"] != "" {
			return &database{}, nil // the functions read it themselves
		}
		return nil, fmt.Errorf("MONGO_URI is not set, and STAGE is %s: the embedded database is for stage local", stage)
	}
	d, err := startEmbedded(ctx, filepath.Join(data, databaseFolder), addr, settings[databasePassword], log)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("the database's address %s is taken by another program: stop that one, or choose "+
			"another with -db-addr", addr)
	case err != nil:
		return nil, err
	}
	return d, nil
}

// shown is the URI as it may be printed. That of our own server is for its
// user to paste; another has no credentials, nor options, which can hold some too.
func (d *database) shown() string {
	if d.end != nil {
		return d.uri
	}
	scheme, rest, ok := strings.Cut(d.uri, "://")
	switch {
	case d.uri == "":
		return "(MONGO_SECRET_ARN has it)"
	case !ok:
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
	if d.end == nil {
		return nil
	}
	return d.end(ctx)
}
