package organization

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"oms/shared/fault"
	"oms/shared/password"
	"oms/shared/token"
)

// checkedChange is a [Change] after its values were checked.
type checkedChange struct {
	current *Name // must be the caller's organization
	name    *Name
	email   string
	Change
}

// Update changes the name, the admin's email and password of the caller's
// organization in any combination: all of it or nothing. The View has AdminEmail.
//
// Another email than it was needs the password, or a login of the last
// [Config].ReauthenticateAfter; a new password needs the current one, always.
// Either ends all sessions of the admin, and every token.
//
// Faults: invalid_request (fields organization_name, new_organization_name,
// admin_email, password, new_password), token_revoked, not_your_organization,
// wrong_password, too_many_attempts, reauthentication_required, version_mismatch, organization_name_taken,
// organization_name_held, admin_email_taken, organization_busy, storage_unavailable.
func (s *Service) Update(ctx context.Context, who token.Principal, c Change) (View, error) {
	asked, err := s.checkChange(c)
	if err != nil {
		return View{}, err
	}
	ctx, w := s.begin(ctx)
	defer w.beside.Wait()
	v, err := w.update(ctx, who, asked)
	return v, asFault(err)
}

func (s *Service) checkChange(c Change) (checkedChange, error) {
	asked := checkedChange{Change: c}
	var wrong wrongFields
	if c.Organization != nil {
		n, f := ParseName(*c.Organization)
		wrong.add("organization_name", f)
		asked.current = &n
	}
	if c.Name != nil {
		n, f := ParseName(*c.Name)
		wrong.add("new_organization_name", f)
		asked.name = &n
	}
	if c.Email != nil {
		email, f := ParseEmail(*c.Email)
		wrong.add("admin_email", f)
		asked.email = email
	}
	if c.NewPassword != nil {
		wrong.add("new_password", s.checkPassword(*c.NewPassword))
		if c.Password == nil {
			wrong.add("password", &fault.Field{Code: "missing", Detail: "new_password needs password, the current one"})
		}
	}
	return asked, wrong.err()
}

// checkNew returns what is wrong with what would be new to the organization and
// its admin: what they have already is not judged.
func (s *Service) checkNew(o Organization, a Admin, asked checkedChange) error {
	var wrong wrongFields
	words := []string{o.Name, o.Key, a.Email, asked.email}
	if asked.name != nil && asked.name.Shown != o.Name {
		wrong.add("new_organization_name", asked.name.Check())
		words = append(words, asked.name.Shown, asked.name.Key)
	}
	if asked.email != "" && asked.email != a.Email {
		wrong.add("admin_email", CheckEmail(asked.email))
	}
	if asked.NewPassword != nil {
		wrong.add("new_password", s.checkPassword(*asked.NewPassword, words...))
	}
	return wrong.err()
}

func (w *worker) update(ctx context.Context, who token.Principal, asked checkedChange) (View, error) {
	var alsoRead []command
	occupied := false // the new name's collection is there and holds documents
	if asked.name != nil {
		alsoRead = append(alsoRead, func(ctx context.Context) error {
			var err error
			occupied, err = w.store.Documents.Any(ctx, CollectionName(asked.name.Key))
			return err
		})
	}
	o, a, err := w.authorizedOwner(ctx, who, alsoRead...)
	if gone, ok := errors.AsType[*deletionUnfinished](err); ok && w.expired(gone.o) {
		if err := w.finish(ctx, gone.o); err != nil {
			return View{}, err
		}
	}
	if err != nil {
		return View{}, err
	}
	if asked.current != nil && asked.current.Key != o.Key {
		return View{}, notYours()
	}
	if asked.IfVersion != nil && *asked.IfVersion != o.Version {
		return View{}, versionMismatch()
	}
	if err := w.checkNew(o, a, asked); err != nil {
		return View{}, err
	}
	change, err := w.adminChange(ctx, who, a, asked)
	if err != nil {
		return View{}, err
	}
	op := &Op{ID: NewID(w.now()), Kind: OpUpdate, Worker: w.id, Lease: w.lease, From: o.Key, Admin: change}
	if asked.name != nil {
		if asked.name.Shown != o.Name {
			op.Name = asked.name.Shown
		}
		if asked.name.Key != o.Key {
			op.To = asked.name.Key
		}
	}
	if op.To != "" && occupied {
		return View{}, nameTaken(op.To)
	}
	if op.To == "" && change == nil {
		return w.show(ctx, o, a, op.Name)
	}
	if change != nil {
		a.Email, a.Unconfirmed = cmp.Or(change.Email, a.Email), a.Unconfirmed || change.Unconfirmed
	}
	done, err := w.change(ctx, o, op)
	return view(done, a), err
}

// adminChange returns what is to change of the admin, or nil.
func (w *worker) adminChange(
	ctx context.Context, who token.Principal, a Admin, asked checkedChange,
) (*AdminChange, error) {
	anotherEmail := asked.email != "" && asked.email != a.Email
	if err := w.reauthenticated(ctx, who, a, asked.Password, asked.Address, anotherEmail); err != nil {
		return nil, err
	}
	// An address that is given is written though it is the same: an earlier
	// change of it, which nobody was answered, must not come late, after this one.
	c := AdminChange{ID: a.ID, Rev: a.Rev, Email: asked.email}
	if asked.NewPassword != nil {
		hash, err := w.passwords.Hash(*asked.NewPassword)
		if err != nil {
			return nil, fmt.Errorf("hashing a password: %w", err)
		}
		c.Password = hash
	}
	if anotherEmail || asked.NewPassword != nil { // what one logs in with: every token and every session ends
		c.CredentialVersion = NewID(w.now()).String()
	}
	if anotherEmail { // who lost the old address to somebody else hears of it there
		c.Unconfirmed = true
		c.Mails = append(c.Mails, w.mail(MailEmailChanged, a.Email), w.mail(MailEmailChanged, asked.email),
			w.mail(MailConfirm, asked.email))
	}
	if asked.NewPassword != nil {
		c.Mails = append(c.Mails, w.mail(MailPasswordChanged, cmp.Or(asked.email, a.Email)))
	}
	if c.Email == "" && c.Password == (password.Hash{}) {
		return nil, nil //nolint:nilnil // no change is an answer, not an absence
	}
	return &c, nil
}

// show changes the shown name alone, or nothing where name is empty: one
// compare-and-set. A change of nothing is one too, for what was asked for
// before, and not answered, must not come after it.
func (w *worker) show(ctx context.Context, was Organization, a Admin, name string) (View, error) {
	is := was
	if name != "" {
		is.Name, is.Version, is.UpdatedAt = name, was.Version+1, w.now()
	}
	now, v, err := w.compareAndSwap(ctx, "changing the shown name of organization "+was.ID.String(), was, is, nil)
	switch {
	case err != nil:
		return View{}, err
	case v == refused:
		return View{}, organizationBusy()
	case v == overtaken:
		return View{}, errOvertaken
	}
	return view(now, a), nil
}

// change does steps 1 to 5 of an update and returns the organization as it is then.
func (w *worker) change(ctx context.Context, o Organization, op *Op) (Organization, error) {
	x := &operation{worker: w, everyAnswerSeen: true}
	if op.To != "" {
		op.ToClaim = NewID(w.now())
		uuid := func(ctx context.Context) error {
			there, err := w.store.Collections.Find(ctx, o.Collection)
			op.UUID = there[o.Collection].UUID
			return err
		}
		if err := x.claim(ctx, op.To, o.ID, op.ToClaim, w.leave(o.Key, o.ClaimID), uuid); err != nil {
			return Organization{}, err
		}
	}
	op.EveryAnswerSeen = x.everyAnswerSeen
	is := o
	is.State, is.Op = Updating, op
	if err := x.decide(ctx, o, is); err != nil {
		if !errors.Is(err, errUndecided) {
			return Organization{}, err
		}
		if op.To != "" && x.everyAnswerSeen {
			w.release(ctx, op.To, op.ToClaim)
		}
		return Organization{}, organizationBusy()
	}
	if err := x.forwardUpdate(ctx); err != nil {
		return Organization{}, err
	}
	return x.org, nil
}

// forwardUpdate does steps 2' to 5; x.org is the organization after it.
func (x *operation) forwardUpdate(ctx context.Context) error {
	op := x.org.Op
	if x.helper && op.To != "" {
		kept, err := x.claimed(ctx, op.To, op.ToClaim)
		if err != nil {
			return err
		}
		if !kept { // the decision itself came late
			if err := x.abortUpdate(ctx, nameTaken(op.To)); err != nil {
				return err
			}
		}
	}
	if op.Admin != nil {
		if err := x.changeAdmin(ctx); err != nil {
			return err
		}
	}
	if op.To != "" {
		if err := x.move(ctx); err != nil {
			return err
		}
	}
	err := x.commitUpdate(ctx)
	if err == nil && op.Admin != nil && len(op.Admin.Mails) > 0 {
		x.mailWaits(ctx)
	}
	return err
}

// changeAdmin does step 3: all of the admin's change in one update of one document.
func (x *operation) changeAdmin(ctx context.Context) error {
	op := x.org.Op
	for range maxTries {
		changed := false
		err := x.do(ctx, func(ctx context.Context) error {
			var err error
			changed, err = x.store.Admins.Change(ctx, *op.Admin, op.ID)
			return err
		})
		if err != nil && !errors.Is(err, ErrEmailTaken) {
			return fmt.Errorf("changing admin %s: %w", op.Admin.ID, err)
		}
		if err == nil {
			if changed {
				return nil
			}
			if done, err := x.changedAdmin(ctx); err != nil || done {
				return err
			}
			return x.abortUpdate(ctx, organizationBusy())
		}
		again, mine, err := x.evictDeadOwner(ctx, op.Admin.Email, op.Admin.ID)
		if err != nil {
			return err
		}
		if !again && !mine {
			return x.abortUpdate(ctx, emailTaken())
		}
	}
	return x.abortUpdate(ctx, emailTaken())
}

// changedAdmin reports whether this operation has changed the admin already.
func (x *operation) changedAdmin(ctx context.Context) (bool, error) {
	var a Admin
	err := x.reading(ctx, x.admin(x.org.Op.Admin.ID, &a))
	return a.Op == x.org.Op.ID, err
}

// abortUpdate takes an update back, which only step 3 may do, before anything
// of it is visible. It returns why, or nil where step 3 has been done after
// all: then the update goes forward.
func (x *operation) abortUpdate(ctx context.Context, why error) error {
	op := x.org.Op
	if op.Admin != nil { // a late step 3 then finds nothing
		bumped := false
		err := x.do(ctx, func(ctx context.Context) error {
			var err error
			bumped, err = x.store.Admins.Change(ctx, AdminChange{ID: op.Admin.ID, Rev: op.Admin.Rev}, ID{})
			return err
		})
		if err != nil {
			return fmt.Errorf("fencing admin %s: %w", op.Admin.ID, err)
		}
		if !bumped {
			if done, err := x.changedAdmin(ctx); err != nil || done {
				return err
			}
		}
	}
	is := x.org
	is.State, is.Op = Active, nil
	if err := x.end(ctx, is); err != nil {
		if errors.Is(err, errEnded) {
			return errOvertaken
		}
		return err
	}
	if x.everyAnswerSeen && op.To != "" {
		x.release(ctx, op.To, op.ToClaim)
	}
	return why
}

// commitUpdate does step 5. The version rises here, with what a reader sees,
// so that nobody holds the new version with the old name.
func (x *operation) commitUpdate(ctx context.Context) error {
	op := x.org.Op
	is := x.org
	is.State, is.Op, is.Version, is.UpdatedAt = Active, nil, x.org.Version+1, x.now()
	if op.Name != "" {
		is.Name = op.Name
	}
	if op.To != "" {
		is.Key, is.ClaimID, is.Collection = op.To, op.ToClaim, CollectionName(op.To)
	}
	if op.Admin != nil {
		is.AdminRev = op.Admin.Rev + 1
	}
	for range maxTries {
		err := x.end(ctx, is)
		switch {
		case errors.Is(err, errEnded):
			return x.committed(ctx, op)
		case !errors.Is(err, ErrKeyTaken):
			return err
		}
		if err := x.dislodge(ctx, is.Key, is.ID); err != nil {
			return err
		}
	}
	return errOvertaken
}

// committed reads whether an operation that has ended was committed. Where
// that cannot be told any more, the client asks again.
func (x *operation) committed(ctx context.Context, op *Op) error {
	o, err := x.confirm(ctx, x.org.ID)
	if err != nil {
		return err
	}
	done := o.State.Visible() && op.To != "" && o.ClaimID == op.ToClaim
	if !done && op.To == "" && op.Admin != nil {
		if done, err = x.changedAdmin(ctx); err != nil {
			return err
		}
	}
	if !done || o.Version != x.org.Version+1 { // others have gone on since: it is not what was asked for any more
		return errOvertaken
	}
	x.org = o
	return nil
}
