package storetest

import (
	"errors"
	"strconv"
	"testing"
	"time"

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
			must(t, claims.Insert(ctx, c))
			got, err := claims.Find(ctx, c.Key)
			wantEqual(t, "Find", got, err, stored(c))
		}
		_, err := claims.Find(ctx, "absent")
		wantErr(t, "Find of none", err, organization.ErrAbsent)
	})

	t.Run("hold a key once", func(t *testing.T) {
		c := claim("once", 1)
		must(t, claims.Insert(ctx, c))
		wantErr(t, "Insert", claims.Insert(ctx, claim("once", 11)), organization.ErrExists)
		got, err := claims.Find(ctx, c.Key)
		wantEqual(t, "Find", got, err, stored(c))
	})

	t.Run("are raised, never shortened", func(t *testing.T) {
		c := claim("raised", 1)
		must(t, claims.Insert(ctx, c))
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
			ok, err := claims.Raise(ctx, c.Key, c.ID, someday().Add(step.to), step.left)
			wantBool(t, "Raise", ok, err, true)
			want := stored(c)
			want.Until, want.Left = millis(someday().Add(step.want)), step.wantLeft
			got, err := claims.Find(ctx, c.Key)
			wantEqual(t, "Find after raising by "+step.to.String(), got, err, want)
		}
		ok, err := claims.Raise(ctx, c.Key, id(99), someday().Add(2*time.Hour), true)
		wantBool(t, "Raise of another claim on the key", ok, err, false)
		ok, err = claims.Raise(ctx, "absent", c.ID, someday(), true)
		wantBool(t, "Raise of none", ok, err, false)
		_, err = claims.Find(ctx, "absent")
		wantErr(t, "Find of none", err, organization.ErrAbsent)
	})

	t.Run("are released by their ID", func(t *testing.T) {
		c := claim("released", 1)
		must(t, claims.Insert(ctx, c))
		must(t, claims.Release(ctx, c.Key, id(99), someday().Add(-time.Hour)))
		got, err := claims.Find(ctx, c.Key)
		wantEqual(t, "Find after releasing another claim", got, err, stored(c))
		must(t, claims.Release(ctx, c.Key, c.ID, someday().Add(-time.Minute)))
		want := stored(c)
		want.Until = millis(someday().Add(-time.Minute))
		got, err = claims.Find(ctx, c.Key)
		wantEqual(t, "Find", got, err, want)
		must(t, claims.Release(ctx, "absent", c.ID, someday()))
	})

	t.Run("are settled together, those that have not changed", func(t *testing.T) {
		all := []organization.Claim{
			claim("settled1", 1), claim("settled2", 3), claim("raised before", 5), claim("another's", 7),
		}
		all[1].Left = true
		for _, c := range all {
			must(t, claims.Insert(ctx, c))
		}
		ok, err := claims.Raise(ctx, all[2].Key, all[2].ID, someday().Add(time.Millisecond), false)
		wantBool(t, "Raise", ok, err, true)
		asked := append([]organization.Claim{claim("absent", 9)}, all...)
		asked[4].ID = id(99)
		n, err := claims.Settle(ctx, asked)
		wantEqual(t, "Settle", n, err, 2)

		want := all
		want[0].Until, want[1].Until, want[2].Until = time.Time{}, time.Time{}, someday().Add(time.Millisecond)
		for _, c := range want {
			got, err := claims.Find(ctx, c.Key)
			wantEqual(t, "Find", got, err, stored(c))
		}
		_, err = claims.Find(ctx, "absent")
		wantErr(t, "Find of one that was not there", err, organization.ErrAbsent)
		n, err = claims.Settle(ctx, asked)
		wantEqual(t, "the same Settle again", n, err, 0)
		n, err = claims.Settle(ctx, all[:2])
		wantEqual(t, "Settle of settled ones", n, err, 0)
		n, err = claims.Settle(ctx, nil)
		wantEqual(t, "Settle of none", n, err, 0)
	})

	settled := func(t *testing.T, key string, n byte) organization.Claim {
		t.Helper()
		c := claim(key, n)
		must(t, claims.Insert(ctx, c))
		count, err := claims.Settle(ctx, []organization.Claim{c})
		wantEqual(t, "Settle", count, err, 1)
		c.Until = time.Time{}
		got, err := claims.Find(ctx, key)
		wantEqual(t, "Find of a settled one", got, err, c)
		return c
	}

	t.Run("are unsettled by a raise, to whatever time", func(t *testing.T) {
		for key, until := range map[string]time.Time{
			"unsettled": someday(), "unsettled early": someday().Add(-1000 * time.Hour),
		} {
			c := settled(t, key, 1)
			ok, err := claims.Raise(ctx, c.Key, c.ID, until, true)
			wantBool(t, "Raise", ok, err, true)
			c.Until, c.Left = millis(until), true
			got, err := claims.Find(ctx, c.Key)
			wantEqual(t, "Find", got, err, c)
		}
	})

	t.Run("are unsettled by a release", func(t *testing.T) {
		c := settled(t, "unsettled and released", 1)
		must(t, claims.Release(ctx, c.Key, c.ID, someday()))
		c.Until = millis(someday())
		got, err := claims.Find(ctx, c.Key)
		wantEqual(t, "Find", got, err, c)
	})

	t.Run("are settled or not in what they were read as", func(t *testing.T) {
		is := claim("read settled", 21)
		c := settled(t, is.Key, 1)
		stale := c
		stale.Until = someday()
		ok, err := claims.Replace(ctx, stale, is)
		wantBool(t, "Replace of a settled one at its last until", ok, err, false)
		ok, err = claims.Delete(ctx, stale)
		wantBool(t, "Delete of a settled one at its last until", ok, err, false)
		stale = c
		stale.ID = id(99)
		ok, err = claims.Replace(ctx, stale, is)
		wantBool(t, "Replace of another settled one", ok, err, false)
		ok, err = claims.Replace(ctx, c, is)
		wantBool(t, "Replace of a settled one", ok, err, true)
		got, err := claims.Find(ctx, is.Key)
		wantEqual(t, "Find", got, err, stored(is))

		stale = is
		stale.Until = time.Time{}
		ok, err = claims.Replace(ctx, stale, c)
		wantBool(t, "Replace of one with an until, read as settled", ok, err, false)
		ok, err = claims.Delete(ctx, stale)
		wantBool(t, "Delete of one with an until, read as settled", ok, err, false)
		got, err = claims.Find(ctx, is.Key)
		wantEqual(t, "Find", got, err, stored(is))

		c = settled(t, "deleted settled", 1)
		ok, err = claims.Delete(ctx, c)
		wantBool(t, "Delete of a settled one", ok, err, true)
		ok, err = claims.Delete(ctx, c)
		wantBool(t, "Delete again", ok, err, false)
	})

	t.Run("are replaced where ID and until are what they were", func(t *testing.T) {
		was, is := claim("replaced", 1), claim("replaced", 21)
		was.Left, is.Until = true, someday().Add(time.Hour)
		must(t, claims.Insert(ctx, was))
		stale := was
		stale.ID = id(99)
		ok, err := claims.Replace(ctx, stale, is)
		wantBool(t, "Replace of another claim", ok, err, false)
		stale = was
		stale.Until = was.Until.Add(time.Millisecond)
		ok, err = claims.Replace(ctx, stale, is)
		wantBool(t, "Replace at another until", ok, err, false)
		ok, err = claims.Replace(ctx, was, is)
		wantBool(t, "Replace", ok, err, true)
		got, err := claims.Find(ctx, was.Key)
		wantEqual(t, "Find", got, err, stored(is))
		is.Left = true
		ok, err = claims.Replace(ctx, got, is)
		wantBool(t, "Replace of what was read", ok, err, true)
		got, err = claims.Find(ctx, was.Key)
		wantEqual(t, "Find", got, err, stored(is))
		ok, err = claims.Replace(ctx, claim("absent", 1), claim("absent", 2))
		wantBool(t, "Replace of none", ok, err, false)
	})

	t.Run("are deleted where ID and until are what they were", func(t *testing.T) {
		c := claim("deleted", 1)
		must(t, claims.Insert(ctx, c))
		stale := c
		stale.ID = id(99)
		ok, err := claims.Delete(ctx, stale)
		wantBool(t, "Delete of another claim", ok, err, false)
		stale = c
		stale.Until = c.Until.Add(-time.Millisecond)
		ok, err = claims.Delete(ctx, stale)
		wantBool(t, "Delete at another until", ok, err, false)
		ok, err = claims.Delete(ctx, c)
		wantBool(t, "Delete", ok, err, true)
		ok, err = claims.Delete(ctx, c)
		wantBool(t, "Delete again", ok, err, false)
		_, err = claims.Find(ctx, c.Key)
		wantErr(t, "Find", err, organization.ErrAbsent)
	})
}

func testClaimRaces(t *testing.T, s Subject) {
	claims, ctx := s.Store.Claims, t.Context()

	t.Run("one of many replaces a claim", func(t *testing.T) {
		c := organization.Claim{Key: "replaced", ID: id(200), Until: someday()}
		must(t, claims.Insert(ctx, c))
		for round := range rounds {
			is := c
			is.Until = someday().Add(time.Duration(round+1) * time.Millisecond)
			race(t, "for a dead claim", func(byte) (bool, error) { return claims.Replace(ctx, c, is) })
			c = is
		}
	})

	t.Run("the longest of many raises stays", func(t *testing.T) {
		c := organization.Claim{Key: "raised", ID: id(200), Until: someday()}
		must(t, claims.Insert(ctx, c))
		for round := range rounds {
			base := someday().Add(time.Duration(round) * time.Second)
			_, lost := together(t, func(i byte) (bool, error) {
				return claims.Raise(ctx, c.Key, c.ID, base.Add(time.Duration(i)*time.Millisecond), false)
			})
			got, err := claims.Find(ctx, c.Key)
			if want := millis(base.Add((racers - 1) * time.Millisecond)); err != nil || lost == 0 && !got.Until.Equal(want) {
				t.Fatalf("until = %v, %v, want %v", got.Until, err, want)
			}
		}
	})

	t.Run("one of many inserts a key", func(t *testing.T) {
		for round := range rounds {
			race(t, "for a key", func(i byte) (bool, error) {
				err := claims.Insert(ctx, organization.Claim{Key: "k" + strconv.Itoa(round), ID: id(i), Until: someday()})
				if errors.Is(err, organization.ErrExists) {
					return false, nil
				}
				return err == nil, err
			})
		}
	})
}
