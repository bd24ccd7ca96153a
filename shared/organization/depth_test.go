package organization_test

import (
	"testing"
	"testing/synctest"
	"time"

	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
	"oms/shared/token"
)

// TestService_depth: how many commands each request waits for, one after the
// other, as protocol.md has it (section 4). Here a command takes a second, and
// nothing else takes any time.
func TestService_depth(t *testing.T) {
	t.Parallel()
	name, shown, email, secret := "Beta", "ACME", "b@acme.io", "correct horse battery"
	current := organizationtest.Password
	type request func(w *world, s *organization.Service, who token.Principal) error
	update := func(c organization.Change) request {
		return func(w *world, s *organization.Service, who token.Principal) error {
			return must.Err(s.Update(w.Context(), who, c))
		}
	}
	for what, tc := range map[string]struct {
		depth int
		do    request
	}{
		"get": {1, func(w *world, s *organization.Service, who token.Principal) error {
			return must.Err(s.Get(w.Context(), who, "Acme"))
		}},
		"get of anybody": {1, func(w *world, s *organization.Service, _ token.Principal) error {
			return must.Err(s.Get(w.Context(), token.Principal{}, "Acme"))
		}},
		"own": {1, func(w *world, s *organization.Service, who token.Principal) error {
			return must.Err(s.Own(w.Context(), who))
		}},
		"create": {5, func(w *world, s *organization.Service, _ token.Principal) error {
			return must.Err(s.Create(w.Context(), creation("Other", "o@other.io")))
		}},
		"create with an idempotency key": {7, func(w *world, s *organization.Service, _ token.Principal) error {
			c := creation("Other", "o@other.io")
			c.IdempotencyKey = "key"
			return must.Err(s.Create(w.Context(), c))
		}},
		"rename":                    {5, update(organization.Change{Name: &name})},
		"rename with another email": {6, update(organization.Change{Name: &name, Email: &email})},
		"shown name":                {2, update(organization.Change{Name: &shown})},
		"email":                     {4, update(organization.Change{Email: &email})},
		"password":                  {4, update(organization.Change{Password: &current, NewPassword: &secret})},
		"delete": {4, func(w *world, s *organization.Service, who token.Principal) error {
			return must.Err(s.Delete(w.Context(), who, organization.Deletion{Name: "Acme"}))
		}},
		"refresh": {2, func(w *world, s *organization.Service, who token.Principal) error {
			_, _, err := s.RotateSession(w.Context(), organizationtest.Turn(who, 0))
			return err
		}},
		"sessions": {1, func(w *world, s *organization.Service, who token.Principal) error {
			return must.Err(s.Sessions(w.Context(), who))
		}},
		"logout": {2, func(w *world, s *organization.Service, who token.Principal) error {
			return s.Logout(w.Context(), who)
		}},
		"forgotten password": {1, func(w *world, s *organization.Service, _ token.Principal) error {
			return s.ForgotPassword(w.Context(), "a@acme.io")
		}},
		"reset": {2, func(w *world, s *organization.Service, _ token.Principal) error {
			tok := w.Box.Token(organization.MailReset).Reveal()
			return must.Err(s.ResetPassword(w.Context(), tok, "battery staple"))
		}},
		"confirmation": {2, func(w *world, s *organization.Service, _ token.Principal) error {
			return must.Err(s.ConfirmEmail(w.Context(), w.Box.Token(organization.MailConfirm).Reveal()))
		}},
		"logout everywhere": {2, func(w *world, s *organization.Service, who token.Principal) error {
			return s.LogoutAll(w.Context(), who)
		}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, who := posted(t)
				mailed(t, w, "a@acme.io")
				w.Clock.Advance(2 * time.Minute) // until another mail may be asked for
				s := w.Hooked(func(_ string, apply func() error) error {
					time.Sleep(time.Second)
					return apply()
				})
				begun := time.Now()
				must.Do(t, tc.do(w, s, who))
				if depth := int(time.Since(begun) / time.Second); depth != tc.depth {
					t.Errorf("it waits for %d commands, want %d", depth, tc.depth)
				}
			})
		})
	}
}
