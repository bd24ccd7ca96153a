package mongo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"oms/shared/organization"
)

const (
	// bound is how long one command may take: protocol.md, late bound. The
	// driver sends what is left of it as maxTimeMS.
	bound = 2 * time.Second
	// poolSize is enough for a process that serves one event at a time and
	// sends at most three commands together, with one to spare.
	poolSize = 4
	// idle is how long a connection may lie unused. Behind a network load
	// balancer, which forgets a flow after 350 s without a word (AWS, NLB
	// listeners), an older one would fail at its next command.
	idle = 240 * time.Second
	// idempotentCreate is the wire version of MongoDB 7.0, from which on create
	// succeeds where the collection exists with the same options (manual,
	// create command); mongos has done so since 4.0.
	idempotentCreate = 21
)

// Config says which database to open. URI and Database are needed.
type Config struct {
	URI      string // a mongodb:// or mongodb+srv:// connection string
	Database string // the name of the master database
	AppName  string // how the server's log names this client; appName in the URI wins

	Monitor *event.CommandMonitor // sees every command; for tests
	Log     *slog.Logger          // slog.Default() where nil
}

// Database is the master database and this process's one client of it. It is
// safe for concurrent use.
type Database struct {
	client *driver.Client
	db     *driver.Database
	log    *slog.Logger
	health health
	closed chan struct{}
	close  sync.Once
}

// Open returns the database, with a connection to its primary warmed by one
// ping. A database that does not answer within two seconds is no error: the
// driver goes on connecting, and until it has, commands answer
// [organization.ErrLost]. An error is one of configuration, and shows nothing
// of the connection string, which can hold a password.
//
// The connection string decides about TLS, credentials, retryWrites (which
// DocumentDB needs to be false), pool and timeouts. Not about what the protocol
// rests on: writes wait for a majority and the journal, reads go to the
// primary, and monitoring polls, because the driver reads no
// serverMonitoringMode there (v2.10.0) and a stream needs a second connection to
// each server that stalls when a Lambda environment is frozen.
func Open(ctx context.Context, c Config) (*Database, error) {
	if c.Database == "" {
		return nil, errors.New("opening the database: it has no name")
	}
	d := &Database{log: c.Log, closed: make(chan struct{})}
	if d.log == nil {
		d.log = slog.Default()
	}
	journal := true
	o := options.Client().
		SetAppName(c.AppName).
		SetMaxPoolSize(poolSize).
		SetMaxConnIdleTime(idle).
		SetServerSelectionTimeout(bound).
		SetConnectTimeout(bound).
		SetRetryReads(true).
		ApplyURI(c.URI).
		SetServerMonitoringMode(options.ServerMonitoringModePoll).
		SetWriteConcern(&writeconcern.WriteConcern{W: writeconcern.WCMajority, Journal: &journal}).
		SetReadPreference(readpref.Primary()).
		SetDialer(new(dialer)).
		SetServerMonitor(d.health.monitor())
	if c.Monitor != nil {
		o.SetMonitor(c.Monitor)
	}
	if err := o.Validate(); err != nil {
		return nil, badURI(err)
	}
	client, err := driver.Connect(o)
	if err != nil {
		return nil, badURI(err)
	}
	d.client, d.db = client, client.Database(c.Database)
	if err := d.Ping(ctx); err != nil {
		d.log.LogAttrs(ctx, slog.LevelWarn, "database does not answer yet", slog.String("err", err.Error()))
	}
	return d, nil
}

// badURI says what is wrong with a connection string, and nothing of what is in it.
func badURI(err error) error {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("opening the database: looking up the SRV records of the connection string: %s", dns.Err)
	}
	return errors.New("opening the database: the connection string is not a valid mongodb:// or mongodb+srv:// one (it is not shown, for it can hold a password)")
}

// Ping asks whether the primary answers. It returns [organization.ErrLost]
// where it does not within two seconds, and ctx.Err() where that is set.
func (d *Database) Ping(ctx context.Context) error {
	return d.do(ctx, "pinging the database", func(ctx context.Context) error {
		return d.client.Ping(ctx, readpref.Primary())
	})
}

// Close ends the client: commands that are under way have until ctx is over.
// It may be called twice.
func (d *Database) Close(ctx context.Context) error {
	var err error
	d.close.Do(func() {
		close(d.closed)
		if e := d.client.Disconnect(ctx); e != nil {
			err = errors.New("closing the database: " + d.cause(e))
		}
	})
	return err
}

// Name returns the name of the master database.
func (d *Database) Name() string { return d.db.Name() }

// Store returns the stores of the master database, as package organization sees them.
func (d *Database) Store() organization.Store {
	return organization.Store{
		Organizations: d.Organizations(),
		Claims:        d.Claims(),
		Admins:        d.Admins(),
		Requests:      d.Requests(),
		Collections:   d.Collections(),
		Documents:     d.Documents(),
		Backlog:       d.Backlog(),
	}
}

// health is what the driver's monitoring has last seen.
type health struct {
	failure    atomic.Pointer[string] // why the last heartbeat failed; nil: it did not
	idempotent atomic.Bool            // a create may succeed where the collection exists
}

func (h *health) monitor() *event.ServerMonitor {
	return &event.ServerMonitor{
		ServerHeartbeatSucceeded: func(*event.ServerHeartbeatSucceededEvent) { h.failure.Store(nil) },
		ServerHeartbeatFailed: func(e *event.ServerHeartbeatFailedEvent) {
			why := reason(e.Failure)
			h.failure.Store(&why)
		},
		ServerDescriptionChanged: func(e *event.ServerDescriptionChangedEvent) {
			if e.NewDescription.MaxWireVersion >= idempotentCreate || e.NewDescription.Kind == "Mongos" {
				h.idempotent.Store(true)
			}
		},
	}
}
