package embedded

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite", the one that FerretDB uses
)

// The layout that FerretDB 1.24.2 gives a SQLite file (its package
// internal/backends/sqlite/metadata): a table of collections, and for each of them a table of
// one column that holds whole documents, with indexes over expressions on it.
const (
	metadataTable  = "_ferretdb_collections"
	documentColumn = "_ferretdb_sjson"
	idIndex        = "_id_"
)

// manyCollections is from where on a database here takes longer than people wait: FerretDB
// reads a whole collection for every filter but {_id: …}, and SQLite its whole catalog whenever
// that has changed. The figures are in ../../organization/figures.md.
const manyCollections = 1000

// repairDir brings every database file in dir to a state that FerretDB can go on from. FerretDB
// makes and drops things in several SQLite transactions, so that a process killed between two of
// them leaves halves, which FerretDB itself never clears: a table without an entry forbids its
// collection's name for good, an index without an entry forbids the index, and a collection
// without the entry of its _id index takes two documents of one _id. None of what is cleared
// here was ever acknowledged.
func repairDir(ctx context.Context, dir string, log *slog.Logger) error {
	// Not filepath.Glob, for which a folder's own name could be a pattern.
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading the data folder: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() || filepath.Ext(e.Name()) != ".sqlite" {
			continue
		}
		if err := repairFile(ctx, filepath.Join(dir, e.Name()), log); err != nil {
			return fmt.Errorf("repairing the database file %s: %w", e.Name(), err)
		}
	}
	return nil
}

func repairFile(ctx context.Context, file string, log *slog.Logger) error {
	// synchronous(full): what FerretDB will find must be on the disk before it opens the file.
	uri := url.URL{
		Scheme: "file", Opaque: file,
		RawQuery: "_pragma=busy_timeout(10000)&_pragma=synchronous(full)&_txlock=immediate",
	}
	db, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	empty, err := repairDatabase(ctx, db, log.With(slog.String("file", filepath.Base(file))))
	// Closing also ends what is left in the write-ahead log, so it has to succeed.
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if !empty {
		return nil
	}
	// A kill came before FerretDB made its first table. FerretDB would refuse to start.
	log.LogAttrs(ctx, slog.LevelWarn, "empty database file removed", slog.String("file", filepath.Base(file)))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(file + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// repairDatabase repairs db in one transaction. It reports whether there is nothing at all in it.
func repairDatabase(ctx context.Context, db *sql.DB, log *slog.Logger) (empty bool, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit

	r := repair{tx: tx, log: log}
	tables, err := r.names(ctx, "SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		return false, err
	}
	tables = slices.DeleteFunc(tables, func(name string) bool {
		return strings.HasPrefix(name, "sqlite_") // SQLite's own
	})
	if len(tables) == 0 {
		return true, nil
	}
	if !slices.Contains(tables, metadataTable) {
		return false, fmt.Errorf("it has tables but no %s: it was not made by this database, and is left as it is",
			metadataTable)
	}
	collections, err := r.collections(ctx)
	if err != nil {
		return false, err
	}
	if len(collections) > manyCollections {
		log.LogAttrs(ctx, slog.LevelWarn, "more collections than this database is good for: with every further one "+
			"everything takes longer; MONGO_URI takes a MongoDB",
			slog.Int("collections", len(collections)), slog.Int("good_for", manyCollections))
	}
	known := map[string]bool{metadataTable: true}
	for _, c := range collections {
		known[c.table] = true
		if err := r.collection(ctx, c, slices.Contains(tables, c.table)); err != nil {
			return false, fmt.Errorf("collection %s: %w", c.name, err)
		}
	}
	for _, name := range tables {
		if known[name] {
			continue
		}
		log.LogAttrs(ctx, slog.LevelWarn, "orphan table dropped", slog.String("table", name))
		if err := r.exec(ctx, "DROP TABLE "+quote(name)); err != nil {
			return false, err
		}
	}
	return false, tx.Commit()
}

// repair is the repair of one file.
type repair struct {
	tx  *sql.Tx
	log *slog.Logger
}

// collection is an entry of FerretDB's metadata.
type collection struct {
	name     string
	key      string // table_name as the entry has it
	table    string // the table's real name
	settings settings
}

// settings is FerretDB's metadata.Settings.
type settings struct {
	UUID            string  `json:"uuid"`
	Indexes         []index `json:"indexes"`
	CappedSize      int64   `json:"cappedSize"`
	CappedDocuments int64   `json:"cappedDocuments"`
}

type index struct {
	Name   string     `json:"name"`
	Key    []indexKey `json:"key"`
	Unique bool       `json:"unique"`
}

type indexKey struct {
	Field      string `json:"field"`
	Descending bool   `json:"descending"`
}

func (r repair) collections(ctx context.Context) ([]collection, error) {
	rows, err := r.tx.QueryContext(ctx, "SELECT name, table_name, settings FROM "+metadataTable)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []collection
	for rows.Next() {
		var c collection
		var raw string
		if err := rows.Scan(&c.name, &c.key, &raw); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(raw), &c.settings); err != nil {
			return nil, fmt.Errorf("settings of collection %s: %w", c.name, err)
		}
		c.table = realName(c.key)
		all = append(all, c)
	}
	return all, rows.Err()
}

// collection makes c's entry, table and indexes agree.
func (r repair) collection(ctx context.Context, c collection, tableThere bool) error {
	if !tableThere {
		// FerretDB makes the table before the entry and drops it after the entry, so no kill
		// leaves this; whatever did, the entry alone makes every command on the name fail.
		r.log.LogAttrs(ctx, slog.LevelWarn, "collection without a table forgotten", slog.String("collection", c.name))
		return r.exec(ctx, "DELETE FROM "+metadataTable+" WHERE table_name = ?", c.key)
	}
	if !slices.ContainsFunc(c.settings.Indexes, func(i index) bool { return i.Name == idIndex }) {
		gone, err := r.halfCreated(ctx, &c)
		if gone || err != nil {
			return err
		}
	}

	there, err := r.names(ctx, "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND "+
		"tbl_name = ?", c.table)
	if err != nil {
		return err
	}
	for _, i := range c.settings.Indexes {
		name := realName(c.key + "_" + i.Name)
		if at := slices.Index(there, name); at >= 0 {
			there = slices.Delete(there, at, at+1)
			continue
		}
		// A kill within dropIndexes, which drops the index before its entry. The drop was not
		// acknowledged, so the index, and what it keeps unique, is still promised.
		r.log.LogAttrs(ctx, slog.LevelWarn, "missing index made again", slog.String("index", name))
		if err := r.exec(ctx, createIndex(c.table, name, i)); err != nil {
			return err
		}
	}
	for _, name := range there {
		// A kill within createIndexes, which makes the index before its entry.
		r.log.LogAttrs(ctx, slog.LevelWarn, "orphan index dropped", slog.String("index", name))
		if err := r.exec(ctx, "DROP INDEX "+quote(name)); err != nil {
			return err
		}
	}
	return nil
}

// halfCreated ends what a kill within create left undone: the entry is there, but not its id and
// its _id index. An empty collection was never acknowledged, and goes. One with documents (a
// disk that was full, a version without this repair) is completed, so that c says what it shall
// have.
func (r repair) halfCreated(ctx context.Context, c *collection) (gone bool, err error) {
	var one int
	err = r.tx.QueryRowContext(ctx, "SELECT 1 FROM "+quote(c.table)+" LIMIT 1").Scan(&one)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		r.log.LogAttrs(ctx, slog.LevelWarn, "half-made collection dropped", slog.String("collection", c.name))
		if err := r.exec(ctx, "DROP TABLE "+quote(c.table)); err != nil {
			return true, err
		}
		return true, r.exec(ctx, "DELETE FROM "+metadataTable+" WHERE table_name = ?", c.key)
	case err != nil:
		return false, err
	}
	r.log.LogAttrs(ctx, slog.LevelWarn, "half-made collection completed", slog.String("collection", c.name))
	if c.settings.UUID == "" {
		c.settings.UUID = newUUID()
	}
	c.settings.Indexes = append(c.settings.Indexes, index{Name: idIndex, Key: []indexKey{{Field: "_id"}}, Unique: true})
	raw, err := json.Marshal(c.settings)
	if err != nil {
		return false, err
	}
	return false, r.exec(ctx, "UPDATE "+metadataTable+" SET settings = ? WHERE table_name = ?", string(raw), c.key)
}

func (r repair) names(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := r.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

func (r repair) exec(ctx context.Context, statement string, args ...any) error {
	_, err := r.tx.ExecContext(ctx, statement, args...)
	return err
}

// createIndex is the statement with which FerretDB makes an index.
func createIndex(table, name string, i index) string {
	columns := make([]string, len(i.Key))
	for n, k := range i.Key {
		var b strings.Builder
		b.WriteString(documentColumn)
		for part := range strings.SplitSeq(k.Field, ".") {
			b.WriteString("->" + quote(realName(part)))
		}
		if k.Descending {
			b.WriteString(" DESC")
		}
		columns[n] = b.String()
	}
	unique := ""
	if i.Unique {
		unique = "UNIQUE "
	}
	return fmt.Sprintf("CREATE %sINDEX %s ON %s (%s)", unique, quote(name), quote(table), strings.Join(columns, ", "))
}

// realName is the name that a table or index got when FerretDB was asked for name. FerretDB
// quotes names as Go does (%q), so that SQLite takes Go's escape sequences for part of the name.
func realName(name string) string {
	q := strconv.Quote(name)
	return q[1 : len(q)-1]
}

// quote quotes a name as SQLite has it: https://www.sqlite.org/lang_keywords.html.
func quote(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// newUUID returns a random UUID, version 4 of RFC 9562, section 5.4.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
