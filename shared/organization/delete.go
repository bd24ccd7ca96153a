package organization

import (
	"context"
	"errors"
	"fmt"

	"oms/shared/fault"
	"oms/shared/token"
)

// Delete deletes the caller's organization and returns its shown name. It needs
// the password, or a login of the last [Config].ReauthenticateAfter. The same
// call again, while a deletion is unfinished, finishes it.
//
// Faults: invalid_request (field organization_name), token_revoked,
// not_your_organization, version_mismatch, wrong_password, too_many_attempts,
// reauthentication_required, organization_busy, storage_unavailable.
func (s *Service) Delete(ctx context.Context, who token.Principal, d Deletion) (string, error) {
	n, wrong := ParseName(d.Name)
	if wrong != nil {
		wrong.Field = "organization_name"
		return "", fault.NewInvalid(*wrong)
	}
	ctx, w := s.begin(ctx)
	defer w.beside.Wait()
	shown, err := w.remove(ctx, who, n, d)
	return shown, asFault(err)
}

func (w *worker) remove(ctx context.Context, who token.Principal, name Name, d Deletion) (string, error) {
	o, a, err := w.authorizedOwner(ctx, who)
	if gone, ok := errors.AsType[*deletionUnfinished](err); ok {
		if gone.o.Key != name.Key {
			return "", notYours()
		}
		return gone.o.Name, w.finishDeletion(ctx, gone.o)
	}
	if err != nil {
		return "", err
	}
	if o.Key != name.Key {
		return "", notYours()
	}
	if d.IfVersion != nil && *d.IfVersion != o.Version {
		return "", versionMismatch()
	}
	if err := w.reauthenticated(ctx, who, a, d.Password, d.Address, true); err != nil {
		return "", err
	}
	err = w.deletes(ctx, o)
	if errors.Is(err, errUndecided) {
		return "", organizationBusy()
	}
	return o.Name, err
}

// deletes does steps 1 to 3 of a deletion; errUndecided where the organization is not as it was read.
func (w *worker) deletes(ctx context.Context, o Organization) error {
	x := &operation{worker: w, everyAnswerSeen: true}
	is := o
	is.State = Deleting
	is.Op = &Op{ID: NewID(w.now()), Kind: OpDelete, Worker: w.id, Lease: w.lease, EveryAnswerSeen: true, From: o.Key}
	if err := x.decide(ctx, o, is); err != nil {
		return err
	}
	return x.forwardDelete(ctx)
}

// finishDeletion finishes a deletion that another worker began.
func (w *worker) finishDeletion(ctx context.Context, o Organization) error {
	if !w.expired(o) {
		return organizationBusy()
	}
	if err := w.finish(ctx, o); err != nil {
		return err
	}
	now, err := w.confirm(ctx, o.ID)
	if err == nil && !now.ID.IsZero() && now.State != Deleted {
		err = organizationBusy() // somebody else has it
	}
	return err
}

// forwardDelete does steps 2 and 3.
func (x *operation) forwardDelete(ctx context.Context) error {
	trash := trashName(x.org.Op.ID)
	todo := []command{
		x.leave(x.org.Key, x.org.ClaimID),
		func(ctx context.Context) error { return x.discard(ctx, CollectionName(x.org.Key), trash) },
		func(ctx context.Context) error { _, err := x.store.Admins.DeleteAll(ctx, x.org.ID); return err },
	}
	for len(todo) > 0 {
		var again []command
		var lost error
		for i, err := range parallel(ctx, todo...) {
			if errors.Is(err, ErrLost) {
				again, lost = append(again, todo[i]), err
			} else if err != nil {
				return fmt.Errorf("deleting organization %s: %w", x.org.ID, err)
			}
		}
		if lost != nil {
			if err := x.doubt(ctx, lost); err != nil {
				return err
			}
		}
		todo = again
	}
	now := x.now()
	is := x.org
	is.State, is.Key, is.ClaimID, is.UpdatedAt = Deleted, "", ID{}, now
	is.Version++
	is.Op = &Op{ID: x.org.Op.ID, Kind: OpDelete}
	is.SweepAfter, is.PurgeAfter = x.hold(), now.Add(x.retention)
	if is.PurgeAfter.Before(is.SweepAfter) {
		is.PurgeAfter = is.SweepAfter
	}
	if err := x.end(ctx, is); err != nil && !errors.Is(err, errEnded) {
		return err
	}
	return nil
}

// discard moves the collection to the trash; where somebody has dropped it,
// the trash is made, so that a late move fails.
func (x *operation) discard(ctx context.Context, from, trash string) error {
	err := x.store.Collections.Rename(ctx, from, trash)
	switch {
	case errors.Is(err, ErrExists):
		return nil
	case !errors.Is(err, ErrAbsent):
		return err
	}
	if err := x.store.Collections.Create(ctx, trash); err != nil && !errors.Is(err, ErrExists) {
		return err
	}
	return nil
}

// trashPrefix begins the names of what deleted organizations had.
const trashPrefix = "trash_"

func trashName(op ID) string { return trashPrefix + op.String() }
