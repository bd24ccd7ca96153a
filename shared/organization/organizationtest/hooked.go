package organizationtest

import (
	"context"
	"time"

	"oms/shared/organization"
)

// Hook stands around every command of a Store. The command is named by its
// interface and method, as in "claims.insert" or "organizations.findVisible".
// apply carries it out and says what it answered; what the hook returns is what
// the caller gets. So a hook can kill before a command (return without apply),
// after it, lose its answer (apply, then organization.ErrLost), hold it up, or
// apply it late from another goroutine, after it has returned an error. A hook
// that returns nil has run apply. It is called from several goroutines at once.
type Hook func(command string, apply func() error) error

// Hooked returns the store with the hook around its every command.
func Hooked(s organization.Store, h Hook) organization.Store {
	return organization.Store{
		Organizations: organizations{s.Organizations, h},
		Claims:        claims{s.Claims, h},
		Admins:        admins{s.Admins, h},
		Requests:      requests{s.Requests, h},
		Collections:   collections{s.Collections, h},
		Documents:     documents{s.Documents, h},
		Backlog:       backlog{s.Backlog, h},
		Mails:         mails{s.Mails, h},
	}
}

// hooked is an interface of a Store with the hook around its commands. It embeds
// none: so a new method that passes no hook does not compile.
type hooked[T any] struct {
	to T
	h  Hook
}

// hook sends one command through the hook, where ctx lets it be sent at all.
// The answer is read only where the hook returned nil, for a command that is
// applied late still writes it.
func hook[T any](ctx context.Context, h Hook, command string, apply func(ctx context.Context) (T, error)) (T, error) {
	var zero, answer T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	sent := context.WithoutCancel(ctx) // what has been sent is applied whatever becomes of its sender
	err := h(command, func() error {
		a, err := apply(sent)
		if err == nil {
			answer = a
		}
		return err
	})
	if err != nil {
		return zero, err
	}
	return answer, nil
}

// with is a command with what it is sent with; with2 and with3 are those of more.
func with[A, T any](do func(context.Context, A) (T, error), a A) func(context.Context) (T, error) {
	return func(ctx context.Context) (T, error) { return do(ctx, a) }
}

func with2[A, B, T any](do func(context.Context, A, B) (T, error), a A, b B) func(context.Context) (T, error) {
	return func(ctx context.Context) (T, error) { return do(ctx, a, b) }
}

func with3[A, B, C, T any](
	do func(context.Context, A, B, C) (T, error), a A, b B, c C,
) func(context.Context) (T, error) {
	return func(ctx context.Context) (T, error) { return do(ctx, a, b, c) }
}

// hookDo is hook for commands that answer nothing.
func hookDo(ctx context.Context, h Hook, command string, apply func(ctx context.Context) error) error {
	_, err := hook(ctx, h, command, func(ctx context.Context) (struct{}, error) { return struct{}{}, apply(ctx) })
	return err
}

type organizations hooked[organization.Organizations]

func (s organizations) Find(ctx context.Context, id organization.ID) (organization.Organization, error) {
	return hook(ctx, s.h, "organizations.find", with(s.to.Find, id))
}

func (s organizations) FindVisible(ctx context.Context, key string) (organization.Organization, error) {
	return hook(ctx, s.h, "organizations.findVisible", with(s.to.FindVisible, key))
}

func (s organizations) FindLinearizable(ctx context.Context, id organization.ID) (organization.Organization, error) {
	return hook(ctx, s.h, "organizations.findLinearizable", with(s.to.FindLinearizable, id))
}

func (s organizations) FindClaimants(ctx context.Context, keys ...string) ([]organization.Organization, error) {
	return hook(ctx, s.h, "organizations.findClaimants",
		func(ctx context.Context) ([]organization.Organization, error) {
			return s.to.FindClaimants(ctx, keys...)
		})
}

func (s organizations) Insert(ctx context.Context, o organization.Organization) error {
	return hookDo(ctx, s.h, "organizations.insert", func(ctx context.Context) error { return s.to.Insert(ctx, o) })
}

func (s organizations) CompareAndSwap(ctx context.Context, was, is organization.Organization) (bool, error) {
	return hook(ctx, s.h, "organizations.compareAndSwap", with2(s.to.CompareAndSwap, was, is))
}

func (s organizations) Delete(ctx context.Context, o organization.Organization) (bool, error) {
	return hook(ctx, s.h, "organizations.delete", with(s.to.Delete, o))
}

type claims hooked[organization.Claims]

func (s claims) Find(ctx context.Context, key string) (organization.Claim, error) {
	return hook(ctx, s.h, "claims.find", with(s.to.Find, key))
}

func (s claims) Insert(ctx context.Context, c organization.Claim) error {
	return hookDo(ctx, s.h, "claims.insert", func(ctx context.Context) error { return s.to.Insert(ctx, c) })
}

func (s claims) Raise(
	ctx context.Context, key string, claim organization.ID, until time.Time, left bool,
) (bool, error) {
	return hook(ctx, s.h, "claims.raise", func(ctx context.Context) (bool, error) {
		return s.to.Raise(ctx, key, claim, until, left)
	})
}

func (s claims) Settle(ctx context.Context, claims []organization.Claim) (int, error) {
	return hook(ctx, s.h, "claims.settle", with(s.to.Settle, claims))
}

func (s claims) Release(ctx context.Context, key string, claim organization.ID, now time.Time) error {
	return hookDo(ctx, s.h, "claims.release", func(ctx context.Context) error {
		return s.to.Release(ctx, key, claim, now)
	})
}

func (s claims) Replace(ctx context.Context, was, is organization.Claim) (bool, error) {
	return hook(ctx, s.h, "claims.replace", with2(s.to.Replace, was, is))
}

func (s claims) Delete(ctx context.Context, c organization.Claim) (bool, error) {
	return hook(ctx, s.h, "claims.delete", with(s.to.Delete, c))
}

type admins hooked[organization.Admins]

func (s admins) Find(ctx context.Context, id organization.ID) (organization.Admin, error) {
	return hook(ctx, s.h, "admins.find", with(s.to.Find, id))
}

func (s admins) FindByEmail(ctx context.Context, email string) (organization.Admin, error) {
	return hook(ctx, s.h, "admins.findByEmail", with(s.to.FindByEmail, email))
}

func (s admins) Insert(ctx context.Context, a organization.Admin) error {
	return hookDo(ctx, s.h, "admins.insert", func(ctx context.Context) error { return s.to.Insert(ctx, a) })
}

func (s admins) Change(ctx context.Context, c organization.AdminChange, op organization.ID) (bool, error) {
	return hook(ctx, s.h, "admins.change", with2(s.to.Change, c, op))
}

func (s admins) Delete(ctx context.Context, id, org organization.ID) error {
	return hookDo(ctx, s.h, "admins.delete", func(ctx context.Context) error { return s.to.Delete(ctx, id, org) })
}

func (s admins) DeleteAll(ctx context.Context, org organization.ID) (int, error) {
	return hook(ctx, s.h, "admins.deleteAll", with(s.to.DeleteAll, org))
}

func (s admins) PutSession(
	ctx context.Context, admin organization.ID, current string, put organization.Session, dead ...organization.ID,
) (bool, error) {
	return hook(ctx, s.h, "admins.putSession", func(ctx context.Context) (bool, error) {
		return s.to.PutSession(ctx, admin, current, put, dead...)
	})
}

func (s admins) EndSession(ctx context.Context, admin, session organization.ID, current string) (bool, error) {
	return hook(ctx, s.h, "admins.endSession", with3(s.to.EndSession, admin, session, current))
}

func (s admins) EndSessions(ctx context.Context, admin organization.ID, was, is string) (bool, error) {
	return hook(ctx, s.h, "admins.endSessions", with3(s.to.EndSessions, admin, was, is))
}

func (s admins) SweepSessions(ctx context.Context, t time.Time) (int, error) {
	return hook(ctx, s.h, "admins.sweepSessions", with(s.to.SweepSessions, t))
}

type mails hooked[organization.Mails]

func (s mails) AskReset(ctx context.Context, email string, m organization.Mail) (bool, error) {
	return hook(ctx, s.h, "mails.askReset", with2(s.to.AskReset, email, m))
}

func (s mails) Put(ctx context.Context, was, is organization.Admin) (bool, error) {
	return hook(ctx, s.h, "mails.put", with2(s.to.Put, was, is))
}

func (s mails) ConfirmEmail(ctx context.Context, admin organization.ID, email, hash string) (bool, error) {
	return hook(ctx, s.h, "mails.confirmEmail", with3(s.to.ConfirmEmail, admin, email, hash))
}

type requests hooked[organization.Requests]

func (s requests) Find(ctx context.Context, id string) (organization.Request, error) {
	return hook(ctx, s.h, "requests.find", with(s.to.Find, id))
}

func (s requests) Insert(ctx context.Context, r organization.Request) error {
	return hookDo(ctx, s.h, "requests.insert", func(ctx context.Context) error { return s.to.Insert(ctx, r) })
}

func (s requests) TakeOver(
	ctx context.Context, was organization.Request, worker organization.ID, lease time.Time,
) (bool, error) {
	return hook(ctx, s.h, "requests.takeOver", with3(s.to.TakeOver, was, worker, lease))
}

func (s requests) Finish(ctx context.Context, id string, ids organization.RequestIDs) error {
	return hookDo(ctx, s.h, "requests.finish", func(ctx context.Context) error { return s.to.Finish(ctx, id, ids) })
}

func (s requests) Delete(ctx context.Context, r organization.Request) error {
	return hookDo(ctx, s.h, "requests.delete", func(ctx context.Context) error { return s.to.Delete(ctx, r) })
}

func (s requests) DeleteBefore(ctx context.Context, t time.Time) (int, error) {
	return hook(ctx, s.h, "requests.deleteBefore", with(s.to.DeleteBefore, t))
}

type collections hooked[organization.Collections]

func (s collections) Find(ctx context.Context, names ...string) (map[string]organization.Collection, error) {
	return hook(ctx, s.h, "collections.find", func(ctx context.Context) (map[string]organization.Collection, error) {
		return s.to.Find(ctx, names...)
	})
}

func (s collections) List(ctx context.Context, prefix string) ([]string, error) {
	return hook(ctx, s.h, "collections.list", with(s.to.List, prefix))
}

func (s collections) Create(ctx context.Context, name string) error {
	return hookDo(ctx, s.h, "collections.create", func(ctx context.Context) error { return s.to.Create(ctx, name) })
}

func (s collections) Rename(ctx context.Context, from, to string) error {
	return hookDo(ctx, s.h, "collections.rename", func(ctx context.Context) error { return s.to.Rename(ctx, from, to) })
}

func (s collections) Drop(ctx context.Context, name string) error {
	return hookDo(ctx, s.h, "collections.drop", func(ctx context.Context) error { return s.to.Drop(ctx, name) })
}

type documents hooked[organization.Documents]

func (s documents) Any(ctx context.Context, collection string) (bool, error) {
	return hook(ctx, s.h, "documents.any", with(s.to.Any, collection))
}

func (s documents) Read(
	ctx context.Context, collection string, after []byte, limit int,
) ([]organization.Document, error) {
	return hook(ctx, s.h, "documents.read", with3(s.to.Read, collection, after, limit))
}

func (s documents) Insert(ctx context.Context, collection string, d organization.Document) error {
	return hookDo(ctx, s.h, "documents.insert", func(ctx context.Context) error {
		return s.to.Insert(ctx, collection, d)
	})
}

func (s documents) Delete(ctx context.Context, collection string, d organization.Document) error {
	return hookDo(ctx, s.h, "documents.delete", func(ctx context.Context) error {
		return s.to.Delete(ctx, collection, d)
	})
}

func (s documents) CopyIndexes(ctx context.Context, from, to string) error {
	return hookDo(ctx, s.h, "documents.copyIndexes", func(ctx context.Context) error {
		return s.to.CopyIndexes(ctx, from, to)
	})
}

type (
	orgPage   = organization.Page[organization.Organization]
	claimPage = organization.Page[organization.Claim]
	adminPage = organization.Page[organization.Admin]
	place     = organization.Place
)

type backlog hooked[organization.Backlog]

func (s backlog) Expired(ctx context.Context, t time.Time, after *place, limit int) (orgPage, error) {
	return hook(ctx, s.h, "backlog.expired", with3(s.to.Expired, t, after, limit))
}

func (s backlog) Unswept(ctx context.Context, t time.Time, after *place, limit int) (orgPage, error) {
	return hook(ctx, s.h, "backlog.unswept", with3(s.to.Unswept, t, after, limit))
}

func (s backlog) Purgeable(ctx context.Context, t time.Time, after *place, limit int) (orgPage, error) {
	return hook(ctx, s.h, "backlog.purgeable", with3(s.to.Purgeable, t, after, limit))
}

func (s backlog) Unsettled(ctx context.Context, t time.Time, after *place, limit int) (claimPage, error) {
	return hook(ctx, s.h, "backlog.unsettled", with3(s.to.Unsettled, t, after, limit))
}

func (s backlog) Mails(ctx context.Context, t time.Time, after *place, limit int) (adminPage, error) {
	return hook(ctx, s.h, "backlog.mails", with3(s.to.Mails, t, after, limit))
}

func (s backlog) Unconfirmed(ctx context.Context, t time.Time, after *place, limit int) (adminPage, error) {
	return hook(ctx, s.h, "backlog.unconfirmed", with3(s.to.Unconfirmed, t, after, limit))
}

func (s backlog) Organizations(ctx context.Context, after *place, limit int) (orgPage, error) {
	return hook(ctx, s.h, "backlog.organizations", with2(s.to.Organizations, after, limit))
}

func (s backlog) Claims(ctx context.Context, after *place, limit int) (claimPage, error) {
	return hook(ctx, s.h, "backlog.claims", with2(s.to.Claims, after, limit))
}

func (s backlog) Admins(ctx context.Context, after *place, limit int) (adminPage, error) {
	return hook(ctx, s.h, "backlog.admins", with2(s.to.Admins, after, limit))
}
