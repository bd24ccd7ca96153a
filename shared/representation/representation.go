// Package representation shows an organization in JSON, as clients see it
// (a representation, RFC 9110, section 3.2).
//
// It owns the spelling of its fields, which every endpoint that answers with an
// organization shares. It refuses to decide who may see what.
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
	AdminEmail       string    `json:"admin_email,omitempty"` // empty: the caller may not see it
	CreatedAt        edge.Time `json:"created_at"`
	UpdatedAt        edge.Time `json:"updated_at"`
	Version          int64     `json:"version"`
}

// Of returns the representation of v.
func Of(v organization.View) Organization {
	return Organization{
		ID: v.ID.String(), OrganizationName: v.Name, CollectionName: v.Collection, AdminEmail: v.AdminEmail,
		CreatedAt: edge.Time(v.CreatedAt), UpdatedAt: edge.Time(v.UpdatedAt), Version: v.Version,
	}
}
