package organization_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
	"oms/shared/token"
)

// aims are the directed searches of random histories. Undirected ones (the
// empty aim) hit everything a little; a directed one makes one kind of command
// come late, and lets others come just when that matters.
func aims() []string {
	return []string{"", "writers", "decision", "creation", "take-over", "account", "cut", "stale"}
}

// grace is how long after its worker's lease an operation may be taken over.
const grace = 2 * time.Second

// aimAt decides what a command suffers in a directed history, where it is one
// that the search aims at.
func (h *history) aimAt(c *caller, s command, d *rand.Rand) (ill, bool) {
	switch {
	case h.aim == "writers" && (s.name == "begin rename" || s.name == "begin delete"):
		h.writersAndClaimers(c, s, d)
	case h.aim == "decision" && s.name == "begin rename" && d.IntN(4) > 0 && h.first(s.org):
		return h.lateDecision(c, s, d), true
	case h.aim == "creation" && s.name == "insert organization" && d.IntN(2) > 0:
		return h.lateCreation(c, s, d), true
	case h.aim == "take-over" && s.name == "begin rename" && d.IntN(4) > 0 && h.first(s.org):
		// The worker dies of its decision; whoever takes over comes in time to be next.
		at := c.began.Add(organization.Lease + grace + upTo(d, time.Second))
		h.hunt(at, func(who string) { h.get(h.caller(who), s.from, false) })
		return ill{kind: "die after"}, true
	case h.aim == "take-over" && s.name == "move" && c.helps && d.IntN(8) > 0:
		if o, ok := h.mover(s); ok {
			return h.lateMove(c, o, d), true
		}
	case h.aim == "account" && s.name == "admins.change" && !c.helps:
		if o := c.started(); o.Op != nil && o.Op.To != "" && o.Op.Admin.Email != "" && d.IntN(4) > 0 && h.first(o.ID) {
			return h.lateAccount(c, o, d), true
		}
	case h.aim == "cut" && decides(s.name) && d.IntN(2) == 0 && h.severed() == nil:
		return h.undone(c, s, d), true
	case h.aim == "stale" && s.name == "claims.insert" && !c.helps && d.IntN(2) == 0:
		return ill{"stall", 7*time.Second + upTo(d, 4*time.Second)}, true
	case h.aim == "stale" && (s.name == "begin rename" || s.name == "insert organization") && h.severed() == nil &&
		time.Since(c.began) > 7*time.Second:
		return h.unseen(c, s, d), true
	}
	return ill{}, false
}

// first reports whether the organization has not been aimed at yet.
func (h *history) first(org organization.ID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.hot[org]
	h.hot[org] = true
	return !was
}

// aimed reports whether the organization is aimed at.
func (h *history) aimed(org organization.ID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hot[org]
}

// hunt lets somebody come at t.
func (h *history) hunt(t time.Time, act func(who string)) {
	n := 0
	h.note(func() {
		h.hunters++
		n = h.hunters
	})
	h.hunts.Go(func() {
		time.Sleep(time.Until(t))
		act(fmt.Sprint("hunter ", n))
	})
}

// claimers want the name, at moments between two.
func (h *history) claimers(name string, from, to time.Time, d *rand.Rand) {
	for range 3 {
		h.hunt(from.Add(upTo(d, to.Sub(from))), func(who string) {
			_ = h.create(h.spared(who), creation(name, fmt.Sprintf("%s@hunt.io", who[len("hunter "):])))
		})
	}
}

// writersAndClaimers: a data service asks just before the organization leaves
// its name, and writes until the late bound; others want the name.
func (h *history) writersAndClaimers(c *caller, s command, d *rand.Rand) {
	asked := time.Now()
	v, err := h.spared(c.name+" asks").Get(h.t.Context(), token.Principal{}, s.from)
	if err == nil && v.ID == s.org {
		h.use(fmt.Sprint(c.name, " used ", asked.UnixMicro()), v, asked)
	}
	h.claimers(s.from, asked.Add(time.Second), asked.Add(organization.LateBound), d)
}

// lateDecision: a rename's decision comes late, when the claim that it stands
// on has run out and somebody has taken the name; then somebody finishes it.
func (h *history) lateDecision(c *caller, s command, d *rand.Rand) ill {
	by := organization.Lease + grace + 3*time.Second + upTo(d, 40*time.Second)
	h.claimers(s.to, c.began.Add(organization.Lease+grace), c.began.Add(by), d)
	h.hunt(c.began.Add(by+upTo(d, 2*time.Second)), func(who string) { h.get(h.spared(who), s.from, true) })
	return ill{"late and dead", by}
}

// lateCreation: likewise the organization of a creation.
func (h *history) lateCreation(c *caller, s command, d *rand.Rand) ill {
	by := organization.Lease + grace + 3*time.Second + upTo(d, 40*time.Second)
	h.claimers(s.to, c.began.Add(organization.Lease+grace), c.began.Add(by), d)
	h.hunt(c.began.Add(by+upTo(d, 2*time.Second)), func(who string) {
		_, _ = h.spared(who).Reconcile(h.t.Context())
	})
	return ill{"late and dead", by}
}

// mover returns the organization whose rename sends the move.
func (h *history) mover(s command) (organization.Organization, bool) {
	for _, o := range h.Organizations() {
		if o.State == organization.Updating && o.Op.To != "" &&
			s.from == organization.CollectionName(o.Op.From) && s.to == organization.CollectionName(o.Op.To) {
			return o, true
		}
	}
	return organization.Organization{}, false
}

// lateMove: a helper dies of its move, which comes at the end of the late
// bound. Until then the next helper has finished the rename, the organization
// has gone, and others want its first name.
func (h *history) lateMove(c *caller, o organization.Organization, d *rand.Rand) ill {
	by := bound - upTo(d, 2*time.Second)
	next := c.began.Add(organization.Lease + grace + upTo(d, time.Second))
	h.hunt(next, func(who string) { h.get(h.spared(who), o.Op.From, false) })
	h.hunt(next.Add(time.Second+upTo(d, 2*time.Second)), func(who string) {
		for _, a := range h.Admins() {
			if a.OrgID == o.ID {
				h.delete(h.spared(who), organizationtest.PrincipalOf(a, time.Now()))
			}
		}
	})
	h.claimers(o.Op.From, c.began.Add(by-13*time.Second), c.began.Add(by-time.Second), d)
	return ill{"late and dead", by}
}

// lateAccount: the change of an admin comes late. Until then somebody else has
// had the email, so that whoever took the update over has taken it back.
func (h *history) lateAccount(c *caller, o organization.Organization, d *rand.Rand) ill {
	email := o.Op.Admin.Email
	next := c.began.Add(organization.Lease + grace + upTo(d, time.Second))
	by := next.Sub(c.began) + 8*time.Second + upTo(d, 40*time.Second)
	h.hunt(time.Now().Add(upTo(d, 5*time.Second)), func(who string) {
		_ = h.create(h.spared(who), creation("Rival "+who, email))
	})
	h.hunt(next, func(who string) { h.get(h.spared(who), o.Key, false) })
	h.hunt(next.Add(2*time.Second+upTo(d, 4*time.Second)), func(who string) {
		for _, a := range h.Admins() {
			if a.Email == email {
				h.delete(h.spared(who), organizationtest.PrincipalOf(a, time.Now()))
			}
		}
	})
	return ill{"late and dead", by}
}
