package mongo_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"oms/shared/mongo/mongotest"
	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
)

// TestDataApart: another service goes on writing under the names of
// organizations that were renamed or deleted, for as long as it likes, while
// somebody else wants those names. Nothing of it is ever seen in the other's
// collection. The one thing that nobody can promise is left out: a write under
// a name older than a minute that is the other's already (protocol.md, at its end).
func TestDataApart(t *testing.T) {
	mongotest.Long(t)
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		t.Run("reconcile runs all the time", func(t *testing.T) {
			t.Parallel()
			testApart(t, newWorld(t, e), true)
		})
		t.Run("reconcile runs late", func(t *testing.T) {
			t.Parallel()
			testApart(t, newWorld(t, e), false)
		})
	})
}

// given is a name that was given up.
type given struct {
	name, collection string
	moment           time.Duration // when it is written under, after it was given up
	owned            bool          // by somebody else
}

// testApart gives up names, and lets time pass over all of them: at its moment
// each is written under, and at each moment each is wanted. Reconcile runs at
// each moment, or only after all of them.
func testApart(t *testing.T, w *organizationtest.World, reconciling bool) {
	ctx := t.Context()
	// While a writer may, at the hold's last and first moments after, and much later.
	moments := []time.Duration{
		0, 30 * time.Second, organization.LateBound, 78 * time.Second, 79 * time.Second, 80 * time.Second,
		100 * time.Second, 10 * time.Minute,
	}
	var names []*given
	for i, moment := range moments {
		for _, how := range []string{"renamed", "deleted"} {
			g := &given{name: fmt.Sprintf("Wanted %d %s", i, how), moment: moment}
			g.collection = collectionOf(t, g.name)
			who := w.Found(t, g.name, "old."+g.collection+"@example.com")
			if how == "deleted" {
				must.Do(t, must.Err(w.Delete(ctx, who, organization.Deletion{Name: g.name})))
			} else {
				name := "New " + g.name
				must.Do(t, must.Err(w.Update(ctx, who, organization.Change{Name: &name})))
			}
			names = append(names, g)
		}
	}
	written, passed := 0, time.Duration(0)
	for step := range len(moments) + 8 {
		next := passed + 45*time.Second
		if step < len(moments) {
			next = moments[step]
		}
		w.Clock.Advance(next - passed)
		passed = next
		if reconciling || step >= len(moments) {
			must.Do(t, must.Err(w.Reconcile(ctx)))
		}
		for _, g := range names {
			switch {
			case g.owned || passed < g.moment && g.moment > organization.LateBound:
				// Wanted only when it has been written under: the other way round nothing is promised.
			case passed == g.moment && passed <= organization.LateBound:
				// While it may be written under, that happens as the name is wanted.
				var both sync.WaitGroup
				both.Go(func() {
					for i := range 5 {
						w.Put(t, g.collection, fmt.Sprintf("%s/%d", g.collection, i), "v")
					}
				})
				g.want(t, w)
				both.Wait()
				written += 5
			case passed == g.moment:
				w.Put(t, g.collection, g.collection+"/late", "v")
				written++
				g.want(t, w)
			default:
				g.want(t, w)
			}
			if g.owned && passed <= organization.LateBound {
				t.Errorf("%s was given out %v after it was given up", g.name, passed)
			}
		}
	}
	w.Quiet(t)
	for _, o := range w.Living(t) {
		of, was := strings.CutPrefix(o.Name, "New ")
		for id := range strings.FieldsSeq(w.Held(t, o.Collection)) {
			if !was || !strings.HasPrefix(id, collectionOf(t, of)+"/") {
				t.Errorf("%s of %q holds %q", o.Collection, o.Name, id)
			}
		}
		if was && slices.ContainsFunc(names, func(g *given) bool {
			return g.name == of &&
				g.moment <= organization.LateBound
		}) {
			if n := len(strings.Fields(w.Held(t, o.Collection))); n != 5 {
				t.Errorf("%s holds %d of the 5 documents that were written in time", o.Collection, n)
			}
		}
	}
	// A collection that was made under a name that was free again is nobody's,
	// is reported, and keeps the name from being given out: as promised.
	w.WantSound(t, "org_wanted_")
	owned := 0
	for _, g := range names {
		if g.owned {
			owned++
		}
	}
	t.Logf("%d documents were written under names that had been given up; %d names have a new owner, %d are kept "+
		"from everybody", written, owned, len(names)-owned)
	if owned == 0 {
		t.Error("no name was given to anybody: this has tested nothing")
	}
}

// want has somebody else ask for the name, and looks at what is in the
// collection where it is given.
func (g *given) want(t *testing.T, w *organizationtest.World) {
	t.Helper()
	_, err := w.Create(t.Context(), organization.Creation{
		Name: g.name, Email: "new." + g.collection + "@example.com", Password: organizationtest.Password,
	})
	if err != nil {
		if code := organizationtest.Code(err); code != "organization_name_held" && code != "organization_name_taken" {
			t.Errorf("wanting %s: %v", g.name, err)
		}
		return
	}
	g.owned = true
	if held := w.Held(t, g.collection); held != "" {
		t.Errorf("the new owner of %s finds %q", g.name, held)
	}
}
