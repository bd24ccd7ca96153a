package mongo_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/mongo/mongotest"
	"oms/shared/mongo/wiretest"
	"oms/shared/must"
	"oms/shared/organization"
)

// TestBacklog_ListsPastTheUnreadable: what another hand has put into a
// collection of ours hides nothing, in pages of every size, and is named.
func TestBacklog_ListsPastTheUnreadable(t *testing.T) {
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		db := e.Open(t)
		raw := e.Client(t).Database(db.Name())
		past := time.UnixMilli(1_700_000_000_000)
		put := func(collection string, documents ...any) {
			t.Helper()
			must.Do(t, must.Err(raw.Collection(collection).InsertMany(t.Context(), documents)))
		}
		const secret = "somebody@example.com"
		put(
			"names",
			bson.M{"_id": "a", "cid": bson.ObjectID{1}, "until": past},
			bson.M{"_id": "b", "cid": secret, "until": past},
			bson.M{"_id": "c", "cid": bson.ObjectID{1}, "until": past},
			bson.M{"_id": int32(7), "cid": bson.ObjectID{1}, "until": past},
			bson.M{"_id": "d", "cid": bson.ObjectID{1}, "until": secret},
			bson.M{"_id": bson.ObjectID{9}, "cid": bson.ObjectID{1}, "until": past.Add(-1)},
			bson.M{"_id": "e", "cid": bson.ObjectID{1}},
		)
		put(
			"organizations",
			bson.M{"_id": bson.ObjectID{1}, "state": "active", "key": "acme", "op": bson.M{"lease": past}},
			bson.M{
				"_id": bson.ObjectID{2}, "state": "deleted", "op": bson.M{"lease": past, "id": secret},
				"purge_after": past, "sweep_after": past,
			},
			bson.M{
				"_id": bson.ObjectID{3}, "state": "deleted", "op": bson.M{"lease": past},
				"purge_after": past, "sweep_after": past,
			},
		)
		put(
			"admins",
			bson.M{"_id": bson.ObjectID{1}, "rev": secret, "email": "a"},
			bson.M{"_id": bson.ObjectID{2}, "email": "b"},
		)

		b, later := db.Store().Backlog, past.Add(time.Hour)
		org := func(o organization.Organization) string { return o.ID.String() }
		seven, nine := `{"$numberInt":"7"}`, bson.ObjectID{9}.Hex()
		one, two, three := bson.ObjectID{1}.Hex(), bson.ObjectID{2}.Hex(), bson.ObjectID{3}.Hex()
		key := func(c organization.Claim) string { return c.Key }
		wantListed(t, "Claims", b.Claims, key, []string{"a", "c", "e"}, []string{seven, "b", "d", nine})
		wantListed(t, "Unsettled", at(b.Unsettled, later), key, []string{"a", "c"}, []string{nine, seven, "b"})
		wantListed(t, "Organizations", b.Organizations, org, []string{one, three}, []string{two})
		wantListed(t, "Expired", at(b.Expired, later), org, []string{one, three}, []string{two})
		wantListed(t, "Purgeable", at(b.Purgeable, later), org, []string{three}, []string{two})
		wantListed(t, "Unswept", at(b.Unswept, later), org, []string{three}, []string{two})
		wantListed(t, "Admins", b.Admins, func(a organization.Admin) string { return a.ID.String() }, []string{two},
			[]string{one})

		put("organizations", bson.M{"_id": bson.ObjectID{4}, "state": "active", "key": "globex", "rev": secret})
		all, err := db.Store().Organizations.FindClaimants(t.Context(), "acme", "globex")
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("FindClaimants = %v, %v, want an error that shows no content: it may keep a claim alive", all, err)
		}
		_, err = db.Store().Organizations.Find(t.Context(), organization.ID{4})
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("Find = %v, want an error that shows no content", err)
		}
	})
}

func at[T any](
	list func(context.Context, time.Time, *organization.Place, int) (organization.Page[T], error), t time.Time,
) func(context.Context, *organization.Place, int) (organization.Page[T], error) {
	return func(ctx context.Context, after *organization.Place, limit int) (organization.Page[T], error) {
		return list(ctx, t, after, limit)
	}
}

func wantListed[T any](
	t *testing.T, doing string, list func(context.Context, *organization.Place, int) (organization.Page[T], error),
	id func(T) string, items, unreadable []string,
) {
	t.Helper()
	for _, limit := range []int{1, 2, 3, 100} {
		var got, bad []string
		for after, pages := (*organization.Place)(nil), 0; pages < 10; pages++ {
			p, err := list(t.Context(), after, limit)
			if err != nil {
				t.Fatalf("%s: %v", doing, err)
			}
			for _, item := range p.Items {
				got = append(got, id(item))
			}
			for _, u := range p.Unreadable {
				bad = append(bad, u.ID)
				if u.Err == nil || strings.Contains(u.Err.Error(), "somebody") || !strings.Contains(u.Err.Error(),
					"the field") {
					t.Errorf("%s: the error of %s is %v, want the field and nothing of what is in it", doing, u.ID,
						u.Err)
				}
			}
			if after = p.Next; after == nil {
				break
			}
		}
		if !slices.Equal(got, items) || !slices.Equal(bad, unreadable) {
			t.Errorf("%s, in pages of %d = %v and %v unreadable, want %v and %v", doing, limit, got, bad, items,
				unreadable)
		}
	}
}

func TestBacklog_GoesOnWhereTheAnswerWasFull(t *testing.T) {
	t.Parallel()
	f := wiretest.NewFake(t, 17, func(_ string, body bson.Raw) bson.D {
		if _, err := body.Lookup("filter").Document().LookupErr("$or"); err == nil {
			return batch("master.admins")
		}
		return batch("master.admins", bson.D{
			{Key: "_id", Value: bson.ObjectID{1}}, {Key: "email", Value: strings.Repeat("x", 9<<20)},
		})
	})
	p, err := mustOpen(t, f.URI()).Store().Backlog.Admins(t.Context(), nil, 100)
	if err != nil || len(p.Items) != 1 || p.Next == nil {
		t.Fatalf("Admins = %d of them, next %v, %v, want one, and that there may be more", len(p.Items), p.Next, err)
	}
	p, err = mustOpen(t, f.URI()).Store().Backlog.Admins(t.Context(), p.Next, 100)
	if err != nil || len(p.Items) != 0 || p.Next != nil {
		t.Errorf("Admins after it = %d of them, next %v, %v, want the end", len(p.Items), p.Next, err)
	}
}
