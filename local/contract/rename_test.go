package contract_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
)

// testRename: what another client wrote moves along.
func testRename(t *testing.T, h *host) {
	h.needDatabase(t)
	w := h.engine.Writer(t, h.database)
	put := func(tb testing.TB, collection string, ids ...string) {
		tb.Helper()
		for _, id := range ids {
			must.Do(tb, w.Put(tb.Context(), collection, organizationtest.StringDocument(id, "of "+id)))
		}
	}
	documents := func(tb testing.TB, collection string) []organization.Document {
		tb.Helper()
		return must.Get(w.Documents(tb.Context(), collection))(tb)
	}
	indexes := func(tb testing.TB, collection string) []organizationtest.Index {
		tb.Helper()
		return must.Get(w.Indexes(tb.Context(), collection))(tb)
	}
	t.Run("with every document, _id and index", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Tenant")
		for i := range 200 {
			put(t, f.Collection, fmt.Sprintf("d%03d", i))
		}
		for _, i := range []organizationtest.Index{
			{Name: "by_other", Field: "other"}, {Name: "one_value", Field: "value", Unique: true},
		} {
			must.Do(t, w.AddIndex(t.Context(), f.Collection, i))
		}
		docs, ix := documents(t, f.Collection), indexes(t, f.Collection)
		if len(docs) != 200 || len(ix) != 2 {
			t.Fatalf("there are %d documents and %d indexes", len(docs), len(ix))
		}
		was := f.Collection
		for range 3 {
			is, _ := updated(h.as(t, f.token).put("/org/update", fields{"organization_name": freshName("Tenant")}).
				want(http.StatusOK))
			if diff := cmp.Diff(docs, documents(t, is.Collection)); diff != "" {
				t.Errorf("the documents (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(ix, indexes(t, is.Collection)); diff != "" {
				t.Errorf("the indexes (-before +after):\n%s", diff)
			}
			if left := documents(t, was); len(left) > 0 {
				t.Errorf("%d documents are left behind in %s", len(left), was)
			}
			was = is.Collection
		}
	})
	t.Run("with an unchanged key nothing moves", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Tenant")
		put(t, f.Collection, "a", "b")
		is, _ := updated(h.as(t, f.token).put("/org/update", fields{"organization_name": strings.ToUpper(f.Name)}).
			want(http.StatusOK))
		if is.Name != strings.ToUpper(f.Name) || is.Collection != f.Collection || is.Version <= f.Version {
			t.Errorf("it is %+v, was %+v", is, f.view)
		}
		if docs := documents(t, f.Collection); len(docs) != 2 {
			t.Errorf("%d documents are there, want 2", len(docs))
		}
		// Nothing was given up, so nothing is held.
		h.create(t, f.Name, freshEmail(), freshPassword()).refused(http.StatusConflict, "organization_name_taken")
	})
	t.Run("what is written under the old name comes along", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Tenant")
		put(t, f.Collection, "a")
		is, _ := updated(h.as(t, f.token).put("/org/update", fields{"organization_name": freshName("Tenant")}).
			want(http.StatusOK))
		put(t, f.Collection, "late")
		h.pass(t, f.key(), hold)
		h.reconcile(t)
		h.pass(t, f.key(), hold)
		h.reconcile(t)
		if docs := documents(t, is.Collection); len(docs) != 2 {
			t.Errorf("%d documents are there, want both", len(docs))
		}
		if left := documents(t, f.Collection); len(left) != 0 {
			t.Errorf("%d documents are left behind", len(left))
		}
	})
	t.Run("what a deleted organization had does not reach the next owner", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Tenant")
		put(t, f.Collection, "a", "b")
		h.as(t, f.token).delete("/org/delete", nil, named(f.Name)).want(http.StatusOK)
		if docs := documents(t, f.Collection); len(docs) != 0 {
			t.Errorf("%d documents are left in the collection", len(docs))
		}
		trashes := must.Get(h.store(t).Collections.List(t.Context(), "trash_"))(t)
		kept := 0
		for _, c := range trashes {
			if docs := documents(t, c); len(docs) == 2 && string(docs[0].ID[5:6]) == "a" {
				kept++
			}
		}
		if kept == 0 {
			t.Error("its documents are not kept in a trash")
		}
		h.pass(t, f.key(), hold)
		next := viewOf(h.create(t, f.Name, freshEmail(), freshPassword()).want(http.StatusCreated))
		if docs := documents(t, next.Collection); len(docs) != 0 {
			t.Errorf("the next owner finds %d documents", len(docs))
		}
	})
}

// reconcile runs the scheduled job's code, when no test needs what it has left
// half done.
func (h *host) reconcile(tb testing.TB) {
	tb.Helper()
	h.repairs.Lock()
	defer h.repairs.Unlock()
	reconciled(tb, h.worker(tb, h.store(tb)))
}

// reconciled runs reconcile until it has left nothing undone: on a slow machine
// its time may be over before.
func reconciled(tb testing.TB, w *organization.Service) {
	tb.Helper()
	for range 10 {
		switch r, err := w.Reconcile(tb.Context()); {
		case err != nil:
			tb.Fatalf("Reconcile() = %v", err)
		case r.Complete:
			return
		}
	}
	tb.Fatal("ten runs of Reconcile were not enough")
}
