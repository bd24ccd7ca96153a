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

// hookDo is hook for commands that answer nothing.
func hookDo(ctx context.Context, h Hook, command string, apply func(ctx context.Context) error) error {
	_, err := hook(ctx, h, command, func(ctx context.Context) (struct{}, error) { return struct{}{}, apply(ctx) })
	return err
}

type organizations hooked[organization.Organizations]

func (s organizations) Find(ctx context.Context, id organization.ID) (organization.Organization, error) {
	return hook(ctx, s.h, "organizations.find", func(ctx context.Context) (organization.Organization, error) {
		return s.to.Find(ctx, id)
	})
}

func (s organizations) FindVisible(ctx context.Context, key string) (organization.Organization, error) {
	return hook(ctx, s.h, "organizations.findVisible", func(ctx context.Context) (organization.Organization, error) {
		return s.to.FindVisible(ctx, key)
	})
}

func (s organizations) FindLinearizable(ctx context.Context, id organization.ID) (organization.Organization, error) {
	return hook(ctx, s.h, "organizations.findLinearizable",
		func(ctx context.Context) (organization.Organization, error) { return s.to.FindLinearizable(ctx, id) })
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
	return hook(ctx, s.h, "organizations.compareAndSwap", func(ctx context.Context) (bool, error) {
		return s.to.CompareAndSwap(ctx, was, is)
	})
}

func (s organizations) Delete(ctx context.Context, o organization.Organization) (bool, error) {
	return hook(ctx, s.h, "organizations.delete", func(ctx context.Context) (bool, error) {
		return s.to.Delete(ctx, o)
	})
}

type claims hooked[organization.Claims]

func (s claims) Find(ctx context.Context, key string) (organization.Claim, error) {
	return hook(ctx, s.h, "claims.find", func(ctx context.Context) (organization.Claim, error) {
		return s.to.Find(ctx, key)
	})
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
	return hook(ctx, s.h, "claims.settle", func(ctx context.Context) (int, error) { return s.to.Settle(ctx, claims) })
}

func (s claims) Release(ctx context.Context, key string, claim organization.ID, now time.Time) error {
	return hookDo(ctx, s.h, "claims.release", func(ctx context.Context) error {
		return s.to.Release(ctx, key, claim, now)
	})
}

func (s claims) Replace(ctx context.Context, was, is organization.Claim) (bool, error) {
	return hook(ctx, s.h, "claims.replace", func(ctx context.Context) (bool, error) {
		return s.to.Replace(ctx, was, is)
	})
}

func (s claims) Delete(ctx context.Context, c organization.Claim) (bool, error) {
	return hook(ctx, s.h, "claims.delete", func(ctx context.Context) (bool, error) { return s.to.Delete(ctx, c) })
}

type admins hooked[organization.Admins]

func (s admins) Find(ctx context.Context, id organization.ID) (organization.Admin, error) {
	return hook(ctx, s.h, "admins.find", func(ctx context.Context) (organization.Admin, error) {
		return s.to.Find(ctx, id)
	})
}

func (s admins) FindByEmail(ctx context.Context, email string) (organization.Admin, error) {
	return hook(ctx, s.h, "admins.findByEmail", func(ctx context.Context) (organization.Admin, error) {
		return s.to.FindByEmail(ctx, email)
	})
}

func (s admins) Insert(ctx context.Context, a organization.Admin) error {
	return hookDo(ctx, s.h, "admins.insert", func(ctx context.Context) error { return s.to.Insert(ctx, a) })
}

func (s admins) Change(ctx context.Context, c organization.AdminChange, op organization.ID) (bool, error) {
	return hook(ctx, s.h, "admins.change", func(ctx context.Context) (bool, error) { return s.to.Change(ctx, c, op) })
}

func (s admins) Delete(ctx context.Context, id, org organization.ID) error {
	return hookDo(ctx, s.h, "admins.delete", func(ctx context.Context) error { return s.to.Delete(ctx, id, org) })
}

func (s admins) DeleteAll(ctx context.Context, org organization.ID) (int, error) {
	return hook(ctx, s.h, "admins.deleteAll", func(ctx context.Context) (int, error) {
		return s.to.DeleteAll(ctx, org)
	})
}

func (s admins) PutSession(
	ctx context.Context, admin organization.ID, current string, put organization.Session, dead ...organization.ID,
) (bool, error) {
	return hook(ctx, s.h, "admins.putSession", func(ctx context.Context) (bool, error) {
		return s.to.PutSession(ctx, admin, current, put, dead...)
	})
}

func (s admins) EndSession(ctx context.Context, admin, session organization.ID, current string) (bool, error) {
	return hook(ctx, s.h, "admins.endSession", func(ctx context.Context) (bool, error) {
		return s.to.EndSession(ctx, admin, session, current)
	})
}

func (s admins) EndSessions(ctx context.Context, admin organization.ID, was, is string) (bool, error) {
	return hook(ctx, s.h, "admins.endSessions", func(ctx context.Context) (bool, error) {
		return s.to.EndSessions(ctx, admin, was, is)
	})
}

func (s admins) SweepSessions(ctx context.Context, t time.Time) (int, error) {
	return hook(ctx, s.h, "admins.sweepSessions",
		func(ctx context.Context) (int, error) { return s.to.SweepSessions(ctx, t) })
}

type mails hooked[organization.Mails]

func (s mails) AskReset(ctx context.Context, email string, m organization.Mail) (bool, error) {
	return hook(ctx, s.h, "mails.askReset", func(ctx context.Context) (bool, error) {
		return s.to.AskReset(ctx, email, m)
	})
}

func (s mails) Put(ctx context.Context, was, is organization.Admin) (bool, error) {
	return hook(ctx, s.h, "mails.put", func(ctx context.Context) (bool, error) { return s.to.Put(ctx, was, is) })
}

func (s mails) ConfirmEmail(ctx context.Context, admin organization.ID, email, hash string) (bool, error) {
	return hook(ctx, s.h, "mails.confirmEmail", func(ctx context.Context) (bool, error) {
		return s.to.ConfirmEmail(ctx, admin, email, hash)
	})
}

type requests hooked[organization.Requests]

func (s requests) Find(ctx context.Context, id string) (organization.Request, error) {
	return hook(ctx, s.h, "requests.find", func(ctx context.Context) (organization.Request, error) {
		return s.to.Find(ctx, id)
	})
}

func (s requests) Insert(ctx context.Context, r organization.Request) error {
	return hookDo(ctx, s.h, "requests.insert", func(ctx context.Context) error { return s.to.Insert(ctx, r) })
}

func (s requests) TakeOver(
	ctx context.Context, was organization.Request, worker organization.ID, lease time.Time,
) (bool, error) {
	return hook(ctx, s.h, "requests.takeOver", func(ctx context.Context) (bool, error) {
		return s.to.TakeOver(ctx, was, worker, lease)
	})
}

func (s requests) Finish(ctx context.Context, id string, ids organization.RequestIDs) error {
	return hookDo(ctx, s.h, "requests.finish", func(ctx context.Context) error { return s.to.Finish(ctx, id, ids) })
}

func (s requests) Delete(ctx context.Context, r organization.Request) error {
	return hookDo(ctx, s.h, "requests.delete", func(ctx context.Context) error { return s.to.Delete(ctx, r) })
}

func (s requests) DeleteBefore(ctx context.Context, t time.Time) (int, error) {
	return hook(ctx, s.h, "requests.deleteBefore", func(ctx context.Context) (int, error) {
		return s.to.DeleteBefore(ctx, t)
	})
}

type collections hooked[organization.Collections]

func (s collections) Find(ctx context.Context, names ...string) (map[string]organization.Collection, error) {
	return hook(ctx, s.h, "collections.find", func(ctx context.Context) (map[string]organization.Collection, error) {
		return s.to.Find(ctx, names...)
	})
}

func (s collections) List(ctx context.Context, prefix string) ([]string, error) {
	return hook(ctx, s.h, "collections.list", func(ctx context.Context) ([]string, error) {
		return s.to.List(ctx, prefix)
	})
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
	return hook(ctx, s.h, "documents.any", func(ctx context.Context) (bool, error) { return s.to.Any(ctx, collection) })
}

func (s documents) Read(
	ctx context.Context, collection string, after []byte, limit int,
) ([]organization.Document, error) {
	return hook(ctx, s.h, "documents.read", func(ctx context.Context) ([]organization.Document, error) {
		return s.to.Read(ctx, collection, after, limit)
	})
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
)

type backlog hooked[organization.Backlog]

func (s backlog) Expired(ctx context.Context, t time.Time, after *organization.Place, limit int) (orgPage, error) {
	return hook(ctx, s.h, "backlog.expired", func(ctx context.Context) (orgPage, error) {
		return s.to.Expired(ctx, t, after, limit)
	})
}

func (s backlog) Unswept(ctx context.Context, t time.Time, after *organization.Place, limit int) (orgPage, error) {
	return hook(ctx, s.h, "backlog.unswept", func(ctx context.Context) (orgPage, error) {
		return s.to.Unswept(ctx, t, after, limit)
	})
}

func (s backlog) Purgeable(ctx context.Context, t time.Time, after *organization.Place, limit int) (orgPage, error) {
	return hook(ctx, s.h, "backlog.purgeable", func(ctx context.Context) (orgPage, error) {
		return s.to.Purgeable(ctx, t, after, limit)
	})
}

func (s backlog) Unsettled(ctx context.Context, t time.Time, after *organization.Place, limit int) (claimPage, error) {
	return hook(ctx, s.h, "backlog.unsettled", func(ctx context.Context) (claimPage, error) {
		return s.to.Unsettled(ctx, t, after, limit)
	})
}

func (s backlog) Mails(ctx context.Context, t time.Time, after *organization.Place, limit int) (adminPage, error) {
	return hook(ctx, s.h, "backlog.mails", func(ctx context.Context) (adminPage, error) {
		return s.to.Mails(ctx, t, after, limit)
	})
}

func (s backlog) Unconfirmed(ctx context.Context, t time.Time, after *organization.Place, limit int) (adminPage, error) {
	return hook(ctx, s.h, "backlog.unconfirmed", func(ctx context.Context) (adminPage, error) {
		return s.to.Unconfirmed(ctx, t, after, limit)
	})
}

func (s backlog) Organizations(ctx context.Context, after *organization.Place, limit int) (orgPage, error) {
	return hook(ctx, s.h, "backlog.organizations", func(ctx context.Context) (orgPage, error) {
		return s.to.Organizations(ctx, after, limit)
	})
}

func (s backlog) Claims(ctx context.Context, after *organization.Place, limit int) (claimPage, error) {
	return hook(ctx, s.h, "backlog.claims", func(ctx context.Context) (claimPage, error) {
		return s.to.Claims(ctx, after, limit)
	})
}

func (s backlog) Admins(ctx context.Context, after *organization.Place, limit int) (adminPage, error) {
	return hook(ctx, s.h, "backlog.admins", func(ctx context.Context) (adminPage, error) {
		return s.to.Admins(ctx, after, limit)
	})
}
