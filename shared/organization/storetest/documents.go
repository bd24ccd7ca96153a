package storetest

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
)

func testDocuments(t *testing.T, s Subject) {
	documents, ctx := s.Store.Documents, t.Context()
	put := func(t *testing.T, collection string, all ...organization.Document) {
		t.Helper()
		for _, d := range all {
			must(t, s.Writer.Put(ctx, collection, d))
		}
	}
	a, b, c := document("a", "1"), document("b", "2"), document("c", "3")

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
			put(t, "many", document("d"+strconv.Itoa(1000+i), "x"))
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
		err := documents.Insert(ctx, "inserted", document("a", "other"))
		wantErr(t, "Insert with other content", err, organization.ErrExists)
		got, err := s.Writer.Documents(ctx, "inserted")
		wantEqual(t, "Documents", got, err, []organization.Document{a})
	})

	t.Run("are not inserted against another unique key", func(t *testing.T) {
		must(t, s.Writer.AddIndex(ctx, "unique", organizationtest.Index{Name: "by_value", Field: "value", Unique: true}))
		must(t, documents.Insert(ctx, "unique", a))
		wantErr(t, "Insert of a taken value", documents.Insert(ctx, "unique", document("b", "1")), organization.ErrExists)
		must(t, documents.Insert(ctx, "unique", a))
		got, err := s.Writer.Documents(ctx, "unique")
		wantEqual(t, "Documents", got, err, []organization.Document{a})
	})

	t.Run("are deleted where they are what was read", func(t *testing.T) {
		put(t, "deleted", a, b)
		must(t, documents.Delete(ctx, "deleted", document("a", "other")))
		got, err := s.Writer.Documents(ctx, "deleted")
		wantEqual(t, "Documents after deleting other content", got, err, []organization.Document{a, b})
		must(t, documents.Delete(ctx, "deleted", a))
		got, err = s.Writer.Documents(ctx, "deleted")
		wantEqual(t, "Documents", got, err, []organization.Document{b})
		must(t, documents.Delete(ctx, "deleted", a))
		must(t, documents.Delete(ctx, "absent", a))
	})

	t.Run("get the indexes that are missing, by name", func(t *testing.T) {
		shared := organizationtest.Index{Name: "shared", Field: "value"}
		own := organizationtest.Index{Name: "own", Field: "other"}
		missing := organizationtest.Index{Name: "missing", Field: "third", Unique: true}
		put(t, "indexed", a)
		put(t, "bare", b)
		must(t, s.Writer.AddIndex(ctx, "indexed", shared))
		must(t, s.Writer.AddIndex(ctx, "indexed", missing))
		must(t, s.Writer.AddIndex(ctx, "bare", shared))
		must(t, s.Writer.AddIndex(ctx, "bare", own))
		for range 2 {
			must(t, documents.CopyIndexes(ctx, "indexed", "bare"))
			got, err := s.Writer.Indexes(ctx, "bare")
			wantEqual(t, "Indexes", got, err, []organizationtest.Index{missing, own, shared})
		}
		must(t, documents.CopyIndexes(ctx, "absent", "bare"))
		must(t, documents.CopyIndexes(ctx, "absent", "neither"))
		must(t, documents.CopyIndexes(ctx, "bare", "fresh"))
		got, err := s.Writer.Indexes(ctx, "fresh")
		wantEqual(t, "Indexes of a collection that was not there", got, err, []organizationtest.Index{missing, own, shared})
	})
}

// testContext holds every method to asking its context before it does anything.
func testContext(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o, claim := bare(1, organization.Active), organization.Claim{Key: "acme", ID: id(2), Until: someday()}
	admin, request := organization.Admin{ID: id(3), Email: "a@example.com"}, organization.Request{ID: "r"}
	st := s.Store
	for name, err := range map[string]error{
		"Organizations.Find":               errOf(st.Organizations.Find(ctx, o.ID)),
		"Organizations.FindVisible":        errOf(st.Organizations.FindVisible(ctx, "acme")),
		"Organizations.FindLinearizable":   errOf(st.Organizations.FindLinearizable(ctx, o.ID)),
		"Organizations.FindClaimants":      errOf(st.Organizations.FindClaimants(ctx, "acme")),
		"Organizations.FindClaimants none": errOf(st.Organizations.FindClaimants(ctx)),
		"Organizations.Insert":             st.Organizations.Insert(ctx, o),
		"Organizations.CompareAndSwap":     errOf(st.Organizations.CompareAndSwap(ctx, o, o)),
		"Organizations.Delete":             errOf(st.Organizations.Delete(ctx, o)),
		"Claims.Find":                      errOf(st.Claims.Find(ctx, "acme")),
		"Claims.Insert":                    st.Claims.Insert(ctx, claim),
		"Claims.Raise":                     errOf(st.Claims.Raise(ctx, "acme", id(2), someday(), true)),
		"Claims.Settle":                    errOf(st.Claims.Settle(ctx, []organization.Claim{claim})),
		"Claims.Settle none":               errOf(st.Claims.Settle(ctx, nil)),
		"Claims.Release":                   st.Claims.Release(ctx, "acme", id(2), someday()),
		"Claims.Replace":                   errOf(st.Claims.Replace(ctx, claim, claim)),
		"Claims.Delete":                    errOf(st.Claims.Delete(ctx, claim)),
		"Admins.Find":                      errOf(st.Admins.Find(ctx, admin.ID)),
		"Admins.FindByEmail":               errOf(st.Admins.FindByEmail(ctx, admin.Email)),
		"Admins.Insert":                    st.Admins.Insert(ctx, admin),
		"Admins.Change":                    errOf(st.Admins.Change(ctx, organization.AdminChange{ID: admin.ID}, id(4))),
		"Admins.Delete":                    st.Admins.Delete(ctx, admin.ID, o.ID),
		"Admins.DeleteAll":                 errOf(st.Admins.DeleteAll(ctx, o.ID)),
		"Requests.Find":                    errOf(st.Requests.Find(ctx, "r")),
		"Requests.Insert":                  st.Requests.Insert(ctx, request),
		"Requests.TakeOver":                errOf(st.Requests.TakeOver(ctx, request, id(4), someday())),
		"Requests.Finish":                  st.Requests.Finish(ctx, "r", request.IDs),
		"Requests.Delete":                  st.Requests.Delete(ctx, request),
		"Requests.DeleteBefore":            errOf(st.Requests.DeleteBefore(ctx, someday())),
		"Collections.Find":                 errOf(st.Collections.Find(ctx, "org_acme")),
		"Collections.Find none":            errOf(st.Collections.Find(ctx)),
		"Collections.List":                 errOf(st.Collections.List(ctx, "org_")),
		"Collections.Create":               st.Collections.Create(ctx, "org_acme"),
		"Collections.Rename":               st.Collections.Rename(ctx, "org_acme", "org_globex"),
		"Collections.Drop":                 st.Collections.Drop(ctx, "org_acme"),
		"Documents.Any":                    errOf(st.Documents.Any(ctx, "org_acme")),
		"Documents.Read":                   errOf(st.Documents.Read(ctx, "org_acme", nil, 1)),
		"Documents.Insert":                 st.Documents.Insert(ctx, "org_acme", document("a", "1")),
		"Documents.Delete":                 st.Documents.Delete(ctx, "org_acme", document("a", "1")),
		"Documents.CopyIndexes":            st.Documents.CopyIndexes(ctx, "org_acme", "org_globex"),
		"Backlog.Organizations":            errOf(st.Backlog.Organizations(ctx, nil, 1)),
		"Backlog.Expired":                  errOf(st.Backlog.Expired(ctx, someday(), nil, 1)),
		"Backlog.Purgeable":                errOf(st.Backlog.Purgeable(ctx, someday(), nil, 1)),
		"Backlog.Unswept":                  errOf(st.Backlog.Unswept(ctx, someday(), nil, 1)),
		"Backlog.Unsettled":                errOf(st.Backlog.Unsettled(ctx, someday(), nil, 1)),
		"Backlog.Claims":                   errOf(st.Backlog.Claims(ctx, nil, 1)),
		"Backlog.Admins":                   errOf(st.Backlog.Admins(ctx, nil, 1)),
	} {
		if !errors.Is(err, context.Canceled) || errors.Is(err, organization.ErrLost) {
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

func errOf[T any](_ T, err error) error { return err }
