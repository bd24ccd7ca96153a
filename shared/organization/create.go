package organization

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"oms/shared/fault"
	"oms/shared/password"
)

// plan is a creation with everything that is decided before its first command.
type plan struct {
	ids    RequestIDs
	name   Name
	email  string
	hash   password.Hash
	answer Created
}

// creations is how a creation was counted among those of this hour.
type creations struct {
	over     error                 // there are too many; nil: there are not
	giveBack func(context.Context) // where nothing was to be made
}

// Create creates an organization with its admin and its empty collection; all
// of it is there when it returns, or nothing of it is visible.
//
// Faults: invalid_request (fields organization_name, email, password),
// organization_name_taken, organization_name_held, admin_email_taken,
// idempotency_key_reused, request_in_progress, too_many_creations,
// too_many_attempts (at the password of an earlier request), storage_unavailable.
func (s *Service) Create(ctx context.Context, c Creation) (Created, error) {
	name, email, err := s.checkCreation(c)
	if err != nil {
		return Created{}, err
	}
	// Hashed before anything is looked up, so that a taken email costs the same time as a free one.
	var n creations
	var counting sync.WaitGroup
	counting.Go(func() { n.giveBack, n.over = s.guard.Creation(ctx, c.Address) })
	hash, err := s.passwords.Hash(c.Password)
	counting.Wait()
	switch {
	case err != nil:
		return Created{}, fmt.Errorf("hashing a password: %w", err)
	case n.over != nil && (c.IdempotencyKey == "" || fault.KindOf(n.over) != fault.TooMany):
		return Created{}, asFault(n.over)
	}
	ctx, w := s.begin(ctx)
	defer w.beside.Wait()
	p := w.plan(name, email, hash)
	if c.IdempotencyKey != "" {
		answer, err := w.createOnce(ctx, p, c, n)
		return answer, asFault(err)
	}
	x := &operation{worker: w, everyAnswerSeen: true}
	if err := x.create(ctx, p); err != nil {
		return Created{}, asFault(err)
	}
	return p.answer, nil
}

func (s *Service) checkCreation(c Creation) (Name, string, error) {
	var wrong wrongFields
	name, f := ParseName(c.Name)
	if f == nil {
		f = name.Check()
	}
	wrong.add("organization_name", f)
	email, f := ParseEmail(c.Email)
	if f == nil {
		f = CheckEmail(email)
	}
	wrong.add("email", f)
	wrong.add("password", s.checkPassword(c.Password, name.Shown, name.Key, email))
	return name, email, wrong.err()
}

// wrongFields collects what is wrong with a request, so that its sender hears all of it at once.
type wrongFields []fault.Field

// add adds an entry for the field; nil is none.
func (w *wrongFields) add(field string, f *fault.Field) {
	if f != nil {
		f.Field = field
		*w = append(*w, *f)
	}
}

// err returns the fault of the entries, or nil where there is none.
func (w wrongFields) err() error {
	if len(w) == 0 {
		return nil
	}
	return fault.NewInvalid(w...)
}

// checkPassword returns what is wrong with a new password, or nil; the words
// are what the organization and its admin are called.
func (s *Service) checkPassword(plain string, words ...string) *fault.Field {
	if code, detail := s.policy.Check(plain, words...); code != "" {
		return &fault.Field{Code: code, Detail: detail}
	}
	return nil
}

// plan makes all ids before the first command, so that a step done twice is done once.
func (w *worker) plan(name Name, email string, hash password.Hash) plan {
	now := w.now()
	ids := RequestIDs{Organization: NewID(now), Admin: NewID(now), Claim: NewID(now), Op: NewID(now)}
	return plan{ids: ids, name: name, email: email, hash: hash, answer: Created{View: View{
		ID: ids.Organization, Name: name.Shown, Collection: CollectionName(name.Key), AdminEmail: email,
		CreatedAt: now, UpdatedAt: now, Version: 1,
	}}}
}

// create does steps 1 to 5. Of a creation that an earlier request has begun it
// is a helper, for that one's commands may still act.
func (x *operation) create(ctx context.Context, p plan) error {
	if err := x.claim(ctx, p.name.Key, p.ids.Organization, p.ids.Claim); err != nil {
		return err
	}
	committed, err := x.insert(ctx, p)
	if err != nil || committed {
		return err
	}
	return x.forwardCreate(ctx)
}

// insert inserts the organization (step 2). It reports whether the creation has been committed already.
func (x *operation) insert(ctx context.Context, p plan) (committed bool, err error) {
	o := Organization{
		ID: p.ids.Organization, Name: p.name.Shown, Key: p.name.Key, ClaimID: p.ids.Claim,
		Collection: p.answer.Collection, State: Creating, Version: 1, Rev: 1, AdminID: p.ids.Admin,
		CreatedAt: p.answer.CreatedAt, UpdatedAt: p.answer.UpdatedAt,
		Op: &Op{
			ID: p.ids.Op, Kind: OpCreate, Worker: x.id, Lease: x.lease, EveryAnswerSeen: x.everyAnswerSeen,
			Admin: &AdminChange{
				ID: p.ids.Admin, Email: p.email, Password: p.hash, CredentialVersion: NewID(x.now()).String(),
				Unconfirmed: true, Mails: []Mail{x.mail(MailConfirm, p.email)},
			},
		},
	}
	x.org = o // what a doubt holds
	for range maxTries {
		err := x.store.Organizations.Insert(ctx, o)
		switch {
		case err == nil:
			return false, nil
		case errors.Is(err, ErrLost):
			if err := x.doubt(ctx, err); err != nil {
				return false, err
			}
		case errors.Is(err, ErrKeyTaken):
			if err := x.dislodge(ctx, o.Key, o.ID); err != nil {
				return false, err
			}
			continue
		case !errors.Is(err, ErrExists):
			return false, fmt.Errorf("inserting organization %s: %w", o.ID, err)
		}
		there, err := x.confirm(ctx, o.ID)
		switch {
		case err != nil:
			return false, err
		case there.ID.IsZero():
			continue // lost, and not applied
		case there.State == Creating && there.Op.Worker == x.id:
			x.org = there
			return false, nil
		case there.State == Creating && x.expired(there):
			return false, x.takeOver(ctx, there)
		case there.State == Creating:
			return false, requestInProgress()
		case there.State == Aborted:
			return false, nameTaken(p.name.Key)
		default:
			return true, nil
		}
	}
	return false, errOvertaken
}

// forwardCreate does steps 3 to 5 of a creation.
func (x *operation) forwardCreate(ctx context.Context) error {
	if x.helper {
		kept, err := x.claimed(ctx, x.org.Key, x.org.ClaimID)
		if err != nil {
			return err
		}
		if !kept {
			return x.abortCreate(ctx, nameTaken(x.org.Key))
		}
	}
	if taken, err := x.insertAdmin(ctx); err != nil || taken {
		if taken {
			return x.abortCreate(ctx, emailTaken())
		}
		return err
	}
	if taken, err := x.createCollection(ctx); err != nil || taken {
		if !taken {
			return err
		}
		// The admin goes first: an aborted creation must not keep an email from anybody.
		err := x.do(ctx, func(ctx context.Context) error {
			return x.store.Admins.Delete(ctx, x.org.Op.Admin.ID, x.org.ID)
		})
		if err != nil {
			return err
		}
		return x.abortCreate(ctx, nameTaken(x.org.Key))
	}
	is := x.org
	is.State, is.Op = Active, nil
	err := x.end(ctx, is)
	if err == nil {
		x.mailWaits(ctx)
	}
	if !errors.Is(err, errEnded) {
		return err
	}
	o, err := x.confirm(ctx, x.org.ID)
	if err == nil && (o.ID.IsZero() || o.State == Aborted) {
		err = errOvertaken
	}
	return err
}

// claimed reports whether the claim is still there, which a helper must know
// before it acts in the claim's name.
func (x *operation) claimed(ctx context.Context, key string, id ID) (bool, error) {
	c, err := x.readClaim(ctx, key)
	return c.ID == id, err
}

// insertAdmin does step 3; taken: another living organization's admin has the address.
func (x *operation) insertAdmin(ctx context.Context) (taken bool, err error) {
	c := x.org.Op.Admin
	a := Admin{
		ID: c.ID, Email: c.Email, OrgID: x.org.ID, Password: c.Password, CredentialVersion: c.CredentialVersion, Rev: 1,
		Op: x.org.Op.ID, Unconfirmed: c.Unconfirmed, Mails: c.Mails,
	}
	if len(c.Mails) > 0 {
		a.UnconfirmedSince, a.MailsSince, a.MailsRev = c.Mails[0].At, c.Mails[0].Due, 1
	}
	for range maxTries {
		err := x.do(ctx, func(ctx context.Context) error { return x.store.Admins.Insert(ctx, a) })
		switch {
		case err == nil, errors.Is(err, ErrExists):
			return false, nil
		case !errors.Is(err, ErrEmailTaken):
			return false, fmt.Errorf("inserting admin %s: %w", a.ID, err)
		}
		again, mine, err := x.evictDeadOwner(ctx, a.Email, a.ID)
		if err != nil || mine {
			return false, err
		}
		if !again {
			return true, nil
		}
	}
	return true, nil
}

// createCollection does step 4; taken: a collection with documents is there, somebody else's.
func (x *operation) createCollection(ctx context.Context) (taken bool, err error) {
	err = x.do(ctx, func(ctx context.Context) error { return x.store.Collections.Create(ctx, x.org.Collection) })
	if err == nil {
		return false, nil
	}
	if !errors.Is(err, ErrExists) {
		return false, fmt.Errorf("creating %s: %w", x.org.Collection, err)
	}
	return ask(ctx, x.worker, func(ctx context.Context) (bool, error) {
		return x.store.Documents.Any(ctx, x.org.Collection)
	})
}

// abortCreate ends a creation that cannot be: nothing of it was ever visible.
func (x *operation) abortCreate(ctx context.Context, why error) error {
	key, claim := x.org.Key, x.org.ClaimID
	is := x.org
	is.State, is.Key, is.ClaimID, is.Op = Aborted, "", ID{}, nil
	is.SweepAfter, is.PurgeAfter = x.hold(), x.hold().Add(remembered)
	err := x.end(ctx, is)
	if errors.Is(err, errEnded) {
		var o Organization
		if o, err = x.confirm(ctx, x.org.ID); err == nil && !o.ID.IsZero() && o.State != Aborted {
			err = errOvertaken
		}
	}
	if err != nil {
		return err
	}
	if x.everyAnswerSeen {
		x.release(ctx, key, claim)
	}
	return why
}
