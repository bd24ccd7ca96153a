package storetest

import (
	"strconv"
	"testing"
	"time"

	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/password"
)

func testMails(t *testing.T, s Subject) {
	admins, mails, ctx := s.Store.Admins, s.Store.Mails, t.Context()
	at := millis(someday())
	mail := func(n byte, due time.Time) organization.Mail {
		return organization.Mail{
			ID: id(n), Kind: organization.MailReset, To: "ü+$x.y@example.com", At: at, Due: millis(due), Tries: int(n),
		}
	}
	proof := func(of string) organization.Proof {
		return organization.Proof{Hash: "h" + of, For: of, Expires: at.Add(time.Hour)}
	}
	next := byte(0)
	// insert inserts an admin with these mails, and returns what a test compares it with.
	insert := func(t *testing.T, all ...organization.Mail) (organization.Admin, func(organization.Admin)) {
		t.Helper()
		next++
		a := organization.Admin{
			ID: id(next), Email: "m" + strconv.Itoa(int(next)) + "@example.com", OrgID: id(next),
			CredentialVersion: "v1", Rev: 3, Unconfirmed: true, UnconfirmedSince: at, Mails: all,
			Resets: []organization.Proof{proof("v0"), proof("v1")}, Confirm: proof("e"),
		}
		if len(all) > 0 {
			a.MailsSince, a.MailsRev = all[0].Due, 1
		}
		must.Do(t, admins.Insert(ctx, a))
		return a, func(want organization.Admin) {
			t.Helper()
			expect(t, "Find", want)(admins.Find(ctx, a.ID))
		}
	}

	t.Run("are kept with every field, and come with a change", func(t *testing.T) {
		a, want := insert(t, mail(2, at), mail(4, at))
		want(a)
		c := organization.AdminChange{
			ID: a.ID, Rev: a.Rev, CredentialVersion: "v2", Confirmed: true,
			Password: password.Hash{Alg: "a", Hash: "h"},
			Mails:    []organization.Mail{mail(3, at.Add(time.Minute)), mail(1, at.Add(-time.Minute))},
		}
		expect(t, "Change", true)(admins.Change(ctx, c, id(90)))
		a.Rev, a.MailsRev, a.CredentialVersion, a.Password, a.Op, a.Unconfirmed = 4, 2, "v2", c.Password, id(90), false
		a.UnconfirmedSince = time.Time{}
		a.Mails = []organization.Mail{c.Mails[1], a.Mails[0], c.Mails[0], a.Mails[1]}
		a.MailsSince = at.Add(-time.Minute)
		want(a)
		c = organization.AdminChange{ID: a.ID, Rev: 3, Unconfirmed: true, Mails: []organization.Mail{mail(9, at)}}
		expect(t, "Change at another rev", false)(admins.Change(ctx, c, id(91)))
		want(a)
		c.Rev = 4
		expect(t, "Change", true)(admins.Change(ctx, c, organization.ID{}))
		a.Rev, a.MailsRev, a.Unconfirmed, a.Mails = 5, 3, true, append(a.Mails, mail(9, at)) // the earlier time stays
		want(a)
	})

	t.Run("for a new password take the place of one another", func(t *testing.T) {
		a, want := insert(t)
		expect(t, "AskReset of nobody", false)(mails.AskReset(ctx, "nobody@example.com", mail(7, at)))
		want(a)
		one, two := mail(7, at), mail(7, at.Add(time.Hour))
		two.At = at.Add(time.Hour)
		expect(t, "AskReset", true)(mails.AskReset(ctx, a.Email, one))
		a.Mails, a.MailsSince, a.MailsRev = []organization.Mail{one}, one.Due, 1
		want(a)
		expect(t, "AskReset again", true)(mails.AskReset(ctx, a.Email, two))
		a.Mails, a.MailsRev = []organization.Mail{two}, 2
		want(a)
	})

	t.Run("are replaced as they were read", func(t *testing.T) {
		a, want := insert(t, mail(2, at))
		is := a
		is.Mails, is.MailsSince = []organization.Mail{mail(2, at.Add(time.Hour)), mail(3, at)}, at.Add(time.Minute)
		is.Resets, is.Confirm = []organization.Proof{proof("v2")}, organization.Proof{}
		for about, was := range map[string]organization.Admin{
			"another revision": {ID: a.ID, MailsRev: 2, CredentialVersion: "v1"},
			"another version":  {ID: a.ID, MailsRev: 1, CredentialVersion: "v2"},
			"nobody":           {ID: id(99), MailsRev: 1, CredentialVersion: "v1"},
		} {
			expect(t, "Put at "+about, false)(mails.Put(ctx, was, is))
		}
		want(a)
		expect(t, "Put", true)(mails.Put(ctx, a, is))
		is.MailsRev = 2
		want(is)
		none := is
		none.Mails, none.MailsSince, none.Resets = nil, time.Time{}, nil
		expect(t, "Put of none", true)(mails.Put(ctx, is, none))
		none.MailsRev = 3
		want(none)
	})

	t.Run("prove an address by what was mailed to it", func(t *testing.T) {
		a, want := insert(t)
		for about, try := range map[string]struct {
			id          organization.ID
			email, hash string
		}{
			"another admin":   {id(99), a.Email, "he"},
			"another address": {a.ID, "x@example.com", "he"},
			"another token":   {a.ID, a.Email, "hx"},
		} {
			expect(t, "ConfirmEmail of "+about, false)(mails.ConfirmEmail(ctx, try.id, try.email, try.hash))
		}
		want(a)
		for range 2 {
			expect(t, "ConfirmEmail", true)(mails.ConfirmEmail(ctx, a.ID, a.Email, "he"))
		}
		a.Unconfirmed, a.UnconfirmedSince = false, time.Time{}
		want(a)
	})

	t.Run("are listed from when they are due, the earliest first", func(t *testing.T) {
		long := at.AddDate(-1, 0, 0)
		var want []organization.ID
		for _, due := range []time.Duration{0, -time.Hour, time.Millisecond, -time.Minute, -time.Minute} {
			a, _ := insert(t, mail(2, long.Add(due)))
			want = append(want, a.ID)
		}
		want = []organization.ID{want[1], want[3], want[4], want[0]}
		wantPages(ctx, t, "Mails", listed(s.Store.Backlog.Mails, long), func(a organization.Admin) organization.ID {
			return a.ID
		}, want)
	})

	t.Run("have admins who never confirmed an address, the earliest first", func(t *testing.T) {
		var want []organization.ID
		for _, since := range []time.Duration{-time.Hour, 0, -2 * time.Hour} {
			next++
			a := organization.Admin{
				ID: id(next), Email: "u" + strconv.Itoa(int(next)) + "@example.com", OrgID: id(next),
				UnconfirmedSince: at.AddDate(-1, 0, 0).Add(since),
			}
			must.Do(t, admins.Insert(ctx, a))
			want = append(want, a.ID)
		}
		unconfirmed := listed(s.Store.Backlog.Unconfirmed, at.AddDate(-1, 0, 0))
		wantPages(ctx, t, "Unconfirmed", unconfirmed, func(a organization.Admin) organization.ID { return a.ID },
			[]organization.ID{want[2], want[0]})
	})

	t.Run("are one sender's of many", func(t *testing.T) {
		a, _ := insert(t, mail(2, at))
		for range rounds {
			race(t, "for an outbox", func(i byte) (bool, error) {
				is := a
				is.Mails = []organization.Mail{mail(2, at.Add(time.Duration(i)*time.Minute))}
				return mails.Put(ctx, a, is)
			})
			got, err := admins.Find(ctx, a.ID)
			if err != nil || got.MailsRev != a.MailsRev+1 {
				t.Fatalf("after a round at revision %d there is %+v, %v", a.MailsRev, got, err)
			}
			a = got
		}
	})

	t.Run("come at once, each and every one", func(t *testing.T) {
		a, _ := insert(t)
		won, _ := parallel(t, func(i byte) (bool, error) {
			return mails.AskReset(ctx, a.Email, mail(i+1, at))
		})
		got, err := admins.Find(ctx, a.ID)
		if err != nil || len(got.Mails) < won || got.MailsRev < int64(won) || won == 0 {
			t.Errorf("after %d came there are %v at revision %d, %v", won, got.Mails, got.MailsRev, err)
		}
	})
}
