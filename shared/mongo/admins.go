package mongo

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/organization"
	"oms/shared/password"
)

const adminsName = "admins"

// Admins is the collection admins.
type Admins struct{ d *Database }

// Admins returns the store of admins.
func (d *Database) Admins() *Admins { return &Admins{d} }

type adminDocument struct {
	ID                bson.ObjectID              `bson:"_id"`
	Email             string                     `bson:"email"`
	OrgID             bson.ObjectID              `bson:"org_id"`
	Password          passwordDocument           `bson:"password"`
	CredentialVersion string                     `bson:"ver"`
	Rev               int64                      `bson:"rev"`
	Op                bson.ObjectID              `bson:"op,omitempty"`
	Sessions          map[string]sessionDocument `bson:"sessions,omitempty"` // by ID in hex: each changes by itself
	SessionsUntil     time.Time                  `bson:"sessions_until,omitempty"`
	Unconfirmed       bool                       `bson:"unconfirmed,omitempty"`
	UnconfirmedSince  time.Time                  `bson:"unconfirmed_since,omitempty"`
	Mails             mailDocuments              `bson:"mails,omitempty"`
	MailsSince        time.Time                  `bson:"mails_since,omitempty"`
	MailsRev          int64                      `bson:"mails_rev,omitempty"`
	Resets            []proofDocument            `bson:"resets,omitempty"`
	Confirm           proofDocument              `bson:"confirm,omitempty"`
}

type sessionDocument struct {
	CredentialVersion string    `bson:"ver"`
	Family            string    `bson:"family"`
	Current           string    `bson:"current"`
	LoggedIn          time.Time `bson:"logged_in"`
	Used              time.Time `bson:"used"`
	Expires           time.Time `bson:"expires"`
	Address           string    `bson:"address"`
	Agent             string    `bson:"agent"`
}

// Find returns the admin, or ErrAbsent.
func (s *Admins) Find(ctx context.Context, id organization.ID) (organization.Admin, error) {
	document, err := find[adminDocument](ctx, s.d, "reading admin "+id.String(), adminsName,
		bson.M{"_id": objectID(id)})
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
	inc, change := bson.M{"rev": int64(1)}, bson.M{}
	if len(c.Mails) > 0 {
		change["$min"] = adding(c.Mails, set, inc)
	}
	if c.Unconfirmed {
		set["unconfirmed"] = true
	}
	if c.Confirmed {
		change["$unset"] = bson.M{"unconfirmed": "", "unconfirmed_since": ""}
	}
	if len(set) > 0 {
		change["$set"] = set
	}
	change["$inc"] = inc
	var keys []unique
	if c.Email != "" {
		another := bson.M{"email": c.Email, "_id": bson.M{"$ne": objectID(c.ID)}}
		keys = append(keys, unique{another, organization.ErrEmailTaken})
	}
	return s.d.update(ctx, "changing admin "+c.ID.String(), adminsName,
		bson.M{"_id": objectID(c.ID), "rev": c.Rev}, change, keys...)
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
	_, err := s.d.remove(ctx, "deleting admin "+id.String(), adminsName,
		bson.M{"_id": objectID(id), "org_id": objectID(org)})
	return err
}

// DeleteAll deletes the admins of the organization and tells how many.
func (s *Admins) DeleteAll(ctx context.Context, org organization.ID) (int, error) {
	doing := "deleting the admins of organization " + org.String()
	return s.d.removeAll(ctx, doing, adminsName, bson.M{"org_id": objectID(org)})
}

// PutSession puts a session among those of the admin, or in the place of the one
// that still has current, and takes the dead away, in one update.
func (s *Admins) PutSession(
	ctx context.Context, admin organization.ID, current string, put organization.Session, dead ...organization.ID,
) (bool, error) {
	field := sessionField(put.ID)
	filter := bson.M{"_id": objectID(admin), "ver": put.CredentialVersion}
	if current != "" {
		filter[field+".current"] = current
	}
	change := bson.M{
		"$set": bson.M{field: sessionOf(put)},
		"$max": bson.M{"sessions_until": put.Expires},
	}
	if len(dead) > 0 {
		gone := bson.M{}
		for _, id := range dead {
			gone[sessionField(id)] = ""
		}
		change["$unset"] = gone
	}
	return s.d.update(ctx, "keeping a session of admin "+admin.String(), adminsName, filter, change)
}

// EndSession takes a session away, where current is not empty only if that is its Current.
func (s *Admins) EndSession(ctx context.Context, admin, session organization.ID, current string) (bool, error) {
	field := sessionField(session)
	filter := bson.M{"_id": objectID(admin)}
	if current != "" {
		filter[field+".current"] = current
	}
	return s.d.update(ctx, "ending a session of admin "+admin.String(), adminsName, filter,
		bson.M{"$unset": bson.M{field: ""}})
}

// EndSessions takes all sessions away from the admin that has the version was, and gives it the version is.
func (s *Admins) EndSessions(ctx context.Context, admin organization.ID, was, is string) (bool, error) {
	return s.d.update(ctx, "ending the sessions of admin "+admin.String(), adminsName,
		bson.M{"_id": objectID(admin), "ver": was},
		bson.M{"$set": bson.M{"ver": is}, "$unset": bson.M{"sessions": "", "sessions_until": ""}})
}

// SweepSessions takes the sessions away from all admins whose SessionsUntil is before t, and tells from how many.
func (s *Admins) SweepSessions(ctx context.Context, t time.Time) (int, error) {
	return s.d.updateAll(ctx, "sweeping expired sessions", adminsName,
		bson.M{"sessions_until": bson.M{"$lt": t}},
		bson.M{"$unset": bson.M{"sessions": "", "sessions_until": ""}})
}

func sessionField(id organization.ID) string { return "sessions." + id.String() }

func sessionOf(s organization.Session) sessionDocument {
	return sessionDocument{
		CredentialVersion: s.CredentialVersion, Family: s.Family, Current: s.Current,
		LoggedIn: s.LoggedIn, Used: s.Used, Expires: s.Expires, Address: s.Address, Agent: s.Agent,
	}
}

func adminOf(a organization.Admin) adminDocument {
	document := adminDocument{
		ID: objectID(a.ID), Email: a.Email, OrgID: objectID(a.OrgID), Password: passwordDocument(a.Password),
		CredentialVersion: a.CredentialVersion, Rev: a.Rev, Op: objectID(a.Op),
		Sessions: map[string]sessionDocument{}, SessionsUntil: a.SessionsUntil,
		Unconfirmed: a.Unconfirmed, UnconfirmedSince: a.UnconfirmedSince, Mails: mailsOf(a.Mails),
		MailsSince: a.MailsSince, MailsRev: a.MailsRev,
		Resets: proofsOf(a.Resets), Confirm: proofDocument(a.Confirm),
	}
	for _, s := range a.Sessions {
		document.Sessions[s.ID.String()] = sessionOf(s)
	}
	return document
}

func (document adminDocument) admin() organization.Admin {
	a := organization.Admin{
		ID: organization.ID(document.ID), Email: document.Email, OrgID: organization.ID(document.OrgID),
		Password: password.Hash(document.Password), CredentialVersion: document.CredentialVersion,
		Rev: document.Rev, Op: organization.ID(document.Op), SessionsUntil: document.SessionsUntil,
		Unconfirmed: document.Unconfirmed, UnconfirmedSince: document.UnconfirmedSince,
		Mails: document.Mails.mails(), MailsSince: document.MailsSince, MailsRev: document.MailsRev,
		Confirm: organization.Proof(document.Confirm),
	}
	for _, p := range document.Resets {
		a.Resets = append(a.Resets, organization.Proof(p))
	}
	for _, hex := range slices.Sorted(maps.Keys(document.Sessions)) {
		id, err := organization.ParseID(hex)
		if err != nil {
			continue // it is nobody's: no token can name it
		}
		s := document.Sessions[hex]
		a.Sessions = append(a.Sessions, organization.Session{
			ID: id, CredentialVersion: s.CredentialVersion, Family: s.Family, Current: s.Current,
			LoggedIn: s.LoggedIn, Used: s.Used, Expires: s.Expires, Address: s.Address, Agent: s.Agent,
		})
	}
	return a
}
