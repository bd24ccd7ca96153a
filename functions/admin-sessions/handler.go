// Package adminsessions answers what a session lives by after the login: POST
// /admin/refresh gives its next tokens, GET /admin/sessions lists an admin's
// sessions, DELETE /admin/sessions/{id} ends one, POST /admin/logout the caller's
// own and POST /admin/logout-all every one.
package adminsessions

import (
	"context"
	"log/slog"
	"net/http"
	"path"

	"oms/shared/admin"
	"oms/shared/backend"
	"oms/shared/config"
	"oms/shared/edge"
	"oms/shared/organization"
	"oms/shared/representation"
	"oms/shared/token"
)

// Setup opens what the endpoints need, by what lookup finds, for as long as ctx lasts.
func Setup(ctx context.Context, lookup func(string) (string, bool), log *slog.Logger) (http.Handler, error) {
	b, err := backend.Open(ctx, lookup, log, "admin-sessions", config.JWT, config.Retention)
	if err != nil {
		return nil, err
	}
	admins := admin.New(admin.Config{
		Sessions: b.Organizations, Tokens: token.New(b.Config.Keys, b.Config.TokenLife, nil), Log: log,
	})
	return routes(admins, b.Organizations), nil
}

// refresher is what a refresh needs; *admin.Service is one.
type refresher interface {
	Refresh(ctx context.Context, refreshToken string) (admin.Grant, error)
}

// sessions is what the rest needs; *organization.Service is one.
type sessions interface {
	Sessions(ctx context.Context, who token.Principal) ([]organization.Session, error)
	EndSession(ctx context.Context, who token.Principal, id string) error
	Logout(ctx context.Context, who token.Principal) error
	LogoutAll(ctx context.Context, who token.Principal) error
}

type request struct {
	RefreshToken string `json:"refresh_token"`
}

type response struct {
	Status string `json:"status"`
	Data   data   `json:"data"`
}

type data struct {
	Sessions []session `json:"sessions"`
}

type session struct {
	ID         string    `json:"id"`
	CreatedAt  edge.Time `json:"created_at"`
	LastUsedAt edge.Time `json:"last_used_at"`
	ExpiresAt  edge.Time `json:"expires_at"`
	Address    string    `json:"address"`
	Agent      string    `json:"agent"`
	Current    bool      `json:"current"` // it is the caller's own
}

type ended struct {
	Status string `json:"status"`
}

func routes(admins refresher, all sessions) http.Handler {
	return edge.Routes(map[string]http.Handler{
		"POST /admin/refresh": edge.Public(refresh(admins)),
		"GET /admin/sessions": edge.Protected(list(all)),
		"POST /admin/logout": end(func(ctx context.Context, c *edge.Call) error {
			return all.Logout(ctx, c.Who)
		}),
		"POST /admin/logout-all": end(func(ctx context.Context, c *edge.Call) error {
			return all.LogoutAll(ctx, c.Who)
		}),
		"DELETE /admin/sessions/{id}": end(func(ctx context.Context, c *edge.Call) error {
			return all.EndSession(ctx, c.Who, path.Base(c.Path)) // before it may be a stage, or a domain's base path
		}),
	})
}

func refresh(admins refresher) edge.Endpoint {
	return func(ctx context.Context, c *edge.Call) (*edge.Answer, error) {
		req, err := edge.Decode[request](c)
		if err != nil {
			return nil, err
		}
		grant, err := admins.Refresh(ctx, req.RefreshToken)
		if err != nil {
			return nil, err
		}
		c.Identify(token.Principal{AdminID: grant.AdminID, OrgID: grant.OrgID})
		return &edge.Answer{Body: representation.TokensOf(grant)}, nil
	}
}

func list(all sessions) edge.Endpoint {
	return func(ctx context.Context, c *edge.Call) (*edge.Answer, error) {
		live, err := all.Sessions(ctx, c.Who)
		if err != nil {
			return nil, err
		}
		shown := []session{} // [], not null
		for _, s := range live {
			shown = append(shown, session{
				ID: s.ID.String(), CreatedAt: edge.Time(s.LoggedIn), LastUsedAt: edge.Time(s.Used),
				ExpiresAt: edge.Time(s.Expires), Address: s.Address, Agent: s.Agent,
				Current: s.ID.String() == c.Who.Session,
			})
		}
		return &edge.Answer{Body: response{"success", data{shown}}}, nil
	}
}

// end answers what ends sessions.
func end(these func(context.Context, *edge.Call) error) http.Handler {
	return edge.Protected(func(ctx context.Context, c *edge.Call) (*edge.Answer, error) {
		if err := these(ctx, c); err != nil {
			return nil, err
		}
		return &edge.Answer{Body: ended{"ended"}}, nil
	})
}
