package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"

	"oms/shared/admin"
	"oms/shared/config"
	"oms/shared/edge"
	"oms/shared/mongo"
	"oms/shared/password"
	"oms/shared/token"
)

func main() { edge.Main(setup) }

func setup(ctx context.Context, log *slog.Logger) (http.Handler, error) {
	c, err := config.Load(ctx, os.LookupEnv, config.Mongo, config.JWT, config.Hashing)
	if err != nil {
		return nil, err
	}
	passwords, err := password.New(c.Peppers, c.BcryptCost)
	if err != nil {
		return nil, err
	}
	db, err := mongo.Open(ctx, mongo.Config{URI: c.MongoURI.Reveal(), Database: c.Database, AppName: "admin-login", Log: log})
	if err != nil {
		return nil, err
	}
	admins := admin.New(admin.Config{
		Admins: db.Admins(), Organizations: db.Organizations(), Passwords: passwords,
		Tokens: token.New(c.Keys, c.TokenLife, nil), Log: log,
	})
	return edge.Public(login(admins)), nil
}
