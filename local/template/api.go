package template

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// readAPI reads the properties of the AWS::Serverless::HttpApi. Where a run
// on one machine and an account could answer a request differently
// (stage variables, custom domains, an OpenAPI definition), it refuses.
func (r *reader) readAPI(res *resource) error {
	known := ignored(
		"AccessLogSettings", "Description", "DisableExecuteApiEndpoint", "FailOnWarnings", "Name", "PropagateTags",
		"Tags",
	)
	maps.Copy(known, map[string]property{
		// "Stage names can contain only alphanumeric characters, hyphens, and
		// underscores, or be $default. Maximum length is 128 characters."
		"StageName": use(func(v *element) (err error) {
			r.out.Stage, err = r.text(res.id+": StageName", v)
			if err == nil && !regexp.MustCompile(`^(\$default|[A-Za-z0-9_-]{1,128})$`).MatchString(r.out.Stage) {
				err = r.errorf(v.line, "%s: StageName cannot be %q", res.id, r.out.Stage)
			}
			return err
		}),
		"CorsConfiguration": use(func(v *element) error { return r.readCORS(res.id, v) }),
		"Auth":              plain(func(v *element) error { return r.readAuth(res.id, v) }),
		"DefaultRouteSettings": use(func(v *element) (err error) {
			r.throttle, err = r.readThrottle(res.id+": DefaultRouteSettings", v)
			return err
		}),
		"RouteSettings": use(func(v *element) error { return r.readRouteSettings(res.id, v) }),
	})
	return r.properties(res.id, res.properties, known)
}

// readCORS reads CorsConfiguration, an object: SAM's short forms, true and an
// origin, allow no headers and are refused.
func (r *reader) readCORS(api string, v *element) error {
	owner := api + ": CorsConfiguration"
	cors := &CORS{}
	err := r.properties(owner, v, map[string]property{
		"AllowOrigins": use(func(v *element) (err error) {
			if cors.AllowOrigins, err = r.texts(owner+".AllowOrigins", v, regexp.MustCompile(`.`)); err != nil {
				return err
			}
			for _, o := range cors.AllowOrigins {
				if !corsOrigin(o) {
					return r.errorf(v.line, "%s.AllowOrigins cannot hold %q: "+
						"an origin is a scheme, a host and perhaps a port, or *, https://* or http://*", owner, o)
				}
			}
			return nil
		}),
		"AllowMethods": list(r, owner+".AllowMethods", `^(\*|GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)$`,
			&cors.AllowMethods),
		"AllowHeaders":  list(r, owner+".AllowHeaders", headerName, &cors.AllowHeaders),
		"ExposeHeaders": list(r, owner+".ExposeHeaders", headerName, &cors.ExposeHeaders),
		// "Supported range is -1 to 86400" (ApiGatewayV2 API, Cors).
		"MaxAge": use(func(v *element) (err error) {
			cors.MaxAge, err = r.integer(owner+".MaxAge", v, -1, 86400)
			return err
		}),
		"AllowCredentials": use(func(v *element) (err error) {
			cors.AllowCredentials, err = r.boolean(owner+".AllowCredentials", v)
			return err
		}),
	})
	if err != nil {
		return err
	}
	// Any site could otherwise read answers made for the user's cookies; API
	// Gateway refuses the pair too.
	if cors.AllowCredentials && (len(cors.AllowOrigins) == 0 || slices.Contains(cors.AllowOrigins, "*")) {
		return r.errorf(v.line, "%s: AllowCredentials and every origin do not go together", owner)
	}
	r.out.CORS = cors
	return nil
}

// corsOrigin reports whether s is an origin that API Gateway can allow. A star
// stands only for every origin, or for every one of a scheme.
func corsOrigin(s string) bool {
	if s == "*" || s == "https://*" || s == "http://*" {
		return true
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && u.Host != "" && !strings.ContainsAny(s, "* ") &&
		u.User == nil && s == u.Scheme+"://"+u.Host
}
