// Package embedded is a database for local runs and tests: a server of the MongoDB wire protocol
// inside this process, which keeps everything in one folder. It is FerretDB 1.24.2 on SQLite,
// made fit for several writers at once and for sudden death:
//
//   - clients reach it only through a gate that lets one write through at a time, because
//     FerretDB's updates are not atomic;
//   - where it was given a password, it asks each client for that, which FerretDB does not;
//   - a write that still waits when its client's connection closes is dropped, and one that
//     waited longer than its maxTimeMS is refused;
//   - what a kill in the middle of create, drop or createIndexes left is cleared before FerretDB
//     opens the folder;
//   - one process at a time serves a folder.
//
// An acknowledged write survives a kill of the process and a loss of power: each is synchronised
// to the disk before the answer.
//
// It refuses to be a production database: it listens on the loopback interface alone, has one user
// who may do everything, and lacks what FerretDB lacks (transactions, TTL and partial indexes,
// pipeline updates, change streams, $lookup). It sends nothing anywhere and keeps no state outside
// its folder.
//
//	s, err := embedded.Start(ctx, dir, "127.0.0.1:0", log)
//	…
//	defer s.Close(ctx)
//	client, err := mongo.Connect(options.Client().ApplyURI(s.URI()))
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Server is a running database. Its methods may be called from several goroutines.
type Server struct {
	gate *gate
	uri  string
	lock *lock
	temp string // folder of FerretDB's socket, where that cannot be in the data folder

	cutClients context.CancelFunc
	stopFerret context.CancelFunc
	served     chan struct{} // closed when the gate has ended
	ferret     chan error    // gets what ended FerretDB, once

	closing sync.Once
	closed  error
}

// Option changes how [Start] sets a server up.
type Option func(*config)

type config struct {
	ungated, unsynced bool
	password          string
}

// WithPassword has clients log in as the [Server.URI] says: another user of the machine, who
// reaches its loopback interface too, gets nothing but the answer to hello. The password is text
// that RFC 4013 takes, and random: there is no defence against guesses.
func WithPassword(password string) Option {
	return func(c *config) { c.password = password }
}

// WithoutWriteGate lets writes through as they come, several at a time. It is for tests only:
// one that claims to prove that concurrent writers are safe shows with it that it would notice
// if they were not. Data written under it may be wrong.
func WithoutWriteGate() Option {
	return func(c *config) { c.ungated = true }
}

// WithoutDiskSync acknowledges a write before the disk has it: about five times as fast. A kill
// of the process still loses nothing, a loss of power may. It is for tests, whose folders do not
// outlive them.
func WithoutDiskSync() Option {
	return func(c *config) { c.unsynced = true }
}

// Start opens the database in the folder dir, which it makes (mode 0700) where it is missing,
// and serves it on addr, a loopback address as "127.0.0.1:27017"; port 0 picks a free one. The
// server runs until [Server.Close]; ctx bounds the start alone.
//
// It fails, with one sentence that names the cause, when addr is taken or not loopback, when
// another server holds the folder, when the folder's name contains one of "%?#", which SQLite's
// file URIs cannot carry, or when a file in it is not a database of this server. Repairs of what a
// kill left are logged as warnings; of FerretDB's own records only errors are, since it warns of
// every command that it refuses. A nil log logs nothing.
func Start(ctx context.Context, dir, addr string, log *slog.Logger, opts ...Option) (_ *Server, err error) {
	var c config
	for _, o := range opts {
		o(&c)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}

	dir, err = makeDir(dir)
	if err != nil {
		return nil, err
	}
	s := &Server{served: make(chan struct{}), ferret: make(chan error, 1)}
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	if s.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	listener, err := listen(ctx, addr)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = listener.Close()
		}
	}()
	if err := repairDir(ctx, dir, log); err != nil {
		return nil, err
	}
	socket, err := s.socketPath(ctx, dir)
	if err != nil {
		return nil, err
	}
	accounts, err := newAccounts(c.password)
	if err != nil {
		return nil, err
	}
	ferret, err := newFerret(dir, socket, log, !c.unsynced)
	if err != nil {
		return nil, fmt.Errorf("opening the database in %s: %w", dir, err)
	}

	uri := url.URL{Scheme: "mongodb", Host: listener.Addr().String(), Path: "/"}
	if c.password != "" {
		uri.User, uri.RawQuery = url.UserPassword(user, c.password), "authMechanism="+mechanism
	}
	s.uri = uri.String()
	s.gate = newGate(listener, socket, log, !c.ungated, accounts)
	// Both outlive Start.
	ferretCtx, stopFerret := context.WithCancel(context.WithoutCancel(ctx))
	clientCtx, cutClients := context.WithCancel(context.WithoutCancel(ctx))
	s.stopFerret, s.cutClients = stopFerret, cutClients
	go func() { s.ferret <- ferret.Run(ferretCtx) }()
	go func() {
		s.gate.run(clientCtx)
		close(s.served)
	}()
	return s, nil
}

// URI returns the address for clients, as mongodb://127.0.0.1:27017/, with the user and the password
// where there is one. It is the gate's: nothing reaches the database beside it.
func (s *Server) URI() string { return s.uri }

// Close takes no further command, lets the running ones finish and their answers go out, and
// ends the server. Commands that wait for their turn to write are dropped. When ctx ends first,
// the connections are cut, and Close returns an error that says so. In either case everything
// has ended when Close returns, and the folder can be opened again. Further calls return the
// same.
func (s *Server) Close(ctx context.Context) error {
	s.closing.Do(func() {
		s.gate.stop()
		var cut error
		select {
		case <-s.served:
		case <-ctx.Done():
			cut = fmt.Errorf("closing the database: running commands were cut off: %w", ctx.Err())
		}
		s.cutClients()
		<-s.served
		// No connection is left, so FerretDB has no reason to give them its grace of 3 s, unless
		// a command was cut off: then it waits for that.
		s.stopFerret()
		s.closed = errors.Join(cut, <-s.ferret)
		s.release()
	})
	return s.closed
}

// release lets go of the folder.
func (s *Server) release() {
	if s.temp != "" {
		_ = os.RemoveAll(s.temp)
	}
	if s.lock != nil {
		s.lock.Release()
	}
}

// makeDir returns the absolute name of dir, which it makes where it is missing.
func makeDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("finding the data folder: %w", err)
	}
	if i := strings.IndexAny(abs, "%?#"); i >= 0 {
		return "", fmt.Errorf("the data folder %s cannot be used: SQLite takes no %q in its name", abs, abs[i])
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return "", fmt.Errorf("making the data folder: %w", err)
	}
	return abs, nil
}

// listen refuses every address but a loopback one, for nothing here is encrypted.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("opening the database's address %s: %w", addr, err)
	}
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		_ = l.Close()
		return nil, fmt.Errorf("the database's address %s is refused: it listens on the loopback interface alone", addr)
	}
	return l, nil
}

// socketPath returns a path on which FerretDB can listen: in the data folder, or, where its
// name is too long for a socket (108 bytes: unix(7)) or its file system has none, in a temporary
// folder, which [Server.Close] removes. A socket rather than a port, so that no other user of
// the machine reaches FerretDB beside the gate.
func (s *Server) socketPath(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "embedded.sock")
	_ = os.Remove(path) // a kill leaves it; the folder is ours, so nobody listens on it
	if l, err := new(net.ListenConfig).Listen(ctx, "unix", path); err == nil {
		return path, l.Close()
	}
	temp, err := os.MkdirTemp("", "embedded-") // mode 0700
	if err != nil {
		return "", fmt.Errorf("making a folder for the database's socket: %w", err)
	}
	s.temp = temp
	return filepath.Join(temp, "embedded.sock"), nil
}
