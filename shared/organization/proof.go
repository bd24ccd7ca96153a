package organization

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"oms/shared/fault"
	"oms/shared/password"
	"oms/shared/token"
)

// The bounds of what is proved by mail.
const (
	// ResetLife is how long a new password can be set with a mailed token, and
	// ConfirmLife how long an address can be confirmed.
	ResetLife   = 30 * time.Minute
	ConfirmLife = 7 * 24 * time.Hour
)

// Proof is what is kept of a token that was mailed.
type Proof struct {
	Hash    string // of package token; empty: there is none
	For     string // what it stands and falls with: of Resets the CredentialVersion, of Confirm the Email
	Expires time.Time
}

// good reports whether what it is for is still so.
func (p Proof) good(is string, now time.Time) bool { return p.For == is && now.Before(p.Expires) }

// proves reports whether t is the token, and good.
func (p Proof) proves(t token.Mailed, is string, now time.Time) bool {
	return p.Hash != "" && p.Hash == t.Hash() && p.good(is, now)
}

// mayReset reports whether a new password can be set with the token.
func (a Admin) mayReset(t token.Mailed, now time.Time) bool {
	return slices.ContainsFunc(a.Resets, func(p Proof) bool { return p.proves(t, a.CredentialVersion, now) })
}

// resetMail is the ID of a mail for a new password. Every admin's is the same, so
// that who asks again and again puts one in the place of the other.
func resetMail() ID { return ID{len(ID{}) - 1: 1} }

// ForgotPassword puts a mail with which a new password can be set into the outbox
// of the admin with that email, where there is one. Of one that is asked for again
// within a minute, or two, and up to a quarter of an hour the oftener it is asked
// for, nothing comes. Nobody hears whether there is such an admin, nor sees it by
// the time: what is counted, whoever it is, takes longer.
//
// Faults: storage_unavailable.
func (s *Service) ForgotPassword(ctx context.Context, email string) error {
	folded, wrong := ParseEmail(email)
	if wrong != nil { // nobody's, and its sender knows that
		return nil
	}
	ctx, w := s.begin(ctx)
	attempt := s.guard.Ask(Account(folded))
	if err := attempt.Judge(ctx); err != nil {
		return unlessTooMany(err)
	}
	commands := []command{
		func(ctx context.Context) error { return unlessTooMany(attempt.Count(ctx)) }, w.askingReset(folded),
	}
	if former := FormerEmail(email); former != folded { // an admin of an earlier version may have that
		commands = append(commands, w.askingReset(former))
	}
	return asFault(errors.Join(parallel(ctx, commands...)...))
}

// unlessTooMany returns err as a fault, or nil where it is one of too many attempts: nobody may hear of that.
func unlessTooMany(err error) error {
	if fault.KindOf(err) == fault.TooMany {
		return nil
	}
	return asFault(err)
}

// askingReset puts the mail into the outbox of the admin that has the email, where there is one.
func (w *worker) askingReset(email string) command {
	m := w.mail(MailReset, email)
	m.ID = resetMail()
	return func(ctx context.Context) error {
		asked, err := ask(ctx, w, func(ctx context.Context) (bool, error) {
			return w.store.Mails.AskReset(ctx, email, m)
		})
		if err != nil {
			return fmt.Errorf("asking for a new password: %w", err)
		}
		if asked {
			w.mailWaits(ctx)
		}
		return nil
	}
}

// ResetPassword sets a new password with a token that was mailed: once, within
// [ResetLife], and while the admin has the password and the email that it had.
// All its sessions end, and so does every token. Who reads the mail has proved
// the address, too. It returns who that is, for the record.
//
// Faults: invalid_request (field new_password), invalid_reset_token,
// organization_busy, storage_unavailable.
func (s *Service) ResetPassword(ctx context.Context, mailed, plain string) (token.Principal, error) {
	if err := s.checkReset(plain); err != nil {
		return token.Principal{}, err
	}
	t, err := token.ParseMailed(token.ResetPassword, mailed)
	if err != nil {
		return token.Principal{}, resetTokenInvalid()
	}
	ctx, w := s.begin(ctx)
	if err := w.resetPassword(ctx, t, plain); err != nil {
		return token.Principal{}, asFault(err)
	}
	return principalOf(t), nil
}

// checkReset returns what is wrong with a new password; the words are what the organization and its admin are called.
func (s *Service) checkReset(plain string, words ...string) error {
	var wrong wrongFields
	wrong.add("new_password", s.checkPassword(plain, words...))
	return wrong.err()
}

// principalOf returns whose a token is that was found to be good.
func principalOf(t token.Mailed) token.Principal {
	return token.Principal{AdminID: ID(t.AdminID()).String(), OrgID: ID(t.OrgID()).String()}
}

func (w *worker) resetPassword(ctx context.Context, t token.Mailed, plain string) error {
	o, a, err := w.mailed(ctx, t)
	if err != nil {
		return err
	}
	if !a.mayReset(t, w.now()) || !o.State.Visible() {
		return resetTokenInvalid()
	}
	if err := w.checkReset(plain, o.Name, o.Key, a.Email); err != nil {
		return err
	}
	hash, err := w.passwords.Hash(plain)
	if err != nil {
		return fmt.Errorf("hashing a password: %w", err)
	}
	return w.setPassword(ctx, t, a, hash)
}

// setPassword is one update of the admin as it was read. The admin's op stays: it
// says of an update that is under way that step 3 is done, and by that alone it is
// known whether it may be taken back. What tells this one is its CredentialVersion.
func (w *worker) setPassword(ctx context.Context, t token.Mailed, a Admin, hash password.Hash) error {
	change := AdminChange{
		ID: a.ID, Rev: a.Rev, Password: hash, CredentialVersion: NewID(w.now()).String(), Confirmed: true,
		Mails: []Mail{w.mail(MailPasswordChanged, a.Email)},
	}
	changed, err := ask(ctx, w, func(ctx context.Context) (bool, error) {
		return w.store.Admins.Change(ctx, change, ID{})
	})
	if err == nil && !changed { // by an earlier one of these, of which no answer came; or it is not as it was read
		if _, a, err = w.mailed(ctx, t); err == nil && a.CredentialVersion != change.CredentialVersion {
			if !a.mayReset(t, w.now()) {
				return resetTokenInvalid()
			}
			return organizationBusy()
		}
	}
	if err != nil {
		return fmt.Errorf("setting the password of admin %s: %w", change.ID, err)
	}
	w.mailWaits(ctx)
	return nil
}

// ConfirmEmail says that the address is the admin's, by a token that was mailed to
// it. The same token again is answered in the same way. It returns who that is, for
// the record.
//
// Faults: invalid_confirmation_token, storage_unavailable.
func (s *Service) ConfirmEmail(ctx context.Context, mailed string) (token.Principal, error) {
	t, err := token.ParseMailed(token.ConfirmEmail, mailed)
	if err != nil {
		return token.Principal{}, confirmTokenInvalid()
	}
	ctx, w := s.begin(ctx)
	o, a, err := w.mailed(ctx, t)
	if err != nil {
		return token.Principal{}, asFault(err)
	}
	if !a.Confirm.proves(t, a.Email, w.now()) || !o.State.Visible() {
		return token.Principal{}, confirmTokenInvalid()
	}
	// Written though it is so already: what was read may be rolled back, what was
	// answered is not.
	confirmed, err := ask(ctx, w, func(ctx context.Context) (bool, error) {
		return w.store.Mails.ConfirmEmail(ctx, a.ID, a.Email, t.Hash())
	})
	if err == nil && !confirmed {
		err = confirmTokenInvalid()
	}
	if err != nil {
		return token.Principal{}, asFault(err)
	}
	return principalOf(t), nil
}

// mailed reads the organization and the admin that a token says it is for; they
// are zero where they do not belong together.
func (w *worker) mailed(ctx context.Context, t token.Mailed) (o Organization, a Admin, err error) {
	if err := w.reading(ctx, w.organization(t.OrgID(), &o), w.admin(t.AdminID(), &a)); err != nil {
		return Organization{}, Admin{}, err
	}
	if a.OrgID != o.ID {
		return Organization{}, Admin{}, nil
	}
	return o, a, nil
}
