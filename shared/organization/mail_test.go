package organization_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
)

// letters lists what was sent, as "kind to address".
func letters(w *world) string {
	var all []string
	for _, k := range []organization.MailKind{
		organization.MailConfirm, organization.MailEmailChanged, organization.MailPasswordChanged,
		organization.MailReset,
	} {
		for _, l := range w.Box.Letters(k) {
			all = append(all, string(l.Kind)+" to "+l.To)
		}
	}
	return strings.Join(all, ", ")
}

// find returns the admin a@acme.io.
func find(tb testing.TB, w *world) organization.Admin {
	tb.Helper()
	return must.Get(w.Store.Admins.FindByEmail(tb.Context(), "a@acme.io"))(tb)
}

func TestService_mail(t *testing.T) {
	t.Parallel()
	password := ptr(organizationtest.Password)
	for _, c := range []struct {
		about  string
		change organization.Change
		want   string
	}{
		{"the name", organization.Change{Name: ptr("Beta")}, "confirm to a@acme.io"},
		{"the same email", organization.Change{Email: ptr("A@acme.io")}, "confirm to a@acme.io"},
		{
			"the email",
			organization.Change{Email: ptr("b@acme.io")},
			"confirm to b@acme.io, email_changed to a@acme.io, email_changed to b@acme.io",
		},
		{
			"the password",
			organization.Change{Password: password, NewPassword: ptr("battery staple")},
			"confirm to a@acme.io, password_changed to a@acme.io",
		},
		{
			"both",
			organization.Change{Email: ptr("b@acme.io"), Password: password, NewPassword: ptr("battery staple")},
			"confirm to b@acme.io, email_changed to a@acme.io, email_changed to b@acme.io, " +
				"password_changed to b@acme.io",
		},
	} {
		t.Run("of a change of "+c.about, func(t *testing.T) {
			t.Parallel()
			w, who := signedIn(t)
			must.Do(t, must.Err(w.Update(t.Context(), who, c.change)))
			w.Post(t)
			// Of the two addresses in the order of the mails' ids, which one moment does not give.
			got := strings.Split(letters(w), ", ")
			slices.Sort(got)
			if got := strings.Join(got, ", "); got != c.want {
				t.Errorf("the mail is %q, want %q", got, c.want)
			}
		})
	}
}

func TestService_SendMails(t *testing.T) {
	t.Parallel()
	t.Run("tries again with growing pauses, and gives up in the end", func(t *testing.T) {
		t.Parallel()
		w, _ := signedIn(t)
		w.Box.Refuse(errors.New("no"))
		var tried []time.Duration
		var all organization.MailReport
		for since := time.Duration(0); since <= 8*24*time.Hour; since += 30 * time.Second {
			p, err := w.SendMails(t.Context(), w.Box)
			if err != nil || !p.Complete {
				t.Fatalf("SendMails() = %+v, %v", p, err)
			}
			if p.Failed > 0 && len(tried) < 6 {
				tried = append(tried, since)
			}
			all.Failed, all.Stuck, all.Dropped = all.Failed+p.Failed, all.Stuck+p.Stuck, all.Dropped+p.Dropped
			w.Clock.Advance(30 * time.Second)
		}
		if got := fmt.Sprint(tried); got != "[0s 1m0s 3m0s 7m0s 15m0s 31m0s]" {
			t.Errorf("it was tried after %s", got)
		}
		if all.Stuck != all.Failed-4 || all.Dropped != 1 || all.Failed > 200 {
			t.Errorf("in all %+v", all)
		}
		if a := find(t, w); len(a.Mails) > 0 || !a.MailsSince.IsZero() {
			t.Errorf("what is left is %+v", a)
		}
	})
	t.Run("waits for somebody to carry it, and grows no older than it may", func(t *testing.T) {
		t.Parallel()
		w, _ := signedIn(t)
		must.Do(t, w.ForgotPassword(t.Context(), "a@acme.io"))
		for range 7 {
			if p, err := w.SendMails(t.Context(), nil); err != nil || p.Sent > 0 {
				t.Fatalf("SendMails() = %+v, %v", p, err)
			}
			w.Clock.Advance(10 * time.Minute)
		}
		w.Post(t)
		if got := letters(w); got != "confirm to a@acme.io" {
			t.Errorf("after an hour the mail is %q", got)
		}
	})
	t.Run("sends nothing that was overtaken", func(t *testing.T) {
		t.Parallel()
		w, who := signedIn(t)
		for _, err := range []error{
			w.ForgotPassword(t.Context(), "a@acme.io"),
			must.Err(w.Update(t.Context(), who, organization.Change{Email: ptr("b@acme.io")})),
		} {
			must.Do(t, err)
		}
		w.Post(t)
		if got := letters(w); strings.Contains(got, "confirm to a@") || strings.Contains(got, "reset") {
			t.Errorf("the mail is %q", got)
		}
	})
	t.Run("sends once what many senders meet", func(t *testing.T) {
		t.Parallel()
		w, _ := signedIn(t)
		done := make(chan error)
		for range 8 {
			go func() { done <- must.Err(w.SendMails(context.Background(), w.Box)) }()
		}
		for range 8 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if got := letters(w); got != "confirm to a@acme.io" {
			t.Errorf("the mail is %q", got)
		}
	})
	t.Run("has the hash before the letter, and the token nowhere", func(t *testing.T) {
		t.Parallel()
		w, _ := signedIn(t)
		seen := false
		_, err := w.SendMails(t.Context(), sender(func(l organization.Letter) error {
			a := find(t, w)
			seen = a.Confirm.Hash == l.Token.Hash()
			if s := fmt.Sprintf("%+v %#v", a, l); strings.Contains(s, l.Token.Reveal()) {
				t.Errorf("the token is in %s", s)
			}
			return nil
		}))
		if err != nil || !seen {
			t.Errorf("SendMails() = %v; the hash was there: %t", err, seen)
		}
	})
	t.Run("takes up what a sender left that died", func(t *testing.T) {
		t.Parallel()
		w, _ := signedIn(t)
		ctx, die := context.WithCancel(t.Context())
		_, _ = w.SendMails(ctx, sender(func(organization.Letter) error { die(); return ctx.Err() }))
		if p, err := w.SendMails(t.Context(), w.Box); err != nil || p.Sent != 0 {
			t.Errorf("at once: %+v, %v; it was the other's", p, err)
		}
		w.Clock.Advance(organization.Lease + 3*time.Second)
		if p, err := w.SendMails(t.Context(), w.Box); err != nil || p.Sent != 1 {
			t.Errorf("after its lease: %+v, %v", p, err)
		}
	})
}

type sender func(organization.Letter) error

func (p sender) Send(_ context.Context, l organization.Letter) error { return p(l) }

func TestService_Reconcile_deletesWhoNeverConfirmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.PurgeUnconfirmed = 30 * 24 * time.Hour
	for name, email := range map[string]string{
		"Never": "n@acme.io", "Confirmed": "c@acme.io", "Reset": "r@acme.io", "Moved": "m@acme.io",
	} {
		w.Found(t, name, email)
		w.Post(t)
		tok := w.Box.Token(organization.MailConfirm).Reveal()
		var err error
		switch name {
		case "Confirmed":
			_, err = w.ConfirmEmail(t.Context(), tok)
		case "Reset":
			_, err = w.ResetPassword(t.Context(), mailed(t, w, email).Reveal(), "battery staple")
		case "Moved": // another address needs another proof, but there was one
			_, err = w.ConfirmEmail(t.Context(), tok)
			change := organization.Change{Email: ptr("x@acme.io")}
			err = errors.Join(err, must.Err(w.Update(t.Context(), w.Login(t, email), change)))
		}
		must.Do(t, err)
	}
	s := w.On(w.Store)
	w.Clock.Advance(30*24*time.Hour - 5*time.Minute)
	if r, err := s.Reconcile(t.Context()); err != nil || r.Deleted != 0 {
		t.Errorf("before its time Reconcile() = %+v, %v", r, err)
	}
	w.Clock.Advance(5 * time.Minute)
	if r, err := w.Reconcile(t.Context()); err != nil || r.Deleted != 0 {
		t.Errorf("where nobody asked for it Reconcile() = %+v, %v", r, err)
	}
	if r, err := s.Reconcile(t.Context()); err != nil || r.Deleted != 1 || r.Failed != 0 {
		t.Errorf("Reconcile() = %+v, %v, want one deleted", r, err)
	}
	w.Quiet(t)
	w.WantSound(t)
	var left []string
	for _, o := range w.Living(t) {
		left = append(left, o.Name)
	}
	if slices.Sort(left); !slices.Equal(left, []string{"Confirmed", "Moved", "Reset"}) {
		t.Errorf("there are %v", left)
	}
}

// TestService_SendMails_outOfTime: a run that has no time for a letter begins
// none, and says that it has not come to the end.
func TestService_SendMails_outOfTime(t *testing.T) {
	t.Parallel()
	w, _ := signedIn(t)
	w.Found(t, "Other", "o@other.io")
	p, err := w.SendMails(t.Context(), sender(func(organization.Letter) error {
		w.Clock.Advance(organization.Lease - 7*time.Second) // and three are kept in reserve
		return nil
	}))
	if err != nil || p.Complete || p.Sent != 1 {
		t.Errorf("SendMails() = %+v, %v, want one sent, and not complete", p, err)
	}
}
