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

func TestStore_ReadsLinearizable(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(context.Context, organization.Store) (organization.ID, error){
		"an organization": func(ctx context.Context, s organization.Store) (organization.ID, error) {
			o, err := s.Organizations.FindLinearizable(ctx, organization.ID{1})
			return o.ID, err
		},
		"claimants": func(ctx context.Context, s organization.Store) (organization.ID, error) {
			all, err := s.Organizations.FindClaimants(ctx, "acme")
			if len(all) != 1 {
				return organization.ID{}, err
			}
			return all[0].ID, err
		},
		"a request": func(ctx context.Context, s organization.Store) (organization.ID, error) {
			r, err := s.Requests.Find(ctx, "r")
			return r.IDs.Organization, err
		},
	} {
		for server, tc := range map[string]struct {
			refusal bson.D
			levels  []string // of the reads that are sent
			want    error
		}{
			"from a server that can": {nil, []string{"linearizable"}, nil},
			"from a standalone, plainly": {
				refusal(123, "NotAReplicaSet"), []string{"linearizable", ""}, nil,
			},
			"from a server that knows no such level": {
				refusal(9, "FailedToParse"), []string{"linearizable", ""}, nil,
			},
			"not from one that finds no majority": {
				refusal(187, "LinearizableReadConcernError"), nil, organization.ErrLost,
			},
			"not from one that waited for it too long": {refusal(50, "MaxTimeMSExpired"), nil, organization.ErrLost},
			"not from one that is not the primary": {
				refusal(10107, "NotWritablePrimary"), nil, organization.ErrLost,
			},
			"not from one that has just been a primary": {
				refusal(189, "PrimarySteppedDown"), nil, organization.ErrLost,
			},
		} {
			t.Run(name+" "+server, func(t *testing.T) {
				t.Parallel()
				var levels []string
				f := wiretest.NewFake(t, 17, func(_ string, body bson.Raw) bson.D {
					level, _ := body.Lookup("readConcern", "level").StringValueOK()
					levels = append(levels, level)
					if _, err := body.LookupErr("maxTimeMS"); err != nil {
						t.Error("a read without maxTimeMS: it can wait for a majority for ever")
					}
					if level != "" && tc.refusal != nil {
						return tc.refusal
					}
					return batch("master.any", bson.D{
						{Key: "_id", Value: id(name)},
						{Key: "ids", Value: bson.D{{Key: "organization", Value: bson.ObjectID{1}}}},
					})
				})
				got, err := read(t.Context(), mustOpen(t, f.URI()).Store())
				if !errors.Is(err, tc.want) {
					t.Fatalf("got %v, want %v", err, tc.want)
				}
				if err == nil && got != (organization.ID{1}) {
					t.Errorf("read %v, want what the server showed", got)
				}
				want := tc.levels
				if want != nil && name == "claimants" { // who moves to a key, and then who has it
					want = slices.Repeat(want, 2)
				}
				if want != nil && !slices.Equal(levels, want) {
					t.Errorf("sent reads of the levels %q, want %q", levels, want)
				}
				if tc.want != nil && slices.Contains(levels, "") {
					t.Errorf("sent reads of the levels %q, want no plain one: it can show what will be lost", levels)
				}
			})
		}
	}
}

func id(of string) any {
	if of == "a request" {
		return "r"
	}
	return bson.ObjectID{1}
}

func TestStore_ReadsPlainlyOtherwise(t *testing.T) {
	t.Parallel()
	f := wiretest.NewFake(t, 17, func(_ string, body bson.Raw) bson.D {
		if _, err := body.LookupErr("readConcern"); err == nil {
			t.Errorf("sent %v, want no readConcern", body)
		}
		return batch("master.any")
	})
	s := mustOpen(t, f.URI()).Store()
	if _, err := s.Organizations.FindVisible(t.Context(), "acme"); !errors.Is(err, organization.ErrAbsent) {
		t.Errorf("FindVisible = %v, want %v", err, organization.ErrAbsent)
	}
	must.Do(t, must.Err(s.Backlog.Organizations(t.Context(), nil, 1)))
}
