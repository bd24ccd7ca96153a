package organization

import (
	"cmp"
	"context"
	"errors"
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

	repair command
}

// Examine reads the whole database and lists every organization, claim, admin
// and collection that contradicts the others. It changes nothing. It is right
// about a database at rest; under load it may name what is just being changed,
// marked Later. It is not for a request: it reads everything.
func (s *Service) Examine(ctx context.Context) ([]Finding, error) {
	e := &examination{
		Service: s, now: s.now(), os: map[ID]Organization{}, claims: map[string]Claim{}, holders: map[string][]Organization{},
		admins: map[ID][]Admin{}, collections: map[string]bool{}, explained: map[string]bool{},
	}
	// Collections are listed first: one that is made meanwhile is not looked
	// for, and one that is explained by then is not named.
	for _, read := range []command{e.readCollections, e.readClaims, e.readAdmins, e.readOrganizations} {
		if err := read(ctx); err != nil {
			return nil, settle(err)
		}
	}
	e.examineOrganizations()
	e.examineClaims()
	e.examineAdmins()
	e.examineCollections()
	slices.SortFunc(e.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
	})
	return e.findings, nil
}

// Repair mends what Examine found and may be mended by a program: it runs
// Reconcile, and then what only an operator may ask for. What needs a person's
// decision stays. The findings that are left afterwards are for Examine to tell.
func (s *Service) Repair(ctx context.Context) error {
	if _, err := s.Reconcile(ctx); err != nil {
		return err
	}
	findings, err := s.Examine(ctx)
	for _, f := range findings {
		if err != nil {
			break
		}
		if f.repair != nil && !f.Later {
			err = f.repair(ctx)
		}
	}
	return settle(err)
}

type examination struct {
	*Service
	now         time.Time
	os          map[ID]Organization
	claims      map[string]Claim
	holders     map[string][]Organization // living organizations by key
	admins      map[ID][]Admin            // by organization
	collections map[string]bool
	explained   map[string]bool // collections that belong to something
	findings    []Finding
}

func (e *examination) add(f Finding) { e.findings = append(e.findings, f) }

func (e *examination) readCollections(ctx context.Context) error {
	all, err := e.store.Collections.List(ctx, "")
	for _, c := range all {
		e.collections[c.Name] = true
	}
	return err
}

func (e *examination) readClaims(ctx context.Context) error {
	forever := e.now.AddDate(1000, 0, 0)
	for after := ""; ; {
		page, err := e.store.Backlog.Claims(ctx, forever, after, batch)
		if err != nil {
			return err
		}
		for _, c := range page {
			e.claims[c.Key] = c
			after = c.Key
		}
		if len(page) < batch {
			return nil
		}
	}
}

func (e *examination) readAdmins(ctx context.Context) error {
	for after := (ID{}); ; {
		page, err := e.store.Backlog.Admins(ctx, after, batch)
		if err != nil {
			return err
		}
		for _, a := range page {
			e.admins[a.OrgID] = append(e.admins[a.OrgID], a)
			after = a.ID
		}
		if len(page) < batch {
			return nil
		}
	}
}

func (e *examination) readOrganizations(ctx context.Context) error {
	for after := (ID{}); ; {
		page, err := e.store.Backlog.Organizations(ctx, after, batch)
		if err != nil {
			return err
		}
		for _, o := range page {
			e.os[o.ID] = o
			if !o.State.Dead() {
				e.holders[o.Key] = append(e.holders[o.Key], o)
			}
			after = o.ID
		}
		if len(page) < batch {
			return nil
		}
	}
}

func (e *examination) examineOrganizations() {
	for _, o := range e.os {
		e.explain(o)
		switch {
		case o.State.Dead():
			if o.Key != "" || !o.ClaimID.IsZero() {
				e.add(Finding{Kind: "dead_organization_with_key", Subject: o.ID.String(), Detail: "a dead organization still has the key " + o.Key})
			}
			continue
		case o.State.Running():
			e.examineOperation(o)
			continue
		}
		e.examineLiving(o)
	}
	for key, os := range e.holders {
		visible := 0
		for _, o := range os {
			if o.State.Visible() {
				visible++
			}
		}
		if visible > 1 {
			e.add(Finding{Kind: "key_held_twice", Subject: key, Detail: fmt.Sprintf("%d visible organizations have this key", visible)})
		}
	}
}

// examineOperation names an operation that nobody finishes in time.
func (e *examination) examineOperation(o Organization) {
	if o.Op == nil {
		e.add(Finding{Kind: "state_without_operation", Subject: o.ID.String(), Detail: fmt.Sprintf("the organization is %s and nothing is under way", o.State)})
		return
	}
	e.add(Finding{
		Kind: "unfinished_operation", Subject: o.ID.String(), Later: e.now.Before(o.Op.Lease.Add(takeoverGrace)),
		Detail: fmt.Sprintf("operation %s (%s) was begun and not ended", o.Op.ID, o.Op.Kind), Repair: "finish it",
	})
}

func (e *examination) examineLiving(o Organization) {
	if o.Op != nil {
		e.add(Finding{Kind: "operation_left", Subject: o.ID.String(), Detail: "an active organization still has an operation"})
	}
	if c, ok := e.claims[o.Key]; !ok {
		e.add(Finding{
			Kind: "claim_missing", Subject: o.Key, Detail: "nothing holds the name of organization " + o.ID.String(), Repair: "claim it again",
			repair: func(ctx context.Context) error {
				return e.store.Claims.Insert(ctx, Claim{Key: o.Key, OrgID: o.ID, ID: o.ClaimID, Until: e.now})
			},
		})
	} else if c.ID != o.ClaimID {
		e.add(Finding{Kind: "claim_of_another", Subject: o.Key, Detail: fmt.Sprintf("the name of organization %s is claimed by %s", o.ID, c.OrgID)})
	}
	if !e.collections[o.Collection] {
		e.add(Finding{
			Kind: "collection_missing", Subject: o.Collection, Detail: "organization " + o.ID.String() + " has no collection: somebody dropped it", Repair: "make it, empty",
			repair: func(ctx context.Context) error {
				if err := e.store.Collections.Create(ctx, o.Collection); !errors.Is(err, ErrExists) {
					return err
				}
				return nil
			},
		})
	}
	if o.Collection != CollectionName(o.Key) {
		e.add(Finding{Kind: "collection_of_another_name", Subject: o.ID.String(), Detail: fmt.Sprintf("key %s and collection %s do not belong together", o.Key, o.Collection)})
	}
	if as := e.admins[o.ID]; len(as) != 1 || as[0].ID != o.AdminID {
		e.add(Finding{Kind: "admin_missing", Subject: o.ID.String(), Detail: fmt.Sprintf("%d admins are there, and the organization names %s", len(as), o.AdminID)})
	}
}

// explain notes which collections belong to an organization.
func (e *examination) explain(o Organization) {
	if o.Key != "" {
		e.explained[CollectionName(o.Key)] = true
	}
	if o.Op == nil {
		return
	}
	e.explained[trashName(o.Op.ID)] = true
	for _, key := range []string{o.Op.From, o.Op.To} {
		if key != "" {
			e.explained[CollectionName(key)] = true
		}
	}
}

func (e *examination) examineClaims() {
	type reference struct {
		key string
		id  ID
	}
	live := map[reference]bool{}
	for _, o := range e.os {
		if o.State.Dead() {
			continue
		}
		live[reference{o.Key, o.ClaimID}] = true
		if o.Op != nil {
			live[reference{o.Op.To, o.Op.ToClaim}] = true
		}
	}
	for _, c := range e.claims {
		if live[reference{c.Key, c.ID}] {
			continue
		}
		e.explained[CollectionName(c.Key)] = e.explained[CollectionName(c.Key)] || c.Left
		e.add(Finding{
			Kind: "dead_claim", Subject: c.Key, Later: !e.now.After(c.Until),
			Detail: "nobody refers to the claim of organization " + c.OrgID.String(), Repair: "free the name",
		})
	}
}

func (e *examination) examineAdmins() {
	emails := map[string]ID{}
	for org, as := range e.admins {
		for _, a := range as {
			if other, ok := emails[a.Email]; ok {
				e.add(Finding{Kind: "email_held_twice", Subject: a.ID.String(), Detail: "admin " + other.String() + " has the same email address"})
			}
			emails[a.Email] = a.ID
		}
		if o, ok := e.os[org]; !ok || o.State.Dead() {
			e.add(Finding{Kind: "admin_of_dead_organization", Subject: org.String(), Detail: fmt.Sprintf("%d admins of an organization that is not there", len(as)), Repair: "delete them"})
		}
	}
}

func (e *examination) examineCollections() {
	for name := range e.collections {
		switch {
		case strings.HasPrefix(name, ghostPrefix):
			e.examineGhost(name)
		case e.explained[name]:
		case strings.HasPrefix(name, CollectionName("")):
			e.add(Finding{
				Kind: "collection_unexplained", Subject: name, Detail: "no organization and no claim explains this collection; its name cannot be given out while it holds documents",
				Repair: "move it away, to a ghost that is kept",
				repair: func(ctx context.Context) error {
					err := e.store.Collections.Rename(ctx, name, ghostUnknown+NewID(e.now).String())
					if errors.Is(err, ErrAbsent) {
						return nil
					}
					return err
				},
			})
		case strings.HasPrefix(name, trashPrefix):
			e.add(Finding{Kind: "trash_unexplained", Subject: name, Detail: "no deleted organization has this trash"})
		}
	}
}

func (e *examination) examineGhost(name string) {
	owner, _, _ := strings.Cut(strings.TrimPrefix(name, ghostPrefix), "_")
	id, err := ParseID(owner)
	o, ok := e.os[id]
	switch {
	case err != nil:
		e.add(Finding{Kind: "ghost_of_a_stranger", Subject: name, Detail: "a collection that was not an organization's stood in the way and was moved here"})
	case !ok || o.State == Aborted:
		e.add(Finding{Kind: "ghost_of_nobody", Subject: name, Detail: "its organization is not there any more"})
	case o.State == Deleted || o.State == Deleting:
		e.add(Finding{Kind: "ghost", Subject: name, Detail: "it goes with its deleted organization", Repair: "drop it when the retention time is over", Later: true})
	default:
		e.add(Finding{Kind: "ghost", Subject: name, Detail: "documents were written under an old name of organization " + id.String(), Repair: "merge them back; those that differ stay"})
	}
}
