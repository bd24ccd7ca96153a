package organization

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"oms/shared/token"
)

// The bounds of a session.
const (
	// SessionIdle is how long a session lives after it was last used, and
	// SessionLife how long at most, from the login on (NIST SP 800-63B-4, section
	// 2.1.3: 30 days at assurance level 1). The longest access token lives as long as SessionIdle.
	SessionIdle = 7 * 24 * time.Hour
	SessionLife = 30 * 24 * time.Hour
	// RetryWithin is how long a refresh token that has been replaced is still
	// answered with what replaced it: its client got no answer, and tries again.
	RetryWithin = 10 * time.Second
	// MaxSessions is how many sessions an admin has: another login ends the one
	// that is needed least, so the admin's document stays under 64 KiB. Logins at
	// once may begin more; the next login ends those, too.
	MaxSessions = 50

	maxAddress = 64  // bytes that are kept of an address: IPv6 has 45 at most
	maxAgent   = 256 // and of a User-Agent
)

// Session is what a login begins: it lives in its admin's document, and with it.
// Of its refresh tokens hashes alone are kept.
type Session struct {
	ID                ID
	CredentialVersion string    // the admin's when it began: when that changes it is dead
	Family            string    // the hash of what all its refresh tokens have in common
	Current           string    // the hash of the refresh token that is good now
	LoggedIn          time.Time // when the password was proved
	Used              time.Time // when it was last refreshed, or began
	Expires           time.Time
	Address           string // where the login came from
	Agent             string // and what the client called itself
}

// live reports whether the session is one of a's that has not ended.
func (s Session) live(a Admin, now time.Time) bool {
	return s.CredentialVersion == a.CredentialVersion && now.Before(s.Expires)
}

// session returns the live session with that id.
func (a Admin) session(id ID, now time.Time) (Session, bool) {
	i := slices.IndexFunc(a.Sessions, func(s Session) bool { return s.ID == id && s.live(a, now) })
	if i < 0 {
		return Session{}, false
	}
	return a.Sessions[i], true
}

// sessions returns those that have ended, and those that live, the one that is
// needed least first: one that was never refreshed, as those are of a script that
// logs in each time; among equals the one that was used longest ago.
func (a Admin) sessions(now time.Time) (ended []ID, live []Session) {
	for _, s := range a.Sessions {
		if s.live(a, now) {
			live = append(live, s)
		} else {
			ended = append(ended, s.ID)
		}
	}
	refreshed := func(s Session) int { return s.Used.Compare(s.LoggedIn) }
	slices.SortStableFunc(live, func(s, t Session) int {
		return cmp.Or(refreshed(s)-refreshed(t), s.Used.Compare(t.Used))
	})
	return ended, live
}

// BeginSession begins a session of the admin, as a login has read it, and returns
// it with its times. s has its ID, its hashes, and where it comes from.
//
// ErrAbsent where the admin is gone, or its email or password has changed since:
// then nobody is logged in. A lost answer is not tried again under the same ID,
// for the first try may come late, after the session has ended; nobody has its
// token then.
func (s *Service) BeginSession(ctx context.Context, a Admin, begun Session) (Session, error) {
	ctx, w := s.begin(ctx)
	now := w.now()
	begun.CredentialVersion, begun.LoggedIn, begun.Used = a.CredentialVersion, now, now
	begun.Expires = now.Add(SessionIdle)
	begun.Address, begun.Agent = firstBytes(begun.Address, maxAddress), firstBytes(begun.Agent, maxAgent)
	ended, live := a.sessions(now)
	for len(live) >= MaxSessions {
		ended, live = append(ended, live[0].ID), live[1:]
	}
	ok, err := w.store.Admins.PutSession(ctx, a.ID, "", begun, ended...)
	switch {
	case err != nil:
		return Session{}, asFault(fmt.Errorf("beginning a session of admin %s: %w", a.ID, err))
	case !ok:
		return Session{}, fmt.Errorf("beginning a session of admin %s: %w", a.ID, ErrAbsent)
	}
	return begun, nil
}

// firstBytes returns as many whole characters of s as fit into n bytes.
func firstBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// Rotation asks to replace a refresh token. The hashes are those of package token.
type Rotation struct {
	Admin, Org, Session ID       // as the token says
	Family              string   // the hash of what it shares with the others of its session
	Presented           string   // the hash of the token
	Next                []string // of what may replace it; the first is what does, where nothing has yet
}

// RotateSession replaces the refresh token of a session, and returns the session
// and which of r.Next is good now. The same token again, within RetryWithin, is
// answered in the same way; later than that, and with one that was replaced
// earlier, somebody has it who should not: the session ends. ErrAbsent where the
// token is not good, for whatever reason.
func (s *Service) RotateSession(ctx context.Context, r Rotation) (is Session, next int, err error) {
	ctx, w := s.begin(ctx)
	is, next, err = w.rotate(ctx, r)
	return is, next, asFault(err)
}

// rotated returns the session as it is after r, and which of r.Next is good then.
// replayed: the token was replaced too long ago, or by one that is replaced itself.
func (s Session) rotated(r Rotation, now time.Time) (is Session, next int, replayed bool) {
	if s.Current != r.Presented {
		next = slices.Index(r.Next, s.Current)
		return s, next, next < 0 || !now.Before(s.Used.Add(RetryWithin))
	}
	s.Current, s.Used, s.Expires = r.Next[0], now, now.Add(SessionIdle)
	if end := s.LoggedIn.Add(SessionLife); end.Before(s.Expires) {
		s.Expires = end
	}
	return s, 0, false
}

func (w *worker) rotate(ctx context.Context, r Rotation) (Session, int, error) {
	for range maxTries {
		var o Organization
		var a Admin
		if err := w.reading(ctx, w.organization(r.Org, &o), w.admin(r.Admin, &a)); err != nil {
			return Session{}, 0, err
		}
		now := w.now()
		was, ok := a.session(r.Session, now)
		if !ok || a.OrgID != r.Org || !o.State.Visible() || was.Family != r.Family {
			return Session{}, 0, ErrAbsent
		}
		is, next, replayed := was.rotated(r, now)
		// What was read may be old, or be rolled back: nothing is believed before a
		// write of what it says is answered, one that changes nothing included.
		var done bool
		var err error
		if replayed {
			done, err = w.store.Admins.EndSession(ctx, a.ID, was.ID, was.Current)
		} else {
			ended, _ := a.sessions(now)
			done, err = w.store.Admins.PutSession(ctx, a.ID, was.Current, is, ended...)
		}
		switch {
		case errors.Is(err, ErrLost):
			if err := w.countLost(err); err != nil {
				return Session{}, 0, err
			}
		case err != nil:
			return Session{}, 0, fmt.Errorf("refreshing session %s of admin %s: %w", was.ID, a.ID, err)
		case done && replayed:
			w.log.LogAttrs(ctx, slog.LevelWarn, "a refresh token came that had been replaced; its session has ended",
				slog.String("admin_id", a.ID.String()), slog.String("org_id", a.OrgID.String()),
				slog.String("session", was.ID.String()))
			return Session{}, 0, ErrAbsent
		case done:
			return is, next, nil
		}
	}
	return Session{}, 0, errOvertaken
}

// Sessions returns the caller's live sessions, the one that was used last first.
//
// Faults, of the three that follow too: token_revoked, storage_unavailable.
func (s *Service) Sessions(ctx context.Context, who token.Principal) ([]Session, error) {
	ctx, w := s.begin(ctx)
	_, a, err := w.own(ctx, who)
	if err != nil {
		return nil, asFault(err)
	}
	_, live := a.sessions(w.now())
	slices.SortStableFunc(live, func(s, t Session) int { return t.Used.Compare(s.Used) })
	return live, nil
}

// EndSession ends one of the caller's sessions, its own included: its tokens hold
// no longer. Where it has no live session of that id: session_not_found.
func (s *Service) EndSession(ctx context.Context, who token.Principal, id string) error {
	ctx, w := s.begin(ctx)
	_, a, err := w.own(ctx, who)
	if err != nil {
		return asFault(err)
	}
	session, err := ParseID(id)
	if _, live := a.session(session, w.now()); err != nil || !live {
		return sessionNotFound()
	}
	_, err = ask(ctx, w, func(ctx context.Context) (bool, error) {
		return w.store.Admins.EndSession(ctx, a.ID, session, "")
	})
	return asFault(err)
}

// Logout ends the caller's session. A token of none, which an older version
// made, ends with all others: nothing less ends it.
func (s *Service) Logout(ctx context.Context, who token.Principal) error {
	if who.Session == "" {
		return s.LogoutAll(ctx, who)
	}
	return s.EndSession(ctx, who, who.Session)
}

// LogoutAll ends all sessions of the caller. The version of its credentials
// changes too, so that tokens of no session end with them.
func (s *Service) LogoutAll(ctx context.Context, who token.Principal) error {
	ctx, w := s.begin(ctx)
	_, a, err := w.own(ctx, who)
	if err != nil {
		return asFault(err)
	}
	is := NewID(w.now()).String()
	// Where the version is another one meanwhile, whoever gave it has ended them all.
	_, err = ask(ctx, w, func(ctx context.Context) (bool, error) {
		return w.store.Admins.EndSessions(ctx, a.ID, a.CredentialVersion, is)
	})
	return asFault(err)
}
