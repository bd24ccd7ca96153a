// Package adminlogin answers POST /admin/login: a bearer token, and one that it is
// refreshed with, for an admin's email and password. An unknown address and a
// wrong password are one answer, in the same time; package admin sees to that.
package adminlogin

import (
	"context"
	"log/slog"
	"net/http"

	"oms/shared/admin"
	"oms/shared/backend"
	"oms/shared/config"
	"oms/shared/edge"
	"oms/shared/representation"
	"oms/shared/token"
)

// Setup opens what the endpoint needs, by what lookup finds, for as long as ctx lasts.
func Setup(ctx context.Context, lookup func(string) (string, bool), log *slog.Logger) (http.Handler, error) {
	b, err := backend.Open(ctx, lookup, log, "admin-login", config.JWT, config.Hashing, config.Confirmed)
	if err != nil {
		return nil, err
	}
	admins := admin.New(admin.Config{
		Admins: b.Database.Admins(), Organizations: b.Database.Store().Organizations, Passwords: b.Passwords,
		Sessions: b.Organizations, Tokens: token.New(b.Config.Keys, b.Config.TokenLife, nil),
		Guard: b.Guard, RecordSecret: b.Config.RecordSecret(), RequireConfirmed: b.Config.RequireConfirmed, Log: log,
	})
	return edge.Public(login(admins)), nil
}

// authenticator is what the endpoint needs; *admin.Service is one.
type authenticator interface {
	Login(ctx context.Context, email, password string, from admin.From) (admin.Grant, error)
	EmailHash(email string) string
}

type request struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

func login(admins authenticator) edge.Endpoint {
	return func(ctx context.Context, c *edge.Call) (*edge.Answer, error) {
		req, err := edge.Decode[request](c)
		if err != nil {
			return nil, err
		}
		c.RecordEmail(admins.EmailHash(req.Email))
		from := admin.From{Address: c.Address, Agent: c.Header.Get("User-Agent")}
		grant, err := admins.Login(ctx, req.Email, req.Password, from)
		if err != nil {
			return nil, err
		}
		c.Identify(token.Principal{AdminID: grant.AdminID, OrgID: grant.OrgID})
		return &edge.Answer{Body: representation.TokensOf(grant)}, nil
	}
}
