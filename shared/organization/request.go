package organization

import (
	"cmp"
	"context"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/text/unicode/norm"

	"oms/shared/password"
	"oms/shared/secret"
)

// mac returns [secret.MAC] of the parts, in hex. What is kept of an
// idempotency key, a name and an email lets nobody find them out. A password is
// kept as its hash alone: whoever had the key of a MAC could guess it as fast as
// he computes (OWASP ASVS 5.0, 11.4.2).
func (s *Service) mac(purpose string, parts ...string) string {
	return hex.EncodeToString(secret.MAC(s.secret, purpose, parts...))
}

// createOnce creates at most one organization for an idempotency key
// (protocol.md, section 6).
func (w *worker) createOnce(ctx context.Context, p plan, c Creation, n creations) (Created, error) {
	r := Request{
		ID:   w.mac("idempotency key", c.IdempotencyKey),
		Body: w.mac("name and email", p.name.Shown, p.email), Password: p.hash,
		IDs: p.ids, Answer: p.answer, Worker: w.id, Lease: w.lease, CreatedAt: w.now(),
	}
	if n.over != nil { // an earlier request is still answered, or finished
		if there, err := w.request(ctx, r.ID); err != nil || there.ID == "" {
			return Created{}, cmp.Or(err, n.over)
		}
	}
	x := &operation{worker: w, everyAnswerSeen: true}
	there, err := x.register(ctx, r)
	if err != nil {
		return Created{}, err
	}
	if there.Worker != w.id {
		w.beside.Go(func() { n.giveBack(ctx) })
		same, err := w.same(ctx, there, p, c)
		switch {
		case err != nil:
			return Created{}, err
		case !same:
			return Created{}, keyReused()
		}
		done, aborted, err := w.resume(ctx, there)
		if err != nil {
			return Created{}, err
		}
		if done {
			there.Answer.Replayed = true
			return there.Answer, nil
		}
		there.Worker, there.Lease = w.id, w.lease
		if aborted {
			w.forget(ctx, there)
			return Created{}, w.whyAborted(ctx, p)
		}
		p.ids, p.answer, p.hash = there.IDs, there.Answer, cmp.Or(there.Password, p.hash)
		x.everyAnswerSeen, x.helper = false, true
	}
	err = x.create(ctx, p)
	switch {
	case err == nil:
		// Where this fails the organization itself says that the request is done.
		if err := w.store.Requests.Finish(ctx, r.ID, p.ids); err != nil {
			w.log.LogAttrs(ctx, slog.LevelWarn, "marking a request as done",
				slog.String("org_id", p.ids.Organization.String()), slog.String("err", err.Error()))
		}
		return p.answer, nil
	case isConflict(err) && !errors.Is(err, requestInProgress()):
		w.forget(ctx, there)
	}
	return Created{}, err
}

// whyAborted is the answer where an earlier request's creation was aborted by
// somebody else: what stands in the way now, or that the next try, which is
// judged anew, may go through.
func (w *worker) whyAborted(ctx context.Context, p plan) error {
	again, _, err := w.evictDeadOwner(ctx, p.email, ID{})
	switch {
	case err != nil:
		return err
	case !again:
		return emailTaken()
	default:
		return requestInProgress()
	}
}

// register inserts the request, and returns the one that is there: r itself, or an earlier one.
func (x *operation) register(ctx context.Context, r Request) (Request, error) {
	for range maxTries {
		err := x.store.Requests.Insert(ctx, r)
		switch {
		case err == nil:
			return r, nil
		case errors.Is(err, ErrLost):
			x.everyAnswerSeen = false
			if err := x.countLost(err); err != nil {
				return Request{}, err
			}
		case !errors.Is(err, ErrExists):
			return Request{}, fmt.Errorf("inserting a request: %w", err)
		}
		there, err := x.request(ctx, r.ID)
		if err != nil || there.ID != "" {
			return there, err
		}
	}
	return Request{}, requestInProgress()
}

// request reads a request; absent, it has no ID.
func (w *worker) request(ctx context.Context, id string) (Request, error) {
	return one(ctx, w, "reading a request", w.store.Requests.Find, id)
}

// same reports whether the earlier request there asked for what p does, with c's
// password. That is an attempt at the password of the account. A right one is not
// its owner's login: the address may have changed hands since.
func (w *worker) same(ctx context.Context, there Request, p plan, c Creation) (bool, error) {
	check := func() (password.Verdict, error) { return w.passwords.Verify(c.Password, there.Password) }
	if there.Password.IsZero() { // made by a version that kept a MAC of the password too; none is older than remembered
		check = func() (password.Verdict, error) {
			body := w.mac("body", p.name.Shown, p.email, norm.NFC.String(c.Password))
			return password.Verdict{OK: hmac.Equal([]byte(there.Body), []byte(body))}, nil
		}
	} else if !hmac.Equal([]byte(there.Body), []byte(w.mac("name and email", p.name.Shown, p.email))) {
		return false, nil
	}
	attempt := w.guard.Attempt(Account(p.email), c.Address)
	verdict, err := verify(ctx, attempt, check)
	if err != nil {
		return false, fmt.Errorf("verifying the password of an earlier request: %w", err)
	}
	if verdict.OK {
		w.beside.Go(func() { attempt.TakeBack(ctx) })
	}
	return verdict.OK, nil
}

// resume looks at an earlier request with the same key and takes it over where
// its worker has gone. done: its answer stands. aborted: its creation ended
// without an organization, and nobody was told.
func (w *worker) resume(ctx context.Context, there Request) (done, aborted bool, err error) {
	if there.Done {
		return true, false, nil
	}
	o, err := w.confirm(ctx, there.IDs.Organization) // the client is told that it is there
	if err != nil {
		return false, false, err
	}
	if !o.ID.IsZero() && o.State != Creating && o.State != Aborted {
		return true, false, nil
	}
	if w.now().Before(there.Lease.Add(takeoverGrace)) {
		return false, false, requestInProgress()
	}
	for lost := false; ; {
		ok, err := w.store.Requests.TakeOver(ctx, there, w.id, w.lease)
		switch {
		case ok:
			return false, o.State == Aborted, nil
		case err == nil && !lost:
			return false, false, requestInProgress()
		case errors.Is(err, ErrLost):
			lost = true
			if err := w.countLost(err); err != nil {
				return false, false, err
			}
		case err != nil:
			return false, false, fmt.Errorf("taking over a request: %w", err)
		}
		now, err := w.request(ctx, there.ID)
		switch {
		case err != nil:
			return false, false, err
		case now.Worker == w.id:
			return false, o.State == Aborted, nil
		case now.Worker != there.Worker || !now.Lease.Equal(there.Lease):
			return false, false, requestInProgress()
		}
	}
}

// forget deletes the request as this worker holds it, so that the next try is
// judged anew; a late delete hits nobody else's.
func (w *worker) forget(ctx context.Context, r Request) {
	if err := w.store.Requests.Delete(ctx, r); err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "deleting a request", slog.String("err", err.Error()))
	}
}
