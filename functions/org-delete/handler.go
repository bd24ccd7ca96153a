// Package orgdelete answers DELETE /org/delete: the caller's organization is
// gone for every reader when the answer is sent. The caller names it, so that
// nobody deletes the organization of a token that they mistook for another.
package orgdelete

import (
	"context"
	"log/slog"
	"net/http"

	"oms/shared/backend"
	"oms/shared/config"
	"oms/shared/edge"
	"oms/shared/fault"
	"oms/shared/organization"
	"oms/shared/token"
)

// Setup opens what the endpoint needs, by what lookup finds, for as long as ctx lasts.
func Setup(ctx context.Context, lookup func(string) (string, bool), log *slog.Logger) (http.Handler, error) {
	b, err := backend.Open(ctx, lookup, log, "org-delete", config.Hashing, config.Retention, config.Reauthentication)
	if err != nil {
		return nil, err
	}
	return edge.Protected(remove(b.Organizations)), nil
}

// remover is what the endpoint needs; *organization.Service is one.
type remover interface {
	Delete(ctx context.Context, who token.Principal, d organization.Deletion) (string, error)
}

type request struct {
	OrganizationName *string `json:"organization_name"`
	Password         *string `json:"password"`
}

type response struct {
	Status       string `json:"status"`
	Organization string `json:"organization"`
}

func remove(organizations remover) edge.Endpoint {
	return func(ctx context.Context, c *edge.Call) (*edge.Answer, error) {
		d, err := deletion(c)
		version, wrong := c.IfMatch()
		if err := edge.Invalid(err, wrong); err != nil {
			return nil, err
		}
		d.IfVersion, d.Address = version, c.Address
		shown, err := organizations.Delete(ctx, c.Who, d)
		if err != nil {
			return nil, err
		}
		return &edge.Answer{Body: response{"deleted", shown}}, nil
	}
}

// deletion reads the name from the query or the body, and the password from the
// body. Some clients and proxies drop the body of a DELETE (RFC 9110, section
// 9.3.5, gives it no meaning), so after a recent login the query is enough; who
// names an organization in both must mean one.
func deletion(c *edge.Call) (organization.Deletion, error) {
	if len(c.Body) == 0 {
		name, wrong := c.Parameter("organization_name")
		return organization.Deletion{Name: name}, edge.Invalid(nil, wrong)
	}
	req, err := edge.Decode[request](c)
	name, there, wrong := c.OptionalParameter("organization_name")
	switch {
	case err != nil || wrong != nil:
	case req.OrganizationName == nil && !there:
		wrong = &fault.Field{
			Field: "organization_name", Code: "missing",
			Detail: "this field is needed, or the query parameter of that name",
		}
	case req.OrganizationName == nil:
	case there && name != *req.OrganizationName:
		wrong = &fault.Field{
			Field: "organization_name", Code: "conflict", Detail: "the query and the body name different organizations",
		}
	default:
		name = *req.OrganizationName
	}
	return organization.Deletion{Name: name, Password: req.Password}, edge.Invalid(err, wrong)
}
