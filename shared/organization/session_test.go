package organization_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
	"oms/shared/token"
)

// wantTurn replaces the nth refresh token of a session, fails where another is
// good now than that, and returns what the service says of the session.
func wantTurn(
	tb testing.TB, about string, s *organization.Service, who token.Principal, n int, want string,
) organization.Session {
	tb.Helper()
	got, r := "refused", organizationtest.Turn(who, n)
	is, next, err := s.RotateSession(tb.Context(), r)
	switch {
	case err == nil:
		got = r.Next[next]
	case !errors.Is(err, organization.ErrAbsent):
		tb.Fatalf("RotateSession() = %v", err)
	}
	if got != want {
		tb.Errorf("%s is answered with %q, want %q", about, got, want)
	}
	return is
}

// signedIn is a world with one admin, a@acme.io, who has logged in.
func signedIn(tb testing.TB) (*world, token.Principal) {
	tb.Helper()
	w := newWorld(tb)
	w.Found(tb, "Acme", "a@acme.io")
	return w, w.Login(tb, "a@acme.io")
}

// held returns what a token is answered wherever one is used.
func held(tb testing.TB, w *world, who token.Principal) string {
	tb.Helper()
	var codes []string
	for _, err := range []error{
		must.Err(w.Get(tb.Context(), who, "Acme")),
		must.Err(w.Own(tb.Context(), who)),
		must.Err(w.Update(tb.Context(), who, organization.Change{Name: ptr("Acme")})),
		must.Err(w.Delete(tb.Context(), who, organization.Deletion{Name: "Other"})),
		must.Err(w.Sessions(tb.Context(), who)),
		w.EndSession(tb.Context(), who, organization.NewID(time.Now()).String()),
	} {
		codes = append(codes, organizationtest.Code(err))
	}
	return strings.Join(codes, " ")
}

const (
	holds   = "   not_your_organization  session_not_found"
	revoked = "token_revoked token_revoked token_revoked token_revoked token_revoked token_revoked"
)

func TestService_sessions_endAtOnce(t *testing.T) {
	t.Parallel()
	ctx, password := t.Context(), ptr(organizationtest.Password)
	for _, c := range []struct {
		about string
		end   func(w *world, one, another, none token.Principal) error
		// what becomes of the tokens of another session, and of none
		another, none string
	}{
		{"a logout", func(w *world, one, _, _ token.Principal) error { return w.Logout(ctx, one) }, holds, holds},
		{"another session", func(w *world, one, another, _ token.Principal) error {
			return w.EndSession(ctx, another, one.Session)
		}, holds, holds},
		{
			"a logout of no session", func(w *world, _, _, none token.Principal) error { return w.Logout(ctx, none) },
			revoked, revoked,
		},
		{
			"a logout everywhere",
			func(w *world, _, another, _ token.Principal) error { return w.LogoutAll(ctx, another) }, revoked, revoked,
		},
		{"a new password", func(w *world, _, another, _ token.Principal) error {
			change := organization.Change{Password: password, NewPassword: ptr("battery staple")}
			return must.Err(w.Update(ctx, another, change))
		}, revoked, revoked},
		{"a new email", func(w *world, _, another, _ token.Principal) error {
			return must.Err(w.Update(ctx, another, organization.Change{Email: ptr("b@acme.io")}))
		}, revoked, revoked},
		{"a deletion", func(w *world, _, another, _ token.Principal) error {
			return must.Err(w.Delete(ctx, another, organization.Deletion{Name: "Acme"}))
		}, revoked, revoked},
		{"a week without use", func(w *world, _, another, _ token.Principal) error {
			w.Clock.Advance(organization.SessionIdle - time.Second)
			_, _, err := w.RotateSession(ctx, organizationtest.Turn(another, 0))
			w.Clock.Advance(time.Second)
			return err
		}, holds, holds},
		{"a version that another version of the service has changed", func(w *world, one, _, _ token.Principal) error {
			id, _ := organization.ParseID(one.AdminID)
			change := organization.AdminChange{ID: id, Rev: 1, CredentialVersion: "v"}
			return must.Err(w.Store.Admins.Change(ctx, change, organization.ID{}))
		}, revoked, revoked},
	} {
		t.Run("by "+c.about, func(t *testing.T) {
			t.Parallel()
			w, one := signedIn(t)
			another, none := w.Login(t, "a@acme.io"), w.Principal(t, "a@acme.io")
			for _, who := range []token.Principal{one, another, none} {
				if got := held(t, w, who); got != holds {
					t.Fatalf("before, its token is answered %q", got)
				}
			}
			must.Do(t, c.end(w, one, another, none))
			for i, want := range []string{revoked, c.another, c.none} {
				if got := held(t, w, []token.Principal{one, another, none}[i]); got != want {
					t.Errorf("the token %d is answered %q, want %q", i, got, want)
				}
			}
			wantTurn(t, "its refresh token", w.Service, one, 0, "refused")
			if c.another == revoked {
				wantTurn(t, "the other one's", w.Service, another, 0, "refused")
			}
		})
	}
}

func TestService_RotateSession(t *testing.T) {
	t.Parallel()
	t.Run("replaces the refresh token, and nothing else of the login", func(t *testing.T) {
		t.Parallel()
		w, who := signedIn(t)
		begun := w.LiveSessions(t, "a@acme.io")[0]
		for n := range 3 {
			w.Clock.Advance(6 * 24 * time.Hour)
			is := wantTurn(t, fmt.Sprint("refresh ", n), w.Service, who, n, fmt.Sprint("turn ", n+1))
			now := w.Clock.Now().UTC().Truncate(time.Millisecond)
			if is.LoggedIn != begun.LoggedIn || is.Used != now || is.Expires != now.Add(organization.SessionIdle) {
				t.Errorf("refresh %d gives %+v, at %v", n, is, now)
			}
		}
		w.Clock.Advance(6 * 24 * time.Hour)
		is := wantTurn(t, "refresh 3", w.Service, who, 3, "turn 4")
		if is.Expires != begun.LoggedIn.Add(organization.SessionLife) {
			t.Errorf("after 24 days it expires at %v, want 30 after the login at %v", is.Expires, begun.LoggedIn)
		}
		w.Clock.Advance(6 * 24 * time.Hour)
		wantTurn(t, "after 30 days", w.Service, who, 4, "refused")
	})
	t.Run("answers the same token in the same way for ten seconds, by whichever key", func(t *testing.T) {
		t.Parallel()
		w, who := signedIn(t)
		first := wantTurn(t, "the first", w.Service, who, 0, "turn 1")
		w.Clock.Advance(organization.RetryWithin - time.Millisecond)
		r := organizationtest.Turn(who, 0)
		slices.Reverse(r.Next) // the keys have been rotated meanwhile
		again, next, err := w.RotateSession(t.Context(), r)
		if err != nil || r.Next[next] != "turn 1" || again != first {
			t.Errorf("RotateSession() again = %+v, %d, %v, want %+v", again, next, err, first)
		}
		w.Clock.Advance(time.Millisecond)
		wantTurn(t, "the same after ten seconds", w.Service, who, 0, "refused")
		wantTurn(t, "the one that had replaced it", w.Service, who, 1, "refused")
		if got := held(t, w, who); got != revoked {
			t.Errorf("its access token is answered %q", got)
		}
	})
	t.Run("ends the session of one that was replaced earlier, at once", func(t *testing.T) {
		t.Parallel()
		w, who := signedIn(t)
		other := w.Login(t, "a@acme.io")
		for n := range 2 {
			wantTurn(t, fmt.Sprint("refresh ", n), w.Service, who, n, fmt.Sprint("turn ", n+1))
		}
		wantTurn(t, "the first", w.Service, who, 0, "refused")
		wantTurn(t, "the one that was good", w.Service, who, 2, "refused")
		if live := w.LiveSessions(t, "a@acme.io"); len(live) != 1 || live[0].ID.String() != other.Session {
			t.Errorf("%+v live, want the other session", live)
		}
	})
	t.Run("refuses what is nobody's, and ends nothing for it", func(t *testing.T) {
		t.Parallel()
		w, who := signedIn(t)
		for about, forge := range map[string]func(*organization.Rotation){
			"a guess":                func(r *organization.Rotation) { r.Family, r.Presented = "another", "x" },
			"another session":        func(r *organization.Rotation) { r.Session = organization.NewID(time.Now()) },
			"another admin":          func(r *organization.Rotation) { r.Admin = organization.NewID(time.Now()) },
			"another organization":   func(r *organization.Rotation) { r.Org = organization.NewID(time.Now()) },
			"an organization of air": func(r *organization.Rotation) { r.Org = organization.ID{} },
		} {
			r := organizationtest.Turn(who, 0)
			forge(&r)
			if _, _, err := w.RotateSession(t.Context(), r); !errors.Is(err, organization.ErrAbsent) {
				t.Errorf("RotateSession() of %s = %v, want a refusal", about, err)
			}
		}
		wantTurn(t, "the real one", w.Service, who, 0, "turn 1")
	})
	t.Run("gives twelve who come at once one answer", func(t *testing.T) {
		t.Parallel()
		w, who := signedIn(t)
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				wantTurn(t, "one of twelve", w.Service, who, 0, "turn 1")
			})
		}
		all.Wait()
	})
	t.Run("goes on after a lost answer", func(t *testing.T) {
		t.Parallel()
		for _, applied := range []bool{true, false} {
			w, who := signedIn(t)
			lost := false
			s := w.Hooked(first("admins.putSession", func(apply func() error) error {
				if lost = true; applied {
					_ = apply()
				}
				return organization.ErrLost
			}))
			wantTurn(t, fmt.Sprintf("a lost answer of what was applied %t", applied), s, who, 0, "turn 1")
			if !lost {
				t.Error("no answer was lost")
			}
		}
	})
	t.Run("is refused while the organization is being deleted", func(t *testing.T) {
		t.Parallel()
		w, who := signedIn(t)
		_, _ = w.Hooked(dyingAt("admins.deleteAll")).Delete(t.Context(), who, organization.Deletion{Name: "Acme"})
		wantTurn(t, "a refresh", w.Service, who, 0, "refused")
	})
}

// dyingAt kills the process before the command.
func dyingAt(command string) organizationtest.Hook {
	return func(c string, apply func() error) error {
		if c == command {
			return context.Canceled
		}
		return apply()
	}
}

func TestService_BeginSession(t *testing.T) {
	t.Parallel()
	t.Run("is not tried again where no answer comes", func(t *testing.T) {
		t.Parallel()
		w, _ := signedIn(t)
		sent := 0
		s := w.Hooked(func(string, func() error) error { sent++; return organization.ErrLost })
		_, err := organizationtest.Begin(t.Context(), s, organization.Admin{ID: organization.NewID(time.Now())})
		wantCode(t, "a login", err, "storage_unavailable")
		if sent != 1 {
			t.Errorf("%d commands were sent, want 1: it could come after the session's end", sent)
		}
	})
	t.Run("keeps the beginning of what is too long", func(t *testing.T) {
		t.Parallel()
		w, who := signedIn(t)
		a := must.Get(w.Store.Admins.FindByEmail(t.Context(), "a@acme.io"))(t)
		long := organization.Session{
			ID:      organization.NewID(time.Now()),
			Address: strings.Repeat("1", 99),
			Agent:   "x" + strings.Repeat("ü", 200),
		}
		got, err := w.BeginSession(t.Context(), a, long)
		if err != nil || got.Address != strings.Repeat("1", 64) || got.Agent != "x"+strings.Repeat("ü", 127) {
			t.Errorf("BeginSession() = %+v, %v", got, err)
		}
		if got := held(t, w, who); got != holds {
			t.Errorf("the other session is answered %q", got)
		}
	})
	t.Run("ends what is needed least where there are too many", func(t *testing.T) {
		t.Parallel()
		w, expired := signedIn(t)
		w.Clock.Advance(time.Hour)
		refreshed := w.Login(t, "a@acme.io")
		w.Clock.Advance(time.Minute)
		wantTurn(t, "the first", w.Service, refreshed, 0, "turn 1")
		w.Clock.Advance(organization.SessionIdle - time.Hour)
		var scripts []token.Principal
		for range organization.MaxSessions + 5 {
			w.Clock.Advance(2 * time.Second)
			scripts = append(scripts, w.Login(t, "a@acme.io"))
		}
		live := w.LiveSessions(t, "a@acme.io")
		if len(live) != organization.MaxSessions || live[0].ID.String() != scripts[len(scripts)-1].Session {
			t.Errorf("%d live, want %d, the last one first", len(live), organization.MaxSessions)
		}
		if a, err := w.Store.Admins.FindByEmail(t.Context(), "a@acme.io"); err != nil || len(a.Sessions) != len(live) {
			t.Errorf("%d are kept, %v: the dead are not taken away", len(a.Sessions), err)
		}
		for about, c := range map[string]struct {
			who  token.Principal
			want string
		}{
			"one that was refreshed": {refreshed, holds}, "the newest": {scripts[len(scripts)-1], holds},
			"the oldest of the rest": {scripts[0], revoked}, "one that has expired": {expired, revoked},
		} {
			c.who.CredentialVersion = w.Principal(t, "a@acme.io").CredentialVersion
			if got := held(t, w, c.who); got != c.want {
				t.Errorf("%s is answered %q, want %q", about, got, c.want)
			}
		}
	})
}

func TestService_Reconcile_sweepsExpiredSessions(t *testing.T) {
	t.Parallel()
	w, who := signedIn(t)
	w.Found(t, "Other", "o@other.io")
	w.Clock.Advance(time.Hour)
	other := w.Login(t, "o@other.io")
	w.Clock.Advance(organization.SessionIdle - time.Hour)
	if r := w.Quiet(t); r.Sessions != 0 {
		t.Errorf("the last run reports %+v", r)
	}
	for email, want := range map[string]int{"a@acme.io": 0, "o@other.io": 1} {
		a, err := w.Store.Admins.FindByEmail(t.Context(), email)
		if err != nil || len(a.Sessions) != want || a.SessionsUntil.IsZero() != (want == 0) {
			t.Errorf("%s has %+v, %v, want %d sessions", email, a, err, want)
		}
	}
	if got := held(t, w, other); got == revoked {
		t.Error("a session that lives was swept")
	}
	if got := held(t, w, who); got != revoked {
		t.Errorf("what was swept is answered %q", got)
	}
}
