package mongo

import (
	"context"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/organization"
)

// Backlog lists what reconcile and the doctor have to look at.
type Backlog struct{ d *Database }

var _ organization.Backlog = (*Backlog)(nil)

// Backlog returns the lists.
func (d *Database) Backlog() *Backlog { return &Backlog{d} }

// The types of the lists.
type (
	organizations = listing[organizationDocument, organization.Organization]
	claims        = listing[claimDocument, organization.Claim]
	admins        = listing[adminDocument, organization.Admin]
)

// Expired lists organizations with an operation whose lease ended at or before
// t, the oldest first. An operation that has ended has no lease.
func (s *Backlog) Expired(
	ctx context.Context, t time.Time, after *organization.Place, limit int,
) (organization.Page[organization.Organization], error) {
	return organizations{
		doing: "listing expired operations", collection: organizationsName, item: organizationDocument.organization,
		field: "op.lease", filter: bson.M{"op.lease": bson.M{"$lte": t}},
	}.page(ctx, s.d, after, limit)
}

// Unswept lists dead organizations whose SweepAfter is before t, the oldest first.
func (s *Backlog) Unswept(
	ctx context.Context, t time.Time, after *organization.Place, limit int,
) (organization.Page[organization.Organization], error) {
	return s.dead(ctx, "listing unswept organizations", "sweep_after", t, after, limit)
}

// Purgeable lists dead organizations whose PurgeAfter is before t, the oldest first.
func (s *Backlog) Purgeable(
	ctx context.Context, t time.Time, after *organization.Place, limit int,
) (organization.Page[organization.Organization], error) {
	return s.dead(ctx, "listing dead organizations", "purge_after", t, after, limit)
}

func (s *Backlog) dead(
	ctx context.Context, doing, field string, t time.Time, after *organization.Place, limit int,
) (organization.Page[organization.Organization], error) {
	return organizations{
		doing: doing, collection: organizationsName, item: organizationDocument.organization,
		field: field, filter: bson.M{
			field:   bson.M{"$lt": t},
			"state": bson.M{"$in": []organization.State{organization.Deleted, organization.Aborted}},
		},
	}.page(ctx, s.d, after, limit)
}

// Unsettled lists claims whose Until is before t, the oldest first. A settled
// one has none, and $lt matches dates alone (MongoDB manual, type bracketing).
func (s *Backlog) Unsettled(
	ctx context.Context, t time.Time, after *organization.Place, limit int,
) (organization.Page[organization.Claim], error) {
	return claims{
		doing: "listing unsettled claims", collection: claimsName, item: claimDocument.claim,
		field: "until", filter: bson.M{"until": bson.M{"$lt": t}},
	}.page(ctx, s.d, after, limit)
}

// Organizations lists all organizations, by ID.
func (s *Backlog) Organizations(
	ctx context.Context, after *organization.Place, limit int,
) (organization.Page[organization.Organization], error) {
	return organizations{
		doing: "listing organizations", collection: organizationsName, item: organizationDocument.organization,
	}.page(ctx, s.d, after, limit)
}

// Claims lists all claims, by key.
func (s *Backlog) Claims(
	ctx context.Context, after *organization.Place, limit int,
) (organization.Page[organization.Claim], error) {
	return claims{doing: "listing claims", collection: claimsName, item: claimDocument.claim}.page(ctx, s.d, after, limit)
}

// Admins lists all admins, by ID.
func (s *Backlog) Admins(
	ctx context.Context, after *organization.Place, limit int,
) (organization.Page[organization.Admin], error) {
	return admins{doing: "listing admins", collection: adminsName, item: adminDocument.admin}.page(ctx, s.d, after, limit)
}

// listing is a list: of which documents, and in which order.
type listing[D, T any] struct {
	doing, collection string
	item              func(D) T
	field             string // the time that it is in the order of, and then of _id; empty: of _id alone
	filter            bson.M // with a field: bounds it
}

// page returns the part of the list after the place. Each document is decoded
// by itself, so that one that cannot be hides no other.
func (l listing[D, T]) page(
	ctx context.Context, d *Database, after *organization.Place, limit int,
) (organization.Page[T], error) {
	order := bson.D{{Key: "_id", Value: 1}}
	if l.field != "" {
		order = bson.D{{Key: l.field, Value: 1}, {Key: "_id", Value: 1}}
	}
	var p organization.Page[T]
	raws, more, err := d.list(ctx, l.doing, query{
		collection: l.collection, filter: l.after(after), sort: order, limit: limit,
	})
	if err != nil {
		return p, err
	}
	for _, raw := range raws {
		var document D
		if err := unmarshal(raw, &document); err != nil {
			p.Unreadable = append(p.Unreadable, organization.Unreadable{ID: idText(raw), Err: err})
			continue
		}
		p.Items = append(p.Items, l.item(document))
	}
	if more && len(raws) > 0 {
		p.Next = l.place(raws[len(raws)-1])
	}
	return p, nil
}

// after matches what comes after a place. With a field, the bound on it stands
// apart from the rest: so the index on the field alone says where to go on, and
// only what has the same time is told apart by _id.
func (l listing[D, T]) after(p *organization.Place) bson.M {
	switch {
	case p == nil && l.field == "":
		return bson.M{}
	case p == nil:
		return l.filter
	case l.field == "":
		return following(p.ID)
	}
	even := following(p.ID)
	even[l.field] = p.Time
	return bson.M{"$and": []bson.M{
		l.filter,
		{l.field: bson.M{"$gte": p.Time}},
		{"$or": []bson.M{{l.field: bson.M{"$gt": p.Time}}, even}},
	}}
}

// place is where a list goes on after the document, read or unread.
func (l listing[D, T]) place(raw bson.Raw) *organization.Place {
	p := &organization.Place{ID: documentOf(raw).ID}
	if l.field != "" {
		p.Time, _ = raw.Lookup(strings.Split(l.field, ".")...).TimeOK() // the filter matches dates alone
	}
	return p
}

// idText is the document's _id for a person to find it by.
func idText(raw bson.Raw) string {
	id := raw.Lookup("_id")
	if object, ok := id.ObjectIDOK(); ok {
		return object.Hex()
	}
	if text, ok := id.StringValueOK(); ok {
		return text
	}
	return id.String()
}
