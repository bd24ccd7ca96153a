package organization_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
	"oms/shared/throttle/throttletest"
)

// caller is one call's service and worker.
type caller struct {
	*organization.Service
	h     *history
	name  string
	began time.Time
	spare bool // it suffers nothing
	loyal bool // it talks to a primary that was cut off as long as that lasts
	store organization.Store
	asks  organization.Creation // a creation's

	mu       sync.Mutex
	dead     bool
	helps    bool // it has taken over somebody's operation
	nth      map[string]int
	creation organization.ID           // what it sent, to be inserted
	update   organization.Organization // what it began to change
	met      *severed                  // the last primary cut off that it knows of
	finds    time.Time                 // when it finds the one after that
	misled   bool                      // one that was cut off has answered it
}

// command is one command on its way, with what a directed search looks at.
type command struct {
	name     string
	org      organization.ID
	from, to string // keys
}

// service returns the service of one call, whose commands suffer.
func (h *history) service(call string) *caller { return h.newCaller(call, false) }

// caller is service, with the name that it has as a client.
func (h *history) caller(call string) *caller { return h.newCaller(call, false) }

// spared returns the service of one call that suffers nothing.
func (h *history) spared(call string) *caller { return h.newCaller(call, true) }

func (h *history) newCaller(call string, spare bool) *caller {
	c := &caller{h: h, name: call, began: time.Now(), spare: spare, nth: map[string]int{}}
	skew := time.Duration(0) // of this worker's clock; late commands and data writers keep true time
	if h.aim == "" {
		skew = upTo(h.dice("clock", call), 2*time.Second)
	}
	raw := h.Client(c.where)
	s := organizationtest.Hooked(raw, func(name string, apply func() error) error {
		return c.send(command{name: name}, apply)
	})
	s.Organizations = seenOrganizations{s.Organizations, raw.Organizations, c}
	s.Collections = seenCollections{s.Collections, raw.Collections, c}
	if h.without.take != nil {
		s = h.without.take(c.began.Add(skew), s)
	}
	c.store = s
	c.Service = organization.New(organization.Config{
		Store: s, Passwords: organizationtest.Plain{}, Guard: throttletest.NewGuard(nil), Secret: []byte("secret"),
		Retention: 2 * time.Minute, ReauthenticateAfter: time.Hour,
		Now: func() time.Time { return time.Now().Add(skew) }, Log: slog.New(slog.DiscardHandler),
	})
	return c
}

// inserted returns the organization that this call has sent to be inserted, if any.
func (c *caller) inserted() organization.ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.creation
}

// started returns the organization as the update of this call has begun it, if any.
func (c *caller) started() organization.Organization {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.update
}

// ill is what happens to a command.
type ill struct {
	// "", "die before", "die after", "lost", "dropped", "late", "late and dead", "stall", "cut off" or "unseen"
	kind string
	by   time.Duration // late: after the worker's beginning; stall: how long
}

// send carries a command out, or lets it suffer.
func (c *caller) send(s command, apply func() error) error {
	c.mu.Lock()
	if c.dead {
		c.mu.Unlock()
		return context.Canceled
	}
	c.nth[s.name]++
	d := c.h.dice(c.name, s.name, c.nth[s.name])
	c.mu.Unlock()
	c.h.note(func() { c.h.commands++ })
	pause := func() { time.Sleep(time.Duration(1+d.IntN(25_000)) * time.Microsecond) }
	pause()
	what := ill{}
	if !c.spare && !c.h.calm() {
		what = c.h.misfortune(c, s, d)
	}
	if what.kind != "" {
		c.h.note(func() { c.h.faults++ })
	}
	checked := func() error {
		err := apply()
		c.h.trace("%s: %s %s %s %s: %v %s", c.name, s.name, s.org, s.from, s.to, err, what.kind)
		c.h.watch()
		return err
	}
	const timeout = 2 * time.Second // of a command
	switch what.kind {
	case "die before":
		return c.die()
	case "die after":
		_ = checked()
		return c.die()
	case "lost":
		_ = checked()
		time.Sleep(timeout)
		return organization.ErrLost
	case "dropped":
		time.Sleep(timeout)
		return organization.ErrLost
	case "late", "late and dead":
		time.AfterFunc(time.Until(c.began.Add(what.by)), func() { _ = checked() })
		if what.kind == "late and dead" {
			return c.die()
		}
		time.Sleep(timeout)
		return organization.ErrLost
	case "stall":
		err := checked()
		time.Sleep(what.by)
		return err
	case "cut off":
		c.meets(c.h.sever(), time.Now().Add(upTo(d, 8*time.Second)))
	case "unseen":
		c.meets(c.h.sever(), time.Time{})
	}
	err := checked()
	if errors.Is(err, organization.ErrLost) {
		time.Sleep(timeout)
	}
	pause()
	return err
}

func (c *caller) die() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = true
	return context.Canceled
}

// bound is when the last command of a worker may take effect, after its beginning.
const bound = organization.Lease + organization.LateBound

// misfortune decides what a command suffers.
func (h *history) misfortune(c *caller, s command, d *rand.Rand) ill {
	if s.name == "begin rename" {
		h.strangerComes(s, d)
	}
	chance := h.chance
	if h.aim != "" {
		if what, aimed := h.aimAt(c, s, d); aimed {
			return what
		}
		chance /= 3
	} else if h.focus[0] != "" {
		chance = 0.01
		if slices.Contains(h.focus[:], s.name) {
			chance = h.focused
		}
	}
	if d.Float64() > chance {
		return ill{}
	}
	late := max(time.Since(c.began), upTo(d, bound))
	if d.IntN(2) == 0 {
		late = max(time.Since(c.began), bound-upTo(d, 4*time.Second))
	}
	what := []ill{
		{kind: "die before"},
		{kind: "die after"},
		{kind: "lost"},
		{kind: "dropped"},
		{"late", late},
		{"late and dead", late},
		{"stall", upTo(d, 100*time.Second)},
		{kind: "cut off"},
	}[d.IntN(8)]
	if d.IntN(3) == 0 {
		h.visit(c, what, d)
	}
	return what
}

// visit lets clients come just when what a command suffers matters: around the
// moment when it takes effect, and when its worker's operation may be taken over.
func (h *history) visit(c *caller, what ill, d *rand.Rand) {
	at := c.began.Add(organization.Lease + grace + upTo(d, 4*time.Second))
	if what.kind == "late" || what.kind == "late and dead" {
		at = c.began.Add(what.by - 2*time.Second + upTo(d, 3*time.Second))
	}
	for range 1 + d.IntN(3) {
		h.hunt(at.Add(upTo(d, time.Second)), func(who string) {
			if h.dice(who, "reconciles").IntN(4) == 0 {
				_, _ = h.service(who).Reconcile(h.t.Context())
				return
			}
			h.act(who)
		})
	}
}

// mutations are the commands that a history may focus on.
func mutations() []string {
	return []string{
		"insert organization", "swap", "show", "commit", "begin rename", "begin delete", "take over", "claims.insert",
		"claims.raise",
		"claims.replace", "claims.delete", "claims.release", "admins.insert", "admins.change", "admins.delete",
		"admins.deleteAll", "collections.create", "collections.drop", "move", "documents.insert", "documents.delete",
		"documents.copyIndexes", "requests.insert", "requests.takeOver", "requests.delete", "requests.finish",
	}
}

// seenOrganizations tells the history which swap it is, and what a creation inserts.
type seenOrganizations struct {
	organization.Organizations
	raw organization.Organizations
	c   *caller
}

func (s seenOrganizations) Insert(ctx context.Context, o organization.Organization) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.c.mu.Lock()
	if !s.c.dead {
		s.c.creation = o.ID
	}
	s.c.mu.Unlock()
	//nolint:contextcheck // who comes because of it works for the history, not for this command
	return s.c.send(command{name: "insert organization", org: o.ID, to: o.Key}, func() error {
		return s.raw.Insert(context.WithoutCancel(ctx), o)
	})
}

func (s seenOrganizations) CompareAndSwap(ctx context.Context, was, is organization.Organization) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	sent := command{name: "swap", org: was.ID, from: was.Key}
	if is.Op != nil {
		sent.to = is.Op.To
	}
	if was.State == organization.Active && is.State == organization.Updating {
		s.c.mu.Lock()
		s.c.update = is
		s.c.mu.Unlock()
	}
	switch {
	case was.State.Running() && !is.State.Running():
		sent.name = "commit"
	case takesOver(was, is):
		sent.name = "take over"
		s.c.mu.Lock()
		s.c.helps = true
		s.c.mu.Unlock()
	case was.State == organization.Active && is.State == organization.Updating && sent.to != "":
		sent.name = "begin rename"
	case was.State == organization.Active && is.State == organization.Deleting:
		sent.name = "begin delete"
	case was.State == is.State && was.Op == nil:
		sent.name = "show"
	}
	swapped := false
	err := s.c.send(sent, func() error { //nolint:contextcheck // likewise
		ok, err := s.raw.CompareAndSwap(context.WithoutCancel(ctx), was, is)
		swapped = ok
		return err
	})
	if err != nil {
		return false, err // swapped is a late command's to write
	}
	return swapped, nil
}

func takesOver(was, is organization.Organization) bool {
	return was.Op != nil && is.State.Running() && was.Op.Worker != is.Op.Worker
}

// seenCollections tells the history of moves.
type seenCollections struct {
	organization.Collections
	raw organization.Collections
	c   *caller
}

func (s seenCollections) Rename(ctx context.Context, from, to string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.c.send(command{name: "move", from: from, to: to}, func() error { //nolint:contextcheck // likewise
		return s.raw.Rename(context.WithoutCancel(ctx), from, to)
	})
}
