package organization

import (
	"context"

	"oms/shared/fault"
	"oms/shared/token"
)

// Get returns the organization that has the name's key. The zero who is
// anonymous; AdminEmail and EmailConfirmed are there for the organization's own admin only, and
// another organization's valid token is answered as anonymous.
//
// Faults: invalid_request (field organization_name), token_revoked,
// organization_not_found, storage_unavailable.
func (s *Service) Get(ctx context.Context, who token.Principal, name string) (View, error) {
	n, wrong := ParseName(name)
	if wrong != nil {
		wrong.Field = "organization_name"
		return View{}, fault.NewInvalid(*wrong)
	}
	ctx, w := s.begin(ctx)
	o, a, err := w.visible(ctx, who, notFound(), func(o *Organization) command {
		return into(o, "reading the organization "+n.Key, w.store.Organizations.FindVisible, n.Key)
	})
	if err != nil {
		return View{}, asFault(err)
	}
	return view(o, a), nil
}

// Own returns the caller's organization, with AdminEmail and EmailConfirmed.
//
// Faults: token_revoked, storage_unavailable.
func (s *Service) Own(ctx context.Context, who token.Principal) (View, error) {
	ctx, w := s.begin(ctx)
	o, a, err := w.own(ctx, who)
	if err != nil {
		return View{}, asFault(err)
	}
	return view(o, a), nil
}

// own reads the caller's organization, which is visible, and its admin.
func (w *worker) own(ctx context.Context, who token.Principal) (Organization, Admin, error) {
	if who.Anonymous() {
		return Organization{}, Admin{}, tokenRevoked()
	}
	return w.visible(ctx, who, tokenRevoked(), func(o *Organization) command {
		id, _ := ParseID(who.OrgID) // one that is none has no organization
		return w.organization(id, o)
	})
}

// visible reads an organization, and the caller beside it, until no operation
// that was left behind is in the way. Without a visible one it returns absent;
// the Admin is zero unless the organization is the caller's.
func (w *worker) visible(
	ctx context.Context, who token.Principal, absent error, read func(*Organization) command,
) (Organization, Admin, error) {
	org, admin, err := principal(who)
	if err != nil {
		return Organization{}, Admin{}, err
	}
	for range maxTries {
		var o Organization
		var a Admin
		reads := []command{read(&o)}
		if !who.Anonymous() {
			reads = append(reads, w.admin(admin, &a))
		}
		if err := w.reading(ctx, reads...); err != nil {
			return Organization{}, Admin{}, err
		}
		switch {
		case a.olderThan(o):
		case !who.Anonymous() && !w.holds(who, org, a):
			return Organization{}, Admin{}, tokenRevoked()
		case !o.State.Visible():
			return Organization{}, Admin{}, absent
		case w.expired(o):
			if err := w.finish(ctx, o); err != nil {
				return Organization{}, Admin{}, err
			}
		case who.Anonymous() || o.ID != org:
			return o, Admin{}, nil
		default:
			return o, a, nil
		}
	}
	return Organization{}, Admin{}, errOvertaken
}

// principal reads a principal's ids; a token of this service always has them.
func principal(who token.Principal) (org, admin ID, err error) {
	if who.Anonymous() {
		return ID{}, ID{}, nil
	}
	if org, err = ParseID(who.OrgID); err == nil {
		admin, err = ParseID(who.AdminID)
	}
	if err != nil {
		return ID{}, ID{}, tokenRevoked()
	}
	return org, admin, nil
}

// olderThan reports whether a was read before the last change of it that o, its
// organization, shows: both are to be read again, for what a says has changed.
func (a Admin) olderThan(o Organization) bool {
	return !a.ID.IsZero() && a.OrgID == o.ID && a.Rev < o.AdminRev
}

// holds reports whether a token still speaks for its admin. One that an older
// version made is of no session, and holds as long as the version of the credentials.
func (w *worker) holds(who token.Principal, org ID, a Admin) bool {
	if a.ID.IsZero() || a.OrgID != org || a.CredentialVersion != who.CredentialVersion {
		return false
	}
	if who.Session == "" {
		return true
	}
	id, err := ParseID(who.Session)
	_, live := a.session(id, w.now())
	return err == nil && live
}

// deletionUnfinished: the token's organization is being deleted. To who does
// not ask for it, it is a token that does not hold any more.
type deletionUnfinished struct{ o Organization }

// Error says so.
func (d *deletionUnfinished) Error() string {
	return "organization " + d.o.ID.String() + " is being deleted"
}

// Unwrap returns what a client is told.
func (d *deletionUnfinished) Unwrap() error { return tokenRevoked() }

// authorizedOwner is step 0 of a change: it reads the token's organization and admin
// together, and what is also read beside them, until no operation is in the way. It
// ends with the organization active and the token good, or with the answer for
// the client; *deletionUnfinished is for Delete to finish.
func (w *worker) authorizedOwner(
	ctx context.Context, who token.Principal, alsoRead ...command,
) (Organization, Admin, error) {
	org, admin, err := principal(who)
	if err == nil && who.Anonymous() {
		err = tokenRevoked()
	}
	if err != nil {
		return Organization{}, Admin{}, err
	}
	for range maxTries {
		var o Organization
		var a Admin
		reads := append([]command{w.organization(org, &o), w.admin(admin, &a)}, alsoRead...)
		if err := w.reading(ctx, reads...); err != nil {
			return Organization{}, Admin{}, err
		}
		if o.State == Deleting && o.AdminID == admin && (a.ID.IsZero() || w.holds(who, org, a)) {
			// The admin may be deleted already; who signed the token is enough to finish what is decided.
			return Organization{}, Admin{}, &deletionUnfinished{o}
		}
		switch {
		case a.olderThan(o):
		case !w.holds(who, org, a) || o.ID.IsZero():
			return Organization{}, Admin{}, tokenRevoked()
		case o.State == Active:
			return o, a, nil
		case w.expired(o):
			if err := w.finish(ctx, o); err != nil {
				return Organization{}, Admin{}, err
			}
		case o.State.Running():
			return Organization{}, Admin{}, organizationBusy()
		default:
			return Organization{}, Admin{}, tokenRevoked()
		}
	}
	return Organization{}, Admin{}, organizationBusy()
}
