package storetest

import (
	"errors"
	"strconv"
	"testing"

	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/password"
)

func testAdmins(t *testing.T, s Subject) {
	admins, ctx := s.Store.Admins, t.Context()
	hash := password.Hash{Alg: password.BcryptV1, Pepper: "p1", Hash: "$2b$04$x"}
	admin := func(n byte) organization.Admin {
		return organization.Admin{
			ID: id(n), Email: "admin" + strconv.Itoa(int(n)) + "@example.com", OrgID: id(n + 100),
			Password: hash, CredentialVersion: "v1", Rev: 1, Op: id(n + 50),
		}
	}
	insert := func(t *testing.T, n byte) organization.Admin {
		t.Helper()
		a := admin(n)
		must.Do(t, admins.Insert(ctx, a))
		return a
	}

	t.Run("keep every field", func(t *testing.T) {
		legacy := admin(2)
		legacy.Password, legacy.Op = password.Hash{Alg: password.Legacy, Hash: "$2b$12$y"}, organization.ID{}
		for _, a := range []organization.Admin{admin(1), legacy} {
			must.Do(t, admins.Insert(ctx, a))
			expect(t, "Find", a)(admins.Find(ctx, a.ID))
			expect(t, "FindByEmail", a)(admins.FindByEmail(ctx, a.Email))
		}
		wantErr(t, "Find of none", must.Err(admins.Find(ctx, id(99))), organization.ErrAbsent)
		wantErr(t, "FindByEmail of none", must.Err(admins.FindByEmail(ctx, "nobody@example.com")),
			organization.ErrAbsent)
	})

	t.Run("have an ID and an address once", func(t *testing.T) {
		a := insert(t, 3)
		wantErr(t, "Insert of the same", admins.Insert(ctx, a), organization.ErrExists)
		other := admin(4)
		other.ID = a.ID
		wantErr(t, "Insert with the same ID", admins.Insert(ctx, other), organization.ErrExists)
		other = admin(4)
		other.Email = a.Email
		wantErr(t, "Insert with the same address", admins.Insert(ctx, other), organization.ErrEmailTaken)
		wantErr(t, "Find of the refused one", must.Err(admins.Find(ctx, other.ID)), organization.ErrAbsent)
	})

	t.Run("change in the fields that are given", func(t *testing.T) {
		a := insert(t, 5)
		newHash := password.Hash{Alg: password.BcryptV1, Pepper: "p2", Hash: "$2b$04$z"}
		type change = organization.AdminChange
		for _, step := range []struct {
			doing  string
			change change
			op     organization.ID
			apply  func(*organization.Admin)
		}{
			{"nothing", change{}, organization.ID{}, func(*organization.Admin) {}},
			{"the operation", change{}, id(90), func(a *organization.Admin) { a.Op = id(90) }},
			{"the address", change{Email: "new5@example.com"}, organization.ID{}, func(a *organization.Admin) {
				a.Email = "new5@example.com"
			}},
			{
				"the address to what it is",
				change{Email: "new5@example.com"},
				organization.ID{},
				func(*organization.Admin) {},
			},
			{"the password", change{Password: newHash, CredentialVersion: "v2"}, id(91), func(a *organization.Admin) {
				a.Password, a.CredentialVersion, a.Op = newHash, "v2", id(91)
			}},
			{
				"all",
				change{Email: "x@example.com", Password: hash, CredentialVersion: "v3"},
				id(92),
				func(a *organization.Admin) {
					a.Email, a.Password, a.CredentialVersion, a.Op = "x@example.com", hash, "v3", id(92)
				},
			},
		} {
			step.change.ID, step.change.Rev = a.ID, a.Rev
			expect(t, "Change of "+step.doing, true)(admins.Change(ctx, step.change, step.op))
			step.apply(&a)
			a.Rev++
			expect(t, "Find after a change of "+step.doing, a)(admins.Find(ctx, a.ID))
		}
		_, err := admins.FindByEmail(ctx, "new5@example.com")
		wantErr(t, "FindByEmail of the former address", err, organization.ErrAbsent)
	})

	t.Run("change at the rev that it was decided on", func(t *testing.T) {
		a := insert(t, 6)
		for _, rev := range []int64{a.Rev - 1, a.Rev + 1} {
			expect(t, "Change at another rev", false)(
				admins.Change(ctx, organization.AdminChange{ID: a.ID, Rev: rev, Email: "late6@example.com"}, id(93)))
		}
		expect(t, "Change of none", false)(
			admins.Change(ctx, organization.AdminChange{ID: id(99), Rev: 1, Email: "late6@example.com"}, id(93)))
		expect(t, "Find", a)(admins.Find(ctx, a.ID))
	})

	t.Run("do not take another's address", func(t *testing.T) {
		a, other := insert(t, 7), insert(t, 8)
		change := organization.AdminChange{
			ID: a.ID, Rev: a.Rev, Email: other.Email,
			Password: password.Hash{Alg: password.BcryptV1, Hash: "$2b$04$q"}, CredentialVersion: "v9",
		}
		ok, err := admins.Change(ctx, change, id(94))
		if ok || !errors.Is(err, organization.ErrEmailTaken) {
			t.Errorf("Change to another's address = %t, %v, want %v", ok, err, organization.ErrEmailTaken)
		}
		expect(t, "Find", a)(admins.Find(ctx, a.ID))
	})

	t.Run("are deleted with their organization in the filter", func(t *testing.T) {
		a := insert(t, 9)
		must.Do(t, admins.Delete(ctx, a.ID, id(99)))
		expect(t, "Find after deleting another organization's", a)(admins.Find(ctx, a.ID))
		must.Do(t, admins.Delete(ctx, a.ID, a.OrgID))
		wantErr(t, "Find", must.Err(admins.Find(ctx, a.ID)), organization.ErrAbsent)
		must.Do(t, admins.Delete(ctx, a.ID, a.OrgID))
	})

	t.Run("are deleted all with their organization", func(t *testing.T) {
		a, b, other := admin(10), admin(11), insert(t, 12)
		b.OrgID = a.OrgID
		must.Do(t, admins.Insert(ctx, a))
		must.Do(t, admins.Insert(ctx, b))
		expect(t, "DeleteAll", 2)(admins.DeleteAll(ctx, a.OrgID))
		for _, gone := range []organization.Admin{a, b} {
			wantErr(t, "Find", must.Err(admins.Find(ctx, gone.ID)), organization.ErrAbsent)
		}
		expect(t, "Find of another organization's", other)(admins.Find(ctx, other.ID))
		expect(t, "DeleteAll again", 0)(admins.DeleteAll(ctx, a.OrgID))
	})

	t.Run("change once of many", func(t *testing.T) {
		a := insert(t, 13)
		for range rounds {
			race(t, "for a rev", func(i byte) (bool, error) {
				change := organization.AdminChange{ID: a.ID, Rev: a.Rev, CredentialVersion: strconv.Itoa(int(i))}
				return admins.Change(ctx, change, organization.ID{})
			})
			got, err := admins.Find(ctx, a.ID)
			if err != nil || got.Rev != a.Rev+1 {
				t.Fatalf("Find after a round at rev %d = rev %d, %v, want one more", a.Rev, got.Rev, err)
			}
			a = got
		}
	})

	t.Run("get an address one of many", func(t *testing.T) {
		for round := range byte(rounds) {
			race(t, "for an address", func(i byte) (bool, error) {
				email := "race" + strconv.Itoa(int(round)) + "@example.com"
				a := organization.Admin{ID: organization.ID{0: 1, 1: round, 2: i}, Email: email}
				err := admins.Insert(ctx, a)
				if errors.Is(err, organization.ErrEmailTaken) {
					return false, nil
				}
				return err == nil, err
			})
		}
	})
}
