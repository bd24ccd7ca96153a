package memory

import (
	"context"
	"maps"
	"slices"
	"time"

	"oms/shared/organization"
)

type admins struct{ client }

func (s admins) Find(ctx context.Context, id organization.ID) (organization.Admin, error) {
	return read(ctx, s.client, func(m *Database) (organization.Admin, error) {
		a, err := found(m.admins, id)
		return copyAdmin(a), err
	})
}

func (s admins) FindByEmail(ctx context.Context, email string) (organization.Admin, error) {
	return read(ctx, s.client, func(m *Database) (organization.Admin, error) {
		for _, a := range m.admins {
			if a.Email == email {
				return copyAdmin(a), nil
			}
		}
		return organization.Admin{}, organization.ErrAbsent
	})
}

func (s admins) Insert(ctx context.Context, a organization.Admin) error {
	a = copyAdmin(a)
	return do(ctx, s.client, func(m *Database) error {
		if has(m.admins, a.ID) {
			return organization.ErrExists
		}
		if m.emailTaken(a.Email, a.ID) {
			return organization.ErrEmailTaken
		}
		m.admins[a.ID] = a
		return nil
	})
}

func (s admins) Change(ctx context.Context, c organization.AdminChange, op organization.ID) (bool, error) {
	c.Mails = copyMails(c.Mails)
	return write(ctx, s.client, func(m *Database) (bool, error) {
		a, there := m.admins[c.ID]
		if !there || a.Rev != c.Rev {
			return false, nil
		}
		if c.Email != "" {
			if m.emailTaken(c.Email, c.ID) {
				return false, organization.ErrEmailTaken
			}
			a.Email = c.Email
		}
		if !c.Password.IsZero() {
			a.Password = c.Password
		}
		if c.CredentialVersion != "" {
			a.CredentialVersion = c.CredentialVersion
		}
		if !op.IsZero() {
			a.Op = op
		}
		a.Unconfirmed = (a.Unconfirmed || c.Unconfirmed) && !c.Confirmed
		if c.Confirmed {
			a.UnconfirmedSince = time.Time{}
		}
		if len(c.Mails) > 0 {
			a = withMails(a, c.Mails...)
		}
		a.Rev++
		m.admins[c.ID] = a
		return true, nil
	})
}

func (s admins) Delete(ctx context.Context, id, org organization.ID) error {
	return do(ctx, s.client, func(m *Database) error {
		if m.admins[id].OrgID == org {
			delete(m.admins, id)
		}
		return nil
	})
}

func (s admins) DeleteAll(ctx context.Context, org organization.ID) (int, error) {
	return write(ctx, s.client, func(m *Database) (int, error) {
		was := len(m.admins)
		maps.DeleteFunc(m.admins, func(_ organization.ID, a organization.Admin) bool { return a.OrgID == org })
		return was - len(m.admins), nil
	})
}

func (s admins) PutSession(
	ctx context.Context, admin organization.ID, current string, put organization.Session, dead ...organization.ID,
) (bool, error) {
	put, dead = copySession(put), slices.Clone(dead)
	return write(ctx, s.client, func(m *Database) (bool, error) {
		a, there := m.admins[admin]
		if !there || a.CredentialVersion != put.CredentialVersion || current != "" && !hasSession(a, put.ID, current) {
			return false, nil
		}
		a.Sessions = append(without(a, append(dead, put.ID)...), put)
		slices.SortFunc(a.Sessions, func(a, b organization.Session) int { return compareIDs(a.ID, b.ID) })
		if put.Expires.After(a.SessionsUntil) {
			a.SessionsUntil = put.Expires
		}
		m.admins[admin] = a
		return true, nil
	})
}

func (s admins) EndSession(ctx context.Context, admin, session organization.ID, current string) (bool, error) {
	return write(ctx, s.client, func(m *Database) (bool, error) {
		a, there := m.admins[admin]
		if !there || current != "" && !hasSession(a, session, current) {
			return false, nil
		}
		a.Sessions = without(a, session)
		m.admins[admin] = a
		return true, nil
	})
}

func (s admins) EndSessions(ctx context.Context, admin organization.ID, was, is string) (bool, error) {
	return write(ctx, s.client, func(m *Database) (bool, error) {
		a, there := m.admins[admin]
		if !there || a.CredentialVersion != was {
			return false, nil
		}
		a.CredentialVersion, a.Sessions, a.SessionsUntil = is, nil, time.Time{}
		m.admins[admin] = a
		return true, nil
	})
}

func (s admins) SweepSessions(ctx context.Context, t time.Time) (int, error) {
	t = date(t)
	return write(ctx, s.client, func(m *Database) (int, error) {
		n := 0
		for id, a := range m.admins {
			if !a.SessionsUntil.IsZero() && a.SessionsUntil.Before(t) {
				a.Sessions, a.SessionsUntil = nil, time.Time{}
				m.admins[id] = a
				n++
			}
		}
		return n, nil
	})
}

func hasSession(a organization.Admin, id organization.ID, current string) bool {
	return slices.ContainsFunc(a.Sessions,
		func(s organization.Session) bool { return s.ID == id && s.Current == current })
}

// without returns the sessions of a but those with the ids; nil where none is left.
func without(a organization.Admin, ids ...organization.ID) []organization.Session {
	var rest []organization.Session
	for _, s := range a.Sessions {
		if !slices.Contains(ids, s.ID) {
			rest = append(rest, s)
		}
	}
	return rest
}

func copyAdmin(a organization.Admin) organization.Admin {
	a.SessionsUntil, a.Sessions = date(a.SessionsUntil), slices.Clone(a.Sessions)
	for i, s := range a.Sessions {
		a.Sessions[i] = copySession(s)
	}
	a.UnconfirmedSince = date(a.UnconfirmedSince)
	a.Mails, a.MailsSince = copyMails(a.Mails), date(a.MailsSince)
	a.Resets, a.Confirm.Expires = slices.Clone(a.Resets), date(a.Confirm.Expires)
	for i, p := range a.Resets {
		a.Resets[i].Expires = date(p.Expires)
	}
	return a
}

func copySession(s organization.Session) organization.Session {
	s.LoggedIn, s.Used, s.Expires = date(s.LoggedIn), date(s.Used), date(s.Expires)
	return s
}

// emailTaken reports whether an admin other than id has the address. m is locked.
func (m *Database) emailTaken(email string, id organization.ID) bool {
	for _, a := range m.admins {
		if a.Email == email && a.ID != id {
			return true
		}
	}
	return false
}
