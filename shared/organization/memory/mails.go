package memory

import (
	"context"
	"slices"
	"time"

	"oms/shared/organization"
)

type mails struct{ client }

func (s mails) AskReset(ctx context.Context, email string, m organization.Mail) (bool, error) {
	add := copyMails([]organization.Mail{m})
	return write(ctx, s.client, func(d *Database) (bool, error) {
		for id, a := range d.admins {
			if a.Email == email {
				d.admins[id] = withMails(a, add...)
				return true, nil
			}
		}
		return false, nil
	})
}

func (s mails) Put(ctx context.Context, was, is organization.Admin) (bool, error) {
	is = copyAdmin(is)
	return write(ctx, s.client, func(d *Database) (bool, error) {
		a, there := d.admins[was.ID]
		if !there || a.MailsRev != was.MailsRev || a.CredentialVersion != was.CredentialVersion {
			return false, nil
		}
		a.Mails, a.MailsSince, a.Resets, a.Confirm = slices.Clone(is.Mails), is.MailsSince, is.Resets, is.Confirm
		a.MailsRev++
		d.admins[a.ID] = a
		return true, nil
	})
}

func (s mails) ConfirmEmail(ctx context.Context, admin organization.ID, email, hash string) (bool, error) {
	return write(ctx, s.client, func(d *Database) (bool, error) {
		a, there := d.admins[admin]
		if !there || a.Email != email || a.Confirm.Hash != hash {
			return false, nil
		}
		a.Unconfirmed, a.UnconfirmedSince = false, time.Time{}
		d.admins[admin] = a
		return true, nil
	})
}

// withMails returns a with the mails, those that have the same IDs replaced.
func withMails(a organization.Admin, add ...organization.Mail) organization.Admin {
	all := slices.Clone(add)
	for _, m := range a.Mails {
		if !slices.ContainsFunc(add, func(n organization.Mail) bool { return n.ID == m.ID }) {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(m, n organization.Mail) int { return compareIDs(m.ID, n.ID) })
	for _, m := range add {
		if a.MailsSince.IsZero() || m.Due.Before(a.MailsSince) {
			a.MailsSince = m.Due
		}
	}
	a.Mails = all
	a.MailsRev++
	return a
}

func copyMails(all []organization.Mail) []organization.Mail {
	all = slices.Clone(all)
	for i, m := range all {
		all[i].At, all[i].Due = date(m.At), date(m.Due)
	}
	return all
}
