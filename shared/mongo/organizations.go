package mongo

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/organization"
	"oms/shared/password"
)

const organizationsName = "organizations"

// organizations is the collection organizations.
type organizations struct{ d *Database }

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
	AdminRev   int64              `bson:"admin_rev,omitempty"`
	CreatedAt  time.Time          `bson:"created_at"`
	UpdatedAt  time.Time          `bson:"updated_at"`
	Op         *opDocument        `bson:"op,omitempty"`
	SweepAfter time.Time          `bson:"sweep_after,omitempty"`
	PurgeAfter time.Time          `bson:"purge_after,omitempty"`
}

type opDocument struct {
	ID              bson.ObjectID        `bson:"id"`
	Kind            organization.OpKind  `bson:"kind"`
	Worker          bson.ObjectID        `bson:"worker,omitempty"`
	Lease           time.Time            `bson:"lease,omitempty"`
	EveryAnswerSeen bool                 `bson:"sure,omitempty"`
	From            string               `bson:"from,omitempty"`
	To              string               `bson:"to,omitempty"`
	ToClaim         bson.ObjectID        `bson:"to_cid,omitempty"`
	Name            string               `bson:"name,omitempty"`
	Admin           *adminChangeDocument `bson:"admin,omitempty"`
	UUID            string               `bson:"uuid,omitempty"`
	Aside           string               `bson:"aside,omitempty"`
}

type adminChangeDocument struct {
	ID                bson.ObjectID    `bson:"id"`
	Rev               int64            `bson:"rev"`
	Email             string           `bson:"email,omitempty"`
	Password          passwordDocument `bson:"password,omitempty"`
	CredentialVersion string           `bson:"ver,omitempty"`
	Unconfirmed       bool             `bson:"unconfirmed,omitempty"`
	Confirmed         bool             `bson:"confirmed,omitempty"`
	Mails             mailDocuments    `bson:"mails,omitempty"`
}

type passwordDocument struct {
	Alg    string `bson:"alg"`
	Pepper string `bson:"pepper,omitempty"`
	Hash   string `bson:"hash"`
}

// IsZero tells the encoder whether the field is to be left out.
func (p passwordDocument) IsZero() bool { return p == passwordDocument{} }

func (s organizations) Find(ctx context.Context, id organization.ID) (organization.Organization, error) {
	doing, filter := "reading organization "+id.String(), bson.M{"_id": objectID(id)}
	document, err := find[organizationDocument](ctx, s.d, doing, organizationsName, filter)
	return document.organization(), err
}

func (s organizations) FindLinearizable(ctx context.Context, id organization.ID) (organization.Organization, error) {
	doing, filter := "reading organization "+id.String(), bson.M{"_id": objectID(id)}
	document, err := findLinearizable[organizationDocument](ctx, s.d, doing, organizationsName, filter)
	return document.organization(), err
}

func (s organizations) FindVisible(ctx context.Context, key string) (organization.Organization, error) {
	document, err := find[organizationDocument](ctx, s.d, "reading the organization of a key", organizationsName,
		bson.M{
			"key":   present(bson.M{"$eq": key}),
			"state": bson.M{"$in": []organization.State{organization.Active, organization.Updating}},
		})
	return document.organization(), err
}

// FindClaimants is two commands, and their order is what matters: a command is not
// one moment, and one that asked for both could pass over an organization whose
// rename is committed while it runs. Who moves to a key is read first, and so is
// found there, or has it by then. One that cannot be decoded is an error: it may
// be what keeps a claim alive.
func (s organizations) FindClaimants(ctx context.Context, keys ...string) ([]organization.Organization, error) {
	if len(keys) == 0 {
		return nil, ctx.Err()
	}
	found := map[organization.ID]organization.Organization{}
	for _, field := range []string{"op.to", "key"} {
		some, err := s.findLiving(ctx, field, keys)
		if err != nil {
			return nil, err
		}
		for _, o := range some {
			found[o.ID] = o
		}
	}
	return slices.Collect(maps.Values(found)), nil
}

// findLiving returns the organizations that are not dead and have one of the keys in the field.
func (s organizations) findLiving(
	ctx context.Context, field string, keys []string,
) ([]organization.Organization, error) {
	doing := "reading the organizations of claims"
	filter := bson.M{
		field: present(bson.M{"$in": keys}),
		"state": bson.M{"$in": []organization.State{
			organization.Creating, organization.Active, organization.Updating, organization.Deleting,
		}},
	}
	// One has a key or moves to it, and there is room for what cannot be. No
	// limit at all would do in MongoDB; FerretDB sets a batch's room aside beforehand.
	limit := len(keys) + 100
	return linearizable(func(level string) ([]organization.Organization, error) {
		raws, more, err := s.d.list(ctx, doing, query{
			collection: organizationsName, filter: filter, limit: limit, level: level,
		})
		if err != nil {
			return nil, err
		}
		if more {
			return nil, errors.New(doing + ": they are more than there can be")
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
	})
}

func (s organizations) Insert(ctx context.Context, o organization.Organization) error {
	keys := []unique{{bson.M{"_id": objectID(o.ID)}, organization.ErrExists}}
	if o.Key != "" {
		keys = append(keys, unique{bson.M{"key": present(bson.M{"$eq": o.Key})}, organization.ErrKeyTaken})
	}
	return s.d.insert(ctx, "inserting organization "+o.ID.String(), organizationsName, organizationOf(o), keys...)
}

// CompareAndSwap: every write raises rev and has it in its filter (the fence), so
// the filter alone makes it one compare-and-set.
func (s organizations) CompareAndSwap(ctx context.Context, was, is organization.Organization) (bool, error) {
	is.Rev = was.Rev + 1
	change, err := setAndUnset(organizationOf(is))
	if err != nil {
		return false, err
	}
	var keys []unique
	if is.Key != "" {
		another := bson.M{"key": present(bson.M{"$eq": is.Key}), "_id": bson.M{"$ne": objectID(was.ID)}}
		keys = append(keys, unique{another, organization.ErrKeyTaken})
	}
	return s.d.update(ctx, "changing organization "+was.ID.String(), organizationsName, fence(was), change, keys...)
}

func (s organizations) Delete(ctx context.Context, o organization.Organization) (bool, error) {
	return s.d.remove(ctx, "deleting organization "+o.ID.String(), organizationsName, fence(o))
}

func fence(o organization.Organization) bson.M {
	return bson.M{"_id": objectID(o.ID), "state": o.State, "rev": o.Rev}
}

func organizationOf(o organization.Organization) organizationDocument {
	document := organizationDocument{
		ID: objectID(o.ID), Name: o.Name, Key: o.Key, ClaimID: objectID(o.ClaimID), Collection: o.Collection,
		State: o.State, Version: o.Version, Rev: o.Rev, AdminID: objectID(o.AdminID),
		AdminRev: o.AdminRev, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
		SweepAfter: o.SweepAfter, PurgeAfter: o.PurgeAfter,
	}
	if op := o.Op; op != nil {
		document.Op = &opDocument{
			ID: objectID(op.ID), Kind: op.Kind, Worker: objectID(op.Worker), Lease: op.Lease,
			EveryAnswerSeen: op.EveryAnswerSeen, From: op.From, To: op.To, ToClaim: objectID(op.ToClaim),
			Name: op.Name, UUID: op.UUID, Aside: op.Aside,
		}
		if c := op.Admin; c != nil {
			document.Op.Admin = &adminChangeDocument{
				ID: objectID(c.ID), Rev: c.Rev, Email: c.Email, Password: passwordDocument(c.Password),
				CredentialVersion: c.CredentialVersion, Unconfirmed: c.Unconfirmed, Confirmed: c.Confirmed,
				Mails: mailsOf(c.Mails),
			}
		}
	}
	return document
}

func (document organizationDocument) organization() organization.Organization {
	o := organization.Organization{
		ID: organization.ID(document.ID), Name: document.Name, Key: document.Key,
		ClaimID:    organization.ID(document.ClaimID),
		Collection: document.Collection, State: document.State, Version: document.Version, Rev: document.Rev,
		AdminID: organization.ID(document.AdminID), AdminRev: document.AdminRev,
		CreatedAt: document.CreatedAt, UpdatedAt: document.UpdatedAt,
		SweepAfter: document.SweepAfter, PurgeAfter: document.PurgeAfter,
	}
	if op := document.Op; op != nil {
		o.Op = &organization.Op{
			ID: organization.ID(op.ID), Kind: op.Kind, Worker: organization.ID(op.Worker), Lease: op.Lease,
			EveryAnswerSeen: op.EveryAnswerSeen,
			From:            op.From, To: op.To, ToClaim: organization.ID(op.ToClaim), Name: op.Name, UUID: op.UUID,
			Aside: op.Aside,
		}
		if c := op.Admin; c != nil {
			o.Op.Admin = &organization.AdminChange{
				ID: organization.ID(c.ID), Rev: c.Rev, Email: c.Email, Password: password.Hash(c.Password),
				CredentialVersion: c.CredentialVersion, Unconfirmed: c.Unconfirmed, Confirmed: c.Confirmed,
				Mails: c.Mails.mails(),
			}
		}
	}
	return o
}
