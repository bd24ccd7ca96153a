package crashtest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
	"oms/shared/token"
)

// boxKey is of the world's mailbox in the context of a request.
type boxKey struct{}

func within(w world) context.Context {
	return context.WithValue(w.Context(), boxKey{}, w.Box)
}

func box(ctx context.Context) *organizationtest.Mailbox {
	b, _ := ctx.Value(boxKey{}).(*organizationtest.Mailbox)
	return b
}

func forgot(ctx context.Context, s *organization.Service, _ token.Principal) error {
	return s.ForgotPassword(ctx, "a@acme.io")
}

func reset(ctx context.Context, s *organization.Service, _ token.Principal) error {
	return must.Err(s.ResetPassword(ctx, box(ctx).Token(organization.MailReset).Reveal(), "battery staple"))
}

func confirm(ctx context.Context, s *organization.Service, _ token.Principal) error {
	return must.Err(s.ConfirmEmail(ctx, box(ctx).Token(organization.MailConfirm).Reveal()))
}

func send(ctx context.Context, s *organization.Service, _ token.Principal) error {
	return must.Err(s.SendMails(ctx, box(ctx)))
}

// forgetful prepares a tenant who has asked for a new password; posted: and has got all its mail.
func forgetful(posted bool) func(world) token.Principal {
	return func(w world) token.Principal {
		who := tenant(w)
		must.Do(w, forgot(w.Context(), w.Service, who))
		if posted {
			w.Post(w)
		}
		return who
	}
}

// the tenant's admin, whatever became of its organization's name.
func adminOf(w world) organization.Admin {
	for _, o := range w.Living(w) {
		if w.Held(w, o.Collection) != "" {
			return must.Get(w.Store.Admins.Find(w.Context(), o.AdminID))(w)
		}
	}
	return organization.Admin{}
}

// told asserts what holds of all mail when all is quiet: of what happened whoever is to hear
// has been told, and nobody of what did not.
func told(w world) string {
	w.Post(w)
	sent := func(kind organization.MailKind, to string) bool {
		return slices.ContainsFunc(w.Box.Letters(kind), func(l organization.Letter) bool { return l.To == to })
	}
	living := map[string]bool{}
	changed, moved := map[string]bool{}, false // addresses whose password is another one; an address is another one
	for _, o := range w.Living(w) {
		a, err := w.Store.Admins.Find(w.Context(), o.AdminID)
		if err != nil {
			return err.Error()
		}
		living[a.Email] = true
		changed[a.Email] = a.Password.Hash != organizationtest.Password
		tenants := w.Held(w, o.Collection) != ""
		moved = moved || tenants && a.Email == "b@beta.io"
		switch {
		case len(a.Mails) > 0 || !a.MailsSince.IsZero():
			return fmt.Sprintf("mail still waits: %+v, %v", a.Mails, a.MailsSince)
		case a.Unconfirmed && !sent(organization.MailConfirm, a.Email):
			return "nobody was asked to confirm " + a.Email
		case changed[a.Email] && !sent(organization.MailPasswordChanged, a.Email):
			return "nobody was told of the new password of " + a.Email
		case tenants && a.Email == "b@beta.io" &&
			(!sent(organization.MailEmailChanged, "a@acme.io") || !sent(organization.MailEmailChanged, a.Email)):
			return "not both addresses were told of the new one"
		}
	}
	all, err := w.Store.Backlog.Organizations(w.Context(), nil, 1000)
	if err != nil {
		return err.Error()
	}
	gone := slices.ContainsFunc(all.Items, func(o organization.Organization) bool {
		return o.State == organization.Deleted
	})
	for _, l := range w.Box.Letters(organization.MailConfirm) {
		if !living[l.To] && !moved && !gone {
			return l.To + " was asked to confirm the address of an organization that never was"
		}
	}
	for _, l := range w.Box.Letters(organization.MailPasswordChanged) {
		if !changed[l.To] && !moved {
			return l.To + " was told of a new password that is none"
		}
	}
	if len(w.Box.Letters(organization.MailEmailChanged)) > 0 && !moved {
		return "somebody was told of a new address that is none"
	}
	return ""
}

func mailScenarios() []scenario {
	email, was := "b@beta.io", organizationtest.Password
	moves := change(organization.Change{Email: &email, Password: &was})
	all := []scenario{
		{
			name: "forgotten password", prepare: tenant, act: forgot, rival: moves,
			check: func(w world, acked bool) string {
				w.Post(w)
				letters := w.Box.Letters(organization.MailReset)
				if a := adminOf(w); acked && a.Email == "a@acme.io" && len(letters) == 0 {
					return "who asked for a new password got no mail"
				}
				return ""
			},
		},
		{
			name:    "create over a stranger's collection, while mail is sent",
			prepare: stranger,
			act:     creation("Acme", "a@acme.io", ""), rival: send, strangers: []string{"org_acme"},
			check: func(world, bool) string { return "" },
		},
		{
			name: "reset", prepare: forgetful(true), act: reset, rival: moves,
			check: func(w world, acked bool) string {
				a := adminOf(w)
				set := a.Password.Hash == "battery staple"
				if acked && !set && a.Email == "a@acme.io" {
					return "the password that was set is not there"
				}
				if set && (a.Unconfirmed || len(w.LiveSessions(w, a.Email)) > 0 || a.Email != "a@acme.io") {
					return fmt.Sprintf("with the password came %+v", a)
				}
				return ""
			},
		},
		{
			name: "confirm", prepare: forgetful(true), act: confirm, rival: moves,
			check: func(w world, acked bool) string {
				if a := adminOf(w); a.Unconfirmed == (a.Email == "a@acme.io") && (acked || a.Email != "a@acme.io") {
					return fmt.Sprintf("%s is unconfirmed: %t", a.Email, a.Unconfirmed)
				}
				return ""
			},
		},
		{
			name: "reconcile deletes who never confirmed",
			prepare: func(w world) token.Principal {
				who := forgetful(true)(w)
				w.PurgeUnconfirmed = 24 * time.Hour
				w.Clock.Advance(25 * time.Hour)
				return who
			},
			act: reconcile, rival: confirm,
			check: notDeleted,
			rivalled: func(w world, _ bool) string {
				if a := adminOf(w); a.ID.IsZero() || a.Unconfirmed {
					return "an organization was deleted whose admin was told that all is well"
				}
				return ""
			},
		},
		{
			name: "sending", prepare: forgetful(false), act: send, rival: moves,
			check: func(w world, _ bool) string {
				w.Post(w)
				a := adminOf(w)
				if a.Email == "a@acme.io" && len(w.Box.Letters(organization.MailReset)) == 0 {
					return "a mail was lost"
				}
				// What was mailed last is good.
				if err := confirm(within(w), w.Service, token.Principal{}); err != nil {
					return organizationtest.Code(err)
				}
				return ""
			},
		},
	}
	// The same address again changes the admin, and leaves the mailed token good.
	same := change(organization.Change{Name: ptr("Beta"), Email: ptr("a@acme.io"), Password: &was})
	for n := 3; n < 11; n++ {
		all = append(all, scenario{
			name: fmt.Sprintf("a reset meets an update left at %d", n), prepare: left(n, forgetful(true), same),
			act: reset, rival: look("Acme"),
			check: func(w world, acked bool) string {
				if acked && adminOf(w).Password.Hash != "battery staple" {
					return "the password that was set is not there"
				}
				return either(w, false, "beta")
			},
		})
	}
	return all
}
