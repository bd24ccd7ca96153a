package mongo_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/organization"
)

func TestCollections_Create(t *testing.T) {
	t.Parallel()
	done := bson.D{{Key: "ok", Value: 1}}
	listing := batch("master.$cmd.listCollections", bson.D{{Key: "name", Value: "org_acme"}, {Key: "type", Value: "collection"}})
	for name, tc := range map[string]struct {
		wire    int32
		listing bson.D
		create  bson.D
		want    error
		sent    []string
	}{
		"is one command before MongoDB 7.0":                                         {17, listing, done, nil, []string{"create"}},
		"looks first from MongoDB 7.0 on, where a create of what is there succeeds": {21, listing, done, organization.ErrExists, []string{"listCollections"}},
		"creates what is not there":                                                 {21, batch("master.$cmd.listCollections"), done, nil, []string{"listCollections", "create"}},
		"knows MongoDB's code":                                                      {17, listing, refusal(48, "NamespaceExists"), organization.ErrExists, []string{"create"}},
		"looks where there is none":                                                 {17, listing, refusal(1, "InternalError"), organization.ErrExists, []string{"create", "listCollections"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, tc.wire, func(command string, _ bson.Raw) bson.D {
				if command == "create" {
					return tc.create
				}
				return tc.listing
			})
			err := mustOpen(t, f.URI()).Store().Collections.Create(t.Context(), "org_acme")
			if !errors.Is(err, tc.want) {
				t.Errorf("Create = %v, want %v", err, tc.want)
			}
			if got := f.Sent(); !slices.Equal(got, tc.sent) {
				t.Errorf("sent %v, want %v", got, tc.sent)
			}
		})
	}

	t.Run("passes the server's reason on", func(t *testing.T) {
		t.Parallel()
		f := newFake(t, 17, func(command string, _ bson.Raw) bson.D {
			if command == "create" {
				return bson.D{{Key: "ok", Value: 0}, {Key: "code", Value: int32(8000)}, {Key: "errmsg", Value: "already using 500 collections of 500"}}
			}
			return batch("master.$cmd.listCollections")
		})
		err := mustOpen(t, f.URI()).Store().Collections.Create(t.Context(), "org_acme")
		if err == nil || !strings.Contains(err.Error(), "500 collections") || errors.Is(err, organization.ErrLost) {
			t.Errorf("Create = %v, want the server's reason", err)
		}
	})
}

func TestCollections_RenameAsksForMajorityAndNeverOverwrites(t *testing.T) {
	t.Parallel()
	var body bson.Raw
	f := newFake(t, 17, func(_ string, b bson.Raw) bson.D {
		body = slices.Clone(b)
		return bson.D{{Key: "ok", Value: 1}}
	})
	if err := mustOpen(t, f.URI()).Store().Collections.Rename(t.Context(), "org_a", "org_b"); err != nil {
		t.Fatal(err)
	}
	if got := body.Lookup("renameCollection").StringValue(); got != "master.org_a" {
		t.Errorf("renameCollection = %q, want master.org_a", got)
	}
	if got := body.Lookup("$db").StringValue(); got != "admin" {
		t.Errorf("$db = %q, want admin", got)
	}
	if got := body.Lookup("writeConcern", "w").StringValue(); got != "majority" {
		t.Errorf("writeConcern.w = %q, want majority", got)
	}
	if _, err := body.LookupErr("dropTarget"); err == nil {
		t.Error("dropTarget is sent")
	}
}
