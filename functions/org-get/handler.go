// Package orgget answers GET /org/get: an organization by its name, for
// anybody; with the admin's email for the organization's own admin. And GET
// /org/me: the organization of the token.
//
// An HTTP API has no optional authorizer, so the first, which is public, verifies
// a token itself where one is sent.
package orgget

import (
	"context"
	"log/slog"
	"net/http"

	"oms/shared/backend"
	"oms/shared/config"
	"oms/shared/edge"
	"oms/shared/fault"
	"oms/shared/organization"
	"oms/shared/representation"
	"oms/shared/token"
)

// Setup opens what the endpoint needs, by what lookup finds, for as long as ctx lasts.
func Setup(ctx context.Context, lookup func(string) (string, bool), log *slog.Logger) (http.Handler, error) {
	b, err := backend.Open(ctx, lookup, log, "org-get", config.JWT, config.Retention)
	if err != nil {
		return nil, err
	}
	return edge.Routes(map[string]http.Handler{
		"GET /org/get": edge.Public(get(b.Organizations, token.New(b.Config.Keys, b.Config.TokenLife, nil))),
		"GET /org/me":  edge.Protected(own(b.Organizations)),
	}), nil
}

// getter is what the endpoint needs of organizations; *organization.Service is one.
type getter interface {
	Get(ctx context.Context, who token.Principal, name string) (organization.View, error)
}

// verifier is what the endpoint needs of tokens; *token.Tokens is one.
type verifier interface {
	Verify(ctx context.Context, compact string) (token.Principal, error)
}

// owner is what the second needs; *organization.Service is one.
type owner interface {
	Own(ctx context.Context, who token.Principal) (organization.View, error)
}

type response struct {
	Status string                      `json:"status"`
	Data   representation.Organization `json:"data"`
}

func answer(view organization.View) *edge.Answer {
	return &edge.Answer{
		Header: edge.Headers("ETag", edge.ETag(view.Version)), Body: response{"success", representation.Of(view)},
	}
}

func own(organizations owner) edge.Endpoint {
	return func(ctx context.Context, c *edge.Call) (*edge.Answer, error) {
		view, err := organizations.Own(ctx, c.Who)
		if err != nil {
			return nil, err
		}
		return answer(view), nil
	}
}

func get(organizations getter, tokens verifier) edge.Endpoint {
	return func(ctx context.Context, c *edge.Call) (*edge.Answer, error) {
		bearer, err := c.Bearer()
		if err != nil {
			return nil, err
		}
		var who token.Principal
		if bearer != "" {
			if who, err = tokens.Verify(ctx, bearer); err != nil {
				return nil, err
			}
			c.Identify(who)
		}
		name, wrong := c.Parameter("organization_name")
		if wrong != nil {
			return nil, fault.NewInvalid(*wrong)
		}
		view, err := organizations.Get(ctx, who, name)
		if err != nil {
			return nil, err
		}
		return answer(view), nil
	}
}
