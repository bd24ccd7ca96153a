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
	Status string `json:"status"`
	Data   data   `json:"data"`
}

type data struct {
	ID               string    `json:"id"`
	OrganizationName string    `json:"organization_name"`
	CollectionName   string    `json:"collection_name"`
	AdminEmail       string    `json:"admin_email,omitempty"`
	CreatedAt        edge.Time `json:"created_at"`
	UpdatedAt        edge.Time `json:"updated_at"`
	Version          int64     `json:"version"`
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
		return &edge.Answer{Header: edge.Headers("ETag", edge.ETag(view.Version)), Body: response{"success", data{
			ID:               view.ID.String(),
			OrganizationName: view.Name,
			CollectionName:   view.Collection,
			AdminEmail:       view.AdminEmail,
			CreatedAt:        edge.Time(view.CreatedAt),
			UpdatedAt:        edge.Time(view.UpdatedAt),
			Version:          view.Version,
		}}}, nil
	}
}
