package contract_test

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"oms/shared/throttle"
)

// from is a caller at another address of this machine, of which 127/8 has many.
func (c caller) from(address string) caller {
	c.tb.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
	client := *c.h.client
	client.Transport = transport
	c.client = &client
	return c
}

// testAttempts: a password is guessed slowly, however it is tried, and its owner is
// not locked out.
func testAttempts(t *testing.T, h *host) {
	own := h.found(t, "Mistyped")
	guess := func() reply {
		return h.anyone(t).post("/admin/login", fields{"email": own.Email, "password": "wrong"})
	}
	for range throttle.FreeOfPair {
		guess().refused(http.StatusUnauthorized, "invalid_credentials")
	}
	if r := guess(); r.status != http.StatusUnauthorized { // unless a second has passed since the last
		r.refused(http.StatusTooManyRequests, "too_many_attempts")
	}
	if h.program == nil {
		return // the addresses of its clients cannot be chosen
	}
	if l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.1.2.3:0"); err != nil {
		t.Skipf("not run here: this machine has one loopback address: %v", err)
	} else {
		_ = l.Close()
	}
	// Networks of no other test, of this run or of one before on the same database.
	second := 20 + int(rand.Text()[0])
	networks := func(i int) string { return fmt.Sprintf("127.%d.%d.1", second, i) }
	f := h.found(t, "Guessed")
	login := func(address, email, password string) reply {
		return h.anyone(t).from(address).post("/admin/login", fields{"email": email, "password": password})
	}
	begun := time.Now()
	// most is how many verdicts there can be by now, one after the other.
	most := func(free int) int {
		n, at := free, time.Duration(0)
		for d := time.Second; at+d <= time.Since(begun); d *= 2 {
			n, at = n+1, at+d
		}
		return n
	}
	verdicts := func(replies []reply) (n int) {
		for _, r := range replies {
			if r.status == http.StatusTooManyRequests {
				if r.refused(http.StatusTooManyRequests, "too_many_attempts"); seconds(r) < 1 || seconds(r) > 900 {
					t.Errorf("%s: Retry-After is %s", r.what, r.header.Get("Retry-After"))
				}
				continue
			}
			r.refused(http.StatusUnauthorized, "invalid_credentials")
			n++
		}
		return n
	}
	const home = 250
	login(networks(home), f.Email, f.password).want(http.StatusOK)
	for _, email := range []string{f.Email, freshEmail()} {
		begun = time.Now()
		one := parallel(24, func(int) reply { return login(networks(1), email, "wrong") })
		if n := verdicts(one); n < throttle.FreeOfPair || n > most(throttle.FreeOfPair) {
			t.Errorf("24 guesses at once have %d verdicts, want %d, or the next after a second", n, throttle.FreeOfPair)
		}
		var many []reply
		for n := 10; n < 60; n += 10 { // so many at once that other tests are still answered
			many = append(many, parallel(10, func(i int) reply { return login(networks(n+i), email, "wrong") })...)
		}
		if n := verdicts(many) + verdicts(one); n < throttle.FreeOfAccount || n > most(throttle.FreeOfAccount) {
			t.Errorf("74 guesses have %d verdicts, want %d, or the next after a second", n, throttle.FreeOfAccount)
		}
	}
	for range 3 {
		login(networks(home), f.Email, f.password).want(http.StatusOK)
	}

	// Other ways to try a password count for the same account.
	same := with("Idempotency-Key", suffix())
	other := viewOf(h.create(t, freshName("Guessed"), freshEmail(), f.password, same).want(http.StatusCreated))
	admin := h.as(t, h.login(t, other.Email, f.password))
	for i := range throttle.FreeOfAccount {
		c := admin.from(networks(i + 220))
		switch i % 3 {
		case 0:
			c.put("/org/update", fields{"password": "wrong"}).refused(http.StatusForbidden, "wrong_password")
		case 1:
			c.delete("/org/delete", fields{"organization_name": other.Name, "password": "wrong"}).
				refused(http.StatusForbidden, "wrong_password")
		default:
			c.token = ""
			c.post("/org/create", creation(other.Name, other.Email, "wrong password"), same).
				refused(http.StatusUnprocessableEntity, "idempotency_key_reused")
		}
	}
	login(networks(251), other.Email, f.password).refused(http.StatusTooManyRequests, "too_many_attempts")
	h.login(t, other.Email, f.password)
}
