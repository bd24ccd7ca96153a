package organization_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
	"oms/shared/token"
)

// tests' ids.
func fixedID(n byte) organization.ID { return organization.ID{0: 1, 11: n} }

// contradictions are what only the doctor mends, each in a database where Acme lives.
func contradictions() map[string]func(w *world) {
	return map[string]func(w *world){
		"an empty collection that nobody explains": func(w *world) {
			must.Do(w, w.Store.Collections.Create(w.Context(), "org_strange"))
		},
		"a collection that nobody explains": func(w *world) {
			w.Put(w, "org_strange", "s", "stranger")
		},
		"a missing claim": func(w *world) {
			w.unclaim("acme")
		},
		"a missing collection": func(w *world) { w.db.Drop("org_acme") },
		"a missing claim and collection": func(w *world) {
			w.unclaim("acme")
			w.db.Drop("org_acme")
		},
		"a settled claim that nobody refers to": func(w *world) {
			w.claim(organization.Claim{Key: "strange", OrgID: fixedID(7), ID: fixedID(5)})
		},
		"an admin of nobody": func(w *world) {
			w.admin(organization.Admin{ID: fixedID(6), OrgID: fixedID(7), Email: "s@strange.io", Rev: 1})
		},
	}
}

// disturbances are what a client does in one moment. They report whether it was acknowledged.
func disturbances() map[string]func(w *world, who token.Principal) bool {
	return map[string]func(w *world, who token.Principal) bool{
		"a create": func(w *world, _ token.Principal) bool {
			_, err := w.Create(w.Context(), creation("Strange", "s@strange.io"))
			if answered(w, err) {
				w.Put(w, "org_strange", "s1", "its own")
			}
			return err == nil
		},
		"a rename to the name": func(w *world, who token.Principal) bool {
			_, err := w.Update(w.Context(), who, organization.Change{Name: ptr("Strange")})
			return answered(w, err)
		},
		"a rename away": func(w *world, who token.Principal) bool {
			_, err := w.Update(w.Context(), who, organization.Change{Name: ptr("Beta")})
			return answered(w, err)
		},
		"a deletion": func(w *world, who token.Principal) bool {
			_, err := w.Delete(w.Context(), who, organization.Deletion{Name: "Acme"})
			return answered(w, err)
		},
		"a data writer": func(w *world, _ token.Principal) bool {
			_ = w.Writer.Put(w.Context(), "org_acme", organizationtest.StringDocument("d2", "two"))
			_ = w.Writer.Put(w.Context(), "org_strange", organizationtest.StringDocument("s2", "two"))
			return true
		},
	}
}

// answered reports whether a client was told that it has happened.
func answered(tb testing.TB, err error) bool {
	tb.Helper()
	if c := organizationtest.Code(err); strings.HasPrefix(c, "not a fault") {
		tb.Errorf("a client is answered %s", c)
	}
	return err == nil
}

// TestService_Repair_besideClients lets a client act right before each single
// command of a repair, and that command come late or not: what was acknowledged
// is there when all is quiet, and whatever a program may mend is mended.
func TestService_Repair_besideClients(t *testing.T) {
	t.Parallel()
	for contradiction, plant := range contradictions() {
		for disturbance, disturb := range disturbances() {
			for _, late := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/late %v", contradiction, disturbance, late), func(t *testing.T) {
					t.Parallel()
					for n := 0; ; n++ {
						w := newWorld(t)
						who := w.Found(t, "Acme", "a@acme.io")
						w.Put(t, "org_acme", "d1", "one")
						plant(w)
						acme, docs := w.Living(t)[0], w.Held(t, "org_acme")
						d := &disturbed{n: n, late: late}
						d.act = func() { d.acked = disturb(w, who) }
						_, err := w.Hooked(d.hook).Repair(t.Context())
						if c := organizationtest.Code(err); c != "" && c != "storage_unavailable" {
							t.Errorf("command %d: Repair() = %v", n, err)
						}
						if !d.acted {
							break
						}
						w.Clock.Advance(20 * time.Second)
						if d.delayed != nil {
							_ = d.delayed()
						}
						for range 3 {
							w.Quiet(t)
							must.Do(t, must.Err(w.Repair(t.Context())))
						}
						for _, bad := range append(w.unmended(), w.lostTo(disturbance, d.acked, acme, docs)...) {
							t.Errorf("before %s, command %d: %s", d.command, n, bad)
						}
					}
				})
			}
		}
	}
}

// disturbed lets somebody act right before the nth command. With late, that
// command is not answered, and waits in delayed.
type disturbed struct {
	n       int
	late    bool
	act     func()
	seen    int
	acted   bool
	acked   bool
	command string
	delayed func() error
}

// hook is for a doctor, which sends one command after the other.
func (d *disturbed) hook(command string, apply func() error) error {
	at := d.seen
	d.seen++
	if at != d.n {
		return apply()
	}
	d.acted, d.command = true, command
	d.act()
	if d.late {
		d.delayed = apply
		return organization.ErrLost
	}
	return apply()
}

// unmended returns what contradicts when all is quiet, but for strangers' ghosts, which are kept.
func (w *world) unmended() []string {
	w.Helper()
	return slices.DeleteFunc(w.Violations(w), func(bad string) bool {
		return strings.HasPrefix(bad, "ghost_of_a_stranger")
	})
}

// lostTo returns what a client was promised and has not got, or has lost. The
// documents that acme had are in docs.
func (w *world) lostTo(what string, acked bool, acme organization.Organization, docs string) []string {
	w.Helper()
	keys := map[string]organization.Organization{}
	for _, o := range w.Living(w) {
		keys[o.Key] = o
	}
	var bad []string
	want := "acme"
	switch {
	case !acked:
	case what == "a create":
		if keys["strange"].ID.IsZero() || w.Held(w, "org_strange") != "s1" {
			bad = append(bad, "an acknowledged organization has lost its documents: "+strings.Join(w.db.Names(), " "))
		}
	case what == "a data writer":
		docs = strings.TrimSpace(docs + " d2")
	case what == "a rename to the name":
		want = "strange"
	case what == "a rename away":
		want = "beta"
	case what == "a deletion":
		if !keys["acme"].ID.IsZero() {
			bad = append(bad, "what was deleted is there")
		}
		return bad
	}
	if keys[want].ID != acme.ID || w.Held(w, "org_"+want) != docs {
		bad = append(bad, fmt.Sprintf("acme does not live under %s with %q: %v", want, docs, w.db.Names()))
	}
	return bad
}

// TestService_Repair_eachApart: a repair that another worker was faster with,
// one that fails and one whose answer does not come end nothing; every other is done.
func TestService_Repair_eachApart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		command string
		err     func(w *world, apply func() error) error // of the first such command
		want    organization.Repaired
		left    []string
	}{
		"undisturbed": {want: organization.Repaired{Mended: 5}, left: []string{"ghost_of_a_stranger"}},
		"the claim is there already": {
			command: "claims.insert",
			err: func(w *world, _ func() error) error {
				o := w.Living(w)[0]
				return w.Store.Claims.Insert(w.Context(), organization.Claim{Key: o.Key, OrgID: o.ID, ID: o.ClaimID})
			},
			want: organization.Repaired{Mended: 4, Changed: 1}, left: []string{"ghost_of_a_stranger"},
		},
		"the claim cannot be made": {
			command: "claims.insert", err: func(*world, func() error) error {
				return errors.New("not today")
			},
			want: organization.Repaired{Mended: 3, Changed: 1, Failed: 1},
			left: []string{"claim_missing", "collection_missing", "ghost_of_a_stranger"},
		},
		"an answer is lost": {
			command: "claims.insert", err: func(*world, func() error) error { return organization.ErrLost },
			want: organization.Repaired{Mended: 5}, left: []string{"ghost_of_a_stranger"},
		},
		"an answer is lost, and what it told was done": {
			command: "claims.insert", err: func(_ *world, apply func() error) error {
				_ = apply()
				return organization.ErrLost
			},
			want: organization.Repaired{Mended: 5}, left: []string{"ghost_of_a_stranger"},
		},
		"an admin cannot be deleted": {
			command: "admins.delete", err: func(*world, func() error) error {
				return errors.New("not today")
			},
			want: organization.Repaired{Mended: 4, Failed: 1},
			left: []string{"admin_of_dead_organization", "ghost_of_a_stranger"},
		},
		"a move is not answered": {
			command: "collections.rename", err: func(*world, func() error) error {
				return organization.ErrLost
			},
			want: organization.Repaired{Mended: 4, Failed: 1}, left: []string{"collection_unexplained"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.Found(t, "Acme", "a@acme.io")
			w.Put(t, "org_strange", "s", "stranger")
			w.unclaim("acme")
			w.db.Drop("org_acme")
			w.claim(organization.Claim{Key: "dead", OrgID: fixedID(7), ID: fixedID(5)})
			w.admin(organization.Admin{ID: fixedID(6), OrgID: fixedID(7), Email: "x@acme.io", Rev: 1})
			doctor := w.Hooked(first(c.command, func(apply func() error) error {
				if err := c.err(w, apply); err != nil {
					return err
				}
				return apply()
			}))
			got, err := doctor.Repair(t.Context())
			if err != nil || got != c.want {
				t.Errorf("Repair() = %+v, %v, want %+v", got, err, c.want)
			}
			w.Quiet(t)
			var left []string
			for _, kind := range w.kinds() {
				if kind != "ghost" {
					left = append(left, kind)
				}
			}
			if !slices.Equal(left, c.left) {
				t.Errorf("left are %v, want %v", left, c.left)
			}
		})
	}
}

// TestService_Repair_changed: what a client has done between the examination and
// a repair is read before the repair acts; then it does nothing.
func TestService_Repair_changed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		plant func(w *world)
		act   func(w *world, who token.Principal)
	}{
		"the collection has an organization now, whose claim is missing": {
			plant: contradictions()["an empty collection that nobody explains"],
			act: func(w *world, _ token.Principal) {
				w.Found(w, "Strange", "s@strange.io")
				w.unclaim("strange")
			},
		},
		"the organization without a claim is deleted": {
			plant: contradictions()["a missing claim"], act: remove,
		},
		"the organization without a collection is renamed": {
			plant: contradictions()["a missing collection"],
			act: func(w *world, who token.Principal) {
				must.Do(w, must.Err(w.Update(w.Context(), who, organization.Change{Name: ptr("Beta")})))
			},
		},
		"the organization without a collection is deleted": {
			plant: contradictions()["a missing collection"], act: remove,
		},
		"the claim is another": {
			plant: contradictions()["a settled claim that nobody refers to"],
			act: func(w *world, _ token.Principal) {
				w.unclaim("strange")
				w.claim(organization.Claim{Key: "strange", OrgID: fixedID(7), ID: fixedID(4)})
			},
		},
		"the admin has an organization": {
			plant: contradictions()["an admin of nobody"],
			act: func(w *world, _ token.Principal) {
				o := organization.Organization{
					ID: fixedID(7), Key: "strange", State: organization.Active, AdminID: fixedID(6), Rev: 1,
				}
				must.Do(w, w.Store.Organizations.Insert(w.Context(), o))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			who := w.Found(t, "Acme", "a@acme.io")
			c.plant(w)
			examined := false
			// one of them begins a repair
			first := []string{"claims.insert", "claims.raise", "organizations.findLinearizable"}
			// the collections as the client leaves them
			var before []string
			doctor := w.Hooked(func(command string, apply func() error) error {
				switch {
				case command == "backlog.organizations":
					examined = true
				case examined && slices.Contains(first, command) && before == nil:
					c.act(w, who)
					before = w.db.Names()
				}
				return apply()
			})
			got, err := doctor.Repair(t.Context())
			if err != nil || got != (organization.Repaired{Changed: 1}) {
				t.Errorf("Repair() = %+v, %v, want one that has changed", got, err)
			}
			if !slices.Equal(before, w.db.Names()) {
				t.Errorf("there were %v, and are %v", before, w.db.Names())
			}
			if _, err := w.Store.Claims.Find(t.Context(), "strange"); len(w.Living(t)) == 2 && err == nil {
				t.Error("the doctor keeps a name that it has no use for")
			}
			if len(w.db.Admins()) != len(w.Living(t)) {
				t.Errorf("%d admins are there, want %d", len(w.db.Admins()), len(w.Living(t)))
			}
		})
	}
}

// remove deletes Acme.
func remove(w *world, who token.Principal) {
	must.Do(w, must.Err(w.Delete(w.Context(), who, organization.Deletion{Name: "Acme"})))
}

// TestService_Repair_holds: what was moved away leaves a name that is held for as long as the move may act.
func TestService_Repair_holds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Put(t, "org_strange", "s", "stranger")
	var late func() error
	doctor := w.Hooked(first("collections.rename", func(apply func() error) error {
		late = apply
		return organization.ErrLost
	}))
	must.Do(t, must.Err(doctor.Repair(t.Context())))
	w.db.Drop("org_strange") // its owner
	end := w.Clock.Now().Add(organization.Lease + organization.LateBound)
	for ; w.Clock.Now().Before(end); w.Clock.Advance(5 * time.Second) {
		must.Do(t, must.Err(w.Reconcile(t.Context())))
		_, err := w.Create(t.Context(), creation("Strange", "s@strange.io"))
		wantCode(t, "who comes while the move may still come", err, "organization_name_held")
	}
	_ = late()
	w.Quiet(t)
	w.Found(t, "Strange", "s@strange.io")
	if bad := w.unmended(); bad != nil {
		t.Error(bad)
	}
}

// TestService_Repair_fences: who looked for a claim in vain, before the doctor
// made it, does not go on and leave a name that nobody holds for it.
func TestService_Repair_fences(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	who := w.Found(t, "Acme", "a@acme.io")
	w.unclaim("acme")
	client := w.Hooked(first("organizations.compareAndSwap", func(apply func() error) error {
		if got, err := w.Repair(t.Context()); err != nil || got != (organization.Repaired{Mended: 1}) {
			t.Errorf("Repair() = %+v, %v, want one mended", got, err)
		}
		return apply()
	}))
	if _, err := client.Update(t.Context(), who, organization.Change{Name: ptr("Beta")}); err != nil {
		answered(t, err)
	}
	w.Put(t, "org_acme", "d1", "of a data writer that asked a moment ago")
	w.Quiet(t)
	w.WantSound(t)
	if o := w.Living(t)[0]; w.Held(t, o.Collection) != "d1" {
		t.Errorf("%s holds %q, want d1", o.Collection, w.Held(t, o.Collection))
	}
}

// TestService_Repair_catchesUp: reconcile goes on for as long as it gets anywhere, lease by lease.
func TestService_Repair_catchesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 500 {
		w.claim(organization.Claim{
			Key: fmt.Sprint("dead ", n), OrgID: fixedID(7), ID: fixedID(5), Until: w.Clock.Now().Add(-time.Second),
		})
	}
	doctor := w.Hooked(func(_ string, apply func() error) error {
		w.Clock.Advance(50 * time.Millisecond)
		return apply()
	})
	if r, err := doctor.Reconcile(t.Context()); err != nil || r.Complete {
		t.Fatalf("Reconcile() = %+v, %v, want more than it can do in one run", r, err)
	}
	if _, err := doctor.Repair(t.Context()); err != nil || len(w.db.Claims()) != 0 {
		t.Errorf("Repair() = %v, and %d claims are left, want none", err, len(w.db.Claims()))
	}
	slow := w.Hooked(func(_ string, apply func() error) error {
		w.Clock.Advance(organization.Lease)
		return apply()
	})
	wantCode(t, "a repair that has no time for reconcile", must.Err(slow.Repair(t.Context())), "")
}

// TestService_Repair_cannotRead: without a database there is nothing to count.
func TestService_Repair_cannotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.Hooked(func(string, func() error) error { return organization.ErrLost }).Repair(t.Context())
	wantCode(t, "a repair without a database", err, "storage_unavailable")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantCode(t, "a repair of a cancelled context", must.Err(w.Repair(ctx)), "storage_unavailable")
}

// unclaim takes the claim on key away, as nobody may.
func (w *world) unclaim(key string) {
	w.Helper()
	c := must.Get(w.Store.Claims.Find(w.Context(), key))(w)
	if ok, err := w.Store.Claims.Delete(w.Context(), c); err != nil || !ok {
		w.Fatal(ok, err)
	}
}

func (w *world) claim(c organization.Claim) {
	w.Helper()
	must.Do(w, w.Store.Claims.Insert(w.Context(), c))
}

func (w *world) admin(a organization.Admin) {
	w.Helper()
	must.Do(w, w.Store.Admins.Insert(w.Context(), a))
}
