package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// check refuses what CreateApi of API Gateway refuses: credentials with the
// origin *, and wildcards other than *, https://* and http://* ("Configure CORS
// for HTTP APIs").
func (c *CORS) check() error {
	if c.AllowCredentials && slices.Contains(c.AllowOrigins, "*") {
		return errors.New("cors: credentials cannot be allowed to the origin *")
	}
	for _, origin := range c.AllowOrigins {
		switch {
		case origin == "*", origin == "https://*", origin == "http://*":
		case strings.Contains(origin, "*"), !strings.Contains(origin, "://"), strings.HasSuffix(origin, "/"):
			return fmt.Errorf("cors: %q is no origin and no wildcard that API Gateway has", origin)
		}
	}
	return nil
}

// isPreflight tells whether a request asks by CORS what another may be (Fetch
// standard, "CORS-preflight request").
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// origin gives the value of Access-Control-Allow-Origin for a request's origin;
// empty when it is not allowed.
func (c *CORS) origin(origin string) string {
	for _, allowed := range c.AllowOrigins {
		scheme, wild := strings.CutSuffix(allowed, "*")
		switch {
		case origin == "":
		case allowed == "*":
			return "*"
		case allowed == origin, wild && strings.HasPrefix(origin, scheme):
			return origin
		}
	}
	return ""
}

// apply puts the configured headers in the place of those that a function sent,
// which are ignored ("If you configure CORS for an API, API Gateway ignores
// CORS headers returned from your backend integration").
func (c *CORS) apply(h http.Header, origin string) bool {
	for name := range h {
		if strings.HasPrefix(http.CanonicalHeaderKey(name), "Access-Control-") {
			delete(h, name)
		}
	}
	if !slices.Contains(c.AllowOrigins, "*") {
		h.Add("Vary", "Origin") // a cache must not serve one origin's answer to another
	}
	value := c.origin(origin)
	if value == "" {
		return false
	}
	h.Set("Access-Control-Allow-Origin", value)
	if c.AllowCredentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(c.ExposeHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(c.ExposeHeaders, ","))
	}
	return true
}

// preflight answers a preflight request: 204 and no content, and to an origin
// that is not allowed the same without the headers.
func (c *CORS) preflight(origin string) *response {
	out := &response{status: http.StatusNoContent, header: http.Header{}}
	if !c.apply(out.header, origin) {
		return out
	}
	if len(c.AllowMethods) > 0 {
		out.header.Set("Access-Control-Allow-Methods", strings.Join(c.AllowMethods, ","))
	}
	if len(c.AllowHeaders) > 0 {
		out.header.Set("Access-Control-Allow-Headers", strings.Join(c.AllowHeaders, ","))
	}
	if c.MaxAge > 0 {
		out.header.Set("Access-Control-Max-Age", strconv.Itoa(c.MaxAge))
	}
	return out
}
