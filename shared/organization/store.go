package organization

import (
	"context"
	"errors"
	"time"
)

// What a store's methods say besides success. Any other error is internal.
var (
	// ErrLost: no answer came. The command may have been applied or not, and
	// may still be applied a little later (protocol, late bound). It is a fault,
	// storage_unavailable, to whoever hears of it.
	ErrLost error = unavailable("no answer from the database")
	// ErrAbsent: what was named is not there.
	ErrAbsent = errors.New("absent")
	// ErrExists: something has that name or id already.
	ErrExists = errors.New("exists already")
	// ErrEmailTaken: another admin has that email address.
	ErrEmailTaken = errors.New("email address taken")
	// ErrKeyTaken: another organization has that key. The claims are what gives
	// keys out; this is the second lock behind them.
	ErrKeyTaken = errors.New("key taken")
)

// Store is the master database as the steps of this package see it. Each
// method is one command on one document or collection and is atomic; nothing
// rests on more than that (no transactions).
//
// Every method asks ctx.Err() before it sends anything and returns that error
// as it is: a worker whose lease is nearly over says so through its context,
// by the wall clock. Every method bounds its own command (two seconds, which
// MongoDB gets as maxTimeMS) and answers [ErrLost] where no answer came.
//
// A write is answered when a majority of the servers has it. A read may show
// what one server alone has, and may lose again; those methods that say
// linearizable show what can never be lost (read concern linearizable; MongoDB
// manual, read concern), and take a round trip between servers more.
//
// The contract is executable: storetest.TestStore.
type Store struct {
	Organizations Organizations
	Claims        Claims
	Admins        Admins
	Requests      Requests
	Collections   Collections
	Documents     Documents
	Backlog       Backlog
	Mails         Mails
}

// Organizations is the collection organizations.
type Organizations interface {
	// Find returns the organization, or ErrAbsent.
	Find(ctx context.Context, id ID) (Organization, error)
	// FindLinearizable is Find, linearizable.
	FindLinearizable(ctx context.Context, id ID) (Organization, error)
	// FindVisible returns the active or updating organization that has the key, or ErrAbsent.
	FindVisible(ctx context.Context, key string) (Organization, error)
	// FindClaimants returns the creating, active, updating and deleting
	// organizations that have one of the keys or move to one, whatever their
	// claim, in any order; linearizable. One that comes to have the key, or to
	// move to it, meanwhile may be left out; one that does so all the time is not.
	FindClaimants(ctx context.Context, keys ...string) ([]Organization, error)
	// Insert inserts o as it is, or returns ErrExists where its ID is taken, and
	// ErrKeyTaken where another organization has its Key.
	Insert(ctx context.Context, o Organization) error
	// CompareAndSwap replaces was by is where the document still has was.State and
	// was.Rev (compare-and-set), and reports whether it did. The stored Rev is
	// was.Rev + 1, whatever is.Rev says; fields unknown to this version stay.
	// ErrKeyTaken where another organization has is.Key: then nothing has changed.
	CompareAndSwap(ctx context.Context, was, is Organization) (bool, error)
	// Delete deletes the document where it still has o.State and o.Rev, and reports whether it did.
	Delete(ctx context.Context, o Organization) (bool, error)
}

// Claims is the collection names.
type Claims interface {
	// Find returns the claim on key, or ErrAbsent.
	Find(ctx context.Context, key string) (Claim, error)
	// Insert inserts c, or returns ErrExists where the key is claimed.
	Insert(ctx context.Context, c Claim) error
	// Raise sets Until to the later of what it is and until ($max; of a settled
	// claim to until), and Left where left is true, on the claim with that key
	// and ID; reports whether it is there.
	Raise(ctx context.Context, key string, claim ID, until time.Time, left bool) (bool, error)
	// Settle takes the Until away from each of the claims whose document still
	// has its ID and Until, in one command, and tells from how many. One that has
	// changed keeps no other from being settled.
	Settle(ctx context.Context, claims []Claim) (int, error)
	// Release sets Until to now on the claim with that key and ID.
	Release(ctx context.Context, key string, claim ID, now time.Time) error
	// Replace puts is in the place of was, where the document still has was.ID
	// and was.Until (or still none), and reports whether it did. The keys are equal.
	Replace(ctx context.Context, was, is Claim) (bool, error)
	// Delete deletes c where the document still has its ID and Until (or still
	// none), and reports whether it did.
	Delete(ctx context.Context, c Claim) (bool, error)
}

// Admins is the collection admins.
type Admins interface {
	// Find returns the admin, or ErrAbsent.
	Find(ctx context.Context, id ID) (Admin, error)
	// FindByEmail returns the admin with that (lower-case) address, or ErrAbsent.
	FindByEmail(ctx context.Context, email string) (Admin, error)
	// Insert inserts a, or returns ErrExists where its ID is taken and
	// ErrEmailTaken where another admin has its address.
	Insert(ctx context.Context, a Admin) error
	// Change applies the non-empty fields of c to the admin with c.ID and
	// c.Rev, raises its rev, sets its op where op is not zero, and tells
	// whether it did (an empty c only raises the rev). ErrEmailTaken where
	// another admin has c.Email: then nothing has changed. c.Mails come to those
	// that are there, MailsSince becomes the earlier of what it is and when the
	// first of them is due, and MailsRev rises. c.Confirmed makes UnconfirmedSince zero.
	Change(ctx context.Context, c AdminChange, op ID) (bool, error)
	// Delete deletes the admin with that ID and organization, where it is there.
	Delete(ctx context.Context, id, org ID) error
	// DeleteAll deletes the admins of the organization and tells how many.
	DeleteAll(ctx context.Context, org ID) (int, error)

	// PutSession puts s among the sessions of the admin with that ID that has
	// s.CredentialVersion, and takes the dead away; reports whether it did.
	// Where current is not empty, s replaces the session with its ID that has
	// current as its Current, and without that nothing changes. SessionsUntil
	// becomes the later of what it is and s.Expires. The admin's Rev stays, as
	// with the two that follow: no change under way is disturbed.
	PutSession(ctx context.Context, admin ID, current string, s Session, dead ...ID) (bool, error)
	// EndSession takes the session away, where current is not empty only if that
	// is its Current; reports whether the admin, or that session of it, is there.
	EndSession(ctx context.Context, admin, session ID, current string) (bool, error)
	// EndSessions takes all sessions away from the admin that has the version
	// was, and gives it the version is; reports whether it did.
	EndSessions(ctx context.Context, admin ID, was, is string) (bool, error)
	// SweepSessions takes the sessions away from all admins whose SessionsUntil
	// is before t, and tells from how many.
	SweepSessions(ctx context.Context, t time.Time) (int, error)
}

// Mails is the outbox, which is in the documents of the collection admins. The
// admin's Rev stays with each of these: no change under way is disturbed.
type Mails interface {
	// AskReset puts m in the place of an earlier mail of its ID, or beside the
	// others, for the admin with that (lower-case) address; reports whether it is there.
	AskReset(ctx context.Context, email string, m Mail) (bool, error)
	// Put gives the admin the Mails, MailsSince, Resets and Confirm of is, where it
	// still has the MailsRev and the CredentialVersion of was, and raises
	// MailsRev; reports whether it did.
	Put(ctx context.Context, was, is Admin) (bool, error)
	// ConfirmEmail sets Unconfirmed to false, and UnconfirmedSince to zero, for the admin with that ID and
	// address whose Confirm has the hash; reports whether it is there.
	ConfirmEmail(ctx context.Context, admin ID, email, hash string) (bool, error)
}

// Requests is the collection requests.
type Requests interface {
	// Find returns the request, or ErrAbsent; linearizable.
	Find(ctx context.Context, id string) (Request, error)
	// Insert inserts r, or returns ErrExists where its ID is taken.
	Insert(ctx context.Context, r Request) error
	// TakeOver sets Worker and Lease where the document still has was.Worker
	// and was.Lease, and reports whether it did.
	TakeOver(ctx context.Context, was Request, worker ID, lease time.Time) (bool, error)
	// Finish sets Done on the request that was begun with ids.Organization.
	Finish(ctx context.Context, id string, ids RequestIDs) error
	// Delete deletes the request where the document still has r.Worker and r.Lease.
	Delete(ctx context.Context, r Request) error
	// DeleteBefore deletes the requests made before t and tells how many.
	DeleteBefore(ctx context.Context, t time.Time) (int, error)
}

// Collections are the collections of the database themselves.
type Collections interface {
	// Find returns those of the named collections that are there, by name.
	Find(ctx context.Context, names ...string) (map[string]Collection, error)
	// List returns the names that begin with prefix, sorted. It reads them in
	// batches, each bounded as a command is.
	List(ctx context.Context, prefix string) ([]string, error)
	// Create makes an empty collection, or returns ErrExists.
	Create(ctx context.Context, name string) error
	// Rename moves a collection with its documents and indexes. ErrAbsent
	// where from is not there, ErrExists where to is. It never overwrites.
	Rename(ctx context.Context, from, to string) error
	// Drop drops the collection, where it is there.
	Drop(ctx context.Context, name string) error
}

// Documents are the documents and indexes inside one collection.
type Documents interface {
	// Any reports whether the collection is there and holds a document.
	Any(ctx context.Context, collection string) (bool, error)
	// Read returns up to limit documents in the order of _id, those after the
	// given ID only (nil: from the first).
	Read(ctx context.Context, collection string, after []byte, limit int) ([]Document, error)
	// Insert inserts the document, or returns ErrExists where its _id (or
	// another unique key) is there already with other content. One that is there already and
	// equal, byte for byte, is success.
	Insert(ctx context.Context, collection string, d Document) error
	// Delete deletes exactly this document: same _id, same content.
	Delete(ctx context.Context, collection string, d Document) error
	// CopyIndexes makes in to the indexes of from that it lacks, by name.
	CopyIndexes(ctx context.Context, from, to string) error
}

// Backlog lists what reconcile and the doctor have to look at, a page of at most
// limit documents each. after is the Next of the page before; nil: the first page.
type Backlog interface {
	// Expired lists organizations with an operation whose lease ended at or
	// before t, the oldest first.
	Expired(ctx context.Context, t time.Time, after *Place, limit int) (Page[Organization], error)
	// Unswept lists dead organizations whose SweepAfter is before t, the oldest first.
	Unswept(ctx context.Context, t time.Time, after *Place, limit int) (Page[Organization], error)
	// Purgeable lists dead organizations whose PurgeAfter is before t, the oldest first.
	Purgeable(ctx context.Context, t time.Time, after *Place, limit int) (Page[Organization], error)
	// Unsettled lists claims whose Until is before t, the oldest first. Settled
	// ones, which have no Until, are not among them.
	Unsettled(ctx context.Context, t time.Time, after *Place, limit int) (Page[Claim], error)

	// Mails lists admins whose MailsSince is at or before t, the earliest first.
	Mails(ctx context.Context, t time.Time, after *Place, limit int) (Page[Admin], error)

	// Unconfirmed lists admins whose UnconfirmedSince is before t, the earliest first.
	Unconfirmed(ctx context.Context, t time.Time, after *Place, limit int) (Page[Admin], error)

	// Organizations lists all organizations, by ID.
	Organizations(ctx context.Context, after *Place, limit int) (Page[Organization], error)
	// Claims lists all claims, by key.
	Claims(ctx context.Context, after *Place, limit int) (Page[Claim], error)
	// Admins lists all admins, by ID.
	Admins(ctx context.Context, after *Place, limit int) (Page[Admin], error)
}

// Page is a part of a list, in its order.
type Page[T any] struct {
	Items      []T
	Unreadable []Unreadable // documents of this page that are not among Items
	Next       *Place       // where the list goes on; nil: it has ended
}

// Unreadable is a document that could not be decoded. It keeps no other from being listed.
type Unreadable struct {
	ID  string // its _id, as text
	Err error  // what is wrong with it; shows nothing of its content
}

// Place is where a list was read up to. It is a store's own: what it means is
// known to the store that made it.
type Place struct {
	Time time.Time // of the last document; zero in a list by ID
	ID   []byte    // its _id, as the store encodes it
}
