package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"

	"oms/shared/config"
	"oms/shared/edge"
	"oms/shared/mongo"
	"oms/shared/organization"
	"oms/shared/token"
)

func main() { edge.Main(setup) }

func setup(ctx context.Context, log *slog.Logger) (http.Handler, error) {
	c, err := config.Load(ctx, os.LookupEnv, config.Mongo, config.JWT, config.Retention)
	if err != nil {
		return nil, err
	}
	db, err := mongo.Open(ctx, mongo.Config{URI: c.MongoURI.Reveal(), Database: c.Database, AppName: "org-get", Log: log})
	if err != nil {
		return nil, err
	}
	// A read that meets a crashed operation finishes it, a deletion too: hence the retention.
	organizations := organization.New(organization.Config{Store: db.Store(), Retention: c.Retention, Log: log})
	return edge.Public(get(organizations, token.New(c.Keys, c.TokenLife, nil))), nil
}
