package mongo_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/mongo/wiretest"
	"oms/shared/must"
	"oms/shared/organization"
)

func TestCollections_Create(t *testing.T) {
	t.Parallel()
	done := bson.D{{Key: "ok", Value: 1}}
	listing := batch("master.$cmd.listCollections", bson.D{
		{Key: "name", Value: "org_acme"}, {Key: "type", Value: "collection"},
	})
	for name, tc := range map[string]struct {
		wire    int32
		listing bson.D
		create  bson.D
		want    error
		sent    []string
	}{
		"is one command before MongoDB 7.0": {17, listing, done, nil, []string{"create"}},
		"looks first from MongoDB 7.0 on, where a create of what is there succeeds": {
			21, listing, done, organization.ErrExists, []string{"listCollections"},
		},
		"creates what is not there": {
			21, batch("master.$cmd.listCollections"), done, nil, []string{"listCollections", "create"},
		},
		"knows MongoDB's code": {
			17, listing, refusal(48, "NamespaceExists"), organization.ErrExists, []string{"create"},
		},
		"looks where there is none": {
			17, listing, refusal(1, "InternalError"), organization.ErrExists, []string{"create", "listCollections"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := wiretest.NewFake(t, tc.wire, func(command string, _ bson.Raw) bson.D {
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
		f := wiretest.NewFake(t, 17, func(command string, _ bson.Raw) bson.D {
			if command == "create" {
				return bson.D{
					{Key: "ok", Value: 0},
					{Key: "code", Value: int32(8000)},
					{Key: "errmsg", Value: "already using 500 collections of 500"},
				}
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
	f := wiretest.NewFake(t, 17, func(_ string, b bson.Raw) bson.D {
		body = slices.Clone(b)
		return bson.D{{Key: "ok", Value: 1}}
	})
	must.Do(t, mustOpen(t, f.URI()).Store().Collections.Rename(t.Context(), "org_a", "org_b"))
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

func TestCollections_FindAsksForTheNames(t *testing.T) {
	t.Parallel()
	var filter bson.Raw
	f := wiretest.NewFake(t, 17, func(_ string, body bson.Raw) bson.D {
		filter = slices.Clone(body.Lookup("filter").Document())
		return batch("master.$cmd.listCollections", bson.D{{Key: "name", Value: "org_b"}},
			bson.D{{Key: "name", Value: "org_c"}})
	})
	found, err := mustOpen(t, f.URI()).Store().Collections.Find(t.Context(), "org_a", "org_b")
	if err != nil || len(found) != 1 || found["org_b"].Name != "org_b" {
		t.Errorf("Find = %v, %v, want the one that was asked for", found, err)
	}
	if names, err := filter.Lookup("name", "$in").Array().Values(); err != nil || len(names) != 2 {
		t.Errorf("filter = %v, want both names", filter)
	}
}

func TestCollections_List(t *testing.T) {
	t.Parallel()
	names := func(all ...string) bson.A {
		batch := bson.A{}
		for _, name := range all {
			batch = append(batch, bson.D{{Key: "name", Value: name}})
		}
		return batch
	}
	cursor := func(id int64, batch, name string) bson.D {
		return bson.D{{Key: "ok", Value: 1}, {Key: "cursor", Value: bson.D{
			{Key: "id", Value: id},
			{Key: "ns", Value: "master.$cmd.listCollections"},
			{Key: batch, Value: names(name)},
		}}}
	}
	first := cursor(5, "firstBatch", "org_c")

	t.Run("asks for names within a range, and filters and sorts them itself", func(t *testing.T) {
		t.Parallel()
		for prefix, end := range map[string]string{"org_": "org`", "ghost_1f": "ghost_1g", "": "", "é": ""} {
			var body bson.Raw
			f := wiretest.NewFake(t, 17, func(_ string, b bson.Raw) bson.D {
				body = slices.Clone(b)
				return batch("master.$cmd.listCollections", names(prefix+"b", "another", prefix+"a", prefix)...)
			})
			got, err := mustOpen(t, f.URI()).Store().Collections.List(t.Context(), prefix)
			want := []string{prefix, prefix + "a", prefix + "b"}
			if prefix == "" {
				want = []string{"", "a", "another", "b"}
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("List(%q) = %v, %v, want %v", prefix, got, err, want)
			}
			if only, _ := body.Lookup("nameOnly").BooleanOK(); !only {
				t.Errorf("List(%q) sent %v, want nameOnly", prefix, body)
			}
			if from, _ := body.Lookup("filter", "name", "$gte").StringValueOK(); from != prefix {
				t.Errorf("List(%q) began with %q", prefix, from)
			}
			if to, ok := body.Lookup("filter", "name", "$lt").StringValueOK(); to != end || ok != (end != "") {
				t.Errorf("List(%q) ended before %q, want %q", prefix, to, end)
			}
			if _, err := body.LookupErr("cursor", "batchSize"); err != nil {
				t.Errorf("List(%q) sent no batchSize", prefix)
			}
		}
	})

	t.Run("bounds each batch, not the whole", func(t *testing.T) {
		t.Parallel()
		batches := 0
		f := wiretest.NewFake(t, 17, func(command string, _ bson.Raw) bson.D {
			time.Sleep(850 * time.Millisecond) // a slow server: three of these are longer than one command may take
			batches++
			switch {
			case command == "listCollections":
				return first
			case batches == 2:
				return cursor(5, "nextBatch", "org_b")
			}
			return cursor(0, "nextBatch", "org_a")
		})
		got, err := mustOpen(t, f.URI()).Store().Collections.List(t.Context(), "org_")
		if want := []string{"org_a", "org_b", "org_c"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("List = %v, %v, want %v", got, err, want)
		}
	})

	t.Run("is lost with its cursor", func(t *testing.T) {
		t.Parallel()
		f := wiretest.NewFake(t, 17, func(command string, _ bson.Raw) bson.D {
			if command == "listCollections" {
				return first
			}
			return refusal(43, "CursorNotFound")
		})
		got, err := mustOpen(t, f.URI()).Store().Collections.List(t.Context(), "org_")
		if got != nil || !errors.Is(err, organization.ErrLost) {
			t.Errorf("List = %v, %v, want %v", got, err, organization.ErrLost)
		}
	})
}
