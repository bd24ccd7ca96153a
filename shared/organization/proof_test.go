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
	"oms/shared/token"
)

// posted is a world with one admin, a@acme.io, whose mail has been sent.
func posted(tb testing.TB) (*world, token.Principal) {
	tb.Helper()
	w, who := signedIn(tb)
	w.Post(tb)
	return w, who
}

// mailed asks for a new password and returns the token that comes.
func mailed(tb testing.TB, w *world, email string) token.Mailed {
	tb.Helper()
	must.Do(tb, w.ForgotPassword(tb.Context(), email))
	w.Post(tb)
	return w.Box.Token(organization.MailReset)
}

func TestService_ResetPassword(t *testing.T) {
	t.Parallel()
	reset := func(w *world, tok token.Mailed) string {
		return organizationtest.Code(must.Err(w.ResetPassword(context.Background(), tok.Reveal(), "battery staple")))
	}
	t.Run("sets the password once, ends every session and proves the address", func(t *testing.T) {
		t.Parallel()
		w, who := posted(t)
		none := w.Principal(t, "a@acme.io")
		tok := mailed(t, w, " A@Acme.io ")
		w.Clock.Advance(organization.ResetLife - 21*time.Second)
		if got := reset(w, tok); got != "" {
			t.Fatalf("ResetPassword() = %s", got)
		}
		if got := reset(w, tok); got != "invalid_reset_token" {
			t.Errorf("ResetPassword() again = %s", got)
		}
		if a := find(t, w); a.Password.Hash != "battery staple" || a.Unconfirmed {
			t.Errorf("the admin is %+v", a)
		}
		for _, who := range []token.Principal{who, none} {
			if got := held(t, w, who); got != revoked {
				t.Errorf("a token of before is answered %q", got)
			}
		}
		w.Post(t)
		if got := letters(w); got != "confirm to a@acme.io, password_changed to a@acme.io, reset to a@acme.io" {
			t.Errorf("the mail is %q", got)
		}
		w.Quiet(t)
		w.WantSound(t)
	})
	t.Run("refuses a token that is not good any more", func(t *testing.T) {
		t.Parallel()
		for about, spoil := range map[string]func(w *world, who token.Principal) error{
			"after half an hour": func(w *world, _ token.Principal) error {
				w.Clock.Advance(organization.ResetLife)
				return nil
			},
			"after a change of the password": func(w *world, who token.Principal) error {
				c := organization.Change{Password: ptr(organizationtest.Password), NewPassword: ptr("a third one")}
				return must.Err(w.Update(context.Background(), who, c))
			},
			"after a change of the email": func(w *world, who token.Principal) error {
				return must.Err(w.Update(context.Background(), who, organization.Change{Email: ptr("b@acme.io")}))
			},
			"after a logout everywhere": func(w *world, who token.Principal) error {
				return w.LogoutAll(context.Background(), who)
			},
			"after the deletion": func(w *world, who token.Principal) error {
				return must.Err(w.Delete(context.Background(), who, organization.Deletion{Name: "Acme"}))
			},
			"while it is being deleted": func(w *world, who token.Principal) error {
				s := w.Hooked(dyingAt("admins.deleteAll"))
				_, _ = s.Delete(context.Background(), who, organization.Deletion{Name: "Acme"})
				return nil
			},
		} {
			w, who := posted(t)
			tok := mailed(t, w, "a@acme.io")
			must.Do(t, spoil(w, who))
			if got := reset(w, tok); got != "invalid_reset_token" {
				t.Errorf("%s it is answered %q", about, got)
			}
		}
	})
	t.Run("refuses what is nobody's", func(t *testing.T) {
		t.Parallel()
		w, _ := posted(t)
		tok, a := mailed(t, w, "a@acme.io"), find(t, w)
		other := w.Found(t, "Other", "o@other.io")
		org := must.Get(organization.ParseID(other.OrgID))(t)
		for about, forged := range map[string]token.Mailed{
			"a guess":              token.NewMailed(token.ResetPassword, a.ID, a.OrgID),
			"another organization": token.NewMailed(token.ResetPassword, a.ID, org),
			"nobody":               token.NewMailed(token.ResetPassword, organization.ID{1}, organization.ID{2}),
			"no token":             {},
			"what confirms":        w.Box.Token(organization.MailConfirm),
		} {
			if got := reset(w, forged); got != "invalid_reset_token" {
				t.Errorf("%s is answered %q", about, got)
			}
		}
		if got := reset(w, tok); got != "" {
			t.Errorf("the real one is answered %q", got)
		}
	})
	t.Run("judges the new password, and leaves the token good", func(t *testing.T) {
		t.Parallel()
		w, _ := posted(t)
		tok := mailed(t, w, "a@acme.io")
		set := func(password string) error {
			return must.Err(w.strict().ResetPassword(t.Context(), tok.Reveal(), password))
		}
		wantCode(t, "its own name", set("a@acme.io Acme 1"), "invalid_request")
		wantCode(t, "a good one", set("four quite common words"), "")
	})
	t.Run("goes on after a lost answer, and is busy where the admin changes", func(t *testing.T) {
		t.Parallel()
		for about, c := range map[string]struct {
			meanwhile func(w *world, apply func() error) error
			want      string
		}{
			"it was applied": {func(_ *world, apply func() error) error {
				_ = apply()
				return organization.ErrLost
			}, ""},
			"it was not": {func(*world, func() error) error { return organization.ErrLost }, ""},
			"its rev moved": {func(w *world, apply func() error) error {
				a := find(t, w)
				_, err := w.Store.Admins.Change(t.Context(), organization.AdminChange{ID: a.ID, Rev: a.Rev}, a.ID)
				return errors.Join(err, apply())
			}, "organization_busy"},
		} {
			w, _ := posted(t)
			tok := mailed(t, w, "a@acme.io")
			s := w.Hooked(first("admins.change", func(apply func() error) error { return c.meanwhile(w, apply) }))
			_, err := s.ResetPassword(t.Context(), tok.Reveal(), "battery staple")
			if got := organizationtest.Code(err); got != c.want {
				t.Errorf("where %s it is answered %q, want %q", about, got, c.want)
			}
		}
	})
}

func TestService_ForgotPassword(t *testing.T) {
	t.Parallel()
	forget := func(w *world, email string) error { return w.ForgotPassword(t.Context(), email) }
	t.Run("has one mail sent, and then ever fewer", func(t *testing.T) {
		t.Parallel()
		w, _ := posted(t)
		var came []int
		for minute := range 60 {
			must.Do(t, forget(w, "a@acme.io"))
			must.Do(t, forget(w, "A@acme.io"))
			must.Do(t, must.Err(w.SendMails(t.Context(), w.Box)))
			if len(w.Box.Letters(organization.MailReset)) > len(came) {
				came = append(came, minute)
			}
			w.Clock.Advance(time.Minute)
		}
		if want := []int{0, 2, 5, 10, 19, 34, 49}; !slices.Equal(came, want) {
			t.Errorf("who asks every minute gets mail after %v, want %v", came, want)
		}
	})
	t.Run("takes no link away that was mailed", func(t *testing.T) {
		t.Parallel()
		w, _ := posted(t)
		tok := mailed(t, w, "a@acme.io")
		w.Clock.Advance(2 * time.Minute)
		if other := mailed(t, w, "a@acme.io"); other == tok {
			t.Fatal("no other was mailed")
		}
		wantCode(t, "the first link", must.Err(w.ResetPassword(t.Context(), tok.Reveal(), "battery staple")), "")
		wantCode(t, "the second, then", must.Err(w.ResetPassword(t.Context(),
			w.Box.Token(organization.MailReset).Reveal(), "battery staple")), "invalid_reset_token")
	})
	t.Run("does the same work for whoever is there and whoever is not", func(t *testing.T) {
		t.Parallel()
		w, _ := posted(t)
		sent := 0
		s := w.Hooked(func(_ string, apply func() error) error { sent++; return apply() })
		for email, want := range map[string]int{
			"a@acme.io": 1, "nobody@acme.io": 1, "acme": 0, strings.Repeat("a", 300) + "@acme.io": 0,
		} {
			sent = 0
			if err := s.ForgotPassword(t.Context(), email); err != nil || sent != want {
				t.Errorf("ForgotPassword(%s) = %v, %d commands, want %d", email, err, sent, want)
			}
		}
	})
}

func TestService_ConfirmEmail(t *testing.T) {
	t.Parallel()
	w, _ := posted(t)
	confirmed := func() string {
		who := w.Principal(t, "a@acme.io")
		get, err := w.Get(t.Context(), who, "Acme")
		own, err2 := w.Own(t.Context(), who)
		return fmt.Sprint(get.EmailConfirmed, own.EmailConfirmed, errors.Join(err, err2))
	}
	if got := confirmed(); got != "false false <nil>" {
		t.Errorf("before, it is confirmed: %s", got)
	}
	if v, err := w.Get(t.Context(), token.Principal{}, "Acme"); err != nil || v.EmailConfirmed {
		t.Errorf("others see %+v, %v", v, err)
	}
	tok := w.Box.Token(organization.MailConfirm)
	w.Clock.Advance(organization.ConfirmLife - 21*time.Second)
	for range 2 {
		must.Do(t, must.Err(w.ConfirmEmail(t.Context(), tok.Reveal())))
	}
	if got := confirmed(); got != "true true <nil>" {
		t.Errorf("after it, it is confirmed: %s", got)
	}
	for about, bad := range map[string]token.Mailed{
		"no token": {}, "a guess": token.NewMailed(token.ConfirmEmail, tok.AdminID(), tok.OrgID()),
	} {
		wantCode(t, about, must.Err(w.ConfirmEmail(t.Context(), bad.Reveal())), "invalid_confirmation_token")
	}
	w.Clock.Advance(time.Minute)
	wantCode(t, "a week later", must.Err(w.ConfirmEmail(t.Context(), tok.Reveal())), "invalid_confirmation_token")

	v, err := w.Update(t.Context(), w.Login(t, "a@acme.io"), organization.Change{Email: ptr("b@acme.io")})
	if err != nil || v.EmailConfirmed {
		t.Errorf("a new address is confirmed: %+v, %v", v, err)
	}
	w.Post(t)
	next := w.Box.Token(organization.MailConfirm)
	v, err = w.Update(t.Context(), w.Login(t, "b@acme.io"), organization.Change{Email: ptr("a@acme.io")})
	if err != nil || v.EmailConfirmed {
		t.Errorf("a new address is confirmed: %+v, %v", v, err)
	}
	wantCode(t, "the token of an address that was left", must.Err(w.ConfirmEmail(t.Context(), next.Reveal())),
		"invalid_confirmation_token")
}
