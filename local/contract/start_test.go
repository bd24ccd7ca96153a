package contract_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"oms/local/localtest"
	"oms/shared/mongo/mongotest"
	"oms/shared/must"
)

// ownHost is a host of a program that a test starts for itself, on the embedded
// database; without secrets where the program made its own.
func ownHost(tb testing.TB, p *localtest.Program, s secrets) *host {
	tb.Helper()
	h := newHost(tb, p.URL)
	h.program, h.database, h.secrets, h.mailbox = p, "master_db", s, filepath.Join(p.Data, "mailbox")
	h.engine = mongotest.Engine{Name: "embedded", URI: p.Database}
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
	p.Stop(t)
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
	h.as(t, deleted.token).put("/org/update", fields{"organization_name": "No"}).refused(http.StatusUnauthorized,
		"token_revoked")
	h.create(t, deleted.Name, freshEmail(), freshPassword()).refused(http.StatusConflict, "organization_name_held")
	if again := h.create(t, name, email, password, same).
		want(http.StatusCreated); string(again.body) != string(once.body) {
		t.Errorf("the request of before gets %s, got %s", again.body, once.body)
	}
	h.as(t, f.token).put("/org/update", fields{"organization_name": freshName("Kept")}).want(http.StatusOK)
	p.Stop(t)

	// On another server it finds nothing of that, and its own again afterwards.
	other := mongotest.Embedded(t)
	p = b.start(t, data, "MONGO_URI="+other.URI)
	h = ownHost(t, p, nil)
	h.anyone(t).get("/health").want(http.StatusOK)
	h.locked(t, f.Email, f.password)
	h.create(t, f.Name, f.Email, f.password).want(http.StatusCreated)
	p.Stop(t)
	h = ownHost(t, b.start(t, data), nil)
	h.login(t, f.Email, f.password)
}

// testThrottled: the suite is not disturbed by a host that throttles: twice as
// many creations at once as a bucket holds all succeed in the end.
func testThrottled(t *testing.T, b built) {
	b.throttled = true
	h := newHost(t, b.start(t, t.TempDir()).URL) // as a host of others
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if r := h.create(t, freshName("Many"), freshEmail(), freshPassword()); r.status != http.StatusCreated {
				t.Errorf("%s = %d %s", r.what, r.status, r.body)
			}
		})
	}
	all.Wait()
}

// testStricterStart: a start that asks for more, of new passwords and of hashes.
// Who is there logs in as before, and has a hash of the new form from then on.
func testStricterStart(t *testing.T, b built) {
	data, s := t.TempDir(), newSecrets()
	p := b.start(t, data, s.environ()...)
	h := ownHost(t, p, s)
	name, email := freshName("Lax"), freshEmail()
	const password = "pl4nted!" // the shortest that STAGE=local takes
	h.create(t, name, email, password).want(http.StatusCreated)
	token := h.login(t, email, password)
	p.Stop(t)

	one := s["PASSWORD_PEPPER"]
	s["PASSWORD_PEPPER"] = `{"active":"p2","keys":{"p1":"` + one + `","p2":"` + newSecrets()["PASSWORD_PEPPER"] + `"}}`
	p = b.start(t, data, append(s.environ(), "BCRYPT_COST=5", "PASSWORD_MIN_LENGTH=15", "PASSWORD_BLOCKLIST=on")...)
	h = ownHost(t, p, s)
	for range 2 { // the second time by the new hash
		h.login(t, email, password)
		a, err := h.store(t).Admins.FindByEmail(t.Context(), email)
		if err != nil || a.Password.Pepper != "p2" || !strings.HasPrefix(a.Password.Hash, "$2a$05$") {
			t.Errorf("after a login the hash is of the pepper %q and begins %.7s (%v), want p2 and $2a$05$",
				a.Password.Pepper, a.Password.Hash, err)
		}
	}
	admin := h.as(t, token) // a token of before is good still
	for plain, want := range map[string]string{
		password: "too_short", "1qaz2wsx3edc4rfv": "too_common", name + " 2026": "too_obvious",
	} {
		for _, r := range []problem{
			h.create(t, name, freshEmail(), plain).invalid("password"),
			admin.put("/org/update", fields{"password": password, "new_password": plain}).invalid("new_password"),
		} {
			if len(r.Errors) == 1 && r.Errors[0].Code != want {
				t.Errorf("the password %q is %s, want %s", plain, r.Errors[0].Code, want)
			}
		}
	}
	admin.put("/org/update", fields{"password": password, "new_password": freshPassword()}).want(http.StatusOK)
	p.Stop(t)
	h.searchLog(t)
}

// testUnreachable: where the database cannot be reached every endpoint says so,
// and in time.
func testUnreachable(t *testing.T, b built) {
	const secret = planted + "-of-the-database"
	// Nothing listens on port 1 (TCPMUX, RFC 1078) of this machine.
	p := b.start(t, t.TempDir(), "MONGO_URI=mongodb://admin:"+secret+"@127.0.0.1:1/?authSource=admin")
	h := newHost(t, p.URL)
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
		p.Stop(t)
		h.searchLog(t)
	})
}

func read(tb testing.TB, path string) string {
	tb.Helper()
	return string(must.Get(os.ReadFile(path))(tb)) //nolint:gosec // G304: a test's own file
}
