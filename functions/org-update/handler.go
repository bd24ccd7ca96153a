// Package orgupdate answers PUT /org/update: a new name for the caller's
// organization, a new email or password for the caller, in any combination.
package orgupdate

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"

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
	b, err := backend.Open(ctx, lookup, log, "org-update", config.Hashing, config.Policy, config.Retention,
		config.Reauthentication)
	if err != nil {
		return nil, err
	}
	return edge.Protected(update(b.Organizations)), nil
}

// updater is what the endpoint needs; *organization.Service is one.
type updater interface {
	Update(ctx context.Context, who token.Principal, c organization.Change) (organization.View, error)
}

type request struct {
	OrganizationName    *string `json:"organization_name"`
	NewOrganizationName *string `json:"new_organization_name"`
	AdminEmail          *string `json:"admin_email"`
	Email               *string `json:"email"` // the original's name of admin_email
	Password            *string `json:"password"`
	NewPassword         *string `json:"new_password"`
}

type response struct {
	Status string `json:"status"`
	Data   data   `json:"data"`
}

type data struct {
	Organization        representation.Organization `json:"organization"`
	AdminEmailUpdatedTo *string                     `json:"admin_email_updated_to,omitempty"`
}

func update(organizations updater) edge.Endpoint {
	return func(ctx context.Context, c *edge.Call) (*edge.Answer, error) {
		req, err := edge.Decode[request](c)
		version, wrongTag := c.IfMatch()
		if err := edge.Invalid(err, append(req.wrong(err), wrongTag)...); err != nil {
			return nil, err
		}
		change := req.change()
		change.IfVersion, change.Address = version, c.Address
		is, err := organizations.Update(ctx, c.Who, change)
		if err != nil {
			return nil, req.renamed(err)
		}
		body := response{"success", data{Organization: representation.Of(is)}}
		if change.Email != nil {
			body.Data.AdminEmailUpdatedTo = &is.AdminEmail
		}
		return &edge.Answer{Header: edge.Headers("ETag", edge.ETag(is.Version)), Body: body}, nil
	}
}

// wrong returns what is wrong with the fields taken together. A body that was
// not decoded has no fields to be judged.
func (r request) wrong(decoding error) []*fault.Field {
	switch {
	case decoding != nil:
		return nil
	case r == request{}:
		return []*fault.Field{{Code: "missing", Detail: "at least one field is needed"}}
	}
	var wrong []*fault.Field
	if r.Email != nil && r.AdminEmail != nil && *r.Email != *r.AdminEmail {
		wrong = append(wrong, &fault.Field{
			Field: "email", Code: "conflict", Detail: "email and admin_email are one field with two names, and differ",
		})
	}
	if r.NewPassword != nil && r.Password == nil {
		wrong = append(wrong, &fault.Field{
			Field: "password", Code: "missing", Detail: "new_password needs password, the current one",
		})
	}
	return wrong
}

// change sorts out the two names and the two emails: organization_name alone
// is the new name, as it was in the original.
func (r request) change() organization.Change {
	c := organization.Change{
		Organization: r.OrganizationName, Name: r.NewOrganizationName,
		Email: r.AdminEmail, Password: r.Password, NewPassword: r.NewPassword,
	}
	if c.Name == nil {
		c.Organization, c.Name = nil, r.OrganizationName
	}
	if c.Email == nil {
		c.Email = r.Email
	}
	return c
}

// renamed gives the fields of err the names that the client used.
func (r request) renamed(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || len(f.Fields) == 0 {
		return err
	}
	again := *f
	again.Fields = slices.Clone(f.Fields)
	for i := range again.Fields {
		switch field := &again.Fields[i].Field; {
		case *field == "new_organization_name" && r.NewOrganizationName == nil:
			*field = "organization_name"
		case *field == "admin_email" && r.AdminEmail == nil:
			*field = "email"
		}
	}
	return &again
}
