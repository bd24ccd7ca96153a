package storetest

import (
	"errors"
	"slices"
	"strconv"
	"testing"

	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
)

func testCollections(t *testing.T, s Subject) {
	collections, ctx := s.Store.Collections, t.Context()
	find := func(t *testing.T, name string) (organization.Collection, bool) {
		t.Helper()
		c, there := must.Get(collections.Find(ctx, name))(t)[name]
		return c, there
	}
	absent := func(t *testing.T, name string) {
		t.Helper()
		if _, there := find(t, name); there {
			t.Errorf("%s is there, want none", name)
		}
	}

	t.Run("are made once, and empty", func(t *testing.T) {
		must.Do(t, collections.Create(ctx, "org_made"))
		wantErr(t, "Create again", collections.Create(ctx, "org_made"), organization.ErrExists)
		must.Do(t, s.Writer.Put(ctx, "org_made", document("a", "1")))
		wantErr(t, "Create of one with documents", collections.Create(ctx, "org_made"), organization.ErrExists)
		expect(t, "Documents", []organization.Document{document("a", "1")})(s.Writer.Documents(ctx, "org_made"))
	})

	t.Run("are found by name", func(t *testing.T) {
		must.Do(t, collections.Create(ctx, "org_found"))
		must.Do(t, collections.Create(ctx, "org_found2"))
		found, err := collections.Find(ctx, "org_found", "org_absent", "org_found2")
		if err != nil || len(found) != 2 ||
			found["org_found"].Name != "org_found" || found["org_found2"].Name != "org_found2" {
			t.Errorf("Find = %v, %v, want those two that are there", found, err)
		}
		if a, b := found["org_found"].UUID, found["org_found2"].UUID; a != "" && a == b {
			t.Errorf("two collections have the UUID %q", a)
		}
		found, err = collections.Find(ctx, "org_foun")
		expect(t, "Find of a name's beginning", 0)(len(found), err)
		found, err = collections.Find(ctx)
		expect(t, "Find of no names", 0)(len(found), err)
	})

	t.Run("are listed by prefix, sorted", func(t *testing.T) {
		for _, name := range []string{"trash_b", "trash_a", "trashcan", "trash_"} {
			must.Do(t, collections.Create(ctx, name))
		}
		expect(t, "List", []string{"trash_", "trash_a", "trash_b"})(collections.List(ctx, "trash_"))
		names, err := collections.List(ctx, "nothing_")
		expect(t, "List of no collections", 0)(len(names), err)
		names, err = collections.List(ctx, "")
		must.Do(t, err)
		if !slices.IsSorted(names) {
			t.Errorf("List of all = %v, want them sorted", names)
		}
		for _, name := range []string{"trash_", "trash_a", "trash_b", "trashcan", "org_made"} {
			if !slices.Contains(names, name) {
				t.Errorf("List of all = %v, want %s among them", names, name)
			}
		}
	})

	t.Run("move with their documents, indexes and UUID", func(t *testing.T) {
		documents := []organization.Document{document("a", "1"), document("b", "2")}
		for _, d := range documents {
			must.Do(t, s.Writer.Put(ctx, "org_from", d))
		}
		index := organizationtest.Index{Name: "by_value", Field: "value", Unique: true}
		must.Do(t, s.Writer.AddIndex(ctx, "org_from", index))
		before, _ := find(t, "org_from")

		must.Do(t, collections.Rename(ctx, "org_from", "org_to"))
		absent(t, "org_from")
		after, there := find(t, "org_to")
		if !there || after.UUID != before.UUID {
			t.Errorf("Find of the target = %v, want it with the UUID %q", after, before.UUID)
		}
		expect(t, "Documents", documents)(s.Writer.Documents(ctx, "org_to"))
		expect(t, "Indexes", []organizationtest.Index{index})(s.Writer.Indexes(ctx, "org_to"))
		if err := s.Writer.Put(ctx, "org_to", document("c", "2")); err == nil {
			t.Error("Put of a taken value succeeded: the unique index holds nothing any more")
		}
	})

	t.Run("come back under the old name where a writer puts something there", func(t *testing.T) {
		must.Do(t, s.Writer.Put(ctx, "org_old", document("a", "1")))
		must.Do(t, collections.Rename(ctx, "org_old", "org_new"))
		must.Do(t, s.Writer.Put(ctx, "org_old", document("b", "2")))
		old, _ := find(t, "org_old")
		moved, _ := find(t, "org_new")
		if old.Name == "" || old.UUID != "" && old.UUID == moved.UUID {
			t.Errorf("Find of the old name = %v, want a collection of its own beside %v", old, moved)
		}
		expect(t, "Documents of the old name", []organization.Document{document("b", "2")})(
			s.Writer.Documents(ctx, "org_old"))
		expect(t, "Documents of the new name", []organization.Document{document("a", "1")})(
			s.Writer.Documents(ctx, "org_new"))
	})

	t.Run("do not move onto another", func(t *testing.T) {
		must.Do(t, s.Writer.Put(ctx, "org_mover", document("a", "1")))
		must.Do(t, s.Writer.Put(ctx, "org_target", document("b", "2")))
		must.Do(t, collections.Create(ctx, "org_empty"))
		err := collections.Rename(ctx, "org_mover", "org_target")
		wantErr(t, "Rename onto one with documents", err, organization.ErrExists)
		wantErr(t, "Rename onto an empty one", collections.Rename(ctx, "org_mover", "org_empty"),
			organization.ErrExists)
		wantErr(t, "Rename onto itself", collections.Rename(ctx, "org_mover", "org_mover"), organization.ErrExists)
		expect(t, "Documents of the source", []organization.Document{document("a", "1")})(
			s.Writer.Documents(ctx, "org_mover"))
		expect(t, "Documents of the target", []organization.Document{document("b", "2")})(
			s.Writer.Documents(ctx, "org_target"))
	})

	t.Run("do not move where they are not", func(t *testing.T) {
		wantErr(t, "Rename of none", collections.Rename(ctx, "org_missing", "org_never"), organization.ErrAbsent)
		absent(t, "org_never")
		must.Do(t, collections.Create(ctx, "org_there"))
		err := collections.Rename(ctx, "org_missing", "org_missing")
		wantErr(t, "Rename of none onto itself", err, organization.ErrAbsent)
		wantErr(t, "Rename of none onto one", collections.Rename(ctx, "org_missing", "org_there"),
			organization.ErrAbsent)
	})

	t.Run("are dropped, where they are there", func(t *testing.T) {
		must.Do(t, s.Writer.Put(ctx, "org_dropped", document("a", "1")))
		must.Do(t, collections.Drop(ctx, "org_dropped"))
		absent(t, "org_dropped")
		must.Do(t, collections.Drop(ctx, "org_dropped"))
		must.Do(t, collections.Create(ctx, "org_dropped"))
	})

	if s.LooseRenames {
		return
	}
	t.Run("are moved by one of many", func(t *testing.T) {
		for round := range rounds {
			from := "org_race" + strconv.Itoa(round)
			must.Do(t, collections.Create(ctx, from))
			race(t, "for a collection", func(i byte) (bool, error) {
				err := collections.Rename(ctx, from, from+"_"+strconv.Itoa(int(i)))
				if errors.Is(err, organization.ErrAbsent) {
					return false, nil
				}
				return err == nil, err
			})
		}
	})
}
