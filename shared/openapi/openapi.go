// Package openapi owns the service's OpenAPI 3.1 document.
//
// The document is written by hand, in openapi.json beside this file, and says
// in machine form what the HTTP contract says: every path, status, problem
// code, header and bound. Package functions/docs serves it, and package
// openapitest holds requests and responses against it. It refuses to be
// generated from code: what clients rely on must not change because a struct did.
package openapi

import (
	_ "embed"
	"slices"
)

//go:embed openapi.json
var document []byte

// Document returns the OpenAPI 3.1 document, as JSON. The caller owns the copy.
func Document() []byte { return slices.Clone(document) }
