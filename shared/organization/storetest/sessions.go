package storetest

import (
	"testing"
	"time"

	"oms/shared/must"
	"oms/shared/organization"
)

func testSessions(t *testing.T, s Subject) {
	admins, ctx := s.Store.Admins, t.Context()
	session := func(n byte, expires time.Time) organization.Session {
		return organization.Session{
			ID: id(n), CredentialVersion: "v1", Family: "f" + string(rune('a'+n)), Current: "c1",
			LoggedIn: millis(someday()), Used: millis(someday().Add(time.Hour)), Expires: millis(expires),
			Address: "2001:db8::1", Agent: "curl/8.5 (ü, $set.x)",
		}
	}
	next := byte(0)
	// insert inserts an admin, and makes what a test expects of it follow what it did.
	insert := func(t *testing.T, sessions ...organization.Session) (organization.Admin, func(organization.Admin)) {
		t.Helper()
		next++
		a := organization.Admin{
			ID:                id(next),
			Email:             string(rune('a'+next)) + "@example.com",
			OrgID:             id(next),
			CredentialVersion: "v1",
			Rev:               3,
		}
		must.Do(t, admins.Insert(ctx, a))
		for _, one := range sessions {
			expect(t, "PutSession", true)(admins.PutSession(ctx, a.ID, "", one))
			a.Sessions = append(a.Sessions, one)
			if one.Expires.After(a.SessionsUntil) {
				a.SessionsUntil = one.Expires
			}
		}
		return a, func(want organization.Admin) {
			t.Helper()
			expect(t, "Find", want)(admins.Find(ctx, a.ID))
			expect(t, "FindByEmail", want)(admins.FindByEmail(ctx, a.Email))
		}
	}
	day := func(n int) time.Time { return someday().AddDate(0, 0, n) }

	t.Run("are kept by ID, with every field, and with their admin", func(t *testing.T) {
		a, want := insert(t, session(2, day(2)), session(3, day(1)))
		want(a)
		page, err := s.Store.Backlog.Admins(ctx, nil, 1)
		expect(t, "Backlog.Admins", []organization.Admin{a})(page.Items, err)
		next++
		a.ID, a.Email = id(next), "whole@example.com"
		must.Do(t, admins.Insert(ctx, a))
		expect(t, "Find of one that was inserted with them", a)(admins.Find(ctx, a.ID))
	})

	t.Run("begin while the version is theirs, and take the dead along", func(t *testing.T) {
		a, want := insert(t, session(2, day(2)), session(4, day(3)), session(5, day(4)))
		other := session(6, day(9))
		other.CredentialVersion = "v0"
		expect(t, "PutSession for another version", false)(admins.PutSession(ctx, a.ID, "", other, id(2)))
		expect(t, "PutSession for nobody", false)(admins.PutSession(ctx, id(99), "", session(6, day(9))))
		want(a)
		expect(t, "PutSession", true)(admins.PutSession(ctx, a.ID, "", session(3, day(1)), id(2), id(5), id(98)))
		a.Sessions = []organization.Session{session(3, day(1)), a.Sessions[1]} // the time of the last stays
		want(a)
	})

	t.Run("are replaced and ended as they were read", func(t *testing.T) {
		was := session(2, day(2))
		a, want := insert(t, was)
		is := was
		is.Current, is.Used, is.Expires = "c2", millis(day(1)), millis(day(5))
		expect(t, "PutSession over another", false)(admins.PutSession(ctx, a.ID, "c0", is))
		expect(t, "PutSession over none", false)(admins.PutSession(ctx, a.ID, "c1", session(3, day(2))))
		want(a)
		expect(t, "PutSession", true)(admins.PutSession(ctx, a.ID, "c1", is))
		expect(t, "PutSession again", false)(admins.PutSession(ctx, a.ID, "c1", is))
		expect(t, "PutSession of what is there", true)(admins.PutSession(ctx, a.ID, "c2", is))
		a.Sessions[0], a.SessionsUntil = is, is.Expires
		want(a)
		expect(t, "EndSession of another", false)(admins.EndSession(ctx, a.ID, is.ID, "c1"))
		want(a)
		expect(t, "EndSession", true)(admins.EndSession(ctx, a.ID, is.ID, "c2"))
		a.Sessions = nil
		want(a)
	})

	t.Run("end one by one, or all at once with the version", func(t *testing.T) {
		a, want := insert(t, session(2, day(2)), session(3, day(1)), session(4, day(1)))
		expect(t, "EndSession", true)(admins.EndSession(ctx, a.ID, id(3), ""))
		expect(t, "EndSession of none", true)(admins.EndSession(ctx, a.ID, id(97), ""))
		expect(t, "EndSession of nobody's", false)(admins.EndSession(ctx, id(99), id(2), ""))
		a.Sessions = []organization.Session{a.Sessions[0], a.Sessions[2]}
		want(a)
		expect(t, "EndSessions at another version", false)(admins.EndSessions(ctx, a.ID, "v0", "v2"))
		want(a)
		expect(t, "EndSessions", true)(admins.EndSessions(ctx, a.ID, "v1", "v2"))
		a.CredentialVersion, a.Sessions, a.SessionsUntil = "v2", nil, time.Time{}
		want(a)
	})

	t.Run("are swept when the last has expired", func(t *testing.T) {
		a, wantA := insert(t, session(2, day(1)), session(3, day(2)))
		b, wantB := insert(t, session(2, day(3)), session(4, day(1)))
		expect(t, "SweepSessions at the end of the last", 0)(admins.SweepSessions(ctx, millis(day(2))))
		n, err := admins.SweepSessions(ctx, day(2).Add(time.Millisecond))
		if err != nil || n < 1 {
			t.Errorf("SweepSessions after it = %d, %v", n, err)
		}
		a.Sessions, a.SessionsUntil = nil, time.Time{}
		wantA(a)
		wantB(b)
	})

	t.Run("are replaced once of many", func(t *testing.T) {
		was := session(2, day(1))
		a, _ := insert(t, was)
		for range rounds {
			race(t, "for a session", func(i byte) (bool, error) {
				is := was
				is.Current = was.Current + string(rune('a'+i))
				return admins.PutSession(ctx, a.ID, was.Current, is)
			})
			was = must.Get(admins.Find(ctx, a.ID))(t).Sessions[0]
		}
	})

	t.Run("begin at once, each and every one", func(t *testing.T) {
		a, _ := insert(t)
		won, lost := parallel(t,
			func(i byte) (bool, error) { return admins.PutSession(ctx, a.ID, "", session(i, day(int(i)))) })
		got, err := admins.Find(ctx, a.ID)
		if err != nil || len(got.Sessions) < won || won+lost != racers ||
			lost == 0 && !got.SessionsUntil.Equal(millis(day(racers-1))) {
			t.Errorf("after %d began and %d were not answered there are %d, until %v, %v", won, lost, len(got.Sessions),
				got.SessionsUntil, err)
		}
	})
}
