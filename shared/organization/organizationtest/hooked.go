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
		Organizations: hookedOrganizations{s.Organizations, h},
		Claims:        hookedClaims{s.Claims, h},
		Admins:        hookedAdmins{s.Admins, h},
		Requests:      hookedRequests{s.Requests, h},
		Collections:   hookedCollections{s.Collections, h},
		Documents:     hookedDocuments{s.Documents, h},
		Backlog:       hookedBacklog{s.Backlog, h},
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

type hookedOrganizations hooked[organization.Organizations]

var _ organization.Organizations = hookedOrganizations{}

func (s hookedOrganizations) Find(ctx context.Context, id organization.ID) (organization.Organization, error) {
	return hook(ctx, s.h, "organizations.find", func(ctx context.Context) (organization.Organization, error) {
		return s.to.Find(ctx, id)
	})
}

func (s hookedOrganizations) FindVisible(ctx context.Context, key string) (organization.Organization, error) {
	return hook(ctx, s.h, "organizations.findVisible", func(ctx context.Context) (organization.Organization, error) {
		return s.to.FindVisible(ctx, key)
	})
}

func (s hookedOrganizations) FindLinearizable(
	ctx context.Context, id organization.ID,
) (organization.Organization, error) {
	return hook(ctx, s.h, "organizations.findLinearizable", func(ctx context.Context) (organization.Organization, error) {
		return s.to.FindLinearizable(ctx, id)
	})
}

func (s hookedOrganizations) FindClaimants(ctx context.Context, keys ...string) ([]organization.Organization, error) {
	return hook(ctx, s.h, "organizations.findClaimants", func(ctx context.Context) ([]organization.Organization, error) {
		return s.to.FindClaimants(ctx, keys...)
	})
}

func (s hookedOrganizations) Insert(ctx context.Context, o organization.Organization) error {
	return hookDo(ctx, s.h, "organizations.insert", func(ctx context.Context) error { return s.to.Insert(ctx, o) })
}

func (s hookedOrganizations) CompareAndSwap(ctx context.Context, was, is organization.Organization) (bool, error) {
	return hook(ctx, s.h, "organizations.compareAndSwap", func(ctx context.Context) (bool, error) {
		return s.to.CompareAndSwap(ctx, was, is)
	})
}

func (s hookedOrganizations) Delete(ctx context.Context, o organization.Organization) (bool, error) {
	return hook(ctx, s.h, "organizations.delete", func(ctx context.Context) (bool, error) { return s.to.Delete(ctx, o) })
}

type hookedClaims hooked[organization.Claims]

var _ organization.Claims = hookedClaims{}

func (s hookedClaims) Find(ctx context.Context, key string) (organization.Claim, error) {
	return hook(ctx, s.h, "claims.find", func(ctx context.Context) (organization.Claim, error) {
		return s.to.Find(ctx, key)
	})
}

func (s hookedClaims) Insert(ctx context.Context, c organization.Claim) error {
	return hookDo(ctx, s.h, "claims.insert", func(ctx context.Context) error { return s.to.Insert(ctx, c) })
}

func (s hookedClaims) Raise(
	ctx context.Context, key string, claim organization.ID, until time.Time, left bool,
) (bool, error) {
	return hook(ctx, s.h, "claims.raise", func(ctx context.Context) (bool, error) {
		return s.to.Raise(ctx, key, claim, until, left)
	})
}

func (s hookedClaims) Settle(ctx context.Context, claims []organization.Claim) (int, error) {
	return hook(ctx, s.h, "claims.settle", func(ctx context.Context) (int, error) { return s.to.Settle(ctx, claims) })
}

func (s hookedClaims) Release(ctx context.Context, key string, claim organization.ID, now time.Time) error {
	return hookDo(ctx, s.h, "claims.release", func(ctx context.Context) error {
		return s.to.Release(ctx, key, claim, now)
	})
}

func (s hookedClaims) Replace(ctx context.Context, was, is organization.Claim) (bool, error) {
	return hook(ctx, s.h, "claims.replace", func(ctx context.Context) (bool, error) { return s.to.Replace(ctx, was, is) })
}

func (s hookedClaims) Delete(ctx context.Context, c organization.Claim) (bool, error) {
	return hook(ctx, s.h, "claims.delete", func(ctx context.Context) (bool, error) { return s.to.Delete(ctx, c) })
}

type hookedAdmins hooked[organization.Admins]

var _ organization.Admins = hookedAdmins{}

func (s hookedAdmins) Find(ctx context.Context, id organization.ID) (organization.Admin, error) {
	return hook(ctx, s.h, "admins.find", func(ctx context.Context) (organization.Admin, error) {
		return s.to.Find(ctx, id)
	})
}

func (s hookedAdmins) FindByEmail(ctx context.Context, email string) (organization.Admin, error) {
	return hook(ctx, s.h, "admins.findByEmail", func(ctx context.Context) (organization.Admin, error) {
		return s.to.FindByEmail(ctx, email)
	})
}

func (s hookedAdmins) Insert(ctx context.Context, a organization.Admin) error {
	return hookDo(ctx, s.h, "admins.insert", func(ctx context.Context) error { return s.to.Insert(ctx, a) })
}

func (s hookedAdmins) Change(ctx context.Context, c organization.AdminChange, op organization.ID) (bool, error) {
	return hook(ctx, s.h, "admins.change", func(ctx context.Context) (bool, error) { return s.to.Change(ctx, c, op) })
}

func (s hookedAdmins) Delete(ctx context.Context, id, org organization.ID) error {
	return hookDo(ctx, s.h, "admins.delete", func(ctx context.Context) error { return s.to.Delete(ctx, id, org) })
}

func (s hookedAdmins) DeleteAll(ctx context.Context, org organization.ID) (int, error) {
	return hook(ctx, s.h, "admins.deleteAll", func(ctx context.Context) (int, error) { return s.to.DeleteAll(ctx, org) })
}

type hookedRequests hooked[organization.Requests]

var _ organization.Requests = hookedRequests{}

func (s hookedRequests) Find(ctx context.Context, id string) (organization.Request, error) {
	return hook(ctx, s.h, "requests.find", func(ctx context.Context) (organization.Request, error) {
		return s.to.Find(ctx, id)
	})
}

func (s hookedRequests) Insert(ctx context.Context, r organization.Request) error {
	return hookDo(ctx, s.h, "requests.insert", func(ctx context.Context) error { return s.to.Insert(ctx, r) })
}

func (s hookedRequests) TakeOver(
	ctx context.Context, was organization.Request, worker organization.ID, lease time.Time,
) (bool, error) {
	return hook(ctx, s.h, "requests.takeOver", func(ctx context.Context) (bool, error) {
		return s.to.TakeOver(ctx, was, worker, lease)
	})
}

func (s hookedRequests) Finish(ctx context.Context, id string, ids organization.RequestIDs) error {
	return hookDo(ctx, s.h, "requests.finish", func(ctx context.Context) error { return s.to.Finish(ctx, id, ids) })
}

func (s hookedRequests) Delete(ctx context.Context, r organization.Request) error {
	return hookDo(ctx, s.h, "requests.delete", func(ctx context.Context) error { return s.to.Delete(ctx, r) })
}

func (s hookedRequests) DeleteBefore(ctx context.Context, t time.Time) (int, error) {
	return hook(ctx, s.h, "requests.deleteBefore", func(ctx context.Context) (int, error) {
		return s.to.DeleteBefore(ctx, t)
	})
}

type hookedCollections hooked[organization.Collections]

var _ organization.Collections = hookedCollections{}

func (s hookedCollections) Find(ctx context.Context, names ...string) (map[string]organization.Collection, error) {
	return hook(ctx, s.h, "collections.find", func(ctx context.Context) (map[string]organization.Collection, error) {
		return s.to.Find(ctx, names...)
	})
}

func (s hookedCollections) List(ctx context.Context, prefix string) ([]string, error) {
	return hook(ctx, s.h, "collections.list", func(ctx context.Context) ([]string, error) {
		return s.to.List(ctx, prefix)
	})
}

func (s hookedCollections) Create(ctx context.Context, name string) error {
	return hookDo(ctx, s.h, "collections.create", func(ctx context.Context) error { return s.to.Create(ctx, name) })
}

func (s hookedCollections) Rename(ctx context.Context, from, to string) error {
	return hookDo(ctx, s.h, "collections.rename", func(ctx context.Context) error { return s.to.Rename(ctx, from, to) })
}

func (s hookedCollections) Drop(ctx context.Context, name string) error {
	return hookDo(ctx, s.h, "collections.drop", func(ctx context.Context) error { return s.to.Drop(ctx, name) })
}

type hookedDocuments hooked[organization.Documents]

var _ organization.Documents = hookedDocuments{}

func (s hookedDocuments) Any(ctx context.Context, collection string) (bool, error) {
	return hook(ctx, s.h, "documents.any", func(ctx context.Context) (bool, error) { return s.to.Any(ctx, collection) })
}

func (s hookedDocuments) Read(
	ctx context.Context, collection string, after []byte, limit int,
) ([]organization.Document, error) {
	return hook(ctx, s.h, "documents.read", func(ctx context.Context) ([]organization.Document, error) {
		return s.to.Read(ctx, collection, after, limit)
	})
}

func (s hookedDocuments) Insert(ctx context.Context, collection string, d organization.Document) error {
	return hookDo(ctx, s.h, "documents.insert", func(ctx context.Context) error { return s.to.Insert(ctx, collection, d) })
}

func (s hookedDocuments) Delete(ctx context.Context, collection string, d organization.Document) error {
	return hookDo(ctx, s.h, "documents.delete", func(ctx context.Context) error { return s.to.Delete(ctx, collection, d) })
}

func (s hookedDocuments) CopyIndexes(ctx context.Context, from, to string) error {
	return hookDo(ctx, s.h, "documents.copyIndexes", func(ctx context.Context) error {
		return s.to.CopyIndexes(ctx, from, to)
	})
}

type (
	orgPage   = organization.Page[organization.Organization]
	claimPage = organization.Page[organization.Claim]
	adminPage = organization.Page[organization.Admin]
)

type hookedBacklog hooked[organization.Backlog]

var _ organization.Backlog = hookedBacklog{}

func (s hookedBacklog) Expired(
	ctx context.Context, t time.Time, after *organization.Place, limit int,
) (orgPage, error) {
	return hook(ctx, s.h, "backlog.expired", func(ctx context.Context) (orgPage, error) {
		return s.to.Expired(ctx, t, after, limit)
	})
}

func (s hookedBacklog) Unswept(
	ctx context.Context, t time.Time, after *organization.Place, limit int,
) (orgPage, error) {
	return hook(ctx, s.h, "backlog.unswept", func(ctx context.Context) (orgPage, error) {
		return s.to.Unswept(ctx, t, after, limit)
	})
}

func (s hookedBacklog) Purgeable(
	ctx context.Context, t time.Time, after *organization.Place, limit int,
) (orgPage, error) {
	return hook(ctx, s.h, "backlog.purgeable", func(ctx context.Context) (orgPage, error) {
		return s.to.Purgeable(ctx, t, after, limit)
	})
}

func (s hookedBacklog) Unsettled(
	ctx context.Context, t time.Time, after *organization.Place, limit int,
) (claimPage, error) {
	return hook(ctx, s.h, "backlog.unsettled", func(ctx context.Context) (claimPage, error) {
		return s.to.Unsettled(ctx, t, after, limit)
	})
}

func (s hookedBacklog) Organizations(ctx context.Context, after *organization.Place, limit int) (orgPage, error) {
	return hook(ctx, s.h, "backlog.organizations", func(ctx context.Context) (orgPage, error) {
		return s.to.Organizations(ctx, after, limit)
	})
}

func (s hookedBacklog) Claims(ctx context.Context, after *organization.Place, limit int) (claimPage, error) {
	return hook(ctx, s.h, "backlog.claims", func(ctx context.Context) (claimPage, error) {
		return s.to.Claims(ctx, after, limit)
	})
}

func (s hookedBacklog) Admins(ctx context.Context, after *organization.Place, limit int) (adminPage, error) {
	return hook(ctx, s.h, "backlog.admins", func(ctx context.Context) (adminPage, error) {
		return s.to.Admins(ctx, after, limit)
	})
}
