package embedded_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"oms/shared/mongo/embedded"
	"oms/shared/must"
)

// mustExec runs statements in the SQLite file of the database "oms" in dir.
func mustExec(tb testing.TB, dir string, statements ...string) {
	tb.Helper()
	db := must.Get(sql.Open("sqlite", "file:"+filepath.Join(dir, "oms.sqlite")))(tb)
	for _, s := range statements {
		must.Do(tb, must.Err(db.ExecContext(tb.Context(), s)))
	}
	must.Do(tb, db.Close())
}

// mustTable returns the SQLite table of a collection.
func mustTable(tb testing.TB, dir, coll string) string {
	tb.Helper()
	db := must.Get(sql.Open("sqlite", "file:"+filepath.Join(dir, "oms.sqlite")))(tb)
	defer func() { _ = db.Close() }()
	var table string
	must.Do(tb, db.QueryRowContext(tb.Context(), "SELECT table_name FROM _ferretdb_collections WHERE name = ?", coll).
		Scan(&table))
	return table
}

// mustIndex makes an index on a.b, a nested field, descending.
func mustIndex(tb testing.TB, c *mongo.Collection, unique bool) {
	tb.Helper()
	must.Do(tb, must.Err(c.Indexes().CreateOne(tb.Context(), mongo.IndexModel{
		Keys: bson.D{{Key: "a.b", Value: -1}}, Options: options.Index().SetUnique(unique).SetName("a.b_index"),
	})))
}

func mustRefuseDuplicate(tb testing.TB, c *mongo.Collection, doc any) {
	tb.Helper()
	if _, err := c.InsertOne(tb.Context(), doc); !mongo.IsDuplicateKeyError(err) {
		tb.Errorf("insert of a duplicate: %v, want a duplicate key error", err)
	}
}

// TestStart_ClearsWhatAKillLeft makes, with the statements of FerretDB, the halves that a kill
// between two of them leaves. The collection "hurt" is made with a unique index on a.b, and with
// the document {_id: 1, a: {b: 1}} unless empty.
func TestStart_ClearsWhatAKillLeft(t *testing.T) {
	t.Parallel()
	const entry = `_ferretdb_collections WHERE name = 'hurt'`
	usable := func(t *testing.T, c *mongo.Collection) {
		t.Helper()
		must.Do(t, c.Database().CreateCollection(t.Context(), c.Name()))
		mustInsert(t, c, bson.M{"_id": 1})
		mustRefuseDuplicate(t, c, bson.M{"_id": 1})
		mustIndex(t, c, true)
	}
	kept := func(t *testing.T, c *mongo.Collection) {
		t.Helper()
		if n := mustCount(t, c, bson.M{"_id": 1}); n != 1 {
			t.Errorf("%d documents, want 1", n)
		}
		mustRefuseDuplicate(t, c, bson.M{"_id": 1})
	}
	tests := map[string]struct {
		empty bool
		hurt  func(table string) []string
		check func(*testing.T, *mongo.Collection)
		warns []string
	}{
		"a drop after its entry is gone": {
			hurt:  func(string) []string { return []string{`DELETE FROM ` + entry} },
			check: usable, warns: []string{"orphan table dropped"},
		},
		"a create before its entry is there": {
			empty: true,
			hurt: func(table string) []string {
				return []string{
					`DROP INDEX "` + table + `__id_"`, `DROP INDEX "` + table + `_a.b_index"`, `DELETE FROM ` + entry,
				}
			},
			check: usable, warns: []string{"orphan table dropped"},
		},
		"a create before its _id index": {
			empty: true,
			hurt: func(table string) []string {
				return []string{
					`UPDATE _ferretdb_collections SET settings = '{}' WHERE name = 'hurt'`,
					`DROP INDEX "` + table + `__id_"`, `DROP INDEX "` + table + `_a.b_index"`,
				}
			},
			check: usable, warns: []string{"half-made collection dropped"},
		},
		"a create before the entry of its _id index": {
			empty: true,
			hurt: func(table string) []string {
				return []string{
					`UPDATE _ferretdb_collections SET settings = '{}' WHERE name = 'hurt'`, `DROP INDEX "` + table +
						`_a.b_index"`,
				}
			},
			check: usable, warns: []string{"half-made collection dropped"},
		},
		"a half-made collection that got documents": {
			hurt: func(table string) []string {
				return []string{
					`UPDATE _ferretdb_collections SET settings = '{}' WHERE name = 'hurt'`,
					`DROP INDEX "` + table + `__id_"`, `DROP INDEX "` + table + `_a.b_index"`,
				}
			},
			check: func(t *testing.T, c *mongo.Collection) {
				t.Helper()
				kept(t, c)
				mustIndex(t, c, true)
				specs, err := c.Database().ListCollectionSpecifications(t.Context(), bson.M{"name": "hurt"})
				if err != nil || len(specs) != 1 || specs[0].UUID == nil || len(specs[0].UUID.Data) != 16 {
					t.Errorf("listCollections: %+v, %v, want one with a uuid", specs, err)
				}
			},
			warns: []string{"half-made collection completed", "missing index made again"},
		},
		"a createIndexes before its entry": {
			hurt: func(string) []string {
				return []string{`UPDATE _ferretdb_collections SET settings = json_remove(settings, '$.indexes[1]') ` +
					`WHERE name = 'hurt'`}
			},
			check: func(t *testing.T, c *mongo.Collection) {
				t.Helper()
				kept(t, c)
				mustIndex(t, c, false)
				mustInsert(t, c, bson.M{"_id": 2, "a": bson.M{"b": 1}}) // the unique one is gone
			},
			warns: []string{"orphan index dropped"},
		},
		"a dropIndexes before its entry": {
			hurt: func(table string) []string { return []string{`DROP INDEX "` + table + `_a.b_index"`} },
			check: func(t *testing.T, c *mongo.Collection) {
				t.Helper()
				kept(t, c)
				mustRefuseDuplicate(t, c, bson.M{"_id": 2, "a": bson.M{"b": 1}})
				must.Do(t, c.Indexes().DropOne(t.Context(), "a.b_index"))
			},
			warns: []string{"missing index made again"},
		},
		"an entry without its table": {
			hurt:  func(table string) []string { return []string{`DROP TABLE "` + table + `"`} },
			check: usable, warns: []string{"collection without a table forgotten"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := mustStart(t, dir, nil)
			db := newDatabase(t, s.URI())
			mustInsert(t, db.Collection("other"), bson.M{"_id": 1}, bson.M{"_id": 2})
			mustIndex(t, db.Collection("hurt"), true)
			if !tt.empty {
				mustInsert(t, db.Collection("hurt"), bson.M{"_id": 1, "a": bson.M{"b": 1}})
			}
			mustClose(t, s)
			mustExec(t, dir, tt.hurt(mustTable(t, dir, "hurt"))...)

			log, seen := newRecords()
			again := mustStart(t, dir, log)
			db = newDatabase(t, again.URI())
			tt.check(t, db.Collection("hurt"))
			if n := mustCount(t, db.Collection("other"), bson.M{}); n != 2 {
				t.Errorf("the collection beside it has %d documents, want 2", n)
			}
			if diff := cmp.Diff(tt.warns, seen.warnings()); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			mustClose(t, again)
			log, seen = newRecords()
			mustStart(t, dir, log)
			if again := seen.warnings(); again != nil {
				t.Errorf("the next start repairs again: %q", again)
			}
		})
	}
}

func TestStart_RepairsNothingInAHealthyFolder(t *testing.T) {
	t.Parallel()
	// A folder that is not there yet, with a space in its name.
	dir := filepath.Join(t.TempDir(), "a b", "data")
	s := mustStart(t, dir, nil)
	db := newDatabase(t, s.URI())
	names := []string{
		"plain", "MiXed", "with space", "a-b.c", "тест", "tab\tin it", `back\slash`, "100%", "it's", "a\u00adb",
		"emoji😀",
	}
	for _, name := range names {
		mustIndex(t, db.Collection(name), true)
		mustInsert(t, db.Collection(name), bson.M{"_id": name})
	}
	must.Do(t, db.CreateCollection(t.Context(), "capped", options.CreateCollection().SetCapped(true).
		SetSizeInBytes(1<<20)))
	rename := bson.D{{Key: "renameCollection", Value: "oms.plain"}, {Key: "to", Value: "oms.renamed"}}
	must.Do(t, db.Client().Database("admin").RunCommand(t.Context(), rename).Err())
	mustInsert(t, db.Collection("plain"), bson.M{"_id": "second of its name"})
	mustClose(t, s)

	log, seen := newRecords()
	db = newDatabase(t, mustStart(t, dir, log).URI())
	if got := seen.warnings(); got != nil {
		t.Errorf("repairs of a healthy folder: %q", got)
	}
	for _, name := range append(names, "renamed") {
		if n := mustCount(t, db.Collection(name), bson.M{}); n != 1 {
			t.Errorf("collection %q has %d documents, want 1", name, n)
		}
	}
}

func TestStart_WarnsOfMoreThanItIsGoodFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustStart(t, dir, nil)
	mustInsert(t, newDatabase(t, s.URI()).Collection("first"), bson.M{"_id": 1})
	mustClose(t, s)
	mustExec(t, dir, "INSERT INTO _ferretdb_collections "+
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "+
		"SELECT 'many ' || i, 'many_' || i, settings FROM n, _ferretdb_collections WHERE name = 'first'")
	log, seen := newRecords()
	mustStart(t, dir, log)
	got := seen.warnings()
	if got == nil || !strings.HasPrefix(got[0], "more collections than this database is good for") {
		t.Errorf("warnings: %.300q, want one of 1001 collections", got)
	}
}

func TestStart_RemovesADatabaseFileThatNeverGotATable(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"of no bytes":  nil,
		"of no tables": {"PRAGMA journal_mode = wal", "PRAGMA user_version = 1"},
	}
	for name, statements := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			must.Do(t, os.WriteFile(filepath.Join(dir, "oms.sqlite"), nil, 0o600))
			mustExec(t, dir, statements...)
			s := mustStart(t, dir, nil)
			mustInsert(t, newDatabase(t, s.URI()).Collection("things"), bson.M{"_id": 1})
		})
	}
}

func TestStart_LeavesAStrangersDatabaseAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mustExec(t, dir, "CREATE TABLE precious (x)")
	before := must.Get(os.ReadFile(filepath.Join(dir, "oms.sqlite")))(t) //nolint:gosec // a test's own folder
	_, err := embedded.Start(t.Context(), dir, "127.0.0.1:0", nil)
	if err == nil || !strings.Contains(err.Error(), "oms.sqlite") || !strings.Contains(err.Error(),
		"was not made by this database") {
		t.Errorf("Start = %v, want a refusal that names the file", err)
	}
	after := must.Get(os.ReadFile(filepath.Join(dir, "oms.sqlite")))(t) //nolint:gosec // a test's own folder
	if !cmp.Equal(before, after) {
		t.Error("the file was changed")
	}
}
