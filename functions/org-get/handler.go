// Command org-get answers GET /org/get: an organization by its name, for
// anybody; with the admin's email for the organization's own admin.
//
// An HTTP API has no optional authorizer, so this public endpoint verifies a
// token itself where one is sent.
package main

import (
	"context"

	"oms/shared/edge"
	"oms/shared/fault"
	"oms/shared/organization"
	"oms/shared/representation"
	"oms/shared/token"
)

// getter is what the endpoint needs of organizations; *organization.Service is one.
type getter interface {
	Get(ctx context.Context, who token.Principal, name string) (organization.View, error)
}

// verifier is what the endpoint needs of tokens; *token.Tokens is one.
type verifier interface {
	Verify(ctx context.Context, compact string) (token.Principal, error)
}

type response struct {
	Status string                      `json:"status"`
	Data   representation.Organization `json:"data"`
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
		body := response{"success", representation.Of(view)}
		return &edge.Answer{Header: edge.Headers("ETag", edge.ETag(view.Version)), Body: body}, nil
	}
}
