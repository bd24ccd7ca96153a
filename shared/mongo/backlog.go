package mongo

import (
	"context"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/organization"
)

// backlog lists what reconcile and the doctor have to look at.
type backlog struct{ d *Database }

// The types of the lists, and of their pages.
type (
	orgList   = listing[organizationDocument, organization.Organization]
	claimList = listing[claimDocument, organization.Claim]
	adminList = listing[adminDocument, organization.Admin]

	orgPage   = organization.Page[organization.Organization]
	claimPage = organization.Page[organization.Claim]
	adminPage = organization.Page[organization.Admin]
)

// Expired: an operation that has ended has no lease.
func (s backlog) Expired(ctx context.Context, t time.Time, after *organization.Place, limit int) (orgPage, error) {
	return orgList{
		doing: "listing expired operations", collection: organizationsName, item: organizationDocument.organization,
		field: "op.lease", filter: bson.M{"op.lease": present(bson.M{"$lte": t})},
	}.page(ctx, s.d, after, limit)
}

func (s backlog) Unswept(ctx context.Context, t time.Time, after *organization.Place, limit int) (orgPage, error) {
	return s.dead(ctx, "listing unswept organizations", "sweep_after", t, after, limit)
}

func (s backlog) Purgeable(ctx context.Context, t time.Time, after *organization.Place, limit int) (orgPage, error) {
	return s.dead(ctx, "listing dead organizations", "purge_after", t, after, limit)
}

func (s backlog) dead(
	ctx context.Context, doing, field string, t time.Time, after *organization.Place, limit int,
) (orgPage, error) {
	return orgList{
		doing: doing, collection: organizationsName, item: organizationDocument.organization,
		field: field, filter: bson.M{
			field:   present(bson.M{"$lt": t}),
			"state": bson.M{"$in": []organization.State{organization.Deleted, organization.Aborted}},
		},
	}.page(ctx, s.d, after, limit)
}

// Unsettled: a settled claim has no until, and $lt matches dates alone (MongoDB
// manual, type bracketing).
func (s backlog) Unsettled(ctx context.Context, t time.Time, after *organization.Place, limit int) (claimPage, error) {
	return claimList{
		doing: "listing unsettled claims", collection: claimsName, item: claimDocument.claim,
		field: "until", filter: bson.M{"until": bson.M{"$lt": t}},
	}.page(ctx, s.d, after, limit)
}

func (s backlog) Mails(ctx context.Context, t time.Time, after *organization.Place, limit int) (adminPage, error) {
	return adminList{
		doing: "listing admins with mail", collection: adminsName, item: adminDocument.admin,
		field: "mails_since", filter: bson.M{"mails_since": present(bson.M{"$lte": t})},
	}.page(ctx, s.d, after, limit)
}

func (s backlog) Unconfirmed(
	ctx context.Context, t time.Time, after *organization.Place, limit int,
) (adminPage, error) {
	return adminList{
		doing: "listing admins who never confirmed", collection: adminsName, item: adminDocument.admin,
		field: "unconfirmed_since", filter: bson.M{"unconfirmed_since": present(bson.M{"$lt": t})},
	}.page(ctx, s.d, after, limit)
}

func (s backlog) Organizations(ctx context.Context, after *organization.Place, limit int) (orgPage, error) {
	return orgList{
		doing: "listing organizations", collection: organizationsName, item: organizationDocument.organization,
	}.page(ctx, s.d, after, limit)
}

func (s backlog) Claims(ctx context.Context, after *organization.Place, limit int) (claimPage, error) {
	list := claimList{doing: "listing claims", collection: claimsName, item: claimDocument.claim}
	return list.page(ctx, s.d, after, limit)
}

func (s backlog) Admins(ctx context.Context, after *organization.Place, limit int) (adminPage, error) {
	list := adminList{doing: "listing admins", collection: adminsName, item: adminDocument.admin}
	return list.page(ctx, s.d, after, limit)
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
