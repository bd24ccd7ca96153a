package organization

import (
	"time"

	"oms/shared/password"
)

// State is where an organization is in its life.
type State string

// The states. Readers see an organization while it is active or updating.
const (
	Creating State = "creating" // its creation is under way, and may yet be aborted
	Active   State = "active"
	Updating State = "updating" // a change is under way that cannot be lost any more
	Deleting State = "deleting" // gone for every reader
	Deleted  State = "deleted"  // its documents wait in the trash
	Aborted  State = "aborted"  // it never came to be
)

// Visible reports whether readers see an organization in state s.
func (s State) Visible() bool { return s == Active || s == Updating }

// Running reports whether an operation is under way in state s.
func (s State) Running() bool { return s == Creating || s == Updating || s == Deleting }

// Dead reports whether an organization in state s will never be seen (again).
func (s State) Dead() bool { return s == Deleted || s == Aborted }

// Organization is one tenant, as the collection organizations holds it.
type Organization struct {
	ID         ID
	Name       string // as shown
	Key        string // empty when dead
	ClaimID    ID     // cid of its claim in names; zero when dead
	Collection string // org_<key>
	State      State
	Version    int64 // what clients see: rises with every visible change
	Rev        int64 // the fence: rises with every write, and is in the filter of every write
	AdminID    ID
	AdminRev   int64 // the Rev that its admin has at least: an admin read with less is older than this
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Op         *Op       // the journal; a deleted organization keeps its ID and Kind, which name its trash
	SweepAfter time.Time // when what late commands made of a dead one's admins is to be deleted; zero: done
	PurgeAfter time.Time // when a dead one may go; zero while it lives
}

// refersTo reports whether o makes the claim a live one.
func (o Organization) refersTo(c Claim) bool {
	return !o.State.Dead() && (o.Key == c.Key && o.ClaimID == c.ID || o.Op != nil && o.Op.To == c.Key &&
		o.Op.ToClaim == c.ID)
}

// OpKind is what an operation does.
type OpKind string

// The kinds of operation.
const (
	OpCreate OpKind = "create"
	OpUpdate OpKind = "update"
	OpDelete OpKind = "delete"
)

// Op is the journal of the operation that is under way: everything a stranger
// needs to finish it.
type Op struct {
	ID              ID
	Kind            OpKind
	Worker          ID
	Lease           time.Time // the worker sends nothing later; zero when the operation has ended
	EveryAnswerSeen bool      // the worker that began it still does it and got every answer so far
	From            string    // update, delete: the key it had
	To              string    // update with a new key: that key
	ToClaim         ID        // cid of the claim of To
	Name            string    // update: the new shown name, where there is one
	Admin           *AdminChange
	UUID            string // update with a new key: the server's own name for the collection, where it gives one
	Aside           string // where a stranger's collection found at the target is moved to
}

// AdminChange is what an operation does to an admin: for a creation the admin
// to insert, for an update the fields to set. Empty fields stay as they are.
type AdminChange struct {
	ID                ID
	Rev               int64 // update: the rev that it was decided on
	Email             string
	Password          password.Hash
	CredentialVersion string // set with a Password or another Email, and only with them
	Unconfirmed       bool   // the address is new: nobody has proved yet that it is the admin's
	Confirmed         bool   // the address has been proved
	Mails             []Mail // what is to be told, by mail, once this has happened
}

// Admin is one administrator, as the collection admins holds it.
type Admin struct {
	ID                ID
	Email             string // trimmed and lower-cased; unique
	OrgID             ID
	Password          password.Hash
	CredentialVersion string // what a token carries: changes with the password and the email
	Rev               int64
	Op                ID        // the last operation that changed it
	Sessions          []Session // by ID; the dead among them until somebody takes them away
	SessionsUntil     time.Time // none of them lives longer; zero: there are none
	Unconfirmed       bool      // nobody has proved yet that the address is the admin's
	UnconfirmedSince  time.Time // no address of it was ever proved, since then; zero: one was, or it is older than this

	Mails      []Mail    // the outbox, by ID
	MailsSince time.Time // when one of them was, or will be, due first, or earlier; zero: there are none
	MailsRev   int64     // rises with every write of Mails: what fences the sender's
	Resets     []Proof   // the tokens that a new password can be set with; expired ones until another is mailed
	Confirm    Proof     // the token that proves the address
}

// Claim holds a key for an organization: the lock that makes keys unique.
type Claim struct {
	Key   string
	OrgID ID
	ID    ID        // cid, new for each claim
	Until time.Time // until when it holds though nobody refers to it; zero: settled, it is a living organization's
	Left  bool      // an organization lived under it and has moved out
}

// Request is what is kept of a creation that came with an idempotency key.
type Request struct {
	ID        string        // HMAC of the key, in hex
	Body      string        // HMAC of name and email as they are shown, in hex
	Password  password.Hash // that its admin was made with: the proof that a password is the same
	IDs       RequestIDs
	Answer    Created // the answer, known before the first step
	Worker    ID
	Lease     time.Time
	Done      bool
	CreatedAt time.Time
}

// RequestIDs are the ids that a creation was begun with, so that whoever
// resumes it does the same steps.
type RequestIDs struct {
	Organization, Admin, Claim, Op ID
}

// Collection is a collection as the server lists it.
type Collection struct {
	Name string
	UUID string // the server's info.uuid; empty where it gives none
}

// Document is one document of an organization's collection, opaque to this package.
type Document struct {
	ID  []byte // the BSON type and value of _id, as the store encodes them
	Raw []byte // the whole document, as BSON
}

// CollectionName returns the name of the collection of the organization with that key.
func CollectionName(key string) string { return "org_" + key }
