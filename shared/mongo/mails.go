package mongo

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/organization"
)

// mails is the outbox in the collection admins.
type mails struct{ d *Database }

// mailDocuments are mails by ID in hex: each comes by itself.
type mailDocuments map[string]mailDocument

type mailDocument struct {
	Kind  organization.MailKind `bson:"kind"`
	To    string                `bson:"to"`
	At    time.Time             `bson:"at"`
	Due   time.Time             `bson:"due"`
	Tries int                   `bson:"tries"`
}

type proofDocument struct {
	Hash    string    `bson:"hash"`
	For     string    `bson:"for"`
	Expires time.Time `bson:"expires"`
}

// outboxDocument is what Put writes of an admin.
type outboxDocument struct {
	Mails      mailDocuments   `bson:"mails,omitempty"`
	MailsSince time.Time       `bson:"mails_since,omitempty"`
	Resets     []proofDocument `bson:"resets,omitempty"`
	Confirm    proofDocument   `bson:"confirm,omitempty"`
}

func proofsOf(all []organization.Proof) []proofDocument {
	documents := make([]proofDocument, len(all))
	for i, p := range all {
		documents[i] = proofDocument(p)
	}
	return documents
}

// IsZero tells the encoder whether the field is to be left out.
func (p proofDocument) IsZero() bool { return p == proofDocument{} }

func (s mails) AskReset(ctx context.Context, email string, m organization.Mail) (bool, error) {
	set, inc := bson.M{}, bson.M{}
	first := adding([]organization.Mail{m}, set, inc)
	return s.d.update(ctx, "asking for a reset by address", adminsName,
		bson.M{"email": email}, bson.M{"$set": set, "$inc": inc, "$min": first})
}

func (s mails) Put(ctx context.Context, was, is organization.Admin) (bool, error) {
	change, err := setAndUnset(outboxDocument{
		mailsOf(is.Mails), is.MailsSince, proofsOf(is.Resets), proofDocument(is.Confirm),
	})
	if err != nil {
		return false, err
	}
	change["$inc"] = bson.M{"mails_rev": int64(1)}
	return s.d.update(ctx, "changing the outbox of admin "+was.ID.String(), adminsName,
		bson.M{"_id": objectID(was.ID), "mails_rev": was.MailsRev, "ver": was.CredentialVersion}, change)
}

func (s mails) ConfirmEmail(ctx context.Context, admin organization.ID, email, hash string) (bool, error) {
	return s.d.update(ctx, "confirming the address of admin "+admin.String(), adminsName,
		bson.M{"_id": objectID(admin), "email": email, "confirm.hash": hash},
		bson.M{"$unset": bson.M{"unconfirmed": "", "unconfirmed_since": ""}})
}

// adding adds mails to what an update sets and raises, and returns what it takes the minimum of.
func adding(mails []organization.Mail, set, inc bson.M) bson.M {
	first := mails[0].Due
	for _, m := range mails {
		set["mails."+m.ID.String()] = mailOf(m)
		if m.Due.Before(first) {
			first = m.Due
		}
	}
	inc["mails_rev"] = int64(1)
	return bson.M{"mails_since": first}
}

func mailOf(m organization.Mail) mailDocument {
	return mailDocument{m.Kind, m.To, m.At, m.Due, m.Tries}
}

func mailsOf(mails []organization.Mail) mailDocuments {
	all := mailDocuments{}
	for _, m := range mails {
		all[m.ID.String()] = mailOf(m)
	}
	return all
}

func (all mailDocuments) mails() []organization.Mail {
	var mails []organization.Mail
	for _, hex := range slices.Sorted(maps.Keys(all)) {
		id, err := organization.ParseID(hex)
		if err != nil {
			continue // no version of this service has written it
		}
		m := all[hex]
		mails = append(mails, organization.Mail{ID: id, Kind: m.Kind, To: m.To, At: m.At, Due: m.Due, Tries: m.Tries})
	}
	return mails
}
