package contract_test

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"oms/local/localtest"
	"oms/shared/mongo/mongotest"
	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
)

// restarted is a service that is started again and again on the same data: on
// its embedded database, or on the server at uri.
type restarted struct {
	built
	data     string
	secrets  secrets
	uri      string
	database string
}

func newRestarted(tb testing.TB, b built, uri string) *restarted {
	tb.Helper()
	s := &restarted{
		built: built{Built: b.Own(tb)}, data: tb.TempDir(), secrets: newSecrets(), uri: uri, database: "contract_" +
			suffix(),
	}
	if uri != "" {
		tb.Cleanup(func() { drop(tb, mongotest.Engine{Name: "server", URI: uri}, s.database) })
	}
	return s
}

func (s *restarted) start(tb testing.TB) *localtest.Program {
	tb.Helper()
	return s.built.start(tb, s.data, append(s.secrets.environ(), "MONGO_URI="+s.uri, "MASTER_DB="+s.database)...)
}

// host is the running service for one test: its answers are checked in that.
func (s *restarted) host(tb testing.TB, p *localtest.Program) *host {
	tb.Helper()
	h := ownHost(tb, p, s.secrets)
	h.database = s.database
	if s.uri != "" {
		h.engine = mongotest.Engine{Name: "server", URI: s.uri}
	}
	return h
}

// strike kills something of a service that is under load until done, and
// returns how often it did.
type strike func(tb testing.TB, s *restarted, p *localtest.Program, done <-chan struct{}) int

// killService kills the whole service, once, at a random moment.
func killService(_ testing.TB, _ *restarted, p *localtest.Program, _ <-chan struct{}) int {
	<-time.After(time.Duration(rand.IntN(500)) * time.Millisecond) //nolint:gosec // G404: a random moment
	p.Kill()
	return 1
}

// killFunctions kills one process of a function after the other, at random
// moments, until no client is without an error.
func killFunctions(tb testing.TB, s *restarted, _ *localtest.Program, done <-chan struct{}) int {
	tb.Helper()
	for kills := 0; ; {
		select {
		case <-done:
			return kills
		case <-time.After(time.Duration(rand.IntN(100)) * time.Millisecond): //nolint:gosec // G404: a random moment
		}
		ids := localtest.Processes(tb, s.Functions)
		if len(ids) == 0 {
			continue
		}
		switch err := syscall.Kill(ids[rand.IntN(len(ids))], syscall.SIGKILL); { //nolint:gosec // G404: a random one
		case err == nil:
			kills++
		case !errors.Is(err, syscall.ESRCH):
			tb.Errorf("killing a function: %v", err)
			return kills
		}
	}
}

//nolint:gochecknoglobals // a flag
var wantKills = flag.Int("kills", 100, "how often the service is killed, and how often processes of its functions")

// testKills: the service, or processes of its functions, are killed again and
// again, at random moments while many clients change their organizations; a
// service that was is started again on the same data. What was acknowledged is
// there, what was not is there as a whole or not at all, no name is refused
// longer than the protocol says, no process is left behind, and what another
// client wrote is where its organization is.
func testKills(t *testing.T, b built, uri string, strike strike) {
	const tenants = 6
	s := newRestarted(t, b, uri)
	all := make([]*tenant, tenants)
	for i := range all {
		all[i] = &tenant{}
	}
	p := s.start(t)
	kills := 0
	for kills < *wantKills {
		t.Run(fmt.Sprintf("after %d kills", kills), func(t *testing.T) { // one follows the other, on the same data
			inspect(t, s.host(t, p), all)
		})
		if t.Failed() {
			t.Logf("the log:\n%s", p.Log())
			return
		}
		kills += load(t, s.host(t, p), all, func(done <-chan struct{}) int { return strike(t, s, p, done) })
		select {
		case <-p.Ended():
			localtest.Gone(t, s.Functions)
			p = s.start(t)
		default:
			for i, one := range all {
				if one.cut != nil {
					t.Errorf("tenant %d had no answer, of a service that was not killed: %v", i, one.cut)
				}
			}
		}
	}
	t.Run("at the end", func(t *testing.T) { inspect(t, s.host(t, p), all) })
	p.Stop(t)
	localtest.Gone(t, s.Functions)
	p = s.start(t)
	t.Run("after a stop and a start", func(t *testing.T) { inspect(t, s.host(t, p), all) })
	p.Stop(t)
	localtest.Gone(t, s.Functions)
	forward, back := 0, 0
	for _, one := range all {
		forward, back = forward+one.forward, back+one.back
	}
	if forward == 0 || back == 0 {
		t.Errorf("of the requests that were cut off %d were done and %d were not: the kills came at one moment",
			forward, back)
	}
	t.Logf("%d kills; of the requests that were cut off %d were done and %d were not", kills, forward, back)
}

// tenant is one client and its organization, as far as the client knows.
type tenant struct {
	is    *founding // nil: it has none
	next  *founding // what it asked for and heard nothing of; nil: nothing
	ended bool      // that is a deletion
	given []string  // names that it gave up, or asked for and did not get
	docs  int       // written into its collection by another client
	cut   error     // no answer came, in the last round

	forward, back int // what it had heard nothing of, and was done or not done
}

// founding is what a tenant asked for.
type founding struct{ id, name, email, password string }

func newFounding() *founding {
	return &founding{name: freshName("Kill"), email: freshEmail(), password: freshPassword()}
}

// load lets every tenant change its organization until its first error, while
// something is killed, and returns how often that was.
func load(tb testing.TB, h *host, all []*tenant, strike func(done <-chan struct{}) int) int {
	tb.Helper()
	var clients sync.WaitGroup
	for _, one := range all {
		clients.Go(func() {
			for one.act(h.anyone(tb)) {
				continue
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		clients.Wait()
	}()
	kills := strike(done)
	<-done
	return kills
}

// act does one change, and reports whether an answer came.
func (one *tenant) act(c caller) bool {
	if one.is == nil {
		one.next = newFounding()
		r, err := c.try(http.MethodPost, "/org/create", creation(one.next.name, one.next.email, one.next.password))
		if err != nil || r.status != http.StatusCreated {
			return one.unsure(c, r, err)
		}
		one.next.id = viewOf(r).ID
		one.is, one.next = one.next, nil
		return true
	}
	c = c.from(home(one.is.email))
	r, err := c.try(http.MethodPost, "/admin/login", fields{"email": one.is.email, "password": one.is.password})
	if err != nil || r.status != http.StatusOK {
		return one.unsure(c, r, err)
	}
	c.token = decode[session](r).Token
	if rand.IntN(5) == 0 { //nolint:gosec // G404: a random change
		one.ended = true
		r, err = c.try(http.MethodDelete, "/org/delete", nil, named(one.is.name))
		if err != nil || r.status != http.StatusOK {
			return one.unsure(c, r, err)
		}
		one.given = append(one.given, one.is.name)
		one.is, one.ended, one.docs = nil, false, 0
		return true
	}
	one.next = newFounding()
	r, err = c.try(http.MethodPut, "/org/update", fields{
		"organization_name": one.next.name, "email": one.next.email, "password": one.is.password,
		"new_password": one.next.password,
	})
	if err != nil || r.status != http.StatusOK {
		return one.unsure(c, r, err)
	}
	one.given = append(one.given, one.is.name)
	one.next.id = one.is.id
	one.is, one.next = one.next, nil
	return true
}

// home is where the account with that email is used from, and hardly any other:
// logins that are refused, and those that a kill leaves counted as refused, delay
// nobody else, and not their owner, whose address is known.
func home(email string) string {
	sum := sha256.Sum256([]byte(email))
	return fmt.Sprintf("127.%d.%d.1", 1+sum[0]%250, sum[1])
}

// unsure is the end of a round: no answer came, or a 5xx. Any other would be a
// wrong one.
func (one *tenant) unsure(c caller, r reply, err error) bool {
	one.cut = err
	if err == nil && r.status < 500 {
		c.tb.Errorf("%s = %d %s", r.what, r.status, r.body)
	}
	return false
}

// inspect finds out what has become of every tenant, with the whole service and
// the database at rest, and puts documents into their collections.
func inspect(t *testing.T, h *host, all []*tenant) {
	t.Helper()
	store := h.store(t)
	w := h.worker(t, store)
	writer := h.engine.Writer(t, h.database)
	// What the dead workers began is finished, by the requests below or by
	// reconcile; then every hold passes, those of the finishers too.
	h.engine.PassTime(t, h.database, "", lease)
	reconciled(t, w)
	recovered(t, h)
	for _, one := range all {
		one.settle(t, h)
	}
	h.engine.PassTime(t, h.database, "", hold+lease)
	reconciled(t, w)
	whole(t, store)
	// Now and then the dead of rounds before are forgotten: first what they had, a day later they themselves.
	if rand.IntN(5) == 0 { //nolint:gosec // G404: a random time
		for range 2 {
			h.engine.PassTime(t, h.database, "", 25*time.Hour)
			reconciled(t, w)
		}
	}
	for i, one := range all {
		// No name is refused any more that nobody has.
		for _, name := range one.given {
			email, password := freshEmail(), freshPassword()
			h.create(t, name, email, password).want(http.StatusCreated)
			login := h.anyone(t).from(home(email)).post("/admin/login", fields{"email": email, "password": password}).
				want(http.StatusOK)
			h.as(t, decode[session](login).Token).delete("/org/delete", nil, named(name)).want(http.StatusOK)
		}
		one.given = nil
		if one.is == nil {
			continue
		}
		v := viewOf(h.anyone(t).get("/org/get", named(one.is.name)).want(http.StatusOK))
		docs, err := writer.Documents(t.Context(), v.Collection)
		if err != nil || len(docs) != one.docs {
			t.Errorf("tenant %d: %s holds %d documents (%v), want %d", i, v.Collection, len(docs), err, one.docs)
		}
		if err := writer.Put(t.Context(), v.Collection, organizationtest.StringDocument(suffix(), "v")); err != nil {
			t.Error(err)
		}
		one.docs = len(docs) + 1
	}
	// The names of this round are held again, until the next inspection.
}

// recovered waits until every function answers, by an organization's whole
// life: a function that was killed as it started is not started again at once.
func recovered(tb testing.TB, h *host) {
	tb.Helper()
	f := newFounding()
	c := h.anyone(tb).from(home(f.email))
	deadline := time.Now().Add(20 * time.Second)
	until := func(method, path string, body any, options ...option) reply {
		tb.Helper()
		for {
			r, err := c.try(method, path, body, options...)
			if err == nil && r.status < http.StatusInternalServerError {
				return r
			}
			if time.Now().After(deadline) {
				tb.Fatalf("%s %s has not come back: %d %s, %v", method, path, r.status, r.body, err)
			}
			<-time.After(20 * time.Millisecond)
		}
	}
	until(http.MethodPost, "/org/create", creation(f.name, f.email, f.password))
	c.token = decode[session](until(http.MethodPost, "/admin/login",
		fields{"email": f.email, "password": f.password})).Token
	until(http.MethodGet, "/org/get", nil, named(f.name))
	until(http.MethodPut, "/org/update", fields{"password": f.password})
	until(http.MethodDelete, "/org/delete", nil, named(f.name))
}

// settle finds out which of what the tenant knows and asked for is there.
func (one *tenant) settle(tb testing.TB, h *host) {
	tb.Helper()
	next, was := one.next, one.is
	if next != nil || one.ended {
		defer func() {
			if one.is == was {
				one.back++
			} else {
				one.forward++
			}
		}()
	}
	switch {
	case one.ended:
		if one.there(tb, h, was) {
			break
		}
		one.given = append(one.given, was.name)
		one.is, one.docs = nil, 0
	case next != nil:
		switch is, before := one.there(tb, h, next), was != nil && one.there(tb, h, was); {
		case is && before:
			tb.Errorf("both are there: %+v and %+v", next, was)
		case is && was != nil:
			one.given = append(one.given, was.name)
			one.is = next
		case is:
			one.is = next
		case before || was == nil:
			one.given = append(one.given, next.name)
		default:
			tb.Errorf("neither is there: %+v nor %+v", next, was)
		}
	case was != nil:
		if !one.there(tb, h, was) {
			tb.Errorf("%+v was acknowledged and is not there", was)
		}
	}
	one.next, one.ended = nil, false
}

// there reports whether an organization is there, with its name, its admin's
// address and password: all of it, or nothing.
func (one *tenant) there(tb testing.TB, h *host, f *founding) bool {
	tb.Helper()
	seen := h.anyone(tb).get("/org/get", named(f.name))
	login := h.anyone(tb).from(home(f.email)).post("/admin/login", fields{"email": f.email, "password": f.password})
	switch {
	case seen.status == http.StatusOK && login.status == http.StatusOK:
		own := viewOf(h.as(tb, decode[session](login).Token).get("/org/get", named(f.name)).want(http.StatusOK))
		if own.Email != f.email || own.Name != f.name || f.id != "" && own.ID != f.id {
			tb.Errorf("it is %+v, want %+v", own, f)
		}
		f.id = own.ID
		return true
	case seen.status == http.StatusNotFound && login.status == http.StatusUnauthorized:
		return false
	}
	tb.Errorf("half of %+v is there: the name is answered with %d, the login with %d", f, seen.status, login.status)
	return false
}

// whole fails the test where an organization is half there: an operation that
// nobody finished, or a living one without its claim, admin or collection.
func whole(tb testing.TB, s organization.Store) {
	tb.Helper()
	for _, o := range organizations(tb, s) {
		if o.State.Running() {
			tb.Errorf("organization %s is still %s", o.ID, o.State)
		}
		if !o.State.Visible() {
			continue
		}
		c, err := s.Claims.Find(tb.Context(), o.Key)
		if err != nil || c.ID != o.ClaimID || c.OrgID != o.ID {
			tb.Errorf("organization %s has the key %s, and its claim is %+v, %v", o.ID, o.Key, c, err)
		}
		if a, err := s.Admins.Find(tb.Context(), o.AdminID); err != nil || a.OrgID != o.ID {
			tb.Errorf("organization %s has the admin %+v, %v", o.ID, a, err)
		}
		if there, err := s.Collections.Find(tb.Context(), o.Collection); err != nil || len(there) != 1 {
			tb.Errorf("organization %s has the collection %v, %v", o.ID, there, err)
		}
	}
}

// organizations returns all of them, the dead ones too.
func organizations(tb testing.TB, s organization.Store) []organization.Organization {
	tb.Helper()
	var all []organization.Organization
	for after := (*organization.Place)(nil); ; {
		page := must.Get(s.Backlog.Organizations(tb.Context(), after, 100))(tb)
		all = append(all, page.Items...)
		if page.Next == nil {
			return all
		}
		after = page.Next
	}
}
