package contract_test

import (
	"os"
	"testing"

	"oms/shared/mongo/mongotest"
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
		suite(t, startHost(t, b, mongotest.Server(t).URI))
	})
	for name, f := range map[string]func(*testing.T, built){
		"a second start":          testSecondStart,
		"an unreachable database": testUnreachable,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, b)
		})
	}
	for name, strike := range map[string]strike{
		"kills of the service": killService,
		"kills of functions":   killFunctions,
	} {
		t.Run(name, func(t *testing.T) {
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

// suite is the contract, a subtest for each part, all at once.
func suite(t *testing.T, h *host) {
	t.Helper()
	for name, f := range map[string]func(*testing.T, *host){
		"life":           testLife,
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
		"held names":     testHeldNames,
		"creators":       testCreators,
		"workers":        testWorkers,
		"pages":          testPages,
		"gateway":        testGateway,
		"cors":           testCORS,
		"browser":        testBrowser,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, h)
		})
	}
}
