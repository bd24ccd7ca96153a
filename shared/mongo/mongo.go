package mongo

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
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
	// poolSize is enough for a process that serves one event at a time and sends at
	// most four commands together, as a login from a new address does.
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

	// StartBy is when a start has waited long enough: Open and PrepareIndexes then
	// return. The zero Time leaves it to each how long it waits.
	StartBy time.Time

	Monitor  *event.CommandMonitor // sees every command; for tests
	Resolver *net.Resolver         // looks names up; net.DefaultResolver where nil
	Log      *slog.Logger          // slog.Default() where nil
}

// Database is the master database and this process's one client of it. It is
// safe for concurrent use.
type Database struct {
	name    string
	log     *slog.Logger
	startBy time.Time
	health  health

	mu     sync.Mutex
	client *driver.Client   // nil until found is closed
	db     *driver.Database // likewise
	found  chan struct{}    // closed when it is known which servers there are
	closed chan struct{}
}

// Open returns the database, with a connection to its primary warmed by one
// ping. A database that does not answer within two seconds is not an error, nor is a
// name server: both are tried again, for as long as ctx lasts, and until the
// database is there commands answer [organization.ErrLost]. An error is one of
// configuration, and shows nothing of the connection string, which can hold a
// password.
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
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	d := &Database{
		name: c.Database, log: cmp.Or(c.Log, slog.Default()), startBy: c.StartBy,
		found: make(chan struct{}), closed: make(chan struct{}),
	}
	if err := d.begin(ctx, c); err != nil {
		return nil, errors.New("opening the database: the connection string is not a valid mongodb:// or " +
			"mongodb+srv:// one (it is not shown, for it can hold a password)")
	}
	if !c.StartBy.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, c.StartBy)
		defer cancel()
	}
	if err := d.Ping(ctx); err != nil {
		d.log.LogAttrs(ctx, slog.LevelWarn, "database does not answer yet", slog.String("err", err.Error()))
	}
	return d, nil
}

// begin connects, or begins to look up whom to connect to.
func (d *Database) begin(ctx context.Context, c Config) error {
	if !strings.HasPrefix(c.URI, srvScheme) {
		return d.connect(ctx, c, c.URI)
	}
	s, err := parseSeedlist(c.URI)
	if err != nil {
		return err
	}
	if err := d.options(c, s.uri([]string{s.host}, nil)).Validate(); err != nil {
		return err
	}
	go d.find(ctx, c, s)
	return nil
}

// options are what the driver connects by.
func (d *Database) options(c Config, uri string) *options.ClientOptions {
	journal := true
	o := options.Client().
		SetAppName(c.AppName).
		SetMaxPoolSize(poolSize).
		SetMaxConnIdleTime(idle).
		SetServerSelectionTimeout(bound).
		SetConnectTimeout(bound).
		SetRetryReads(true).
		ApplyURI(uri).
		SetServerMonitoringMode(options.ServerMonitoringModePoll).
		SetWriteConcern(&writeconcern.WriteConcern{W: writeconcern.WCMajority, Journal: &journal}).
		SetReadPreference(readpref.Primary()).
		SetDialer(&dialer{net.Dialer{Resolver: c.Resolver}}).
		SetServerMonitor(d.health.monitor())
	if c.Monitor != nil {
		o.SetMonitor(c.Monitor)
	}
	return o
}

// connect makes the client, unless d is closed. The driver connects by itself, and goes on trying.
func (d *Database) connect(ctx context.Context, c Config, uri string) error {
	client, err := driver.Connect(d.options(c, uri))
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.closed:
		return errors.Join(driver.ErrClientDisconnected, client.Disconnect(ctx))
	default:
	}
	d.client, d.db = client, client.Database(d.name)
	close(d.found)
	return nil
}

// persist calls try until it succeeds, ctx is over or d is closed, with growing pauses.
func (d *Database) persist(ctx context.Context, try func() error, failed func(error)) {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-d.closed:
			return
		default:
			failed(err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		case <-d.closed:
		}
	}
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
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.closed:
		return nil
	default:
		close(d.closed)
	}
	if d.client == nil {
		return nil
	}
	if err := d.client.Disconnect(ctx); err != nil {
		return errors.New("closing the database: " + d.cause(err))
	}
	return nil
}

// Name returns the name of the master database.
func (d *Database) Name() string { return d.name }

// Store returns the stores of the master database, as package organization sees them:
// its interfaces say what their methods promise.
func (d *Database) Store() organization.Store {
	return organization.Store{
		Organizations: organizations{d},
		Claims:        claims{d},
		Admins:        d.Admins(),
		Requests:      requests{d},
		Collections:   collections{d},
		Documents:     documents{d},
		Backlog:       backlog{d},
		Mails:         mails{d},
	}
}

// health is what the driver's monitoring has last seen.
type health struct {
	failure    atomic.Pointer[string] // why the last heartbeat, or the look-up before any, failed; nil: it did not
	idempotent atomic.Bool            // a create may succeed where the collection exists
}

func (h *health) monitor() *event.ServerMonitor {
	return &event.ServerMonitor{
		ServerHeartbeatSucceeded: func(*event.ServerHeartbeatSucceededEvent) { h.failure.Store(nil) },
		ServerHeartbeatFailed: func(e *event.ServerHeartbeatFailedEvent) {
			why := "last heartbeat: " + reason(e.Failure)
			h.failure.Store(&why)
		},
		ServerDescriptionChanged: func(e *event.ServerDescriptionChangedEvent) {
			if e.NewDescription.MaxWireVersion >= idempotentCreate || e.NewDescription.Kind == "Mongos" {
				h.idempotent.Store(true)
			}
		},
	}
}
