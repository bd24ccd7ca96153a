package mongo_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/mongo/mongotest"
	"oms/shared/mongo/wiretest"
	"oms/shared/must"
	"oms/shared/organization"
)

func TestClaims_Settle(t *testing.T) {
	t.Parallel()
	until := time.UnixMilli(1_800_000_000_000)
	claims := []organization.Claim{{Key: "a", Until: until}, {Key: "settled"}, {Key: "b", Until: until}}
	for name, tc := range map[string]struct {
		claims []organization.Claim
		answer bson.D
		sent   []string
		n      int
		want   error
	}{
		"all, by one command": {
			claims, bson.D{{Key: "ok", Value: 1}, {Key: "n", Value: int32(2)}}, []string{"update"}, 2, nil,
		},
		"none, where no answer came": {
			claims, refusal(189, "PrimarySteppedDown"), []string{"update"}, 0, organization.ErrLost,
		},
		"none, without a command for one": {claims[1:2], refusal(1, "InternalError"), nil, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := wiretest.NewFake(t, 17, func(string, bson.Raw) bson.D { return tc.answer })
			n, err := mustOpen(t, f.URI()).Store().Claims.Settle(t.Context(), tc.claims)
			if n != tc.n || !errors.Is(err, tc.want) {
				t.Errorf("Settle = %d, %v, want %d, %v", n, err, tc.n, tc.want)
			}
			if sent := f.Sent(); !slices.Equal(sent, tc.sent) {
				t.Errorf("sent %v, want %v", sent, tc.sent)
			}
		})
	}
}

// TestClaims_ReadAsSettled: "no until" is the absence of the field, and nothing else.
func TestClaims_ReadAsSettled(t *testing.T) {
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		db := e.Open(t)
		names := e.Client(t).Database(db.Name()).Collection("names")
		for key, until := range map[string]any{"zero": time.Time{}, "null": nil, "text": "soon"} {
			document := bson.M{"_id": key, "cid": bson.ObjectID{1}, "until": until}
			must.Do(t, must.Err(names.InsertOne(t.Context(), document)))
			c := organization.Claim{Key: key, ID: organization.ID{1}}
			ok, err := db.Store().Claims.Replace(t.Context(), c, organization.Claim{Key: key, Until: time.Now()})
			if ok || err != nil {
				t.Errorf("Replace of one with the until %v = %t, %v, want none", until, ok, err)
			}
			if ok, err := db.Store().Claims.Delete(t.Context(), c); ok || err != nil {
				t.Errorf("Delete of one with the until %v = %t, %v, want none", until, ok, err)
			}
		}
	})
}
