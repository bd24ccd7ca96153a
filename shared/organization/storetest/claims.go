package storetest

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"oms/shared/must"
	"oms/shared/organization"
)

func testClaims(t *testing.T, s Subject) {
	claims, ctx := s.Store.Claims, t.Context()
	claim := func(key string, n byte) organization.Claim {
		return organization.Claim{Key: key, OrgID: id(n), ID: id(n + 1), Until: someday()}
	}
	stored := func(c organization.Claim) organization.Claim {
		c.Until = millis(c.Until)
		return c
	}

	t.Run("keep every field, and times to the millisecond", func(t *testing.T) {
		left := claim("left", 3)
		left.Left = true
		for _, c := range []organization.Claim{claim("kept", 1), left} {
			must.Do(t, claims.Insert(ctx, c))
			expect(t, "Find", stored(c))(claims.Find(ctx, c.Key))
		}
		wantErr(t, "Find of none", must.Err(claims.Find(ctx, "absent")), organization.ErrAbsent)
	})

	t.Run("hold a key once", func(t *testing.T) {
		c := claim("once", 1)
		must.Do(t, claims.Insert(ctx, c))
		wantErr(t, "Insert", claims.Insert(ctx, claim("once", 11)), organization.ErrExists)
		expect(t, "Find", stored(c))(claims.Find(ctx, c.Key))
	})

	t.Run("are raised, never shortened", func(t *testing.T) {
		c := claim("raised", 1)
		must.Do(t, claims.Insert(ctx, c))
		for _, step := range []struct {
			to, want time.Duration
			left     bool
			wantLeft bool
		}{
			{to: -time.Hour},
			{to: time.Minute, want: time.Minute},
			{to: time.Minute - time.Millisecond, want: time.Minute, left: true, wantLeft: true},
			{to: time.Hour, want: time.Hour, wantLeft: true},
		} {
			expect(t, "Raise", true)(claims.Raise(ctx, c.Key, c.ID, someday().Add(step.to), step.left))
			want := stored(c)
			want.Until, want.Left = millis(someday().Add(step.want)), step.wantLeft
			expect(t, "Find after raising by "+step.to.String(), want)(claims.Find(ctx, c.Key))
		}
		expect(t, "Raise of another claim on the key", false)(
			claims.Raise(ctx, c.Key, id(99), someday().Add(2*time.Hour), true))
		expect(t, "Raise of none", false)(claims.Raise(ctx, "absent", c.ID, someday(), true))
		wantErr(t, "Find of none", must.Err(claims.Find(ctx, "absent")), organization.ErrAbsent)
	})

	t.Run("are released by their ID", func(t *testing.T) {
		c := claim("released", 1)
		must.Do(t, claims.Insert(ctx, c))
		must.Do(t, claims.Release(ctx, c.Key, id(99), someday().Add(-time.Hour)))
		expect(t, "Find after releasing another claim", stored(c))(claims.Find(ctx, c.Key))
		must.Do(t, claims.Release(ctx, c.Key, c.ID, someday().Add(-time.Minute)))
		want := stored(c)
		want.Until = millis(someday().Add(-time.Minute))
		expect(t, "Find", want)(claims.Find(ctx, c.Key))
		must.Do(t, claims.Release(ctx, "absent", c.ID, someday()))
	})

	t.Run("are settled together, those that have not changed", func(t *testing.T) {
		all := []organization.Claim{
			claim("settled1", 1), claim("settled2", 3), claim("raised before", 5), claim("another's", 7),
		}
		all[1].Left = true
		for _, c := range all {
			must.Do(t, claims.Insert(ctx, c))
		}
		expect(t, "Raise", true)(claims.Raise(ctx, all[2].Key, all[2].ID, someday().Add(time.Millisecond), false))
		asked := append([]organization.Claim{claim("absent", 9)}, all...)
		asked[4].ID = id(99)
		expect(t, "Settle", 2)(claims.Settle(ctx, asked))

		want := all
		want[0].Until, want[1].Until, want[2].Until = time.Time{}, time.Time{}, someday().Add(time.Millisecond)
		for _, c := range want {
			expect(t, "Find", stored(c))(claims.Find(ctx, c.Key))
		}
		wantErr(t, "Find of one that was not there", must.Err(claims.Find(ctx, "absent")), organization.ErrAbsent)
		expect(t, "the same Settle again", 0)(claims.Settle(ctx, asked))
		expect(t, "Settle of settled ones", 0)(claims.Settle(ctx, all[:2]))
		expect(t, "Settle of none", 0)(claims.Settle(ctx, nil))
	})

	settled := func(t *testing.T, key string, n byte) organization.Claim {
		t.Helper()
		c := claim(key, n)
		must.Do(t, claims.Insert(ctx, c))
		expect(t, "Settle", 1)(claims.Settle(ctx, []organization.Claim{c}))
		c.Until = time.Time{}
		expect(t, "Find of a settled one", c)(claims.Find(ctx, key))
		return c
	}

	t.Run("are unsettled by a raise, to whatever time", func(t *testing.T) {
		for key, until := range map[string]time.Time{
			"unsettled": someday(), "unsettled early": someday().Add(-1000 * time.Hour),
		} {
			c := settled(t, key, 1)
			expect(t, "Raise", true)(claims.Raise(ctx, c.Key, c.ID, until, true))
			c.Until, c.Left = millis(until), true
			expect(t, "Find", c)(claims.Find(ctx, c.Key))
		}
	})

	t.Run("are unsettled by a release", func(t *testing.T) {
		c := settled(t, "unsettled and released", 1)
		must.Do(t, claims.Release(ctx, c.Key, c.ID, someday()))
		c.Until = millis(someday())
		expect(t, "Find", c)(claims.Find(ctx, c.Key))
	})

	t.Run("are settled or not in what they were read as", func(t *testing.T) {
		is := claim("read settled", 21)
		c := settled(t, is.Key, 1)
		stale := c
		stale.Until = someday()
		expect(t, "Replace of a settled one at its last until", false)(claims.Replace(ctx, stale, is))
		expect(t, "Delete of a settled one at its last until", false)(claims.Delete(ctx, stale))
		stale = c
		stale.ID = id(99)
		expect(t, "Replace of another settled one", false)(claims.Replace(ctx, stale, is))
		expect(t, "Replace of a settled one", true)(claims.Replace(ctx, c, is))
		expect(t, "Find", stored(is))(claims.Find(ctx, is.Key))

		stale = is
		stale.Until = time.Time{}
		expect(t, "Replace of one with an until, read as settled", false)(claims.Replace(ctx, stale, c))
		expect(t, "Delete of one with an until, read as settled", false)(claims.Delete(ctx, stale))
		expect(t, "Find", stored(is))(claims.Find(ctx, is.Key))

		c = settled(t, "deleted settled", 1)
		expect(t, "Delete of a settled one", true)(claims.Delete(ctx, c))
		expect(t, "Delete again", false)(claims.Delete(ctx, c))
	})

	t.Run("are replaced where ID and until are what they were", func(t *testing.T) {
		was, is := claim("replaced", 1), claim("replaced", 21)
		was.Left, is.Until = true, someday().Add(time.Hour)
		must.Do(t, claims.Insert(ctx, was))
		stale := was
		stale.ID = id(99)
		expect(t, "Replace of another claim", false)(claims.Replace(ctx, stale, is))
		stale = was
		stale.Until = was.Until.Add(time.Millisecond)
		expect(t, "Replace at another until", false)(claims.Replace(ctx, stale, is))
		expect(t, "Replace", true)(claims.Replace(ctx, was, is))
		got, err := claims.Find(ctx, was.Key)
		expect(t, "Find", stored(is))(got, err)
		is.Left = true
		expect(t, "Replace of what was read", true)(claims.Replace(ctx, got, is))
		expect(t, "Find", stored(is))(claims.Find(ctx, was.Key))
		expect(t, "Replace of none", false)(claims.Replace(ctx, claim("absent", 1), claim("absent", 2)))
	})

	t.Run("are deleted where ID and until are what they were", func(t *testing.T) {
		c := claim("deleted", 1)
		must.Do(t, claims.Insert(ctx, c))
		stale := c
		stale.ID = id(99)
		expect(t, "Delete of another claim", false)(claims.Delete(ctx, stale))
		stale = c
		stale.Until = c.Until.Add(-time.Millisecond)
		expect(t, "Delete at another until", false)(claims.Delete(ctx, stale))
		expect(t, "Delete", true)(claims.Delete(ctx, c))
		expect(t, "Delete again", false)(claims.Delete(ctx, c))
		wantErr(t, "Find", must.Err(claims.Find(ctx, c.Key)), organization.ErrAbsent)
	})
}

func testClaimRaces(t *testing.T, s Subject) {
	claims, ctx := s.Store.Claims, t.Context()

	t.Run("one of many replaces a claim", func(t *testing.T) {
		c := organization.Claim{Key: "replaced", ID: id(200), Until: someday()}
		must.Do(t, claims.Insert(ctx, c))
		for round := range rounds {
			is := c
			is.Until = someday().Add(time.Duration(round+1) * time.Millisecond)
			race(t, "for a dead claim", func(byte) (bool, error) { return claims.Replace(ctx, c, is) })
			c = is
		}
	})

	t.Run("the longest of many raises stays", func(t *testing.T) {
		c := organization.Claim{Key: "raised", ID: id(200), Until: someday()}
		must.Do(t, claims.Insert(ctx, c))
		for round := range rounds {
			base := someday().Add(time.Duration(round) * time.Second)
			_, lost := parallel(t, func(i byte) (bool, error) {
				return claims.Raise(ctx, c.Key, c.ID, base.Add(time.Duration(i)*time.Millisecond), false)
			})
			got, err := claims.Find(ctx, c.Key)
			if want := millis(base.Add((racers - 1) * time.Millisecond)); err != nil ||
				lost == 0 && !got.Until.Equal(want) {
				t.Fatalf("until = %v, %v, want %v", got.Until, err, want)
			}
		}
	})

	t.Run("one of many inserts a key", func(t *testing.T) {
		for round := range rounds {
			race(t, "for a key", func(i byte) (bool, error) {
				err := claims.Insert(ctx, organization.Claim{
					Key: "k" + strconv.Itoa(round), ID: id(i), Until: someday(),
				})
				if errors.Is(err, organization.ErrExists) {
					return false, nil
				}
				return err == nil, err
			})
		}
	})
}
