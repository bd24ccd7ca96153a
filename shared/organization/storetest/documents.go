package storetest

import (
	"strconv"
	"testing"

	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
)

func testDocuments(t *testing.T, s Subject) {
	documents, ctx := s.Store.Documents, t.Context()
	put := func(t *testing.T, collection string, all ...organization.Document) {
		t.Helper()
		for _, d := range all {
			must.Do(t, s.Writer.Put(ctx, collection, d))
		}
	}
	a, b, c := document("a", "1"), document("b", "2"), document("c", "3")

	t.Run("are there or not", func(t *testing.T) {
		expect(t, "Any of no collection", false)(documents.Any(ctx, "any"))
		must.Do(t, s.Store.Collections.Create(ctx, "any"))
		expect(t, "Any of an empty collection", false)(documents.Any(ctx, "any"))
		put(t, "any", a)
		expect(t, "Any", true)(documents.Any(ctx, "any"))
	})

	t.Run("are read in the order of _id, page by page", func(t *testing.T) {
		got, err := documents.Read(ctx, "read", nil, 10)
		expect(t, "Read of no collection", 0)(len(got), err)
		put(t, "read", c, a, b)
		expect(t, "Read", []organization.Document{a, b, c})(documents.Read(ctx, "read", nil, 10))
		expect(t, "Read of two", []organization.Document{a, b})(documents.Read(ctx, "read", nil, 2))
		expect(t, "Read of the rest", []organization.Document{c})(documents.Read(ctx, "read", b.ID, 2))
		got, err = documents.Read(ctx, "read", c.ID, 2)
		expect(t, "Read after the last", 0)(len(got), err)
	})

	t.Run("are read in pages of more than a server's first batch", func(t *testing.T) {
		const n = 250
		for i := range n {
			put(t, "many", document("d"+strconv.Itoa(1000+i), "x"))
		}
		got, err := documents.Read(ctx, "many", nil, 2*n)
		expect(t, "Read of many", n)(len(got), err)
	})

	t.Run("are inserted, once and again", func(t *testing.T) {
		for range 2 {
			must.Do(t, documents.Insert(ctx, "inserted", a))
			expect(t, "Documents", []organization.Document{a})(s.Writer.Documents(ctx, "inserted"))
		}
		err := documents.Insert(ctx, "inserted", document("a", "other"))
		wantErr(t, "Insert with other content", err, organization.ErrExists)
		expect(t, "Documents", []organization.Document{a})(s.Writer.Documents(ctx, "inserted"))
	})

	t.Run("are not inserted against another unique key", func(t *testing.T) {
		must.Do(t, s.Writer.AddIndex(ctx, "unique", organizationtest.Index{
			Name: "by_value", Field: "value", Unique: true,
		}))
		must.Do(t, documents.Insert(ctx, "unique", a))
		wantErr(t, "Insert of a taken value", documents.Insert(ctx, "unique", document("b", "1")),
			organization.ErrExists)
		must.Do(t, documents.Insert(ctx, "unique", a))
		expect(t, "Documents", []organization.Document{a})(s.Writer.Documents(ctx, "unique"))
	})

	t.Run("are deleted where they are what was read", func(t *testing.T) {
		put(t, "deleted", a, b)
		must.Do(t, documents.Delete(ctx, "deleted", document("a", "other")))
		expect(t, "Documents after deleting other content", []organization.Document{a, b})(
			s.Writer.Documents(ctx, "deleted"))
		must.Do(t, documents.Delete(ctx, "deleted", a))
		expect(t, "Documents", []organization.Document{b})(s.Writer.Documents(ctx, "deleted"))
		must.Do(t, documents.Delete(ctx, "deleted", a))
		must.Do(t, documents.Delete(ctx, "absent", a))
	})

	t.Run("get the indexes that are missing, by name", func(t *testing.T) {
		shared := organizationtest.Index{Name: "shared", Field: "value"}
		own := organizationtest.Index{Name: "own", Field: "other"}
		missing := organizationtest.Index{Name: "missing", Field: "third", Unique: true}
		put(t, "indexed", a)
		put(t, "bare", b)
		must.Do(t, s.Writer.AddIndex(ctx, "indexed", shared))
		must.Do(t, s.Writer.AddIndex(ctx, "indexed", missing))
		must.Do(t, s.Writer.AddIndex(ctx, "bare", shared))
		must.Do(t, s.Writer.AddIndex(ctx, "bare", own))
		for range 2 {
			must.Do(t, documents.CopyIndexes(ctx, "indexed", "bare"))
			expect(t, "Indexes", []organizationtest.Index{missing, own, shared})(s.Writer.Indexes(ctx, "bare"))
		}
		must.Do(t, documents.CopyIndexes(ctx, "absent", "bare"))
		must.Do(t, documents.CopyIndexes(ctx, "absent", "neither"))
		must.Do(t, documents.CopyIndexes(ctx, "bare", "fresh"))
		expect(t, "Indexes of a collection that was not there", []organizationtest.Index{missing, own, shared})(
			s.Writer.Indexes(ctx, "fresh"))
	})
}
