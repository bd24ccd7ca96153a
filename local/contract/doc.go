// Package contract tests the whole service as its clients see it: real
// processes, real sockets, real time but for the holds. It has no code of its
// own, only tests.
//
// Every row of the HTTP contract has a test here that fails when the row is
// broken, in a file named for its endpoint or its section; all the forms that
// fields, headers, names and tokens can have are in the tests of the handlers, of
// package edge and of the domain. Every exchange of every test is held against
// the OpenAPI document, every success that it has must be in one, and every
// error body and every line of the service's log is searched for the passwords,
// tokens, hashes and addresses that the tests use.
//
// By itself it builds the service, starts it on free ports with a data folder
// of its own, and tests it on the embedded database and, where MONGO_TEST_URI
// names a server, on that one too, in a database that it drops afterwards:
//
//	go test ./local/contract
//
// The same suite runs against any other host. Its URL may have a path:
//
//	OMS_BASE_URL=https://abc.execute-api.eu-central-1.amazonaws.com/dev go test -count=1 ./local/contract
//
// There it deletes the organizations that it makes. Rows that need more than
// HTTP are skipped with a reason, unless the environment has what they need:
//
//	OMS_DATABASE=mongodb://host/master_db    to write into collections, and to let holds pass
//	OMS_MAILBOX=.data/mailbox                where it mails to; without, the suite sends its mail
//	JWT_SECRET, PASSWORD_PEPPER              with that, as the host has them: to forge tokens, and to work beside it
//	OMS_WAIT=1                               to wait in real time where a name has to come free again
//	OMS_HOST=sam or emulator                 for a host that is not API Gateway in known ways
//
// A test speaks as somebody and says what they should hear:
//
//	acme := h.found(t, "Acme")
//	h.as(t, acme.token).put("/org/update", fields{"organization_name": "Beta"}).want(200)
//	h.anyone(t).get("/org/get", named("Acme")).refused(404, "organization_not_found")
//
// The files kill_test.go and worker_test.go are about crashes: a service that
// is killed while it works, workers that stop half-way.
package contract
