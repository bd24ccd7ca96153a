package main

import (
	"context"
	"log/slog"
	"net/http"

	"oms/shared/admin"
	"oms/shared/backend"
	"oms/shared/config"
	"oms/shared/edge"
	"oms/shared/token"
)

func main() { edge.Main(setup) }

func setup(ctx context.Context, log *slog.Logger) (http.Handler, error) {
	b, err := backend.Open(ctx, log, "admin-login", config.JWT, config.Hashing)
	if err != nil {
		return nil, err
	}
	admins := admin.New(admin.Config{
		Admins: b.Database.Admins(), Organizations: b.Database.Organizations(), Passwords: b.Passwords,
		Tokens: token.New(b.Config.Keys, b.Config.TokenLife, nil), Log: log,
	})
	return edge.Public(login(admins)), nil
}
