package organization

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"oms/shared/token"
)

// MailKind is what a mail is about.
type MailKind string

// The kinds of mail.
const (
	MailConfirm         MailKind = "confirm"          // asks to confirm a new address
	MailEmailChanged    MailKind = "email_changed"    // to the old address and to the new one
	MailPasswordChanged MailKind = "password_changed" // to whose it is
	MailReset           MailKind = "reset"            // to who asked for a new password
)

// Mail waits in its admin's document until it is sent. It is put there by the
// same update as the change that it speaks of, so that neither is without the
// other. It never holds a secret.
type Mail struct {
	ID    ID
	Kind  MailKind
	To    string
	At    time.Time // when what it speaks of was asked for
	Due   time.Time // nobody sends it before: whoever does now has it until then, or a try has failed
	Tries int
}

// mail makes a mail that is due now.
func (w *worker) mail(kind MailKind, to string) Mail {
	now := w.now()
	return Mail{ID: NewID(now), Kind: kind, To: to, At: now, Due: now}
}

// mailWaits leaves the record that wakes the sender (template.yaml, MailFunction).
func (w *worker) mailWaits(ctx context.Context) {
	w.log.LogAttrs(ctx, slog.LevelInfo, "mail waits")
}

// Letter is a mail as it goes out.
type Letter struct {
	Mail
	Token token.Mailed // of a reset or a confirmation
}

// MailSender delivers letters. An error says that one may not have been taken, and
// it is brought again.
type MailSender interface {
	Send(ctx context.Context, l Letter) error
}

// The bounds of sending.
const (
	sendWithin = 3 * time.Second // how long a sender may take for a letter
	sendNone   = 5 * time.Second // with less time left no letter is begun
	unsettled  = 5 * time.Second // when a mail of an organization that is not there yet is looked at again
	noSender   = 10 * time.Minute
	stuckAfter = 5 // tries that have failed, in a quarter of an hour or so
	// keptMail is how long it is tried to send a mail, and keptReset how long to
	// send one that somebody waits for.
	keptMail  = 7 * 24 * time.Hour
	keptReset = time.Hour
)

// MailReport counts what a run of [Service.SendMails] did.
type MailReport struct {
	Sent     int
	Failed   int           // tries that failed; they are made again
	Stuck    int           // of those, the fifth of a mail and later ones
	Dropped  int           // too old to be tried again: nobody has got them
	Waiting  int           // met, and nobody is there to carry them
	Complete bool          // everything that was due was looked at
	Oldest   time.Duration // the age of the oldest that could not be sent
}

// LogValue lists what is not zero.
func (p MailReport) LogValue() slog.Value {
	return counts(p.Complete, []count{
		{"sent", p.Sent},
		{"failed", p.Failed},
		{"stuck", p.Stuck + p.Dropped},
		{"dropped", p.Dropped},
		{"waiting", p.Waiting},
		{"oldest_s", int(p.Oldest.Seconds())},
	})
}

// SendMails sends what waits in the outbox, until its lease or ctx ends. It is
// safe at any time, twice, and concurrently. Each mail is sent once or, where a
// process dies of it or an answer is lost, again. Its token is made now, and its
// hash is there before the letter is: so it is nowhere but in the letter.
//
// Without a sender it sends nothing, and keeps what waits from growing old.
func (s *Service) SendMails(ctx context.Context, by MailSender) (MailReport, error) {
	ctx, w := s.begin(ctx)
	r := &mailRun{worker: w, by: by}
	err := r.run(ctx)
	if ctx.Err() != nil {
		return r.post, nil // out of time, not of order: the next run goes on
	}
	return r.post, asFault(err)
}

// mailRun is one run of SendMails.
type mailRun struct {
	*worker
	by   MailSender
	post MailReport
}

func (r *mailRun) run(ctx context.Context) error {
	var after *Place
	var wrong error
	for {
		r.lost.Store(0)
		p, err := ask(ctx, r.worker, func(ctx context.Context) (Page[Admin], error) {
			return r.store.Backlog.Mails(ctx, r.now(), after, batch)
		})
		if err != nil {
			return errors.Join(wrong, fmt.Errorf("listing admins with mail: %w", err))
		}
		for _, u := range p.Unreadable {
			wrong = errors.Join(wrong, fmt.Errorf("reading admin %s: %w", u.ID, u.Err))
		}
		for _, a := range p.Items {
			r.lost.Store(0)
			if err := r.sendDue(ctx, a); err != nil && ctx.Err() == nil {
				wrong = errors.Join(wrong, fmt.Errorf("sending the mail of admin %s: %w", a.ID, err))
			}
			if ctx.Err() != nil || r.deadline(ctx).Sub(r.now()) < sendNone {
				return errors.Join(wrong, ctx.Err())
			}
		}
		if after = p.Next; after == nil {
			r.post.Complete = wrong == nil
			return wrong
		}
	}
}

// sendDue sends what is due in the outbox of one admin, as it was listed. Whatever
// has been written into it meanwhile is left to the next run.
func (r *mailRun) sendDue(ctx context.Context, a Admin) error {
	o, err := r.confirm(ctx, a.OrgID) // a mail of what is rolled back would speak of what has not happened
	if err != nil {
		return err
	}
	if !o.State.Visible() { // not yet, or not any more: then its admin will not be long
		return r.putOff(ctx, a, unsettled)
	}
	due := false
	for _, m := range a.Mails {
		if m.Due.After(r.now()) {
			continue
		}
		ok := true
		due = true
		switch {
		case r.obsolete(m, a):
			a, ok, err = r.put(ctx, a, m.ID, nil)
		case r.by == nil:
			r.post.Waiting++
		case r.deadline(ctx).Sub(r.now()) < sendNone:
			return nil
		default:
			a, ok, err = r.send(ctx, a, m)
		}
		if err != nil || !ok {
			return err
		}
	}
	switch {
	case r.by == nil && len(a.Mails) > 0:
		return r.putOff(ctx, a, noSender)
	case !due: // it was listed for nothing
		_, _, err = r.put(ctx, a, ID{}, nil)
	}
	return err
}

// obsolete reports whether the mail is not to be sent any more: its time is over,
// or what it asks for has been overtaken.
func (r *mailRun) obsolete(m Mail, a Admin) bool {
	age, kept := r.now().Sub(m.At), keptMail
	switch m.Kind {
	case MailConfirm:
		if m.To != a.Email || !a.Unconfirmed {
			return true
		}
	case MailReset:
		if m.To != a.Email {
			return true
		}
		kept = keptReset
	case MailEmailChanged, MailPasswordChanged:
	}
	if age <= kept {
		return false
	}
	r.post.Dropped++
	r.log.Error("a mail was never sent, and is too old to be", slog.String("admin_id", a.ID.String()),
		slog.String("kind", string(m.Kind)), slog.Int("tries", m.Tries))
	return true
}

// send has the mail to itself first, with the hash of its token; then sends it; then takes it away.
func (r *mailRun) send(ctx context.Context, a Admin, m Mail) (Admin, bool, error) {
	mine := m
	mine.Due, mine.Tries = r.lease.Add(takeoverGrace), m.Tries+1
	letter := Letter{Mail: mine}
	switch m.Kind {
	case MailReset:
		letter.Token = token.NewMailed(token.ResetPassword, a.ID, a.OrgID)
		// Beside those mailed before: who asks in another's name takes no link away.
		a.Resets = append(slices.DeleteFunc(slices.Clone(a.Resets), func(p Proof) bool {
			return !p.good(a.CredentialVersion, r.now())
		}), Proof{letter.Token.Hash(), a.CredentialVersion, r.now().Add(ResetLife)})
	case MailConfirm:
		letter.Token = token.NewMailed(token.ConfirmEmail, a.ID, a.OrgID)
		a.Confirm = Proof{letter.Token.Hash(), a.Email, r.now().Add(ConfirmLife)}
	case MailEmailChanged, MailPasswordChanged:
	}
	a, ok, err := r.put(ctx, a, m.ID, &mine)
	if err != nil || !ok { // somebody else's, or no answer: then it is due again when what was asked for has run out
		return a, false, err
	}
	sending, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	if err := r.by.Send(sending, letter); err != nil {
		return r.failed(ctx, a, mine, err)
	}
	r.post.Sent++
	return r.finishTry(ctx, a, mine, nil)
}

// failed puts the mail off, each time for twice as long.
func (r *mailRun) failed(ctx context.Context, a Admin, m Mail, why error) (Admin, bool, error) {
	again := m
	again.Due = r.now().Add(min(firstPause<<min(m.Tries-1, 10), longPause))
	level := slog.LevelWarn
	r.post.Failed++
	if m.Tries >= stuckAfter {
		level = slog.LevelError
		r.post.Stuck++
	}
	r.post.Oldest = max(r.post.Oldest, r.now().Sub(m.At))
	r.log.LogAttrs(ctx, level, "a mail was not sent; it is tried again", slog.String("admin_id", a.ID.String()),
		slog.String("kind", string(m.Kind)), slog.Int("tries", m.Tries), slog.String("err", why.Error()))
	return r.finishTry(ctx, a, m, &again)
}

// finishTry ends a try: the mail that was this worker's is gone, or is another one. Where others have
// put more into the outbox, it is read again.
func (r *mailRun) finishTry(ctx context.Context, a Admin, mine Mail, is *Mail) (Admin, bool, error) {
	for range maxTries {
		after, ok, err := r.put(ctx, a, mine.ID, is)
		if err != nil || ok {
			return after, ok, err
		}
		var now Admin
		if err := r.reading(ctx, r.admin(a.ID, &now)); err != nil {
			return a, false, err
		}
		if !slices.Contains(now.Mails, mine) { // done, by one of which no answer came; or asked for anew
			return now, false, nil
		}
		a = now
	}
	return a, false, nil
}

// put writes the outbox of a with another mail in the place of that one, or none,
// and returns the admin as it is then. ok: it was as a says.
func (r *mailRun) put(ctx context.Context, a Admin, id ID, instead *Mail) (now Admin, ok bool, err error) {
	is := a
	is.Mails = slices.DeleteFunc(slices.Clone(a.Mails), func(m Mail) bool { return m.ID == id })
	if instead != nil {
		is.Mails = append(is.Mails, *instead)
	}
	slices.SortFunc(is.Mails, func(m, n Mail) int { return slices.Compare(m.ID[:], n.ID[:]) })
	is.MailsSince = time.Time{}
	for _, m := range is.Mails {
		if is.MailsSince.IsZero() || m.Due.Before(is.MailsSince) {
			is.MailsSince = m.Due
		}
	}
	return r.write(ctx, a, is)
}

// putOff has nobody look at the outbox for a while.
func (r *mailRun) putOff(ctx context.Context, a Admin, by time.Duration) error {
	is := a
	is.MailsSince = r.now().Add(by)
	_, _, err := r.write(ctx, a, is)
	return err
}

func (r *mailRun) write(ctx context.Context, was, is Admin) (Admin, bool, error) {
	ok, err := ask(ctx, r.worker, func(ctx context.Context) (bool, error) { return r.store.Mails.Put(ctx, was, is) })
	if err != nil || !ok {
		return was, false, err
	}
	is.MailsRev = was.MailsRev + 1
	return is, true, nil
}
