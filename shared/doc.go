// Package shared is the map of the house. It holds no code: only this page, the
// decisions, and tests: of the rule at its end, and of where the pages lead.
//
// # What this is
//
// Oms keeps organizations: each has a name, an administrator who can log in,
// and a collection of its own in MongoDB that other services fill. Every
// endpoint is one folder in functions/, one Lambda binary, one resource in
// template.yaml and one path in the OpenAPI document. What two endpoints share
// has a room of its own here. local/ runs the very same binaries on one
// machine, as template.yaml declares them, so that what runs offline is what
// deploys.
//
// # The rooms
//
// From the rim to the middle:
//
//   - edge is the only room that knows HTTP and Lambda. It turns an event into
//     a [oms/shared/edge.Call] and an answer or an error into a response, and
//     leaves one log record a request. edgetest sends a test's request the same
//     way, and holds the exchange against the OpenAPI document.
//   - config turns the environment and Secrets Manager into typed, checked values.
//   - mongo is the only importer of the driver. It implements the stores that
//     the domain asks for. mongo/embedded is a database within the process, for
//     local runs and for tests; mongotest opens one for a test. mongo/wire reads
//     and writes the database's protocol, and wiretest stands in a connection
//     and does to it what networks and elections do.
//   - backend opens what a function needs: configuration, database, service. It
//     lets a job wait for the indexes.
//   - mail puts letters of the outbox into words and hands them to a folder or to SES.
//   - representation is an organization, and an admin's tokens, in JSON, as clients see them.
//   - openapi is the HTTP contract as a machine reads it; openapitest holds
//     real exchanges against it.
//   - organization is the domain: names and keys, and the Service with every
//     step that spans documents (create, update, delete, reconcile), written so
//     that no crash between two steps breaks anything. Its Store interface says
//     what it needs of a database; organization/storetest is that contract as a
//     test, and organization/memory a store for tests that passes it. crashtest
//     lets it die at every command, linearizable judges what clients are told,
//     organizationtest is a world to test in.
//   - throttle is how often a password may be guessed, and how many organizations
//     may be made, from where. throttletest is its store for tests, and its rules.
//   - admin is the login, and the refresh after it. token issues and verifies
//     bearer tokens and owns Principal: who a token speaks for. password judges
//     new ones, hashes and verifies.
//   - secret is the forms that a key can be given in, what prints as [redacted], and MACs.
//   - object reads JSON objects in which no name is there twice.
//   - must is how tests call what has to succeed.
//   - fault, in the middle, is the vocabulary of errors that a client may see:
//     a kind, a stable code, a sentence, and entries for wrong fields.
//
// Beside them stands the local host, local, which builds and starts all of it:
//
//   - local/template reads template.yaml into a model that is valid once it exists.
//   - local/lambda runs functions as processes, with the Lambda Runtime API.
//   - local/gateway is the HTTP API before them, as API Gateway would answer.
//   - local/localtest starts the real programs for tests, in processes of their own.
//   - local/contract tests the service as its clients see it, on any host.
//   - local/compare measures it beside others that answer the same requests.
//   - local/doctor names what contradicts itself in a database, and mends it.
//   - local/secrets makes a deployment's secrets, and rotates its keys.
//
// # The way of a request
//
// PUT /org/update, say, on AWS and offline alike:
//
//  1. The gateway finds the route in template.yaml. The route is protected, so
//     functions/authorizer is asked first. It verifies the token's signature,
//     with no database, and answers who it speaks for: the API puts admin_id,
//     org_id, ver, sid, auth_time and exp into the event's request context.
//  2. edge.Main, in functions/org-update, gets the event, puts it into order
//     (paths come decoded, cookies twice, bodies in base64) and makes an HTTP
//     request of it. The principal comes from the request context, never from a
//     header, and is refused when its token has expired meanwhile.
//  3. handler.go decodes the body strictly (unknown, missing and mistyped
//     fields are all named at once), sorts out what the fields mean, and calls
//     the one small interface that it declares.
//  4. organization.Service does it. Its first read asks whether the token still
//     holds: whether the admin is there, has the same email and password since,
//     and the token's session has not ended. Then come the steps, each one command
//     on one document.
//  5. mongo bounds every command by two seconds; what gets no answer is
//     organization.ErrLost, and becomes a 503 before the function's own
//     deadline, for the request's context ends a second before it.
//  6. The answer is a value that edge encodes; or an error. A fault becomes a
//     problem document (RFC 9457) with the status of its kind; everything else
//     is a 500 that says nothing. The record has the request id that the
//     client got as x-request-id, and the gateway's, which the access log has;
//     that of a refusal its code, too, and where it came from.
//
// Where a worker dies in between, whoever needs the organization next, or
// functions/reconcile within a minute or so, finishes what it began.
//
// # Adding an endpoint
//
// Take GET /org/members as an example, and functions/org-get as the model: it is
// eight files.
//
//  1. A package functions/org-members, of three; or, where it belongs to what one
//     does already, a handler and a route more there, as functions/org-get has by
//     edge.Routes. handler.go has Setup, which is
//     wiring: backend.Open with the groups of values that are needed, then
//     edge.Public or edge.Protected of the endpoint. It declares the request and
//     the response as structs with json tags, the interface of one to three
//     methods that the endpoint needs, and a function that takes that interface
//     and returns an edge.Endpoint. In a struct for [oms/shared/edge.Decode] a
//     plain field must be there, and a pointer may be absent. handler_test.go
//     is a table of body and fake to status and body, sent through edgetest,
//     which knows how the document spells each field. org-members/main.go is
//     its program, a line that hands Setup to edge.Main; local/inprocess.go has a
//     line more, for the service in one process.
//
//  2. What the endpoint decides about organizations is a method of
//     organization.Service that takes the context, then the principal, then the
//     rest. Behind edge.Protected it begins with own or authorizedOwner, which ask
//     whether the token still holds. An error for the client is made where the
//     fact is known, with fault.New and a code that is new or means the same; an
//     error that is none is wrapped with what was being done. A lost answer, and a
//     deletion under way, are faults by themselves.
//
//  3. A resource in template.yaml: copy OrgGetFunction with its role, its log
//     group, its metric filter and its alarms, and name it in the dashboard there
//     and in the alarm ThrottlesToo. Its route says {Authorizer: NONE} where the
//     endpoint is edge.Public, and {Authorizer: Token} where it is edge.Protected.
//     Declare the variables of config.Mongo and of the groups that Setup names,
//     and no others, each that is a parameter in VersionDescription too, and
//     secrets in the Path of the role: .ci/transform, which CI runs, names what is
//     not there.
//
//  4. A path in shared/openapi/openapi.json with every status and every bound.
//
//  5. A test in local/contract, where a client asks the real service; and, behind
//     edge.Protected, a line in its testTokens, where a revoked token is tried.
//
// What it asks of the database that nobody has asked yet is a method of a Store
// interface, and five files more: its meaning in organization/store.go; a rule
// in storetest; then it is kept by memory and by mongo, and passes the hook in
// organizationtest, so that workers die before and after it.
//
// Then `make test`. The compiler or a test names whichever of these was
// forgotten, what the handler answers that the document does not allow, and the
// bound that is documented and not kept. `make run` serves it.
//
// A job that a schedule starts is the same with edge.Job, an edge.Run instead
// of an endpoint (functions/reconcile), and no path. Who puts mail into the outbox
// logs that it waits (organization's mailWaits), and is among the events of
// MailFunction in template.yaml, which then starts within seconds.
//
// # The rule
//
// Imports point one way:
//
//	functions → backend, representation, mail → edge, config, mongo →
//	organization, admin, throttle, token, password → fault, secret, object
//	local → functions, local/gateway → local/lambda, local/template
//
// Nothing here imports functions/ or local/. Only mongo sees the driver, only
// config, mail and local/secrets the AWS SDK, only edge, functions/authorizer and
// local/lambda aws-lambda-go; the domain sees neither net/http nor a driver. A
// package of test support (…test, memory, linearizable) is imported by tests
// alone. Within the domain admin stands on organization, and organization on
// throttle, token and password.
//
// imports_test.go has the whole of it, a line for each package: a new package
// needs a line there, which is where its place in the house is decided. Why the
// house is built like this is in decisions.md beside this page.
package shared
