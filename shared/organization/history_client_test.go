package organization_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"oms/shared/fault"
	"oms/shared/organization"
	"oms/shared/organization/linearizable"
	"oms/shared/organization/organizationtest"
	"oms/shared/token"
)

// step is one thing that one client does.
func (h *history) step(who string) {
	d := h.dice(who, "thinks")
	switch d.IntN(4) {
	case 0:
		time.Sleep(upTo(d, 60*time.Second))
	default:
		time.Sleep(upTo(d, 3*time.Second))
	}
	h.act(who)
}

// act is what a client does at once.
func (h *history) act(who string) {
	d := h.dice(who)
	name, email := h.names[d.IntN(len(h.names))], h.emails[d.IntN(len(h.emails))]
	account, ok := h.account(d)
	switch x := d.IntN(100); {
	case !ok || x < 25:
		c := creation(name, email)
		if d.IntN(2) == 0 {
			c.IdempotencyKey = fmt.Sprint("key ", d.IntN(6), name, email)
		}
		_ = h.create(h.caller(who), c)
	case x < 60:
		c := organization.Change{}
		all := h.aim == "account"
		if all || d.IntN(3) > 0 {
			c.Name = &name
		}
		if c.Name != nil && d.IntN(3) == 0 { // the same key
			c.Name = ptr(strings.ToUpper(name))
		}
		if all || c.Name == nil || d.IntN(3) == 0 {
			c.Email = &email
		}
		if all || d.IntN(4) == 0 {
			c.Password, c.NewPassword = ptr(h.passwordOf(account)), ptr("the password of "+who)
		}
		h.change(h.caller(who), account, c)
	case x < 70:
		h.delete(h.caller(who), account)
	case x < 76:
		h.reset(h.caller(who), account, "what "+who+" set")
	case x < 90:
		h.get(h.caller(who), name, true)
	default:
		h.login(h.caller(who), email)
	}
}

// account picks an admin that is there now, and what its token says.
func (h *history) account(d *rand.Rand) (token.Principal, bool) {
	as := h.Admins()
	if h.aim == "decision" || h.aim == "account" { // what is aimed at stays as it is
		as = slices.DeleteFunc(as, func(a organization.Admin) bool { return h.aimed(a.OrgID) })
	}
	if len(as) == 0 {
		return token.Principal{}, false
	}
	slices.SortFunc(as, func(a, b organization.Admin) int { return cmp.Compare(a.Email, b.Email) })
	return organizationtest.PrincipalOf(as[d.IntN(len(as))], time.Now()), true
}

// passwordOf returns the current password of the principal's admin.
func (h *history) passwordOf(who token.Principal) string {
	for _, a := range h.Admins() {
		if a.ID.String() == who.AdminID {
			return a.Password.Hash
		}
	}
	return organizationtest.Password
}

// answered adds a call with what its answer says. What a primary that was cut
// off has told is old, or never was: nobody's Get or Login can know, and a
// refusal says as little; an acknowledgement holds all the same.
func (h *history) answered(w *caller, c linearizable.Call, err error) {
	switch {
	case err == nil:
		c.Outcome = linearizable.Done
	case fault.KindOf(err) == fault.Internal:
		h.say("an answer is no fault: %v", err)
		c.Outcome = linearizable.Unknown
	case organizationtest.Code(err) == "storage_unavailable":
		c.Outcome = linearizable.Unknown
	default:
		c.Outcome = linearizable.Refused
		c.TakenName = organizationtest.Code(err) == "organization_name_taken"
		c.TakenEmail = organizationtest.Code(err) == "admin_email_taken"
	}
	if w.doubtful() {
		if c.Kind == linearizable.Get || c.Kind == linearizable.Login {
			return
		}
		c.TakenName, c.TakenEmail = false, false
	}
	// A collection of somebody else's takes a name as well.
	c.TakenName = c.TakenName && !h.occupied(c.Name)
	h.trace("%s %s %q %q: %s %v", c.Kind, c.Org, c.Name, c.Email, c.Outcome, err)
	h.answers.Add(c)
}

// occupied reports whether others have ever put a document where no organization
// of theirs lived.
func (h *history) occupied(key string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.strayed[organization.CollectionName(key)]
}

func (h *history) create(w *caller, c organization.Creation) error {
	call := h.answers.Begin(linearizable.Create)
	call.Name, call.Email = keyOf(c.Name), c.Email
	// The first request of a key may have been told nothing, and what a later
	// one is told is about the first one's time.
	again := false
	if c.IdempotencyKey != "" {
		h.note(func() { again, h.keys[c.IdempotencyKey] = h.keys[c.IdempotencyKey], true })
	}
	w.asks = c
	created, err := w.Create(h.t.Context(), c)
	call.Org = w.inserted()
	if err == nil {
		call.Org = created.ID
		h.note(func() { h.made[created.ID] = true })
		h.acknowledged(created.View)
		if c.IdempotencyKey != "" {
			h.once(c.IdempotencyKey, created.ID)
		}
	}
	if again && fault.KindOf(err) == fault.Conflict {
		call.Outcome = linearizable.Refused
		h.answers.Add(call)
		return err
	}
	h.answered(w, call, err)
	return err
}

// acknowledged: what a client is told has happened where it cannot be rolled back.
func (h *history) acknowledged(v organization.View) {
	if !slices.ContainsFunc(h.Organizations(), func(o organization.Organization) bool {
		return o.ID == v.ID && o.State != organization.Creating && o.Version >= v.Version
	}) {
		h.say("version %d of %s was acknowledged and is not there", v.Version, v.ID)
	}
}

// once: an idempotency key makes one organization.
func (h *history) once(key string, org organization.ID) {
	h.note(func() {
		if first, again := h.byKey[key]; again && first != org {
			h.bad = append(h.bad, fmt.Sprintf("%q has made %s and %s", key, first, org))
		}
		h.byKey[key] = org
	})
}

func (h *history) change(w *caller, who token.Principal, c organization.Change) {
	call := h.answers.Begin(linearizable.Change)
	call.Org, _ = organization.ParseID(who.OrgID)
	if c.Name != nil {
		call.Name = keyOf(*c.Name)
	}
	if c.Email != nil {
		call.Email = *c.Email
	}
	want := &wanted{key: call.Name, email: call.Email, began: time.Now()}
	if c.NewPassword != nil {
		want.password = *c.NewPassword
	}
	h.note(func() { h.changes[call.Org] = append(h.changes[call.Org], want) })
	v, err := w.Update(h.t.Context(), who, c)
	h.note(func() { want.ended, want.code = time.Now(), organizationtest.Code(err) })
	if err == nil && (c.Name != nil && v.Name != *c.Name || c.Email != nil && v.AdminEmail != *c.Email) {
		h.say("a change to %v, %v was answered with %+v", call.Name, call.Email, v)
	}
	if err == nil {
		h.acknowledged(v)
	}
	h.answered(w, call, err)
}

// reset does what one does who has lost the password: asks for a mail, and follows its link.
func (h *history) reset(w *caller, who token.Principal, password string) {
	i := slices.IndexFunc(h.Admins(), func(a organization.Admin) bool { return a.ID.String() == who.AdminID })
	if i < 0 {
		return
	}
	email, box := h.Admins()[i].Email, &organizationtest.Mailbox{}
	if w.ForgotPassword(h.t.Context(), email) != nil {
		return
	}
	if _, err := w.SendMails(h.t.Context(), box); err != nil || box.Token(organization.MailReset) == (token.Mailed{}) {
		return
	}
	tok := box.Token(organization.MailReset)
	want := &wanted{password: password, began: time.Now()}
	org := organization.ID(tok.OrgID())
	h.note(func() { h.changes[org] = append(h.changes[org], want) })
	_, err := w.ResetPassword(h.t.Context(), tok.Reveal(), password)
	h.note(func() { want.ended, want.code = time.Now(), organizationtest.Code(err) })
	h.trace("reset %s: %v", org, err)
}

func (h *history) delete(w *caller, who token.Principal) {
	call := h.answers.Begin(linearizable.Delete)
	call.Org, _ = organization.ParseID(who.OrgID)
	_, err := w.Delete(h.t.Context(), who, organization.Deletion{Name: h.nameOf(call.Org)})
	if organizationtest.Code(err) == "" || organizationtest.Code(err) == "storage_unavailable" {
		h.note(func() { h.gone[call.Org] = true })
	}
	if err == nil && slices.ContainsFunc(h.Organizations(), func(o organization.Organization) bool {
		return o.ID == call.Org && !o.State.Dead()
	}) {
		h.say("an organization lives whose deletion was acknowledged")
	}
	h.answered(w, call, err)
}

// get reads who has a name; with use, a data service then uses the collection.
func (h *history) get(w *caller, name string, use bool) {
	call := h.answers.Begin(linearizable.Get)
	call.Name = keyOf(name)
	asked := time.Now()
	v, err := w.Get(h.t.Context(), token.Principal{}, name)
	if organizationtest.Code(err) == "organization_not_found" {
		h.answered(w, call, nil)
		return
	}
	call.Org = v.ID
	h.answered(w, call, err)
	if err == nil && use && !w.doubtful() {
		h.use(w.name, v, asked)
	}
}

// login reads who has an email, as a login does: the admin, and then its organization.
func (h *history) login(w *caller, email string) {
	call := h.answers.Begin(linearizable.Login)
	call.Email = email
	a, err := w.store.Admins.FindByEmail(h.t.Context(), email)
	if err == nil {
		var o organization.Organization
		if o, err = w.store.Organizations.Find(h.t.Context(), a.OrgID); err == nil && o.State.Visible() {
			call.Org = o.ID
		}
	}
	if err != nil && !errors.Is(err, organization.ErrAbsent) {
		return // no answer
	}
	h.answered(w, call, nil)
}
