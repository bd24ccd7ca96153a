// Package orgcreate answers POST /org/create: a new organization with its
// admin and its empty collection. What makes it crash-safe is in package
// organization; this folder owns the request and the response.
package orgcreate

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"oms/shared/backend"
	"oms/shared/config"
	"oms/shared/edge"
	"oms/shared/fault"
	"oms/shared/organization"
	"oms/shared/representation"
)

// Setup opens what the endpoint needs, by what lookup finds, for as long as ctx lasts.
func Setup(ctx context.Context, lookup func(string) (string, bool), log *slog.Logger) (http.Handler, error) {
	b, err := backend.Open(ctx, lookup, log, "org-create",
		config.Hashing, config.Policy, config.Retention, config.Creations)
	if err != nil {
		return nil, err
	}
	return edge.Public(create(b.Organizations, b.Database.PrepareIndexes(ctx))), nil
}

// creator is what the endpoint needs; *organization.Service is one.
type creator interface {
	Create(ctx context.Context, c organization.Creation) (organization.Created, error)
}

// readiness reports whether what keeps names and addresses unique is there;
// *mongo.Indexes is one.
type readiness interface {
	Ready() bool
}

type request struct {
	OrganizationName string `json:"organization_name"`
	Email            string `json:"email"`
	Password         string `json:"password"`
}

type response struct {
	Status string                      `json:"status"`
	Data   representation.Organization `json:"data"`
}

func create(organizations creator, indexes readiness) edge.Endpoint {
	return func(ctx context.Context, c *edge.Call) (*edge.Answer, error) {
		req, err := edge.Decode[request](c)
		key, wrong := idempotencyKey(c.Header)
		if err := edge.Invalid(err, wrong); err != nil {
			return nil, err
		}
		if !indexes.Ready() { // without them two admins could get one address
			return nil, fault.New(fault.Unavailable, "storage_unavailable", "the database is not ready yet; try again").
				After(time.Second)
		}
		made, err := organizations.Create(ctx, organization.Creation{
			Name: req.OrganizationName, Email: req.Email, Password: req.Password, IdempotencyKey: key,
			Address: c.Address,
		})
		if err != nil {
			return nil, err
		}
		header := edge.Headers("Location", location(made.Name), "ETag", edge.ETag(made.Version))
		if made.Replayed {
			header.Set("Idempotent-Replayed", "true")
		}
		body := response{"success", representation.Of(made.View)}
		return &edge.Answer{Status: http.StatusCreated, Header: header, Body: body}, nil
	}
}

// idempotencyKey returns the key of the Idempotency-Key header, 1 to 255
// characters of visible ASCII, or "" where there is no such header. A gateway
// joins a header that came twice with a comma, which is visible ASCII too: that
// is then one key, and the same one when the request comes again.
func idempotencyKey(h http.Header) (string, *fault.Field) {
	values := h.Values("Idempotency-Key")
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", &fault.Field{
			Field: "Idempotency-Key", Code: "repeated", Detail: "this header may be given once only",
		}
	}
	key := values[0]
	invisible := func(r rune) bool { return r <= ' ' || r >= 0x7f }
	if key == "" || len(key) > 255 || strings.ContainsFunc(key, invisible) {
		return "", &fault.Field{
			Field: "Idempotency-Key", Code: "invalid", Detail: "this header must be 1 to 255 visible ASCII characters",
		}
	}
	return key, nil
}

// location is where the organization is found from now on. A space is %20, not
// a plus, which is a space in forms only.
func location(name string) string {
	return "/org/get?organization_name=" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
}
