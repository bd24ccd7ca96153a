package mongo_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/mongo/wiretest"
	"oms/shared/must"
	"oms/shared/organization"
)

func TestStore_TellsWhichUniqueKeyWasTaken(t *testing.T) {
	t.Parallel()
	// an engine's word for a deadlock of two racers
	duplicate, other := writeError(11000), refusal(251, "NoSuchTransaction")
	admin := organization.Admin{ID: organization.ID{1}, Email: "somebody@example.com"}
	acme := organization.Organization{ID: organization.ID{1}, Key: "acme"}
	insertAdmin := func(ctx context.Context, s organization.Store) error { return s.Admins.Insert(ctx, admin) }
	insertAcme := func(ctx context.Context, s organization.Store) error { return s.Organizations.Insert(ctx, acme) }
	insertDead := func(ctx context.Context, s organization.Store) error {
		return s.Organizations.Insert(ctx, organization.Organization{ID: acme.ID})
	}
	swap := func(ctx context.Context, s organization.Store) error {
		return must.Err(s.Organizations.CompareAndSwap(ctx, organization.Organization{ID: acme.ID}, acme))
	}
	bury := func(ctx context.Context, s organization.Store) error {
		return must.Err(s.Organizations.CompareAndSwap(ctx, acme, organization.Organization{ID: acme.ID}))
	}
	change := func(ctx context.Context, s organization.Store) error {
		return must.Err(s.Admins.Change(ctx, organization.AdminChange{ID: admin.ID, Email: admin.Email},
			organization.ID{}))
	}
	rename := func(ctx context.Context, s organization.Store) error {
		return must.Err(s.Admins.Change(ctx, organization.AdminChange{ID: admin.ID, CredentialVersion: "v2"},
			organization.ID{}))
	}
	claim := func(ctx context.Context, s organization.Store) error {
		return s.Claims.Insert(ctx, organization.Claim{Key: "acme"})
	}
	request := func(ctx context.Context, s organization.Store) error {
		return s.Requests.Insert(ctx, organization.Request{ID: "r"})
	}
	for name, tc := range map[string]struct {
		do    func(context.Context, organization.Store) error
		write bson.D
		there string   // the field by which a look finds something
		want  error    // nil: the refusal
		looks []string // the fields that were looked at
	}{
		"admin inserted, duplicate: the ID": {insertAdmin, duplicate, "_id", organization.ErrExists, []string{"_id"}},
		"admin inserted, duplicate: not the ID": {
			insertAdmin, duplicate, "", organization.ErrEmailTaken, []string{"_id"},
		},
		"admin inserted, refused: the ID": {insertAdmin, other, "_id", organization.ErrExists, []string{"_id"}},
		"admin inserted, refused: the address": {
			insertAdmin, other, "email", organization.ErrEmailTaken, []string{"_id", "email"},
		},
		"admin inserted, refused: neither": {insertAdmin, other, "", nil, []string{"_id", "email"}},
		"admin changed, duplicate":         {change, duplicate, "", organization.ErrEmailTaken, nil},
		"admin changed, refused: the address": {
			change, other, "email", organization.ErrEmailTaken, []string{"another email"},
		},
		"admin changed, refused: not the address":   {change, other, "", nil, []string{"another email"}},
		"admin changed without an address, refused": {rename, other, "email", nil, nil},
		"organization inserted, duplicate: the ID": {
			insertAcme, duplicate, "_id", organization.ErrExists, []string{"_id"},
		},
		"organization inserted, duplicate: the key": {
			insertAcme, duplicate, "", organization.ErrKeyTaken, []string{"_id"},
		},
		"organization inserted, refused: the ID": {insertAcme, other, "_id", organization.ErrExists, []string{"_id"}},
		"organization inserted, refused: the key": {
			insertAcme, other, "key", organization.ErrKeyTaken, []string{"_id", "key"},
		},
		"organization inserted, refused: neither": {insertAcme, other, "", nil, []string{"_id", "key"}},
		"organization without a key, duplicate":   {insertDead, duplicate, "", organization.ErrExists, nil},
		"organization without a key, refused":     {insertDead, other, "key", nil, []string{"_id"}},
		"organization swapped, duplicate":         {swap, duplicate, "", organization.ErrKeyTaken, nil},
		"organization swapped, refused: the key": {
			swap, other, "key", organization.ErrKeyTaken, []string{"another key"},
		},
		"organization swapped, refused: not the key": {swap, other, "", nil, []string{"another key"}},
		"organization swapped to no key, refused":    {bury, other, "key", nil, nil},
		"claim inserted, duplicate":                  {claim, duplicate, "", organization.ErrExists, nil},
		"claim inserted, refused: it is there":       {claim, other, "_id", organization.ErrExists, []string{"_id"}},
		"claim inserted, refused: it is not there":   {claim, other, "", nil, []string{"_id"}},
		"request inserted, duplicate":                {request, duplicate, "", organization.ErrExists, nil},
		"request inserted, refused: it is there":     {request, other, "_id", organization.ErrExists, []string{"_id"}},
		"request inserted, refused: it is not there": {request, other, "", nil, []string{"_id"}},
		"admin inserted, no answer to the look": {
			insertAdmin, other, "lost", organization.ErrLost, []string{"_id"},
		},
		"organization swapped, no answer to the look": {
			swap, other, "lost", organization.ErrLost, []string{"another key"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var looks []string
			f := wiretest.NewFake(t, 17, func(command string, body bson.Raw) bson.D {
				if command != "find" {
					return tc.write
				}
				look := looked(body.Lookup("filter").Document())
				looks = append(looks, look)
				switch {
				case tc.there == "lost":
					return refusal(50, "MaxTimeMSExpired") // the driver does not ask again
				case look == tc.there || look == "another "+tc.there:
					return batch("master.any", bson.D{{Key: "_id", Value: "there"}})
				}
				return batch("master.any")
			})
			err := tc.do(t.Context(), mustOpen(t, f.URI()).Store())
			if err == nil {
				t.Fatal("got no error")
			}
			for _, kind := range []error{
				organization.ErrExists, organization.ErrEmailTaken, organization.ErrKeyTaken,
				organization.ErrLost, organization.ErrAbsent,
			} {
				if got, want := errors.Is(err, kind), errors.Is(tc.want, kind); got != want {
					t.Errorf("%v is %v: %t, want %t", err, kind, got, want)
				}
			}
			want := tc.looks
			if tc.want == nil { // sent again, for whoever had a key may have let go of it meanwhile
				want = slices.Concat(want, want)
			}
			if !slices.Equal(looks, want) {
				t.Errorf("looked at %v, want %v", looks, want)
			}
		})
	}
}

// TestStore_SendsAgainWhatWasRefusedThoughNobodyHasTheKey: who had the address
// has let go of it before the look.
func TestStore_SendsAgainWhatWasRefusedThoughNobodyHasTheKey(t *testing.T) {
	t.Parallel()
	writes := 0
	f := wiretest.NewFake(t, 17, func(command string, _ bson.Raw) bson.D {
		if command == "find" {
			return batch("master.admins")
		}
		if writes++; writes == 1 {
			return refusal(1, "InternalError") // FerretDB's word for a unique key that an update meets
		}
		return bson.D{{Key: "ok", Value: 1}, {Key: "n", Value: int32(1)}}
	})
	change := organization.AdminChange{Email: "somebody@example.com"}
	ok, err := mustOpen(t, f.URI()).Admins().Change(t.Context(), change, organization.ID{})
	if !ok || err != nil || writes != 2 {
		t.Errorf("Change = %t, %v after %d writes, want success after two", ok, err, writes)
	}
}

// looked says by which field a filter looks: with "another" where it leaves one document out.
func looked(filter bson.Raw) string {
	for _, field := range []string{"email", "key"} {
		if _, err := filter.LookupErr(field); err != nil {
			continue
		}
		if _, err := filter.LookupErr("_id", "$ne"); err == nil {
			return "another " + field
		}
		return field
	}
	return "_id"
}
