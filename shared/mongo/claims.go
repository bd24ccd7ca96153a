package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/organization"
)

const claimsName = "names"

// claims is the collection names.
type claims struct{ d *Database }

type claimDocument struct {
	Key   string        `bson:"_id"`
	OrgID bson.ObjectID `bson:"org_id"`
	ID    bson.ObjectID `bson:"cid"`
	Until time.Time     `bson:"until,omitempty"`
	Left  bool          `bson:"left,omitempty"`
}

func (s claims) Find(ctx context.Context, key string) (organization.Claim, error) {
	document, err := find[claimDocument](ctx, s.d, "reading a claim", claimsName, bson.M{"_id": key})
	return document.claim(), err
}

// Insert: the unique _id is the lock on a name.
func (s claims) Insert(ctx context.Context, c organization.Claim) error {
	return s.d.insert(ctx, "inserting a claim", claimsName, claimOf(c),
		unique{bson.M{"_id": c.Key}, organization.ErrExists})
}

// Raise: $max makes a late one harmless, for it can never shorten a hold. Where
// there is none it sets the field (MongoDB manual, $max), and so unsettles a claim.
func (s claims) Raise(
	ctx context.Context, key string, claim organization.ID, until time.Time, left bool,
) (bool, error) {
	change := bson.M{"$max": bson.M{"until": until}}
	if left {
		change["$set"] = bson.M{"left": true}
	}
	return s.d.update(ctx, "raising a claim", claimsName, bson.M{"_id": key, "cid": objectID(claim)}, change)
}

// Settle names the keys twice, for by the first a server finds them in the index of
// _id. A claim without an Until is settled already, and not asked for.
func (s claims) Settle(ctx context.Context, claims []organization.Claim) (int, error) {
	var keys []string
	var each []bson.M
	for _, c := range claims {
		if !c.Until.IsZero() {
			keys, each = append(keys, c.Key), append(each, held(c))
		}
	}
	if len(keys) == 0 {
		return 0, ctx.Err()
	}
	return s.d.updateAll(ctx, "settling claims", claimsName,
		bson.M{"_id": bson.M{"$in": keys}, "$or": each}, bson.M{"$unset": bson.M{"until": ""}})
}

func (s claims) Release(ctx context.Context, key string, claim organization.ID, now time.Time) error {
	_, err := s.d.update(ctx, "releasing a claim", claimsName,
		bson.M{"_id": key, "cid": objectID(claim)}, bson.M{"$set": bson.M{"until": now}})
	return err
}

// Replace: a claim that somebody raised meanwhile is not free.
func (s claims) Replace(ctx context.Context, was, is organization.Claim) (bool, error) {
	change, err := setAndUnset(claimOf(is))
	if err != nil {
		return false, err
	}
	return s.d.update(ctx, "replacing a claim", claimsName, held(was), change)
}

func (s claims) Delete(ctx context.Context, c organization.Claim) (bool, error) {
	return s.d.remove(ctx, "deleting a claim", claimsName, held(c))
}

// held matches the claim as it was read. A settled one has no until, and $exists
// says just that: no time matches it, not even the zero one, and no null.
func held(c organization.Claim) bson.M {
	filter := bson.M{"_id": c.Key, "cid": objectID(c.ID), "until": c.Until}
	if c.Until.IsZero() {
		filter["until"] = bson.M{"$exists": false}
	}
	return filter
}

func claimOf(c organization.Claim) claimDocument {
	return claimDocument{Key: c.Key, OrgID: objectID(c.OrgID), ID: objectID(c.ID), Until: c.Until, Left: c.Left}
}

func (document claimDocument) claim() organization.Claim {
	return organization.Claim{
		Key: document.Key, OrgID: organization.ID(document.OrgID), ID: organization.ID(document.ID),
		Until: document.Until, Left: document.Left,
	}
}
