// Command org-delete answers DELETE /org/delete: the caller's organization is
// gone for every reader when the answer is sent. The caller names it, so that
// nobody deletes the organization of a token that they mistook for another.
package main

import (
	"context"

	"oms/shared/edge"
	"oms/shared/fault"
	"oms/shared/token"
)

// remover is what the endpoint needs; *organization.Service is one.
type remover interface {
	Delete(ctx context.Context, who token.Principal, name string, ifVersion *int64) (string, error)
}

type request struct {
	OrganizationName string `json:"organization_name"`
}

type response struct {
	Status       string `json:"status"`
	Organization string `json:"organization"`
}

func remove(organizations remover) edge.Endpoint {
	return func(ctx context.Context, c *edge.Call) (*edge.Answer, error) {
		name, err := nameOf(c)
		version, wrong := c.IfMatch()
		if err := edge.Invalid(err, wrong); err != nil {
			return nil, err
		}
		shown, err := organizations.Delete(ctx, c.Who, name, version)
		if err != nil {
			return nil, err
		}
		return &edge.Answer{Body: response{"deleted", shown}}, nil
	}
}

// nameOf returns the name from the query or the body. Some clients and proxies
// drop the body of a DELETE (RFC 9110, section 9.3.5, gives it no meaning), so
// the query is enough; who sends both must mean one organization.
func nameOf(c *edge.Call) (string, error) {
	if len(c.Body) == 0 {
		name, wrong := c.Parameter("organization_name")
		return name, edge.Invalid(nil, wrong)
	}
	req, err := edge.Decode[request](c)
	name, there, wrong := c.OptionalParameter("organization_name")
	if err == nil && wrong == nil && there && name != req.OrganizationName {
		wrong = &fault.Field{Field: "organization_name", Code: "conflict", Detail: "the query and the body name different organizations"}
	}
	return req.OrganizationName, edge.Invalid(err, wrong)
}
