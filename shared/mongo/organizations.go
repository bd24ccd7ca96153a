package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/organization"
	"oms/shared/password"
)

const organizationsName = "organizations"

// Organizations is the collection organizations.
type Organizations struct{ d *Database }

var _ organization.Organizations = (*Organizations)(nil)

// Organizations returns the store of organizations.
func (d *Database) Organizations() *Organizations { return &Organizations{d} }

type organizationDocument struct {
	ID         bson.ObjectID      `bson:"_id"`
	Name       string             `bson:"name"`
	Key        string             `bson:"key,omitempty"`
	ClaimID    bson.ObjectID      `bson:"cid,omitempty"`
	Collection string             `bson:"collection"`
	State      organization.State `bson:"state"`
	Version    int64              `bson:"version"`
	Rev        int64              `bson:"rev"`
	AdminID    bson.ObjectID      `bson:"admin_id"`
	CreatedAt  time.Time          `bson:"created_at"`
	UpdatedAt  time.Time          `bson:"updated_at"`
	Op         *opDocument        `bson:"op,omitempty"`
	PurgeAfter time.Time          `bson:"purge_after,omitempty"`
}

type opDocument struct {
	ID      bson.ObjectID        `bson:"id"`
	Kind    organization.OpKind  `bson:"kind"`
	Worker  bson.ObjectID        `bson:"worker,omitempty"`
	Lease   time.Time            `bson:"lease,omitempty"`
	Sure    bool                 `bson:"sure,omitempty"`
	From    string               `bson:"from,omitempty"`
	To      string               `bson:"to,omitempty"`
	ToClaim bson.ObjectID        `bson:"to_cid,omitempty"`
	Name    string               `bson:"name,omitempty"`
	Admin   *adminChangeDocument `bson:"admin,omitempty"`
	UUID    string               `bson:"uuid,omitempty"`
	Aside   string               `bson:"aside,omitempty"`
}

type adminChangeDocument struct {
	ID       bson.ObjectID    `bson:"id"`
	Rev      int64            `bson:"rev"`
	Email    string           `bson:"email,omitempty"`
	Password passwordDocument `bson:"password,omitempty"`
	Ver      string           `bson:"ver,omitempty"`
}

type passwordDocument struct {
	Alg    string `bson:"alg"`
	Pepper string `bson:"pepper,omitempty"`
	Hash   string `bson:"hash"`
}

// IsZero tells the encoder whether the field is to be left out.
func (p passwordDocument) IsZero() bool { return p == passwordDocument{} }

// Find returns the organization, or ErrAbsent.
func (s *Organizations) Find(ctx context.Context, id organization.ID) (organization.Organization, error) {
	return s.find(ctx, "reading organization "+id.String(), bson.M{"_id": objectID(id)})
}

// FindVisible returns the active or updating organization that has the key, or ErrAbsent.
func (s *Organizations) FindVisible(ctx context.Context, key string) (organization.Organization, error) {
	return s.find(ctx, "reading the organization of a key", bson.M{
		"key":   key,
		"state": bson.M{"$in": []organization.State{organization.Active, organization.Updating}},
	})
}

// FindClaimant returns the organization that makes the claim a live one, or
// ErrAbsent. An organization in another state refers to no claim any more.
func (s *Organizations) FindClaimant(ctx context.Context, key string, claim organization.ID) (organization.Organization, error) {
	return s.find(ctx, "reading the organization of a claim", bson.M{
		"state": bson.M{"$in": []organization.State{organization.Creating, organization.Active, organization.Updating, organization.Deleting}},
		"$or": []bson.M{
			{"key": key, "cid": objectID(claim)},
			{"op.to": key, "op.to_cid": objectID(claim)},
		},
	})
}

func (s *Organizations) find(ctx context.Context, doing string, filter bson.M) (organization.Organization, error) {
	document, err := find[organizationDocument](ctx, s.d, doing, organizationsName, filter)
	if err != nil {
		return organization.Organization{}, err
	}
	return document.organization(), nil
}

// FindAll returns those of the organizations that are there, in the order of their ids.
func (s *Organizations) FindAll(ctx context.Context, ids []organization.ID) ([]organization.Organization, error) {
	wanted := make([]bson.ObjectID, len(ids))
	for i, id := range ids {
		wanted[i] = objectID(id)
	}
	return s.list(ctx, "reading organizations", bson.M{"_id": bson.M{"$in": wanted}}, "_id", len(ids))
}

func (s *Organizations) list(ctx context.Context, doing string, filter bson.M, order string, limit int) ([]organization.Organization, error) {
	raws, err := s.d.list(ctx, doing, organizationsName, filter, order, limit)
	if err != nil {
		return nil, err
	}
	documents, err := decode[organizationDocument](doing, raws)
	if err != nil {
		return nil, err
	}
	all := make([]organization.Organization, len(documents))
	for i, document := range documents {
		all[i] = document.organization()
	}
	return all, nil
}

// Insert inserts o, or returns ErrExists where its ID is taken.
func (s *Organizations) Insert(ctx context.Context, o organization.Organization) error {
	return s.d.insert(ctx, "inserting organization "+o.ID.String(), organizationsName, organizationOf(o))
}

// Swap replaces was by is where the document still has was.State and was.Rev.
// Every write raises rev and has it in its filter (the fence): so the filter
// alone makes it one compare-and-set.
func (s *Organizations) Swap(ctx context.Context, was, is organization.Organization) (bool, error) {
	is.Rev = was.Rev + 1
	change, err := become(organizationOf(is))
	if err != nil {
		return false, err
	}
	return s.d.update(ctx, "changing organization "+was.ID.String(), organizationsName, fence(was), change)
}

// Delete deletes the document where it still has o.State and o.Rev.
func (s *Organizations) Delete(ctx context.Context, o organization.Organization) (bool, error) {
	return s.d.remove(ctx, "deleting organization "+o.ID.String(), organizationsName, fence(o))
}

func fence(o organization.Organization) bson.M {
	return bson.M{"_id": objectID(o.ID), "state": o.State, "rev": o.Rev}
}

func organizationOf(o organization.Organization) organizationDocument {
	document := organizationDocument{
		ID: objectID(o.ID), Name: o.Name, Key: o.Key, ClaimID: objectID(o.ClaimID), Collection: o.Collection,
		State: o.State, Version: o.Version, Rev: o.Rev, AdminID: objectID(o.AdminID),
		CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt, PurgeAfter: o.PurgeAfter,
	}
	if op := o.Op; op != nil {
		document.Op = &opDocument{
			ID: objectID(op.ID), Kind: op.Kind, Worker: objectID(op.Worker), Lease: op.Lease, Sure: op.Sure,
			From: op.From, To: op.To, ToClaim: objectID(op.ToClaim), Name: op.Name, UUID: op.UUID, Aside: op.Aside,
		}
		if c := op.Admin; c != nil {
			document.Op.Admin = &adminChangeDocument{
				ID: objectID(c.ID), Rev: c.Rev, Email: c.Email, Password: passwordDocument(c.Password), Ver: c.Ver,
			}
		}
	}
	return document
}

func (document organizationDocument) organization() organization.Organization {
	o := organization.Organization{
		ID: organization.ID(document.ID), Name: document.Name, Key: document.Key, ClaimID: organization.ID(document.ClaimID),
		Collection: document.Collection, State: document.State, Version: document.Version, Rev: document.Rev,
		AdminID: organization.ID(document.AdminID), CreatedAt: document.CreatedAt, UpdatedAt: document.UpdatedAt,
		PurgeAfter: document.PurgeAfter,
	}
	if op := document.Op; op != nil {
		o.Op = &organization.Op{
			ID: organization.ID(op.ID), Kind: op.Kind, Worker: organization.ID(op.Worker), Lease: op.Lease, Sure: op.Sure,
			From: op.From, To: op.To, ToClaim: organization.ID(op.ToClaim), Name: op.Name, UUID: op.UUID, Aside: op.Aside,
		}
		if c := op.Admin; c != nil {
			o.Op.Admin = &organization.AdminChange{
				ID: organization.ID(c.ID), Rev: c.Rev, Email: c.Email, Password: password.Hash(c.Password), Ver: c.Ver,
			}
		}
	}
	return o
}
