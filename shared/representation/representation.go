// Package representation shows an organization and an admin's tokens in JSON, as
// clients see them (a representation, RFC 9110, section 3.2).
//
// It owns the spelling of their fields, which every endpoint that answers with
// one shares. It refuses to decide who may see what.
package representation

import (
	"oms/shared/edge"
	"oms/shared/organization"
)

// Organization is an organization in the body of an answer.
type Organization struct {
	ID               string    `json:"id"`
	OrganizationName string    `json:"organization_name"`
	CollectionName   string    `json:"collection_name"`
	AdminEmail       string    `json:"admin_email,omitempty"`     // empty: the caller may not see it
	EmailConfirmed   *bool     `json:"email_confirmed,omitempty"` // beside AdminEmail
	CreatedAt        edge.Time `json:"created_at"`
	UpdatedAt        edge.Time `json:"updated_at"`
	Version          int64     `json:"version"`
}

// Of returns the representation of v.
func Of(v organization.View) Organization {
	o := Organization{
		ID: v.ID.String(), OrganizationName: v.Name, CollectionName: v.Collection, AdminEmail: v.AdminEmail,
		CreatedAt: edge.Time(v.CreatedAt), UpdatedAt: edge.Time(v.UpdatedAt), Version: v.Version,
	}
	if v.AdminEmail != "" {
		o.EmailConfirmed = &v.EmailConfirmed
	}
	return o
}
