package embedded

import (
	"context"
	"log/slog"
	"net/url"
	"sync"

	"github.com/FerretDB/FerretDB/ferretdb"
)

// ferretNew serialises calls of ferretdb.New, which writes a variable of its package.
var ferretNew sync.Mutex //nolint:gochecknoglobals // guards a variable that is global in FerretDB

// newFerret opens the SQLite files in dir, an absolute name, and listens on socket.
//
// What it is told of SQLite (https://www.sqlite.org/pragma.html) are FerretDB's own defaults and,
// where synced is set, synchronous(full), SQLite's: a write-ahead log that is synchronised at each
// commit, so that what was acknowledged survives a loss of power too. FerretDB's telemetry is off in this form
// of it: ferretdb.New makes no reporter, and keeps its state in memory.
func newFerret(dir, socket string, log *slog.Logger, synced bool) (*ferretdb.FerretDB, error) {
	synchronous := "synchronous(off)"
	if synced {
		synchronous = "synchronous(full)"
	}
	files := url.URL{Scheme: "file", Path: dir + "/", RawQuery: url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(wal)", synchronous,
	}}.Encode()}

	ferretNew.Lock()
	defer ferretNew.Unlock()
	return ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{Unix: socket},
		Logger:    slog.New(errorsOnly{log.Handler()}),
		Handler:   "sqlite",
		SQLiteURL: files.String(),
	})
}

// errorsOnly passes records of errors on. FerretDB warns of every command that it refuses, a
// duplicate key among them, and of every connection that ends, with the messages in full.
type errorsOnly struct{ slog.Handler }

func (h errorsOnly) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelError && h.Handler.Enabled(ctx, l)
}

func (h errorsOnly) WithAttrs(attrs []slog.Attr) slog.Handler {
	return errorsOnly{h.Handler.WithAttrs(attrs)}
}

func (h errorsOnly) WithGroup(name string) slog.Handler {
	return errorsOnly{h.Handler.WithGroup(name)}
}
