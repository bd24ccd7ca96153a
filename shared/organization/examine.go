package organization

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Finding is one thing in the database that contradicts the rest: what the
// invariants of protocol.md, section 8, do not allow when all is quiet.
type Finding struct {
	Kind    string // stable snake_case, as in dead_claim
	Subject string // what it is about: a key, an id or a collection's name
	Detail  string // a sentence
	Repair  string // what Repair would do; empty: a person must decide
	Later   bool   // reconcile mends it by itself when its time has come; until then it is no fault

	repair repair // nil: reconcile's, or nobody's
}

// Examine reads the whole database and lists every organization, claim, admin
// and collection that contradicts the others. It changes nothing. It is right
// about a database at rest; under load it may name what is just being changed.
// It is not for a request: it reads everything.
func (s *Service) Examine(ctx context.Context) ([]Finding, error) {
	e := &examination{
		worker: &worker{Service: s}, now: s.now(), collections: map[string]bool{}, claims: map[string]held{},
		admins: map[ID][]ID{}, visible: map[string]int{}, owners: map[ID]State{},
	}
	// Collections are listed first: one that is made meanwhile is not looked
	// for, and one that is explained by then is not named. Organizations come
	// last, and each is held against what has been read.
	for _, step := range []command{
		e.readCollections, e.readClaims, e.readAdmins, e.readOrganizations, e.examineClaims,
	} {
		if err := step(ctx); err != nil {
			return nil, asFault(err)
		}
	}
	e.examineKeys()
	e.examineAdmins()
	e.examineCollections()
	slices.SortFunc(e.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
	})
	return e.findings, nil
}

// examination is what is kept of a database while it is read: what is compared, and no more.
type examination struct {
	*worker     // for its count of lost answers; it sends reads alone, and no lease bounds them
	now         time.Time
	collections map[string]bool // by name: whether something explains it
	ghosts      []string
	owners      map[ID]State // organizations that ghosts are named after
	claims      map[string]held
	admins      map[ID][]ID    // of organizations that have not been read, or are not there
	visible     map[string]int // how many visible organizations have a key
	blind       bool           // an organization could not be read
	findings    []Finding
}

// held is a claim as it was read.
type held struct {
	Claim
	live bool // somebody refers to it
}

func (e *examination) add(f Finding) { e.findings = append(e.findings, f) }

// addUnowned adds what was found because no organization has anything to do
// with it. Where one could not be read it may be that one's: a person must decide.
func (e *examination) addUnowned(f Finding) {
	if e.blind && f.repair != nil {
		f.Repair, f.repair = "", nil
	}
	e.add(f)
}

// look reads something, and counts its lost answers apart.
func look[T any](ctx context.Context, e *examination, read func(ctx context.Context) (T, error)) (T, error) {
	e.lost.Store(0)
	return ask(ctx, e.worker, read)
}

func (e *examination) readCollections(ctx context.Context) error {
	for _, prefix := range []string{CollectionName(""), trashPrefix, ghostPrefix} {
		names, err := look(ctx, e, func(ctx context.Context) ([]string, error) {
			return e.store.Collections.List(ctx, prefix)
		})
		if err != nil {
			return fmt.Errorf("listing the collections %s…: %w", prefix, err)
		}
		if prefix == ghostPrefix {
			e.ghosts = names
			break
		}
		for _, name := range names {
			e.collections[name] = false
		}
	}
	for _, name := range e.ghosts {
		owner, _ := partsOfGhost(name)
		e.owners[owner] = ""
	}
	return nil
}

func (e *examination) readClaims(ctx context.Context) error {
	_, err := each(ctx, e, "claims", e.store.Backlog.Claims, func(c Claim) {
		e.claims[c.Key] = held{Claim: c}
	})
	return err
}

func (e *examination) readAdmins(ctx context.Context) error {
	emails := map[string]ID{}
	_, err := each(ctx, e, "admins", e.store.Backlog.Admins, func(a Admin) {
		if other, ok := emails[a.Email]; ok {
			e.add(Finding{
				Kind: "email_held_twice", Subject: a.ID.String(), Detail: "admin " + other.String() +
					" has the same email address",
			})
		}
		emails[a.Email] = a.ID
		e.admins[a.OrgID] = append(e.admins[a.OrgID], a.ID)
	})
	return err
}

func (e *examination) readOrganizations(ctx context.Context) error {
	unreadable, err := each(ctx, e, "organizations", e.store.Backlog.Organizations, e.examineOrganization)
	e.blind = unreadable > 0
	return err
}

// each reads a list to its end, and names the documents that cannot be read.
func each[T any](
	ctx context.Context, e *examination, what string,
	list func(context.Context, *Place, int) (Page[T], error), read func(T),
) (unreadable int, err error) {
	for after := (*Place)(nil); ; {
		p, err := look(ctx, e, func(ctx context.Context) (Page[T], error) { return list(ctx, after, batch) })
		if err != nil {
			return 0, fmt.Errorf("listing %s: %w", what, err)
		}
		for _, item := range p.Items {
			read(item)
		}
		for _, u := range p.Unreadable {
			e.add(Finding{
				Kind: "document_unreadable", Subject: u.ID,
				Detail: fmt.Sprintf("among the %s is a document that cannot be read: %v", what, u.Err),
			})
		}
		unreadable += len(p.Unreadable)
		if p.Next == nil {
			return unreadable, nil
		}
		after = p.Next
	}
}

// examineOrganization holds an organization against what has been read before it.
func (e *examination) examineOrganization(o Organization) {
	e.explain(o)
	if _, ok := e.owners[o.ID]; ok {
		e.owners[o.ID] = o.State
	}
	if o.State.Visible() {
		e.visible[o.Key]++
	}
	admins := e.admins[o.ID]
	delete(e.admins, o.ID)
	switch {
	case o.State.Dead():
		if o.Key != "" || !o.ClaimID.IsZero() {
			e.add(Finding{
				Kind: "dead_organization_with_key", Subject: o.ID.String(),
				Detail: "a dead organization still has the key " + o.Key,
			})
		}
		if len(admins) > 0 {
			f := orphans(o.ID, admins)
			f.Later = e.now.Before(o.SweepAfter)
			e.add(f)
		}
	case o.State.Running():
		e.examineOperation(o)
	default:
		e.examineLiving(o, admins)
	}
}

// explain notes what belongs to an organization: collections, and claims where it lives.
func (e *examination) explain(o Organization) {
	names := []string{CollectionName(o.Key)}
	if o.Op != nil {
		names = append(names, trashName(o.Op.ID), CollectionName(o.Op.From), CollectionName(o.Op.To))
	}
	for _, name := range names {
		if name != CollectionName("") {
			e.explained(name)
		}
	}
	keys := []string{o.Key}
	if o.Op != nil {
		keys = append(keys, o.Op.To)
	}
	for _, key := range keys {
		if c, ok := e.claims[key]; ok && o.refersTo(c.Claim) {
			c.live = true
			e.claims[key] = c
		}
	}
}

// explained notes that the collection, where it is there, is something's.
func (e *examination) explained(name string) {
	if _, ok := e.collections[name]; ok {
		e.collections[name] = true
	}
}

// examineOperation names an operation that nobody finishes in time.
func (e *examination) examineOperation(o Organization) {
	if o.Op == nil {
		e.add(Finding{
			Kind: "state_without_operation", Subject: o.ID.String(),
			Detail: fmt.Sprintf("the organization is %s and nothing is under way", o.State),
		})
		return
	}
	e.add(Finding{
		Kind: "unfinished_operation", Subject: o.ID.String(), Later: e.now.Before(o.Op.Lease.Add(takeoverGrace)),
		Detail: fmt.Sprintf("operation %s (%s) was begun and not ended", o.Op.ID, o.Op.Kind), Repair: "finish it",
	})
}

func (e *examination) examineLiving(o Organization, admins []ID) {
	if o.Op != nil {
		e.add(Finding{
			Kind: "operation_left", Subject: o.ID.String(), Detail: "an active organization still has an operation",
		})
	}
	claim := Claim{Key: o.Key, OrgID: o.ID, ID: o.ClaimID}
	if c, ok := e.claims[o.Key]; !ok {
		e.add(Finding{
			Kind: "claim_missing", Subject: o.Key, Detail: "nothing holds the name of organization " + o.ID.String(),
			Repair: "claim it again", repair: claimAgain(claim),
		})
	} else if c.ID != o.ClaimID {
		e.add(Finding{
			Kind: "claim_of_another", Subject: o.Key,
			Detail: fmt.Sprintf("the name of organization %s is claimed by %s", o.ID, c.OrgID),
		})
	}
	if _, ok := e.collections[o.Collection]; !ok {
		e.add(Finding{
			Kind: "collection_missing", Subject: o.Collection,
			Detail: "organization " + o.ID.String() + " has no collection: somebody dropped it",
			Repair: "make it, empty", repair: makeCollection(claim, o.Collection),
		})
	}
	if o.Collection != CollectionName(o.Key) {
		e.add(Finding{
			Kind: "collection_of_another_name", Subject: o.ID.String(),
			Detail: fmt.Sprintf("key %s and collection %s do not belong together", o.Key, o.Collection),
		})
	}
	if len(admins) != 1 || admins[0] != o.AdminID {
		e.add(Finding{
			Kind: "admin_missing", Subject: o.ID.String(),
			Detail: fmt.Sprintf("%d admins are there, and the organization names %s", len(admins), o.AdminID),
		})
	}
}

// examineClaims names the claims that nobody refers to. A settled one was its
// organization's when it was read, and nobody else looks at it: so who refers
// to it is read again, by the key, before it is said to be dead. An organization
// that cannot be read has no key to be found by.
func (e *examination) examineClaims(ctx context.Context) error {
	var settled []string
	for key, c := range e.claims {
		if !c.live && c.Until.IsZero() && !e.blind {
			settled = append(settled, key)
		}
	}
	for keys := range slices.Chunk(settled, batch) {
		orgs, err := look(ctx, e, func(ctx context.Context) ([]Organization, error) {
			return e.store.Organizations.FindClaimants(ctx, keys...)
		})
		if err != nil {
			return fmt.Errorf("looking for the owners of settled claims: %w", err)
		}
		for _, o := range orgs {
			e.explain(o)
		}
	}
	for key, c := range e.claims {
		if c.live {
			continue
		}
		if c.Left { // reconcile clears it away
			e.explained(CollectionName(key))
		}
		f := Finding{
			Kind: "dead_claim", Subject: key, Later: !c.Until.IsZero() && !e.now.After(c.Until),
			Detail: "nobody refers to the claim of organization " + c.OrgID.String(), Repair: "free the name",
		}
		if c.Until.IsZero() {
			f.repair = unsettle(key, c.ID)
		}
		e.addUnowned(f)
	}
	return nil
}

func (e *examination) examineKeys() {
	for key, n := range e.visible {
		if n > 1 {
			e.add(Finding{
				Kind: "key_held_twice", Subject: key, Detail: fmt.Sprintf("%d visible organizations have this key", n),
			})
		}
	}
}

// examineAdmins: those whose organization has not been read are nobody's.
func (e *examination) examineAdmins() {
	for org, admins := range e.admins {
		e.addUnowned(orphans(org, admins))
	}
}

func orphans(org ID, admins []ID) Finding {
	return Finding{
		Kind: "admin_of_dead_organization", Subject: org.String(),
		Detail: fmt.Sprintf("%d admins of an organization that is not there", len(admins)),
		Repair: "delete them", repair: deleteAdmins(org, admins),
	}
}

func (e *examination) examineCollections() {
	for name, explained := range e.collections {
		key, ours := strings.CutPrefix(name, CollectionName(""))
		switch {
		case explained:
		case ours:
			e.addUnowned(Finding{
				Kind: "collection_unexplained", Subject: name,
				Detail: "no organization and no claim explains this collection; " +
					"its name cannot be given out while it holds documents",
				Repair: "move it away, to a ghost that is kept", repair: moveAway(key),
			})
		default:
			e.addUnowned(Finding{
				Kind: "trash_unexplained", Subject: name, Detail: "no deleted organization has this trash",
			})
		}
	}
	for _, name := range e.ghosts {
		e.examineGhost(name)
	}
}

func (e *examination) examineGhost(name string) {
	owner, _ := partsOfGhost(name)
	switch state := e.owners[owner]; {
	case owner.IsZero():
		e.add(Finding{
			Kind: "ghost_of_a_stranger", Subject: name,
			Detail: "a collection that was not an organization's stood in the way and was moved here",
		})
	case state == "" || state == Aborted:
		e.add(Finding{Kind: "ghost_of_nobody", Subject: name, Detail: "its organization is not there any more"})
	case state == Deleted || state == Deleting:
		e.add(Finding{
			Kind: "ghost", Subject: name, Detail: "it goes with its deleted organization",
			Repair: "drop it when the retention time is over", Later: true,
		})
	default:
		e.add(Finding{
			Kind: "ghost", Subject: name,
			Detail: "documents were written under an old name of organization " + owner.String(),
			Repair: "merge them back; those that differ stay",
		})
	}
}
