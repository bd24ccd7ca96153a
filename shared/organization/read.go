package organization

import (
	"context"

	"oms/shared/fault"
	"oms/shared/token"
)

// Get returns the organization that has the name's key. The zero who is
// anonymous; AdminEmail is there for the organization's own admin only, and
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
	v, err := w.get(ctx, who, n.Key)
	return v, asFault(err)
}

func (w *worker) get(ctx context.Context, who token.Principal, key string) (View, error) {
	org, admin, err := principal(who)
	if err != nil {
		return View{}, err
	}
	for range attempts {
		var o Organization
		var a Admin
		reads := []command{into(&o, "reading the organization "+key, func(ctx context.Context) (Organization, error) {
			return w.store.Organizations.FindVisible(ctx, key)
		})}
		if !who.Anonymous() {
			reads = append(reads, w.admin(admin, &a))
		}
		if err := w.reading(ctx, reads...); err != nil {
			return View{}, err
		}
		if !who.Anonymous() && !holds(who, org, a) {
			return View{}, tokenRevoked()
		}
		if o.ID.IsZero() {
			return View{}, notFound()
		}
		if w.expired(o) {
			if err := w.finish(ctx, o); err != nil {
				return View{}, err
			}
			continue
		}
		if who.Anonymous() || o.ID != org {
			return view(o, ""), nil
		}
		if a.Rev < o.AdminRev {
			continue
		}
		return view(o, a.Email), nil
	}
	return View{}, errOvertaken
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

// holds reports whether a token still speaks for its admin.
func holds(who token.Principal, org ID, a Admin) bool {
	return !a.ID.IsZero() && a.OrgID == org && a.CredentialVersion == who.CredentialVersion
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
func (w *worker) authorizedOwner(ctx context.Context, who token.Principal, alsoRead ...command) (Organization, Admin, error) {
	org, admin, err := principal(who)
	if err == nil && who.Anonymous() {
		err = tokenRevoked()
	}
	if err != nil {
		return Organization{}, Admin{}, err
	}
	for range attempts {
		var o Organization
		var a Admin
		reads := append([]command{w.organization(org, &o), w.admin(admin, &a)}, alsoRead...)
		if err := w.reading(ctx, reads...); err != nil {
			return Organization{}, Admin{}, err
		}
		if o.State == Deleting && o.AdminID == admin && (a.ID.IsZero() || holds(who, org, a)) {
			// The admin may be deleted already; who signed the token is enough to finish what is decided.
			return Organization{}, Admin{}, &deletionUnfinished{o}
		}
		switch {
		case !holds(who, org, a) || o.ID.IsZero():
			return Organization{}, Admin{}, tokenRevoked()
		case o.State == Active && a.Rev < o.AdminRev:
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
