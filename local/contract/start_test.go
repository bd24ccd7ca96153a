package contract_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oms/shared/mongo/mongotest"
)

// ownHost is a host of a program that a test starts for itself, on the embedded
// database; without secrets where the program made its own.
func ownHost(tb testing.TB, p *program, s secrets) *host {
	tb.Helper()
	h := newHost(tb, p.api)
	h.program, h.database, h.secrets = p, "master_db", s
	h.engine = mongotest.Engine{Name: "embedded", URI: p.database}
	return h
}

// testSecondStart: a second start on the same data goes on where the first was.
func testSecondStart(t *testing.T, b built) {
	data := t.TempDir()
	p := b.start(t, data) // without secrets: it makes them
	h := ownHost(t, p, nil)
	f, deleted := h.found(t, "Kept"), h.found(t, "Deleted")
	same := with("Idempotency-Key", suffix())
	name, email, password := freshName("Once"), freshEmail(), freshPassword()
	once := h.create(t, name, email, password, same).want(http.StatusCreated)
	h.as(t, deleted.token).delete("/org/delete", nil, named(deleted.Name)).want(http.StatusOK)
	secrets := read(t, filepath.Join(data, "secrets.json"))
	p.stop(t)
	h.searchLog(t)

	p = b.start(t, data)
	h = ownHost(t, p, nil)
	if read(t, filepath.Join(data, "secrets.json")) != secrets {
		t.Error("the secrets have changed")
	}
	h.login(t, f.Email, f.password)
	if got := h.look(t, f, f.Name); got != f.view { // with the token of before
		t.Errorf("it is %+v, was %+v", got, f.view)
	}
	h.as(t, deleted.token).put("/org/update", fields{"organization_name": "No"}).refused(http.StatusUnauthorized, "token_revoked")
	h.create(t, deleted.Name, freshEmail(), freshPassword()).refused(http.StatusConflict, "organization_name_held")
	if again := h.create(t, name, email, password, same).want(http.StatusCreated); string(again.body) != string(once.body) {
		t.Errorf("the request of before gets %s, got %s", again.body, once.body)
	}
	h.as(t, f.token).put("/org/update", fields{"organization_name": freshName("Kept")}).want(http.StatusOK)
	p.stop(t)

	// On another server it finds nothing of that, and its own again afterwards.
	other := mongotest.Embedded(t)
	p = b.start(t, data, "MONGO_URI="+other.URI)
	h = ownHost(t, p, nil)
	h.anyone(t).get("/health").want(http.StatusOK)
	h.locked(t, f.Email, f.password)
	h.create(t, f.Name, f.Email, f.password).want(http.StatusCreated)
	p.stop(t)
	h = ownHost(t, b.start(t, data), nil)
	h.login(t, f.Email, f.password)
}

// testUnreachable: where the database cannot be reached every endpoint says so,
// and in time.
func testUnreachable(t *testing.T, b built) {
	const secret = planted + "-of-the-database"
	// Nothing listens on port 1 (TCPMUX, RFC 1078) of this machine.
	p := b.start(t, t.TempDir(), "MONGO_URI=mongodb://admin:"+secret+"@127.0.0.1:1/?authSource=admin")
	h := newHost(t, p.api)
	h.program = p
	anyone := h.anyone(t)
	for name, send := range map[string]func() reply{
		"health": func() reply { return anyone.get("/health") },
		"get":    func() reply { return anyone.get("/org/get", named("Acme")) },
		"login": func() reply {
			return anyone.post("/admin/login", fields{"email": freshEmail(), "password": freshPassword()})
		},
		"create": func() reply {
			return anyone.post("/org/create", creation("Acme", freshEmail(), freshPassword()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			r := send()
			took := time.Since(began)
			r.refused(http.StatusServiceUnavailable, "storage_unavailable")
			if seconds(r) == 0 {
				t.Errorf("%s = %s without Retry-After", r.what, r.body)
			}
			if took > 10*time.Second { // a function's Timeout
				t.Errorf("it took %v", took)
			}
			if strings.Contains(string(r.body), "127.0.0.1") {
				t.Errorf("it says where the database is: %s", r.body)
			}
		})
	}
	anyone.get("/openapi.json").want(http.StatusOK) // it needs none
	t.Cleanup(func() {
		for line := range strings.Lines(p.log()) {
			if what := h.leak(line); what != "" {
				t.Errorf("the log has %s: %s", what, line)
			}
		}
	})
}

func read(tb testing.TB, path string) string {
	tb.Helper()
	text, err := os.ReadFile(path) //nolint:gosec // G304: a test's own file
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}
