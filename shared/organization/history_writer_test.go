package organization_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
)

// write is a document that others were acknowledged.
type write struct {
	org     organization.ID // zero: another application's
	removed bool            // it was deleted again, or dropped with its collection
}

// use lets data services, who were told v when they asked, use its collection's
// name within the late bound: insert documents, delete them again, make an
// index, or drop the collection.
func (h *history) use(who string, v organization.View, asked time.Time) {
	for n := range 1 + h.dice("writers", who).IntN(4) {
		id := fmt.Sprintf("%s-%d", strings.ReplaceAll(who, " ", "_"), n)
		d := h.dice("writer", id)
		at := upTo(d, organization.LateBound)
		if d.IntN(2) == 0 {
			at = organization.LateBound - time.Millisecond - upTo(d, 3*time.Second)
		}
		act := h.insert
		switch x := d.IntN(40); {
		case x == 0 && h.drops:
			act = h.drop
		case x < 6:
			act = h.index
		}
		until := asked.Add(organization.LateBound)
		if time.Until(asked.Add(at)) < 0 {
			continue // the answer came too late to be used
		}
		time.AfterFunc(time.Until(asked.Add(at)), func() {
			act(id, v)
			h.trace("%s acts on %s of %s, asked at %v", id, v.Collection, v.ID, asked.Sub(h.began))
			h.watch()
			if left := time.Until(until); h.drops && left > 0 && d.IntN(3) == 0 {
				time.AfterFunc(upTo(d, min(left, 20*time.Second)), func() { h.remove(id, v) })
			}
		})
	}
}

// ids returns the _ids of the collection's documents.
func (h *history) ids(collection string) []string {
	docs, _ := h.Documents(h.t.Context(), collection)
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = organizationtest.StringID(d)
	}
	return ids
}

// indexes returns how many indexes data services have made of the collection.
func (h *history) indexes(collection string) int {
	all, _ := h.Indexes(h.t.Context(), collection)
	return len(all)
}

func (h *history) insert(id string, v organization.View) {
	h.stray(v.Collection)
	h.note(func() { h.wrote[id] = write{org: v.ID} })
	if err := h.Put(h.t.Context(), v.Collection, organizationtest.StringDocument(id, "written")); err != nil {
		h.say("a data writer: %v", err)
	}
	h.stray(v.Collection)
}

// stray notes where others write while no organization lives there.
func (h *history) stray(collection string) {
	lived := slices.ContainsFunc(h.Organizations(), func(o organization.Organization) bool {
		return o.State == organization.Active && o.Collection == collection
	})
	if !lived {
		h.note(func() { h.strayed[collection] = true })
	}
}

// remove deletes a document, where it is still where it was put.
func (h *history) remove(id string, v organization.View) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w, ok := h.wrote[id]; ok && h.Remove(v.Collection, organizationtest.StringDocument(id, "").ID) {
		w.removed = true
		h.wrote[id] = w
	}
}

func (h *history) index(_ string, v organization.View) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.AddIndex(h.t.Context(), v.Collection, organizationtest.Index{Name: "by_value", Field: "value"})
	h.indexed[v.ID] = true
}

// drop is what a data service may do to the collection that it was told of.
func (h *history) drop(_ string, v organization.View) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.indexes(v.Collection) > 0 {
		h.indexed[v.ID] = false
	}
	for _, id := range h.ids(v.Collection) {
		w := h.wrote[id]
		if w.org != v.ID {
			h.bad = append(h.bad, fmt.Sprintf("a data service of %s drops a document of %s", v.ID, w.org))
		}
		w.removed = true
		h.wrote[id] = w
	}
	h.dropped[v.ID] = h.Drop(v.Collection) || h.dropped[v.ID]
}

// foreignWrites makes another application's collection, which no claim explains.
func (h *history) foreignWrites() {
	collection := organization.CollectionName(keyOf(foreign))
	for n := range 3 {
		id := fmt.Sprint("foreign-", n)
		h.note(func() { h.wrote[id], h.strayed[collection] = write{}, true })
		if err := h.Put(h.t.Context(), collection, organizationtest.StringDocument(id, "foreign")); err != nil {
			h.say("another application: %v", err)
		}
	}
}

// strangerComes lets another application make a collection at a rename's target
// when the rename has been decided: an empty one, or, where the server's uuid
// tells whose it is, one with a document.
func (h *history) strangerComes(s command, d *rand.Rand) {
	if !h.outside || d.IntN(4) > 0 {
		return
	}
	full := d.IntN(2) == 0
	id := fmt.Sprintf("stranger-%s-%d", s.to, d.Uint64())
	collection := organization.CollectionName(s.to)
	time.AfterFunc(upTo(d, 80*time.Millisecond), func() {
		var op *organization.Op
		for _, o := range h.Organizations() {
			if o.ID == s.org && o.State == organization.Updating && o.Op.To == s.to {
				op = o.Op
			}
		}
		if op == nil || slices.Contains(h.Names(), collection) {
			return
		}
		h.note(func() { h.strayed[collection] = true })
		full := full && op.UUID != ""
		if full {
			h.note(func() { h.wrote[id] = write{} })
		}
		doc := organizationtest.StringDocument(id, "stranger")
		if err := h.Put(h.t.Context(), collection, doc); err != nil {
			h.say("a stranger: %v", err)
		}
		if !full {
			h.Remove(collection, doc.ID)
		}
	})
}
