// Package gateway serves on one machine what a template.yaml deploys to AWS:
// an API Gateway HTTP API, its Lambda authorizers and schedules, before
// functions that run as the very binaries that Lambda would run.
//
// [ReadTemplate] reads the part of a SAM template that is understood here;
// [New] makes an [http.Handler] of it. A request becomes an event of payload
// format 2.0, a process of its function fetches the event over the Lambda
// Runtime API, and what it answers becomes the HTTP response, by the rules that
// API Gateway follows: those it documents, and where it is silent those that
// others recorded from it. It must be mounted at the root of a server, with
// nothing before it that cleans paths ([http.ServeMux] does).
//
// What it owns: the events, the routes, CORS, the authorizers' cache, the
// limits and the bodies of the gateway's own refusals; the functions'
// processes, how many there are, and that none outlives the gateway.
//
// What it refuses: to start with anything that it would serve differently from
// API Gateway. An unknown function, an authorizer that it cannot ask, two
// routes of one key, an origin pattern that API Gateway does not have: [New]
// names the line. A route is never left open because its authorizer was not
// understood.
//
// Three things are decided here because no document says them. The gateway's
// own refusals (401, 403, 404, 413, 5xx) carry no CORS headers: the guide says
// that they are added "to the response from an integration". A response that
// depends on the Origin header says so with Vary, as the Fetch standard asks.
// A function that gives a statusCode or a header value of the wrong JSON type
// is answered with 500: what is strict here fails here, not after a deploy.
//
// Throttling is not imitated, nor are stage variables, mutual TLS and payload
// format 1.0.
package gateway
