// Package gateway is an API Gateway HTTP API: it answers requests as API
// Gateway would for a template, with functions that somebody else runs.
//
// [New] makes an [http.Handler] of a template and of what invokes functions. A
// request becomes an event of payload format 2.0; its route's authorizer is
// asked, and then the route's function; what that answers becomes the HTTP
// response, by the rules that API Gateway follows: those it documents, and where
// it is silent those that others recorded from it. It must be mounted at the
// root of a server, with nothing before it that cleans paths ([http.ServeMux]
// does).
//
// What it owns: the events, the choice of a route, CORS, the authorizers'
// cache, the limits, and the bodies of the gateway's own refusals.
//
// What it refuses: a request beyond API Gateway's quotas, and an answer of a
// function that API Gateway could not send. A template it never refuses, for a
// [template.Template] is valid once it exists.
//
// Four things are decided here because no document says them. The gateway's
// own refusals (401, 403, 404, 413, 429, 5xx) carry no CORS headers: the guide
// says that they are added "to the response from an integration". A token is
// taken where the route is known and before anything is done for the request: a
// preflight and a request without a route take none, one that the authorizer
// refuses takes one, and each route has a bucket of its own, also where it has
// the stage's settings, as the default limits of a REST API are "per-method". A response that
// depends on the Origin header says so with Vary, as the Fetch standard asks.
// A function that gives a statusCode or a header value of the wrong JSON type
// is answered with 500: what is strict here fails here, not after a deploy.
//
// The account's own limit (10,000 requests a second) is not imitated, nor are
// stage variables, mutual TLS, payload format 1.0, and of authorizers IAM policies
// and identity sources other than headers and the route key.
package gateway
