package edge

import (
	"math"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"oms/shared/fault"
	"oms/shared/token"
)

// principal returns who the authorizer says is calling; with an error where that
// token has expired. It reads requestContext.authorizer.lambda and nothing else:
// a client writes headers, but it cannot write the request context.
// functions/authorizer makes what is read here: admin_id, org_id, ver, exp (Unix
// seconds), and of a token of a session sid and auth_time (Unix seconds).
func principal(rc events.APIGatewayV2HTTPRequestContext, now time.Time) (token.Principal, error) {
	if rc.Authorizer == nil || len(rc.Authorizer.Lambda) == 0 {
		return token.Principal{}, fault.New(fault.Unauthenticated, "invalid_token", "a bearer token is needed")
	}
	said := rc.Authorizer.Lambda
	admin, okAdmin := said["admin_id"].(string)
	org, okOrg := said["org_id"].(string)
	ver, okVer := said["ver"].(string)
	exp, okExp := unixSeconds(said["exp"])
	if !okAdmin || !okOrg || !okVer || !okExp || admin == "" || org == "" {
		return token.Principal{}, fault.New(fault.Unauthenticated, "invalid_token",
			"the bearer token does not say who is calling")
	}
	who := token.Principal{AdminID: admin, OrgID: org, CredentialVersion: ver, Expires: exp}
	if _, there := said["sid"]; there {
		session, okSession := said["sid"].(string)
		at, okAt := unixSeconds(said["auth_time"])
		if !okSession || !okAt || session == "" {
			return token.Principal{}, fault.New(fault.Unauthenticated, "invalid_token",
				"the bearer token does not say of which session it is")
		}
		who.Session, who.AuthTime = session, at
	}
	if !now.Before(exp) {
		return who, fault.New(fault.Unauthenticated, "token_expired", "the bearer token has expired")
	}
	return who, nil
}

// unixSeconds reads a time that crossed JSON: a number, or the text of one, as
// some hosts make every value of an authorizer's context a string.
func unixSeconds(v any) (time.Time, bool) {
	switch v := v.(type) {
	case float64:
		if v != math.Trunc(v) || v < 0 || v > 1<<40 {
			return time.Time{}, false
		}
		return time.Unix(int64(v), 0).UTC(), true
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 || n > 1<<40 {
			return time.Time{}, false
		}
		return time.Unix(n, 0).UTC(), true
	}
	return time.Time{}, false
}
