package organization

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// batch is how much of each list one look takes.
const batch = 200

// Report counts what a run of [Service.Reconcile] did.
type Report struct {
	Finished  int  // operations that were left behind
	Settled   int  // claims of living organizations that need no look any more
	Claims    int  // freed names
	Strays    int  // collections moved away from a name that was given up
	Admins    int  // deleted admins of dead organizations
	Purged    int  // trashes dropped
	Forgotten int  // documents of dead organizations deleted
	Merged    int  // documents brought back to their organization
	Ghosts    int  // ghosts dropped because nothing was left in them
	Requests  int  // forgotten idempotency keys
	Sessions  int  // admins whose sessions had all expired
	Deleted   int  // organizations whose admin never confirmed an address
	Counters  int  // expired counters of attempts at passwords, and of creations
	Complete  bool // nothing was left undone for want of time, or because a list could not be read

	Failed int           // items that could not be done, and are tried again later
	Kept   int           // ghosts that a person must decide about: conflicting documents, or nobody's
	Oldest time.Duration // the age of the oldest thing that was due and is not done; without what is Kept
}

// LogValue lists what is not zero.
func (r Report) LogValue() slog.Value {
	return counts(r.Complete, []count{
		{"finished", r.Finished},
		{"settled", r.Settled},
		{"claims", r.Claims},
		{"strays", r.Strays},
		{"admins", r.Admins},
		{"purged", r.Purged},
		{"forgotten", r.Forgotten},
		{"merged", r.Merged},
		{"ghosts", r.Ghosts},
		{"requests", r.Requests},
		{"sessions", r.Sessions},
		{"deleted", r.Deleted},
		{"attempts", r.Counters},
		{"failed", r.Failed},
		{"kept", r.Kept},
		{"stuck", r.Failed + r.Kept},
		{"oldest_s", int(r.Oldest.Seconds())},
	})
}

// count is one number of a report.
type count struct {
	name string
	n    int
}

// counts lists what is not zero.
func counts(complete bool, all []count) slog.Value {
	attrs := []slog.Attr{slog.Bool("complete", complete)}
	for _, c := range all {
		if c.n != 0 {
			attrs = append(attrs, slog.Int(c.name, c.n))
		}
	}
	return slog.GroupValue(attrs...)
}

// Reconcile finishes what crashes left behind and purges what has been deleted
// for long enough (protocol.md beside this file, section 5), until its lease or
// ctx ends. It is safe at any time, twice, and concurrently. What it reads is
// what has happened, never what lives: a run with nothing to do is a command
// for each list.
//
// An item that fails keeps no other from being done: it is logged once, put
// aside for a while and counted. The error joins the lists that could not be read.
func (s *Service) Reconcile(ctx context.Context) (Report, error) {
	ctx, w := s.begin(ctx)
	r := &reconciliation{worker: w}
	// A ghost of a purged organization is dropped in the run that purges it: so purge comes before.
	agendas := []*agenda{
		{name: "operation", list: overdue(r, r.store.Backlog.Expired, takeoverGrace, r.expiredOperation)},
		{name: "claim", list: r.unsettledClaims},
		{name: "admins", list: overdue(r, r.store.Backlog.Unswept, 0, r.unsweptOrganization)},
		{name: "trash", list: overdue(r, r.store.Backlog.Purgeable, 0, r.purgeableOrganization)},
		{name: "ghost", list: r.ghosts},
		{name: "requests", list: r.atOnce(&r.report.Requests, r.oldRequests)},
		{name: "sessions", list: r.atOnce(&r.report.Sessions, r.expiredSessions)},
		{name: "attempts", list: r.atOnce(&r.report.Counters, r.expiredAttempts)},
	}
	if s.unconfirmed > 0 {
		list := overdue(r, r.store.Backlog.Unconfirmed, s.unconfirmed, r.unconfirmedOrganization)
		agendas = append(agendas, &agenda{name: "unconfirmed", list: list})
	}
	err := r.run(ctx, agendas)
	return r.report, asFault(err)
}

// reconciliation is one run of Reconcile.
type reconciliation struct {
	*worker
	report Report
	turn   time.Time // when the agenda that is at work must give way
}

// overdue lists what stands in a list of the backlog for that long already.
func overdue[T any](
	r *reconciliation, list func(ctx context.Context, t time.Time, after *Place, limit int) (Page[T], error),
	since time.Duration, of func(T) item,
) lister {
	return func(ctx context.Context, after *Place) ([]item, *Place, error) {
		p, err := ask(ctx, r.worker, func(ctx context.Context) (Page[T], error) {
			return list(ctx, r.now().Add(-since), after, batch)
		})
		return items(p, of), p.Next, err
	}
}

// expiredOperation: its worker has gone. Whoever takes it over renews its
// lease, so one that cannot be finished comes up again when that has passed.
func (r *reconciliation) expiredOperation(o Organization) item {
	return item{id: o.ID.String(), due: o.Op.Lease.Add(takeoverGrace), do: func(ctx context.Context) error {
		if err := r.finish(ctx, o); err != nil {
			return err
		}
		r.report.Finished++
		return nil
	}}
}

// unsweptOrganization: a creation's late command may have inserted the admin of
// an organization that was dead already. From SweepAfter on no more can come.
func (r *reconciliation) unsweptOrganization(o Organization) item {
	return item{id: o.ID.String(), due: o.SweepAfter, do: func(ctx context.Context) error {
		if err := r.deleteAdmins(ctx, o); err != nil {
			return err
		}
		swept := o
		swept.SweepAfter = time.Time{}
		_, err := r.store.Organizations.CompareAndSwap(ctx, o, swept)
		return r.later(ctx, "marking an organization as swept", err)
	}}
}

func (r *reconciliation) deleteAdmins(ctx context.Context, o Organization) error {
	n, err := ask(ctx, r.worker, func(ctx context.Context) (int, error) { return r.store.Admins.DeleteAll(ctx, o.ID) })
	if n > 0 {
		r.report.Admins += n
		r.log.LogAttrs(ctx, slog.LevelWarn, "deleted the admin of a dead organization",
			slog.String("org_id", o.ID.String()))
	}
	return err
}

// purgeableOrganization: the trash of a deleted organization when its time has
// come, and a day and a hold later the document of the dead organization itself.
func (r *reconciliation) purgeableOrganization(o Organization) item {
	purge := r.deleteDead
	if o.State == Deleted && o.Op != nil {
		purge = r.dropTrash
	}
	return item{id: o.ID.String(), due: o.PurgeAfter, do: func(ctx context.Context) error { return purge(ctx, o) }}
}

// dropTrash drops a deleted organization's documents. The ghosts that are its go too: see mergeGhost.
func (r *reconciliation) dropTrash(ctx context.Context, o Organization) error {
	trash := trashName(o.Op.ID)
	err := r.retry(ctx, func(ctx context.Context) error { return r.store.Collections.Drop(ctx, trash) })
	if err != nil {
		return err
	}
	r.log.LogAttrs(ctx, slog.LevelInfo, "purged a deleted organization's collection",
		slog.String("org_id", o.ID.String()), slog.String("collection", trash))
	r.report.Purged++
	rest := o
	rest.Op, rest.PurgeAfter = nil, r.hold().Add(remembered)
	_, err = r.store.Organizations.CompareAndSwap(ctx, o, rest)
	return r.later(ctx, "marking a trash as purged", err)
}

// deleteDead deletes the document of a dead organization, which no idempotency key can bring back to life any more.
func (r *reconciliation) deleteDead(ctx context.Context, o Organization) error {
	if err := r.deleteAdmins(ctx, o); err != nil {
		return err
	}
	gone, err := r.store.Organizations.Delete(ctx, o)
	if gone {
		r.report.Forgotten++
	}
	return r.later(ctx, "forgetting a dead organization", err)
}

// atOnce is an agenda of one item, which is a command or two.
func (r *reconciliation) atOnce(done *int, command func(context.Context) (int, error)) lister {
	return func(context.Context, *Place) ([]item, *Place, error) {
		return []item{{id: "all", do: func(ctx context.Context) error {
			n, err := ask(ctx, r.worker, command)
			*done += n
			return err
		}}}, nil, nil
	}
}

// oldRequests: idempotency keys are kept for a day.
func (r *reconciliation) oldRequests(ctx context.Context) (int, error) {
	return r.store.Requests.DeleteBefore(ctx, r.now().Add(-remembered))
}

// expiredSessions: those of admins of whose sessions the last has expired. Where
// another lives, the next login or refresh takes the expired ones away.
func (r *reconciliation) expiredSessions(ctx context.Context) (int, error) {
	return r.store.Admins.SweepSessions(ctx, r.now())
}

// unconfirmedOrganization: its admin never confirmed an address, for as long as that may take.
func (r *reconciliation) unconfirmedOrganization(a Admin) item {
	return item{id: a.ID.String(), due: a.UnconfirmedSince.Add(r.unconfirmed), do: func(ctx context.Context) error {
		return r.deleteUnconfirmed(ctx, a)
	}}
}

// deleteUnconfirmed deletes the organization of an admin as a request would, where
// nobody has confirmed meanwhile. The tokens go first: who then still confirms hears
// that it is too late, and not that all is well.
func (r *reconciliation) deleteUnconfirmed(ctx context.Context, a Admin) error {
	is := a
	is.Resets, is.Confirm = nil, Proof{}
	ok, err := r.store.Mails.Put(ctx, a, is)
	if err != nil || !ok {
		return r.later(ctx, "taking the tokens of an admin", err)
	}
	var o Organization
	if err := r.reading(ctx, r.organization(a.OrgID, &o), r.admin(a.ID, &a)); err != nil {
		return err
	}
	if a.UnconfirmedSince.IsZero() || o.State != Active || o.AdminID != a.ID {
		return nil // confirmed, or busy: then the next run looks again
	}
	if err := r.deletes(ctx, o); err != nil {
		if errors.Is(err, errUndecided) {
			return nil
		}
		return err
	}
	r.report.Deleted++
	r.log.LogAttrs(ctx, slog.LevelInfo, "deleted an organization whose admin never confirmed an address",
		slog.String("org_id", o.ID.String()))
	return nil
}

// expiredAttempts: batch by batch, for an attack from many addresses leaves many counters.
func (r *reconciliation) expiredAttempts(ctx context.Context) (int, error) {
	n, err := r.guard.Sweep(ctx, batch)
	if n == batch && err == nil {
		err = errUnfinished
	}
	return n, err
}

// later lets a lost answer be: the next run looks again.
func (r *reconciliation) later(ctx context.Context, doing string, err error) error {
	if !errors.Is(err, ErrLost) {
		return err
	}
	r.log.LogAttrs(ctx, slog.LevelWarn, "no answer; the next run looks again", slog.String("doing", doing))
	return r.countLost(err)
}
