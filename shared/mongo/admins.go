package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/organization"
	"oms/shared/password"
)

const adminsName = "admins"

// Admins is the collection admins.
type Admins struct{ d *Database }

var _ organization.Admins = (*Admins)(nil)

// Admins returns the store of admins.
func (d *Database) Admins() *Admins { return &Admins{d} }

type adminDocument struct {
	ID                bson.ObjectID    `bson:"_id"`
	Email             string           `bson:"email"`
	OrgID             bson.ObjectID    `bson:"org_id"`
	Password          passwordDocument `bson:"password"`
	CredentialVersion string           `bson:"ver"`
	Rev               int64            `bson:"rev"`
	Op                bson.ObjectID    `bson:"op,omitempty"`
}

// Find returns the admin, or ErrAbsent.
func (s *Admins) Find(ctx context.Context, id organization.ID) (organization.Admin, error) {
	document, err := find[adminDocument](ctx, s.d, "reading admin "+id.String(), adminsName, bson.M{"_id": objectID(id)})
	return document.admin(), err
}

// FindByEmail returns the admin with that (lower-case) address, or ErrAbsent.
func (s *Admins) FindByEmail(ctx context.Context, email string) (organization.Admin, error) {
	document, err := find[adminDocument](ctx, s.d, "reading an admin by address", adminsName, bson.M{"email": email})
	return document.admin(), err
}

// Insert inserts a, or returns ErrExists where its ID is taken and
// ErrEmailTaken where another admin has its address.
func (s *Admins) Insert(ctx context.Context, a organization.Admin) error {
	return s.d.insert(ctx, "inserting admin "+a.ID.String(), adminsName, adminOf(a),
		unique{bson.M{"_id": objectID(a.ID)}, organization.ErrExists},
		unique{bson.M{"email": a.Email}, organization.ErrEmailTaken})
}

// Change applies the non-empty fields of c to the admin with c.ID and c.Rev,
// or returns ErrEmailTaken where another admin has c.Email.
func (s *Admins) Change(ctx context.Context, c organization.AdminChange, op organization.ID) (bool, error) {
	doing := "changing admin " + c.ID.String()
	set := bson.M{}
	if c.Email != "" {
		set["email"] = c.Email
	}
	if !c.Password.IsZero() {
		set["password"] = passwordDocument(c.Password)
	}
	if c.CredentialVersion != "" {
		set["ver"] = c.CredentialVersion
	}
	if !op.IsZero() {
		set["op"] = objectID(op)
	}
	change := bson.M{"$inc": bson.M{"rev": int64(1)}}
	if len(set) > 0 {
		change["$set"] = set
	}
	var keys []unique
	if c.Email != "" {
		another := bson.M{"email": c.Email, "_id": bson.M{"$ne": objectID(c.ID)}}
		keys = append(keys, unique{another, organization.ErrEmailTaken})
	}
	changed := false
	err := s.d.keyed(ctx, doing, adminsName, func() error {
		var err error
		changed, err = s.d.update(ctx, doing, adminsName, bson.M{"_id": objectID(c.ID), "rev": c.Rev}, change)
		return err
	}, keys...)
	return changed, err
}

// Rehash puts another hash of the same password in the place of old, where the
// admin still has that, and reports whether it did. Nothing else changes: what a
// token carries stays good, and so does a change that was decided meanwhile.
func (s *Admins) Rehash(ctx context.Context, id organization.ID, old, is password.Hash) (bool, error) {
	return s.d.update(ctx, "replacing the hash of admin "+id.String(), adminsName,
		bson.M{"_id": objectID(id), "password.hash": old.Hash},
		bson.M{"$set": bson.M{"password": passwordDocument(is)}})
}

// Delete deletes the admin with that ID and organization, where it is there.
func (s *Admins) Delete(ctx context.Context, id, org organization.ID) error {
	_, err := s.d.remove(ctx, "deleting admin "+id.String(), adminsName, bson.M{"_id": objectID(id), "org_id": objectID(org)})
	return err
}

// DeleteAll deletes the admins of the organization and tells how many.
func (s *Admins) DeleteAll(ctx context.Context, org organization.ID) (int, error) {
	doing := "deleting the admins of organization " + org.String()
	return s.d.removeAll(ctx, doing, adminsName, bson.M{"org_id": objectID(org)})
}

func adminOf(a organization.Admin) adminDocument {
	return adminDocument{
		ID: objectID(a.ID), Email: a.Email, OrgID: objectID(a.OrgID), Password: passwordDocument(a.Password),
		CredentialVersion: a.CredentialVersion, Rev: a.Rev, Op: objectID(a.Op),
	}
}

func (document adminDocument) admin() organization.Admin {
	return organization.Admin{
		ID: organization.ID(document.ID), Email: document.Email, OrgID: organization.ID(document.OrgID),
		Password: password.Hash(document.Password), CredentialVersion: document.CredentialVersion, Rev: document.Rev, Op: organization.ID(document.Op),
	}
}
