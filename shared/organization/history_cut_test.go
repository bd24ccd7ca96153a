package organization_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"oms/shared/organization"
	"oms/shared/organization/memory"
	"oms/shared/organization/organizationtest"
)

// severed is a primary that was cut off, with what it had then.
type severed struct {
	*memory.Database
	began time.Time
}

func (s *severed) until() time.Time { return s.began.Add(memory.ElectionTimeout) }

// over reports whether there is none, or it has stepped down.
func (s *severed) over() bool { return s == nil || !time.Now().Before(s.until()) }

// severed returns the primary that is cut off now, if any.
func (h *history) severed() *severed {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.old.over() {
		return nil
	}
	return h.old
}

// sever cuts the primary off, where none is cut off now: its clients find the
// new one sooner or later. It returns the old one.
func (h *history) sever() *severed {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.old.over() {
		h.old = &severed{h.Cut(), time.Now()}
	}
	return h.old
}

// meets says when the caller finds the primary after the old one, where it
// knows nothing of either: it does not go back.
func (c *caller) meets(old *severed, finds time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.met != old {
		c.met, c.finds = old, finds
	}
}

// where is the server that answers the caller's next command. One that was cut
// off answers those that have not found the next one yet: by chance, whoever
// was there before, or comes while it lasts.
func (c *caller) where(concern memory.Concern) *memory.Database {
	old := c.h.severed()
	if old == nil {
		return c.h.Database
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.met != old {
		c.met, c.finds = old, time.Time{}
		d := c.h.dice(c.name, "finds", old.began.Sub(c.h.began))
		switch {
		case c.loyal:
			c.finds = old.until()
		case !c.spare && d.IntN(2) == 0:
			c.finds = time.Now().Add(upTo(d, time.Until(old.until())))
		}
	}
	if !time.Now().Before(c.finds) {
		return c.h.Database
	}
	c.misled = c.misled || concern == memory.Local
	c.h.trace("%s: %s at the primary that was cut off", c.name, concern)
	return old.Database
}

// doubtful reports whether a primary that was cut off has answered the caller: then
// what it was told may be as old as that, or never have been. A reader that
// must know better asks again.
func (c *caller) doubtful() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.misled
}

// deceived returns the service of one call that suffers nothing but to talk to
// a primary that was cut off as long as that lasts.
func (h *history) deceived(call string) *caller {
	c := h.spared(call)
	c.loyal = true
	return c
}

// decides reports whether the command with that name decides something.
func decides(name string) bool {
	switch name {
	case "begin rename", "begin delete", "insert organization", "commit", "show", "take over", "admins.change",
		"requests.insert", "requests.takeOver":
		return true
	}
	return false
}

// undone: a decision is rolled back, and others come in the seconds after.
func (h *history) undone(c *caller, s command, d *rand.Rand) ill {
	for range 3 {
		h.hunt(time.Now().Add(upTo(d, memory.ElectionTimeout)), h.act)
	}
	if s.to != "" {
		h.hunt(time.Now().Add(upTo(d, 5*time.Second)), func(who string) {
			_ = h.create(h.caller(who), creation(s.to, fmt.Sprintf("%s@hunt.io", who[len("hunter "):])))
		})
	}
	if s.name == "requests.insert" {
		h.again(c.asks, d)
	}
	h.hunt(c.began.Add(organization.Lease+grace+upTo(d, 2*time.Second)), func(who string) {
		_, _ = h.caller(who).Reconcile(h.t.Context())
	})
	return ill{kind: "cut off"}
}

// again lets a client ask for what it may have got already, with the same key,
// when that has been deleted and nothing is in the way any more.
func (h *history) again(c organization.Creation, d *rand.Rand) {
	h.hunt(time.Now().Add(10*time.Second+upTo(d, 10*time.Second)), func(who string) {
		for _, a := range h.Admins() {
			if a.Email == c.Email {
				h.delete(h.spared(who), organizationtest.PrincipalOf(a, time.Now()))
			}
		}
	})
	h.hunt(time.Now().Add(2*organization.Lease+2*organization.LateBound), func(who string) {
		_ = h.create(h.caller(who), c)
	})
}

// unseen: a decision is taken late in a lease, and the primary is cut off
// before it. When the claim that it stands on has run out, others look there
// for who has the name.
func (h *history) unseen(c *caller, s command, d *rand.Rand) ill {
	ends := c.began.Add(organization.Lease + grace)
	last := time.Now().Add(memory.ElectionTimeout)
	for range 2 {
		h.hunt(ends.Add(upTo(d, last.Sub(ends))), func(who string) {
			_ = h.create(h.deceived(who), creation(s.to, fmt.Sprintf("%s@hunt.io", who[len("hunter "):])))
		})
	}
	h.hunt(ends.Add(upTo(d, last.Sub(ends))), func(who string) {
		_, _ = h.deceived(who).Reconcile(h.t.Context())
	})
	return ill{kind: "unseen"}
}
