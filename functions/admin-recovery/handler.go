// Package adminrecovery answers what an admin does by mail: POST
// /admin/password/forgot asks for a mail, POST /admin/password/reset sets a new
// password with the token in it, POST /admin/email/confirm proves the address; and
// GET /admin/recover, the page that the link in a mail leads to.
package adminrecovery

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

// Setup opens what the endpoints need, by what lookup finds, for as long as ctx lasts.
func Setup(ctx context.Context, lookup func(string) (string, bool), log *slog.Logger) (http.Handler, error) {
	b, err := backend.Open(ctx, lookup, log, "admin-recovery", config.Hashing, config.Policy)
	if err != nil {
		return nil, err
	}
	return routes(b.Organizations, admin.New(admin.Config{RecordSecret: b.Config.RecordSecret()}))
}

// recoverer is what the endpoints need; *organization.Service is one.
type recoverer interface {
	ForgotPassword(ctx context.Context, email string) error
	ResetPassword(ctx context.Context, mailed, password string) (token.Principal, error)
	ConfirmEmail(ctx context.Context, mailed string) (token.Principal, error)
}

// hasher says what stands for an email in a record; *admin.Service is one.
type hasher interface {
	EmailHash(email string) string
}

type forgotRequest struct {
	Email string `json:"email"`
}

type resetRequest struct {
	Token       string `json:"token"`
	NewPassword string `json:"new_password"`
}

type confirmRequest struct {
	Token string `json:"token"`
}

type response struct {
	Status string `json:"status"`
}

func routes(admins recoverer, emails hasher) (http.Handler, error) {
	p, err := newPage()
	if err != nil {
		return nil, err
	}
	return edge.Routes(map[string]http.Handler{
		"POST /admin/password/forgot": edge.Public(forgot(admins, emails)),
		"POST /admin/password/reset": edge.Public(
			by("reset", func(ctx context.Context, r resetRequest) (token.Principal, error) {
				return admins.ResetPassword(ctx, r.Token, r.NewPassword)
			}),
		),
		"POST /admin/email/confirm": edge.Public(
			by("confirmed", func(ctx context.Context, r confirmRequest) (token.Principal, error) {
				return admins.ConfirmEmail(ctx, r.Token)
			}),
		),
		"GET /admin/recover": edge.Public(p.show),
	}), nil
}

// forgot answers every address in the same way.
func forgot(admins recoverer, emails hasher) edge.Endpoint {
	return func(ctx context.Context, c *edge.Call) (*edge.Answer, error) {
		req, err := edge.Decode[forgotRequest](c)
		if err != nil {
			return nil, err
		}
		c.RecordEmail(emails.EmailHash(req.Email))
		if err := admins.ForgotPassword(ctx, req.Email); err != nil {
			return nil, err
		}
		return &edge.Answer{Status: http.StatusAccepted, Body: response{"accepted"}}, nil
	}
}

// by answers what is done with a token that was mailed.
func by[T any](done string, do func(context.Context, T) (token.Principal, error)) edge.Endpoint {
	return func(ctx context.Context, c *edge.Call) (*edge.Answer, error) {
		req, err := edge.Decode[T](c)
		if err != nil {
			return nil, err
		}
		who, err := do(ctx, req)
		if err != nil {
			return nil, err
		}
		c.Identify(who)
		return &edge.Answer{Body: response{done}}, nil
	}
}
