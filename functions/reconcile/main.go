package main

import (
	"context"
	"log/slog"
	"os"

	"oms/shared/config"
	"oms/shared/edge"
	"oms/shared/mongo"
	"oms/shared/organization"
)

func main() { edge.Job(setup) }

func setup(ctx context.Context, log *slog.Logger) (edge.Run, error) {
	c, err := config.Load(ctx, os.LookupEnv, config.Mongo, config.Retention)
	if err != nil {
		return nil, err
	}
	db, err := mongo.Open(ctx, mongo.Config{URI: c.MongoURI.Reveal(), Database: c.Database, AppName: "reconcile", Log: log})
	if err != nil {
		return nil, err
	}
	organizations := organization.New(organization.Config{Store: db.Store(), Retention: c.Retention, Log: log})
	return reconcile(organizations, db.PrepareIndexes(ctx)), nil
}
