package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"oms/shared/fault"
	"oms/shared/mongo/embedded"
	"oms/shared/mongo/mongotest"
	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/linearizable"
	"oms/shared/organization/organizationtest"
	"oms/shared/token"
)

// TestService_racingHistories: twelve clients of three processes at once on few
// names, emails and organizations, on every engine. An order of effects
// explains all answers, no two changes have made one version, and nothing
// contradicts itself when all is quiet.
func TestService_racingHistories(t *testing.T) {
	mongotest.Long(t)
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		const histories = 50
		var done, refused, unknown, steps int64
		for seed := range uint64(histories) {
			r := race(t, e, seed)
			for _, bad := range r.bad {
				t.Errorf("seed %d: %s", seed, bad)
			}
			done, refused, unknown, steps = done+r.done.Load(), refused+r.refused.Load(), unknown+r.unknown.Load(),
				steps+int64(r.steps)
		}
		t.Logf("%d histories: %d done, %d refused, %d unknown; %d steps put in order", histories, done, refused,
			unknown, steps)
	})
}

// TestService_racingWithoutWriteGate shows that the test above would notice:
// the embedded database without its gate lets several writers win one
// compare-and-set.
func TestService_racingWithoutWriteGate(t *testing.T) {
	mongotest.Long(t)
	t.Parallel()
	s := must.Get(embedded.Start(t.Context(), t.TempDir(), "127.0.0.1:0", slog.New(slog.DiscardHandler),
		embedded.WithoutDiskSync(), embedded.WithoutWriteGate()))(t)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	const most = 40
	for seed := range uint64(most) {
		if r := race(t, mongotest.Engine{Name: "embedded", URI: s.URI()}, seed); len(r.bad) > 0 {
			t.Logf("seed %d: %d violations, the first: %.300s", seed, len(r.bad), r.bad[0])
			return
		}
	}
	t.Errorf("no violation in %d histories: the races of the test above prove nothing", most)
}

// racing is one history of clients that race.
type racing struct {
	*organizationtest.World
	t       *testing.T
	seed    uint64
	stores  []organization.Store // of three processes
	answers linearizable.History
	lost    atomic.Int64 // answers that did not come

	done, refused, unknown atomic.Int64
	steps                  int

	mu       sync.Mutex
	bad      []string
	versions map[string]string // organization and version: the change that made it
}

// race runs one history on a new database and returns what is wrong.
func race(t *testing.T, e mongotest.Engine, seed uint64) *racing {
	t.Helper()
	const clients, rounds, names, emails = 12, 6, 3, 5
	r := &racing{t: t, seed: seed, versions: map[string]string{}}
	name := databaseName()
	for range 3 {
		db := e.OpenNamed(t, name)
		must.Do(t, db.EnsureIndexes(t.Context()))
		r.World = organizationtest.NewWorld(db.Store(), nil)
		r.stores = append(r.stores, organizationtest.Hooked(r.Store, r.listen))
	}
	for round := range rounds {
		page := must.Get(r.Store.Backlog.Admins(t.Context(), nil, 100))(t)
		admins := page.Items
		slices.SortFunc(admins, func(a, b organization.Admin) int { return strings.Compare(a.Email, b.Email) })
		var all sync.WaitGroup
		for client := range clients {
			all.Go(func() { r.act(round, client, admins, names, emails) })
		}
		all.Wait()
		r.Clock.Advance(40 * time.Second)
	}
	r.rest()
	r.ask(names, emails)
	v := r.answers.Check(10 * time.Second)
	r.steps = v.Steps
	for _, bad := range v.Bad {
		r.say("answers: %s", bad)
	}
	return r
}

// service returns the service of one call, and where to read what it sent to be inserted.
func (r *racing) service(process int) (*organization.Service, *inserted) {
	s := r.stores[process]
	in := &inserted{Organizations: s.Organizations}
	s.Organizations = in
	return r.On(s), in
}

// inserted remembers the organization that a creation sent: where it was told
// nothing, that one may come to be.
type inserted struct {
	organization.Organizations
	id organization.ID
}

func (s *inserted) Insert(ctx context.Context, o organization.Organization) error {
	s.id = o.ID
	return s.Organizations.Insert(ctx, o)
}

// listen is the hook of all stores: it counts the answers that did not come.
func (r *racing) listen(_ string, apply func() error) error {
	err := apply()
	if errors.Is(err, organization.ErrLost) {
		r.lost.Add(1)
	}
	return err
}

func (r *racing) say(format string, a ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bad = append(r.bad, fmt.Sprintf(format, a...))
}

// shown returns a spelling of the nth name that no other number has.
func shown(n, number int) string {
	const letters = "organization"
	spelt := []byte(letters)
	for i := range spelt {
		if number>>i&1 == 1 {
			spelt[i] -= 'a' - 'A'
		}
	}
	return fmt.Sprint(string(spelt), n)
}

func key(n int) string { return shown(n, 0) }

// act is what one client does in one round.
func (r *racing) act(round, client int, admins []organization.Admin, names, emails int) {
	d := rand.New(rand.NewPCG(r.seed, uint64(round*100+client))) //nolint:gosec // G404, G115: a test's dice
	process := client % len(r.stores)
	s, _ := r.service(process)
	n, m := d.IntN(names), d.IntN(emails)
	name, email := shown(n, round*100+client), fmt.Sprintf("e%d@acme.io", m)
	var who token.Principal
	var org organization.ID
	if len(admins) > 0 { // most want to change the same one
		a := admins[(round+d.IntN(6)/5)%len(admins)]
		org = a.OrgID
		who = organizationtest.PrincipalOf(a, time.Now())
	}
	switch x := d.IntN(100); {
	case len(admins) == 0 || x < 15:
		_ = r.create(process, name, email, n)
	case x < 70:
		c := organization.Change{Name: &name}
		if d.IntN(3) == 0 {
			c.Email = &email
		}
		r.change(s, who, org, c, n)
	case x < 78:
		r.delete(s, who, org, admins)
	case x < 85:
		_, _ = s.Reconcile(r.t.Context())
	case x < 95:
		r.get(s, n)
	default:
		r.login(email)
	}
}

// answered adds a call with what its answer says.
func (r *racing) answered(c linearizable.Call, err error) {
	switch {
	case err == nil:
		c.Outcome = linearizable.Done
		r.done.Add(1)
	case organizationtest.Code(err) == "storage_unavailable":
		c.Outcome = linearizable.Unknown
		r.unknown.Add(1)
	case fault.KindOf(err) == fault.Internal:
		c.Outcome = linearizable.Unknown
		r.say("an answer is no fault: %v", err)
	default:
		c.Outcome = linearizable.Refused
		code := organizationtest.Code(err)
		c.TakenName, c.TakenEmail = code == "organization_name_taken", code == "admin_email_taken"
		r.refused.Add(1)
	}
	r.answers.Add(c)
}

func (r *racing) create(process int, name, email string, n int) error {
	s, in := r.service(process)
	call := r.answers.Begin(linearizable.Create)
	call.Name, call.Email = key(n), email
	_, err := s.Create(r.t.Context(), organization.Creation{
		Name: name, Email: email, Password: organizationtest.Password,
	})
	call.Org = in.id
	r.answered(call, err)
	return err
}

func (r *racing) change(
	s *organization.Service, who token.Principal, org organization.ID, c organization.Change, n int,
) {
	call := r.answers.Begin(linearizable.Change)
	call.Org, call.Name = org, key(n)
	if c.Email != nil {
		call.Email = *c.Email
	}
	v, err := s.Update(r.t.Context(), who, c)
	r.answered(call, err)
	if err != nil {
		return
	}
	r.mu.Lock()
	made := fmt.Sprintf("%s version %d", org, v.Version)
	other, twice := r.versions[made]
	r.versions[made] = *c.Name
	r.mu.Unlock()
	if twice && r.lost.Load() == 0 { // after a lost answer a change reads what it has become
		r.say("two changes, to %s and to %s, have both made %s", other, *c.Name, made)
	}
}

func (r *racing) delete(
	s *organization.Service, who token.Principal, org organization.ID, admins []organization.Admin,
) {
	if len(admins) < 2 {
		return
	}
	call := r.answers.Begin(linearizable.Delete)
	call.Org = org
	o, err := r.Store.Organizations.Find(r.t.Context(), org)
	if err == nil {
		_, err = s.Delete(r.t.Context(), who, organization.Deletion{Name: o.Name})
		r.answered(call, err)
	}
}

func (r *racing) get(s *organization.Service, n int) {
	call := r.answers.Begin(linearizable.Get)
	call.Name = key(n)
	v, err := s.Get(r.t.Context(), token.Principal{}, key(n))
	if organizationtest.Code(err) == "organization_not_found" {
		err = nil
	}
	call.Org = v.ID
	r.answered(call, err)
}

func (r *racing) login(email string) {
	call := r.answers.Begin(linearizable.Login)
	call.Email = email
	a, err := r.Store.Admins.FindByEmail(r.t.Context(), email)
	if err == nil {
		var o organization.Organization
		if o, err = r.Store.Organizations.Find(r.t.Context(), a.OrgID); err == nil && o.State.Visible() {
			call.Org = o.ID
		}
	}
	if err == nil || errors.Is(err, organization.ErrAbsent) {
		r.answered(call, nil)
	}
}

// rest lets every hold pass and reconcile run until all is quiet.
func (r *racing) rest() {
	s, _ := r.service(0)
	for range 4 {
		r.Clock.Advance(90 * time.Second)
		if _, err := s.Reconcile(r.t.Context()); err != nil {
			r.say("reconcile, when all is quiet: %v", err)
		}
	}
	r.answers.Quiet()
	findings, err := s.Examine(r.t.Context())
	if err != nil {
		r.say("examining: %v", err)
	}
	for _, f := range findings {
		if !f.Later {
			r.say("%s: %s: %s", f.Kind, f.Subject, f.Detail)
		}
	}
}

// ask reads every name and email once more: what was acknowledged is there, and
// what nobody has is free.
func (r *racing) ask(names, emails int) {
	s, _ := r.service(1)
	for n := range names {
		r.get(s, n)
		err := r.create(1, key(n), fmt.Sprintf("fresh%d@acme.io", n), n)
		if code := organizationtest.Code(err); code != "" && code != "organization_name_taken" {
			r.say("creating %s when all is quiet: %v", key(n), err)
		}
	}
	for m := range emails {
		r.login(fmt.Sprintf("e%d@acme.io", m))
	}
}
