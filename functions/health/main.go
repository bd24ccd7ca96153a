package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"

	"oms/shared/config"
	"oms/shared/edge"
	"oms/shared/mongo"
)

func main() { edge.Main(setup) }

func setup(ctx context.Context, log *slog.Logger) (http.Handler, error) {
	c, err := config.Load(ctx, os.LookupEnv, config.Mongo)
	if err != nil {
		return nil, err
	}
	db, err := mongo.Open(ctx, mongo.Config{URI: c.MongoURI.Reveal(), Database: c.Database, AppName: "health", Log: log})
	if err != nil {
		return nil, err
	}
	return edge.Public(health(db)), nil
}
