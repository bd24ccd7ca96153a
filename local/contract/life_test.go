package contract_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// hold is longer than any name is held: 80 s, and 2 s more for clocks (contract, Names).
const hold = 82 * time.Second

// testHeldNames: how long a name that was given up is held, and for whom.
func testHeldNames(t *testing.T, h *host) {
	for _, tc := range []struct {
		name   string
		giveUp func(t *testing.T, f founded)
	}{
		{"after a rename", func(t *testing.T, f founded) {
			h.as(t, f.token).put("/org/update", fields{"organization_name": freshName("Elsewhere")}).want(http.StatusOK)
		}},
		{"after a delete", func(t *testing.T, f founded) {
			h.as(t, f.token).delete("/org/delete", nil, named(f.Name)).want(http.StatusOK)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := h.found(t, "Held")
			other := h.found(t, "Other")
			tc.giveUp(t, f)
			for who, r := range map[string]reply{
				"a creator":          h.create(t, f.Name, freshEmail(), freshPassword()),
				"a creator, by key":  h.create(t, strings.ToUpper(f.Name), freshEmail(), freshPassword()),
				"the former owner":   h.create(t, f.Name, f.Email+"x", f.password),
				"one who is renamed": h.as(t, other.token).put("/org/update", fields{"new_organization_name": f.Name}),
			} {
				r.refused(http.StatusConflict, "organization_name_held")
				if s := seconds(r); s < 60 || s > 81 {
					t.Errorf("%s is told to wait %d s, want a little over a minute", who, s)
				}
			}
			h.pass(t, f.key(), 60*time.Second)
			h.create(t, f.Name, freshEmail(), freshPassword()).refused(http.StatusConflict, "organization_name_held")
			h.pass(t, f.key(), hold-60*time.Second)
			again := viewOf(h.create(t, f.Name, freshEmail(), freshPassword()).want(http.StatusCreated))
			if again.Collection != f.Collection || again.ID == f.ID {
				t.Errorf("again it is %+v, was %+v", again, f.view)
			}
		})
	}
	t.Run("its former owner too may not take it back", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Back")
		h.as(t, f.token).put("/org/update", fields{"organization_name": freshName("Forth")}).want(http.StatusOK)
		h.as(t, f.token).put("/org/update", fields{"organization_name": f.Name}).refused(http.StatusConflict,
			"organization_name_held")
		h.pass(t, f.key(), hold)
		is, _ := updated(h.as(t, f.token).put("/org/update", fields{"organization_name": f.Name}).want(http.StatusOK))
		if is.ID != f.ID || is.Collection != f.Collection {
			t.Errorf("it is %+v, was %+v", is, f.view)
		}
	})
}

// testCreators: of twelve who want one name, or one address, one gets it. Who
// asks while the first has claimed the name and not begun to create hears that
// it is held, for it may yet come to nothing.
func testCreators(t *testing.T, h *host) {
	const creators, rounds = 12, 3 // a hundred rounds are make stress's, without HTTP
	for _, tc := range []struct {
		name  string
		codes []string
		each  func(shared string) fields
	}{
		{"one name", []string{"organization_name_taken", "organization_name_held"}, func(shared string) fields {
			return creation("Race "+shared, freshEmail(), freshPassword())
		}},
		{"one address", []string{"admin_email_taken"}, func(shared string) fields {
			return creation(freshName("Race"), planted+"."+shared+"@mail.example", planted+" of "+shared)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for range rounds {
				shared := suffix()
				replies := parallel(creators,
					func(int) reply { return h.anyone(t).post("/org/create", tc.each(shared)) })
				created := 0
				for _, r := range replies {
					if r.status == http.StatusCreated {
						created++
						continue
					}
					code := decode[problem](r).Code
					if r.status != http.StatusConflict || !slices.Contains(tc.codes, code) {
						t.Errorf("%s = %d %s, want 409 %q", r.what, r.status, r.body, tc.codes)
					}
				}
				if created != 1 {
					t.Errorf("%d of %d were created, want one", created, creators)
				}
			}
		})
	}
}

// parallel calls f n times at once.
func parallel(n int, f func(int) reply) []reply {
	replies := make([]reply, n)
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-begin
			replies[i] = f(i)
		})
	}
	close(begin)
	all.Wait()
	return replies
}
