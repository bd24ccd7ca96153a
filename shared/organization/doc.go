// Package organization creates, changes and deletes organizations so that no
// crash, race or lost answer leaves one half done.
//
// It owns names and their keys, the organization with its admin and its
// collection, the admin's sessions, and every step that spans more than one
// document, writes to the admin included. It refuses to know HTTP, tokens' signatures, how passwords
// are hashed, and the database's driver: a [Store] does single commands, and a
// [Service] puts them in the one order that a crash cannot break.
//
// # What it rests on
//
// Single documents, unique keys and renameCollection; no transactions. A
// worker (one call of a Service) may stop for good between any two commands.
// An answer may be lost, and its command may take effect up to [LateBound] after
// the worker's [Lease]. Other services write into an organization's collection
// by a name that they asked for at most LateBound ago.
//
// # The states
//
// An arrow is one compare-and-set on one document, {_id, state, rev}; the
// decision is the arrow that cannot be taken back. Between two arrows anybody
// may find the organization, once its worker's lease has passed, and go on.
//
//	         Create                 Update                    Delete
//
//	claim the key (names)    claim the new key         CAS active → deleting
//	insert, creating         CAS active → updating     hold the key, move the
//	insert the admin         update the admin            collection to trash_,
//	create org_<key>         rename the collection       delete the admins
//	CAS creating → active    CAS updating → active     CAS deleting → deleted
//
//	creating ──▶ active ◀──▶ updating
//	    │           │
//	    ▼           ▼
//	 aborted     deleting ──▶ deleted
//
// creating is aborted where the email or the collection is taken; updating
// goes back to active, unchanged, where the email is taken, and for no other
// reason. Readers see active and updating ([State.Visible]).
//
// # Who may have a name
//
// A key is held by a [Claim]. A claim is live while an organization refers to
// it, by Key and ClaimID or by Op.To and Op.ToClaim; otherwise it is dead, and free
// from its Until on. One without Until is settled: a living organization's, at
// which nobody looks again until that leaves it. A name under which a late command or a data writer could
// still act is not given out: the old name of a rename and the name of a deleted
// organization are held ([Claim.Left]) before the step that lets go of them.
// [Service.Reconcile] clears away what is written under such a name and brings
// it back to its organization.
//
// # Where to read
//
// protocol.md has every step with what is done where it does not go as hoped.
// worker.go is the lease and the lost answer; compareandswap.go the compare-and-set on
// which every decision rests; claim.go the name; operation.go taking over,
// deciding and ending; create.go, update.go (rename.go is its step 4) and
// delete.go the steps; request.go the idempotency key; read.go what a token may
// still do, session.go how long, and reauthenticate.go when the password is needed
// too; proof.go what is proved by mail, and mail.go the outbox; reconcile.go,
// reconcile_claims.go and ghost.go what is done later, and agenda.go how one bad
// item, or a long list, keeps nothing else from being done; examine.go and
// repair.go the doctor. figures.md says how all of it is tested.
package organization
