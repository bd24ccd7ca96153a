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
)

func main() { edge.Main(setup) }

func setup(ctx context.Context, log *slog.Logger) (http.Handler, error) {
	c, err := config.Load(ctx, os.LookupEnv, config.Mongo, config.Retention)
	if err != nil {
		return nil, err
	}
	db, err := mongo.Open(ctx, mongo.Config{URI: c.MongoURI.Reveal(), Database: c.Database, AppName: "org-delete", Log: log})
	if err != nil {
		return nil, err
	}
	organizations := organization.New(organization.Config{Store: db.Store(), Retention: c.Retention, Log: log})
	return edge.Protected(remove(organizations)), nil
}
