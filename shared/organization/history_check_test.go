package organization_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
)

// watch holds what must be true at every moment.
func (h *history) watch() {
	keys := map[string]int{}
	for _, o := range h.Organizations() {
		if !o.State.Visible() {
			continue
		}
		keys[o.Key]++
		if keys[o.Key] > 1 {
			h.say("two visible organizations have the key %s", o.Key)
		}
		for _, id := range h.ids(o.Collection) {
			h.mu.Lock()
			owner, ok := h.wrote[id]
			h.mu.Unlock()
			if ok && owner.org != o.ID {
				h.say("a document of %s is visible in %s", owner.org, o.ID)
			}
		}
	}
}

// check holds the invariants when all is quiet.
func (h *history) check() {
	w := organizationtest.NewWorld(h.Store(), h.Database)
	living := map[organization.ID]organization.Organization{}
	lives := map[string]organization.Organization{} // by collection
	for _, o := range w.Living(h.t) {
		living[o.ID], lives[o.Collection] = o, o
	}
	for _, bad := range w.Violations(h.t) {
		kind, rest, _ := strings.Cut(bad, ": ")
		subject, _, _ := strings.Cut(rest, ":")
		switch {
		case kind == "collection_missing" && h.dropped[lives[subject].ID]:
			// What its data service dropped is made again by the next writer.
		case kind == "ghost_of_a_stranger" && h.outside:
		case kind == "collection_unexplained" && h.strangers(subject):
		default:
			h.say("%s", bad)
		}
	}
	for id := range h.made {
		if _, ok := living[id]; !ok && !h.gone[id] {
			h.say("the acknowledged organization %s is gone", id)
		}
	}
	for id := range h.indexed {
		if o, ok := living[id]; ok && h.indexed[id] && h.indexes(o.Collection) != 1 {
			h.say("the index of %s is lost", id)
		}
	}
	h.checkDocuments(living)
	h.checkWishes(living)
	h.ask()
}

// strangers reports whether all that a collection holds is other applications'.
func (h *history) strangers(collection string) bool {
	for _, id := range h.ids(collection) {
		if !h.wrote[id].org.IsZero() {
			return false
		}
	}
	return h.strayed[collection]
}

// checkDocuments: what a living organization's data service was acknowledged is
// in the organization's collection, once, and what is another application's is kept.
func (h *history) checkDocuments(living map[organization.ID]organization.Organization) {
	where := map[string][]string{}
	for _, collection := range h.Names() {
		for _, id := range h.ids(collection) {
			where[id] = append(where[id], collection)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(h.wrote)) {
		doc, there := h.wrote[id], where[id]
		o, lives := living[doc.org]
		switch {
		case doc.removed:
		case doc.org.IsZero():
			if len(there) != 1 || strings.HasPrefix(id, "foreign-") &&
				there[0] != organization.CollectionName(keyOf(foreign)) {
				h.say("another application's document %s is in %q", id, there)
			}
		case lives && !slices.Equal(there, []string{o.Collection}):
			h.say("the acknowledged document %s of %s is in %q, not in %s alone", id, o.ID, there, o.Collection)
		}
	}
}

// wanted is a change that somebody asked for.
type wanted struct {
	key, email, password string // empty: none of it
	began, ended         time.Time
	code                 string // the answer: empty for success
}

// perhaps reports whether the change may have happened.
func (w *wanted) perhaps() bool { return w.code == "" || w.code == "storage_unavailable" }

// after reports whether the change may have happened after o did.
func (w *wanted) after(o *wanted) bool {
	return w != o && w.perhaps() && (w.code != "" || w.ended.After(o.began))
}

// checkWishes: a password is that of a change that was not followed by an
// acknowledged one, and what else that change was to do it has done: no change
// has happened by half.
func (h *history) checkWishes(living map[organization.ID]organization.Organization) {
	for _, a := range h.Admins() {
		changes := h.changes[a.OrgID]
		at := slices.IndexFunc(changes, func(w *wanted) bool { return w.password == a.Password.Hash })
		made := &wanted{password: organizationtest.Password}
		if at >= 0 {
			made = changes[at]
		} else if a.Password.Hash != organizationtest.Password {
			h.say("nobody asked for the password of %s", a.Email)
		}
		if !made.perhaps() {
			h.say("the password of %s is that of a change that was answered %s", a.Email, made.code)
		}
		others := func(field func(*wanted) string) bool {
			return slices.ContainsFunc(changes, func(w *wanted) bool { return field(w) != "" && w.after(made) })
		}
		for _, w := range changes {
			if w.password != "" && w.code == "" && w != made && made.code == "" && w.began.After(made.ended) {
				h.say("the password of %s is older than an acknowledged change", a.Email)
			}
		}
		if made.email != "" && a.Email != made.email && !others(func(w *wanted) string { return w.email }) {
			h.say("%s has a password that came with the email %s", a.Email, made.email)
		}
		if key := living[a.OrgID].Key; made.key != "" && key != made.key &&
			!others(func(w *wanted) string { return w.key }) {
			h.say("%s has a password that came with the name %s", key, made.key)
		}
	}
}

// ask reads every name and email once more, and creates what nobody has: no
// name and no email is refused that no living organization has.
func (h *history) ask() {
	for n, name := range h.names {
		h.get(h.spared("last get "+name), name, false)
		_, err := h.Store().Organizations.FindVisible(h.t.Context(), keyOf(name))
		collection := organization.CollectionName(keyOf(name))
		taken := err == nil || len(h.ids(collection)) > 0 && h.strangers(collection)
		err = h.create(h.spared("last "+name), creation(name, fmt.Sprintf("fresh%d@acme.io", n)))
		if (err == nil) == taken {
			h.say("%s is taken: %v, and creating it says %v", name, taken, err)
		}
	}
	for n, email := range h.emails {
		h.login(h.spared("last login "+email), email)
		taken := slices.ContainsFunc(h.Admins(), func(a organization.Admin) bool { return a.Email == email })
		err := h.create(h.spared("last "+email), creation(fmt.Sprint("Fresh", n), email))
		if (err == nil) == taken {
			h.say("%s is taken: %v, and creating with it says %v", email, taken, err)
		}
	}
	for _, a := range h.Admins() {
		h.get(h.spared("last look at "+a.Email), h.nameOf(a.OrgID), false)
		who := organizationtest.PrincipalOf(a, time.Now())
		if _, err := h.spared("last token of "+a.Email).Get(h.t.Context(), who, h.nameOf(a.OrgID)); err != nil {
			h.say("the token of a living organization's admin is answered %v", err)
		}
	}
}
