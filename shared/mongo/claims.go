package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/organization"
)

const claimsName = "names"

// Claims is the collection names.
type Claims struct{ d *Database }

var _ organization.Claims = (*Claims)(nil)

// Claims returns the store of claims.
func (d *Database) Claims() *Claims { return &Claims{d} }

type claimDocument struct {
	Key   string        `bson:"_id"`
	OrgID bson.ObjectID `bson:"org_id"`
	ID    bson.ObjectID `bson:"cid"`
	Until time.Time     `bson:"until,omitempty"`
	Left  bool          `bson:"left,omitempty"`
}

// Find returns the claim on key, or ErrAbsent.
func (s *Claims) Find(ctx context.Context, key string) (organization.Claim, error) {
	document, err := find[claimDocument](ctx, s.d, "reading a claim", claimsName, bson.M{"_id": key})
	if err != nil {
		return organization.Claim{}, err
	}
	return document.claim(), nil
}

// Insert inserts c, or returns ErrExists where the key is claimed: the unique
// _id is the lock on a name.
func (s *Claims) Insert(ctx context.Context, c organization.Claim) error {
	return s.d.insert(ctx, "inserting a claim", claimsName, claimOf(c),
		unique{bson.M{"_id": c.Key}, organization.ErrExists})
}

// Raise sets Until to the later of what it is and until, and Left where left
// is true. $max makes a late one harmless: it can never shorten a hold. Where
// there is none it sets the field (MongoDB manual, $max), and so unsettles a claim.
func (s *Claims) Raise(ctx context.Context, key string, claim organization.ID, until time.Time, left bool) (bool, error) {
	change := bson.M{"$max": bson.M{"until": until}}
	if left {
		change["$set"] = bson.M{"left": true}
	}
	return s.d.update(ctx, "raising a claim", claimsName, bson.M{"_id": key, "cid": objectID(claim)}, change)
}

// Settle takes the Until away from each of the claims whose document still has
// its ID and Until, and tells from how many: one command for all. Their keys are
// named twice, for by the first a server finds them in the index of _id. A claim
// without an Until is settled already, and not asked for.
func (s *Claims) Settle(ctx context.Context, claims []organization.Claim) (int, error) {
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
	n := 0
	err := s.d.do(ctx, "settling claims", func(ctx context.Context) error {
		result, err := s.d.db.Collection(claimsName).UpdateMany(ctx,
			bson.M{"_id": bson.M{"$in": keys}, "$or": each}, bson.M{"$unset": bson.M{"until": ""}})
		if err != nil {
			return err
		}
		n = int(result.MatchedCount)
		return nil
	})
	return n, err
}

// Release sets Until to now on the claim with that key and ID.
func (s *Claims) Release(ctx context.Context, key string, claim organization.ID, now time.Time) error {
	_, err := s.d.update(ctx, "releasing a claim", claimsName,
		bson.M{"_id": key, "cid": objectID(claim)}, bson.M{"$set": bson.M{"until": now}})
	return err
}

// Replace puts is in the place of was, where the document still has was.ID and
// was.Until (or still none): a claim that somebody raised meanwhile is not free.
func (s *Claims) Replace(ctx context.Context, was, is organization.Claim) (bool, error) {
	change, err := setAndUnset(claimOf(is))
	if err != nil {
		return false, err
	}
	return s.d.update(ctx, "replacing a claim", claimsName, held(was), change)
}

// Delete deletes c where the document still has its ID and Until (or still none).
func (s *Claims) Delete(ctx context.Context, c organization.Claim) (bool, error) {
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
