package contract_test

import (
	"net/http"
	"os"
	"testing"

	"oms/shared/mongo/mongotest"
	"oms/shared/openapi/openapitest"
)

// TestService is everything: the contract on every host, and what becomes of
// the service when it is killed and started again.
func TestService(t *testing.T) {
	t.Parallel()
	if base := os.Getenv("OMS_BASE_URL"); base != "" {
		suite(t, givenHost(t, base))
		return
	}
	b := build(t)
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		suite(t, startHost(t, b, ""))
	})
	t.Run("server", func(t *testing.T) {
		t.Parallel()
		one := b
		one.Functions = "" // in one process, so that both ways are shown
		suite(t, startHost(t, one, mongotest.Server(t).URI))
	})
	for name, f := range map[string]func(*testing.T, built){
		"a second start":          testSecondStart,
		"a stricter start":        testStricterStart,
		"an unreachable database": testUnreachable,
		"a throttled host":        testThrottled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, b)
		})
	}
	t.Run("three replicas", func(t *testing.T) {
		t.Parallel()
		one := b
		one.Functions = ""
		t.Run("embedded", func(t *testing.T) {
			t.Parallel()
			testReplicas(t, one, "")
		})
		t.Run("server", func(t *testing.T) {
			t.Parallel()
			testReplicas(t, one, mongotest.Server(t).URI)
		})
	})
	strikes := map[string]strike{"kills of the service": killService}
	if !*inProcess {
		strikes["kills of functions"] = killFunctions
	}
	for name, strike := range strikes {
		t.Run(name, func(t *testing.T) {
			mongotest.Long(t)
			t.Parallel()
			t.Run("embedded", func(t *testing.T) {
				t.Parallel()
				testKills(t, b, "", strike)
			})
			t.Run("server", func(t *testing.T) {
				t.Parallel()
				testKills(t, b, mongotest.Server(t).URI, strike)
			})
		})
	}
}

// suite is the contract, a subtest for each part, all at once. When all have
// run, every success that the document has was heard.
func suite(t *testing.T, h *host) {
	t.Helper()
	parts := map[string]func(*testing.T, *host){
		"names":          testNames,
		"emails":         testEmails,
		"passwords":      testPasswords,
		"bodies":         testBodies,
		"bounds":         testBounds,
		"answers":        testAnswers,
		"create":         testCreate,
		"idempotency":    testIdempotency,
		"login":          testLogin,
		"get":            testGet,
		"update":         testUpdate,
		"update refused": testUpdateRefused,
		"rename":         testRename,
		"delete":         testDelete,
		"tokens":         testTokens,
		"sessions":       testSessions,
		"mail":           testMail,
		"old logins":     testOldLogins,
		"attempts":       testAttempts,
		"held names":     testHeldNames,
		"creators":       testCreators,
		"workers":        testWorkers,
		"pages":          testPages,
		"gateway":        testGateway,
		"cors":           testCORS,
		"browser":        testBrowser,
	}
	ran := 0 // fewer than all, where -run names some
	for name, f := range parts {
		t.Run(name, func(t *testing.T) {
			ran++
			t.Parallel()
			f(t, h)
		})
	}
	t.Cleanup(func() {
		needed := h.checker.Successes()
		for _, o := range h.checker.Secured() { // the authorizer does not ask the database: each has to do it itself
			needed = append(needed, openapitest.Answer{
				Operation: o, Status: http.StatusUnauthorized, Code: "token_revoked",
			})
		}
		for _, a := range needed {
			if ran == len(parts) && h.mailbox != "" && !h.answers[a] {
				t.Errorf("%s %s: no test of the contract has heard the answer %d %s",
					a.Method, a.Path, a.Status, a.Code)
			}
		}
	})
}
