package organizationtest

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"oms/shared/organization"
)

func testDocuments(t *testing.T, s Subject) {
	documents, ctx := s.Store.Documents, t.Context()
	put := func(t *testing.T, collection string, all ...organization.Document) {
		t.Helper()
		for _, d := range all {
			must(t, s.Writer.Put(ctx, collection, d))
		}
	}
	a, b, c := StringDocument("a", "1"), StringDocument("b", "2"), StringDocument("c", "3")

	t.Run("are there or not", func(t *testing.T) {
		ok, err := documents.Any(ctx, "any")
		wantBool(t, "Any of no collection", ok, err, false)
		must(t, s.Store.Collections.Create(ctx, "any"))
		ok, err = documents.Any(ctx, "any")
		wantBool(t, "Any of an empty collection", ok, err, false)
		put(t, "any", a)
		ok, err = documents.Any(ctx, "any")
		wantBool(t, "Any", ok, err, true)
	})

	t.Run("are read in the order of _id, page by page", func(t *testing.T) {
		got, err := documents.Read(ctx, "read", nil, 10)
		if err != nil || len(got) != 0 {
			t.Errorf("Read of no collection = %v, %v, want none", got, err)
		}
		put(t, "read", c, a, b)
		got, err = documents.Read(ctx, "read", nil, 10)
		wantEqual(t, "Read", got, err, []organization.Document{a, b, c})
		got, err = documents.Read(ctx, "read", nil, 2)
		wantEqual(t, "Read of two", got, err, []organization.Document{a, b})
		got, err = documents.Read(ctx, "read", got[1].ID, 2)
		wantEqual(t, "Read of the rest", got, err, []organization.Document{c})
		got, err = documents.Read(ctx, "read", c.ID, 2)
		if err != nil || len(got) != 0 {
			t.Errorf("Read after the last = %v, %v, want none", got, err)
		}
	})

	t.Run("are read in pages of more than a server's first batch", func(t *testing.T) {
		const n = 250
		for i := range n {
			put(t, "many", StringDocument("d"+strconv.Itoa(1000+i), "x"))
		}
		got, err := documents.Read(ctx, "many", nil, 2*n)
		if err != nil || len(got) != n {
			t.Errorf("Read = %d documents, %v, want %d", len(got), err, n)
		}
	})

	t.Run("are inserted, once and again", func(t *testing.T) {
		for range 2 {
			must(t, documents.Insert(ctx, "inserted", a))
			got, err := s.Writer.Documents(ctx, "inserted")
			wantEqual(t, "Documents", got, err, []organization.Document{a})
		}
		wantErr(t, "Insert with other content", documents.Insert(ctx, "inserted", StringDocument("a", "other")), organization.ErrExists)
		got, err := s.Writer.Documents(ctx, "inserted")
		wantEqual(t, "Documents", got, err, []organization.Document{a})
	})

	t.Run("are not inserted against another unique key", func(t *testing.T) {
		must(t, s.Writer.AddIndex(ctx, "unique", Index{Name: "by_value", Field: "value", Unique: true}))
		must(t, documents.Insert(ctx, "unique", a))
		wantErr(t, "Insert of a taken value", documents.Insert(ctx, "unique", StringDocument("b", "1")), organization.ErrExists)
		must(t, documents.Insert(ctx, "unique", a))
		got, err := s.Writer.Documents(ctx, "unique")
		wantEqual(t, "Documents", got, err, []organization.Document{a})
	})

	t.Run("are deleted where they are what was read", func(t *testing.T) {
		put(t, "deleted", a, b)
		must(t, documents.Delete(ctx, "deleted", StringDocument("a", "other")))
		got, err := s.Writer.Documents(ctx, "deleted")
		wantEqual(t, "Documents after deleting other content", got, err, []organization.Document{a, b})
		must(t, documents.Delete(ctx, "deleted", a))
		got, err = s.Writer.Documents(ctx, "deleted")
		wantEqual(t, "Documents", got, err, []organization.Document{b})
		must(t, documents.Delete(ctx, "deleted", a))
		must(t, documents.Delete(ctx, "absent", a))
	})

	t.Run("get the indexes that are missing, by name", func(t *testing.T) {
		shared, own := Index{Name: "shared", Field: "value"}, Index{Name: "own", Field: "other"}
		missing := Index{Name: "missing", Field: "third", Unique: true}
		put(t, "indexed", a)
		put(t, "bare", b)
		must(t, s.Writer.AddIndex(ctx, "indexed", shared))
		must(t, s.Writer.AddIndex(ctx, "indexed", missing))
		must(t, s.Writer.AddIndex(ctx, "bare", shared))
		must(t, s.Writer.AddIndex(ctx, "bare", own))
		for range 2 {
			must(t, documents.CopyIndexes(ctx, "indexed", "bare"))
			got, err := s.Writer.Indexes(ctx, "bare")
			wantEqual(t, "Indexes", got, err, []Index{missing, own, shared})
		}
		must(t, documents.CopyIndexes(ctx, "absent", "bare"))
		must(t, documents.CopyIndexes(ctx, "absent", "neither"))
		must(t, documents.CopyIndexes(ctx, "bare", "fresh"))
		got, err := s.Writer.Indexes(ctx, "fresh")
		wantEqual(t, "Indexes of a collection that was not there", got, err, []Index{missing, own, shared})
	})
}

// testContext holds every method to asking its context before it does anything.
func testContext(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o, claim := bare(1, organization.Active), organization.Claim{Key: "acme", ID: id(2), Until: someday()}
	admin, request := organization.Admin{ID: id(3), Email: "a@example.com"}, organization.Request{ID: "r"}
	st := s.Store
	for name, call := range map[string]func() error{
		"Organizations.Find":               func() error { _, err := st.Organizations.Find(ctx, o.ID); return err },
		"Organizations.FindVisible":        func() error { _, err := st.Organizations.FindVisible(ctx, "acme"); return err },
		"Organizations.FindLinearizable":   func() error { _, err := st.Organizations.FindLinearizable(ctx, o.ID); return err },
		"Organizations.FindClaimants":      func() error { _, err := st.Organizations.FindClaimants(ctx, "acme"); return err },
		"Organizations.FindClaimants none": func() error { _, err := st.Organizations.FindClaimants(ctx); return err },
		"Organizations.Insert":             func() error { return st.Organizations.Insert(ctx, o) },
		"Organizations.CompareAndSwap":     func() error { _, err := st.Organizations.CompareAndSwap(ctx, o, o); return err },
		"Organizations.Delete":             func() error { _, err := st.Organizations.Delete(ctx, o); return err },
		"Claims.Find":                      func() error { _, err := st.Claims.Find(ctx, "acme"); return err },
		"Claims.Insert":                    func() error { return st.Claims.Insert(ctx, claim) },
		"Claims.Raise":                     func() error { _, err := st.Claims.Raise(ctx, "acme", id(2), someday(), true); return err },
		"Claims.Settle":                    func() error { _, err := st.Claims.Settle(ctx, []organization.Claim{claim}); return err },
		"Claims.Settle none":               func() error { _, err := st.Claims.Settle(ctx, nil); return err },
		"Claims.Release":                   func() error { return st.Claims.Release(ctx, "acme", id(2), someday()) },
		"Claims.Replace":                   func() error { _, err := st.Claims.Replace(ctx, claim, claim); return err },
		"Claims.Delete":                    func() error { _, err := st.Claims.Delete(ctx, claim); return err },
		"Admins.Find":                      func() error { _, err := st.Admins.Find(ctx, admin.ID); return err },
		"Admins.FindByEmail":               func() error { _, err := st.Admins.FindByEmail(ctx, admin.Email); return err },
		"Admins.Insert":                    func() error { return st.Admins.Insert(ctx, admin) },
		"Admins.Change": func() error {
			_, err := st.Admins.Change(ctx, organization.AdminChange{ID: admin.ID}, id(4))
			return err
		},
		"Admins.Delete":         func() error { return st.Admins.Delete(ctx, admin.ID, o.ID) },
		"Admins.DeleteAll":      func() error { _, err := st.Admins.DeleteAll(ctx, o.ID); return err },
		"Requests.Find":         func() error { _, err := st.Requests.Find(ctx, "r"); return err },
		"Requests.Insert":       func() error { return st.Requests.Insert(ctx, request) },
		"Requests.TakeOver":     func() error { _, err := st.Requests.TakeOver(ctx, request, id(4), someday()); return err },
		"Requests.Finish":       func() error { return st.Requests.Finish(ctx, "r", request.IDs) },
		"Requests.Delete":       func() error { return st.Requests.Delete(ctx, request) },
		"Requests.DeleteBefore": func() error { _, err := st.Requests.DeleteBefore(ctx, someday()); return err },
		"Collections.Find":      func() error { _, err := st.Collections.Find(ctx, "org_acme"); return err },
		"Collections.Find none": func() error { _, err := st.Collections.Find(ctx); return err },
		"Collections.List":      func() error { _, err := st.Collections.List(ctx, "org_"); return err },
		"Collections.Create":    func() error { return st.Collections.Create(ctx, "org_acme") },
		"Collections.Rename":    func() error { return st.Collections.Rename(ctx, "org_acme", "org_globex") },
		"Collections.Drop":      func() error { return st.Collections.Drop(ctx, "org_acme") },
		"Documents.Any":         func() error { _, err := st.Documents.Any(ctx, "org_acme"); return err },
		"Documents.Read":        func() error { _, err := st.Documents.Read(ctx, "org_acme", nil, 1); return err },
		"Documents.Insert":      func() error { return st.Documents.Insert(ctx, "org_acme", StringDocument("a", "1")) },
		"Documents.Delete":      func() error { return st.Documents.Delete(ctx, "org_acme", StringDocument("a", "1")) },
		"Documents.CopyIndexes": func() error { return st.Documents.CopyIndexes(ctx, "org_acme", "org_globex") },
		"Backlog.Organizations": func() error { _, err := st.Backlog.Organizations(ctx, nil, 1); return err },
		"Backlog.Expired":       func() error { _, err := st.Backlog.Expired(ctx, someday(), nil, 1); return err },
		"Backlog.Purgeable":     func() error { _, err := st.Backlog.Purgeable(ctx, someday(), nil, 1); return err },
		"Backlog.Unswept":       func() error { _, err := st.Backlog.Unswept(ctx, someday(), nil, 1); return err },
		"Backlog.Unsettled":     func() error { _, err := st.Backlog.Unsettled(ctx, someday(), nil, 1); return err },
		"Backlog.Claims":        func() error { _, err := st.Backlog.Claims(ctx, nil, 1); return err },
		"Backlog.Admins":        func() error { _, err := st.Backlog.Admins(ctx, nil, 1); return err },
	} {
		if err := call(); !errors.Is(err, context.Canceled) || errors.Is(err, organization.ErrLost) {
			t.Errorf("%s = %v, want %v as it is", name, err, context.Canceled)
		}
	}
	_, err := st.Organizations.Find(t.Context(), o.ID)
	wantErr(t, "Find of what was never sent", err, organization.ErrAbsent)
	_, err = st.Claims.Find(t.Context(), "acme")
	wantErr(t, "Find of what was never sent", err, organization.ErrAbsent)
	found, err := st.Collections.Find(t.Context(), "org_acme")
	if err != nil || len(found) != 0 {
		t.Errorf("Find of what was never made = %v, %v, want none", found, err)
	}
}
