package gateway

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"oms/local/template"
)

// isPreflight reports whether a request asks by CORS what another may be (Fetch
// standard, "CORS-preflight request").
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" &&
		r.Header.Get("Access-Control-Request-Method") != ""
}

// allowOrigin gives the value of Access-Control-Allow-Origin for a request's
// origin; empty when it is not allowed.
func allowOrigin(c *template.CORS, origin string) string {
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

// applyCORS puts the configured headers in the place of those that a function sent,
// which are ignored ("If you configure CORS for an API, API Gateway ignores
// CORS headers returned from your backend integration"). It reports whether the
// origin is allowed.
func applyCORS(c *template.CORS, h http.Header, origin string) bool {
	for name := range h {
		if strings.HasPrefix(http.CanonicalHeaderKey(name), "Access-Control-") {
			delete(h, name)
		}
	}
	if !slices.Contains(c.AllowOrigins, "*") {
		h.Add("Vary", "Origin") // a cache must not serve one origin's answer to another
	}
	value := allowOrigin(c, origin)
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
func preflight(c *template.CORS, origin string) *response {
	out := &response{status: http.StatusNoContent, header: http.Header{}}
	if !applyCORS(c, out.header, origin) {
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
