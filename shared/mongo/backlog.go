package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/organization"
)

// Backlog lists what reconcile has to look at.
type Backlog struct{ d *Database }

var _ organization.Backlog = (*Backlog)(nil)

// Backlog returns the lists.
func (d *Database) Backlog() *Backlog { return &Backlog{d} }

// Organizations returns organizations by ID, those after the ID only.
func (s *Backlog) Organizations(ctx context.Context, after organization.ID, limit int) ([]organization.Organization, error) {
	return s.d.Organizations().list(ctx, "listing organizations", bson.M{"_id": bson.M{"$gt": objectID(after)}}, "_id", limit)
}

// Expired returns organizations with an operation whose lease ended at or
// before t, the oldest first. An operation that has ended has no lease.
func (s *Backlog) Expired(ctx context.Context, t time.Time, limit int) ([]organization.Organization, error) {
	return s.d.Organizations().list(ctx, "listing expired operations", bson.M{"op.lease": bson.M{"$lte": t}}, "op.lease", limit)
}

// Purgeable returns dead organizations whose PurgeAfter is before t, the oldest first.
func (s *Backlog) Purgeable(ctx context.Context, t time.Time, limit int) ([]organization.Organization, error) {
	return s.d.Organizations().list(ctx, "listing dead organizations", bson.M{
		"purge_after": bson.M{"$lt": t},
		"state":       bson.M{"$in": []organization.State{organization.Deleted, organization.Aborted}},
	}, "purge_after", limit)
}

// Claims returns claims whose Until is before t, by key, those after the key only.
func (s *Backlog) Claims(ctx context.Context, t time.Time, after string, limit int) ([]organization.Claim, error) {
	doing := "listing claims"
	raws, err := s.d.list(ctx, doing, claimsName, bson.M{"_id": bson.M{"$gt": after}, "until": bson.M{"$lt": t}}, "_id", limit)
	if err != nil {
		return nil, err
	}
	documents, err := decode[claimDocument](doing, raws)
	if err != nil {
		return nil, err
	}
	all := make([]organization.Claim, len(documents))
	for i, document := range documents {
		all[i] = document.claim()
	}
	return all, nil
}

// Admins returns admins by ID, those after the ID only.
func (s *Backlog) Admins(ctx context.Context, after organization.ID, limit int) ([]organization.Admin, error) {
	doing := "listing admins"
	raws, err := s.d.list(ctx, doing, adminsName, bson.M{"_id": bson.M{"$gt": objectID(after)}}, "_id", limit)
	if err != nil {
		return nil, err
	}
	documents, err := decode[adminDocument](doing, raws)
	if err != nil {
		return nil, err
	}
	all := make([]organization.Admin, len(documents))
	for i, document := range documents {
		all[i] = document.admin()
	}
	return all, nil
}
