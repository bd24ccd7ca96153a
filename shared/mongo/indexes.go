package mongo

import (
	"context"
	"log/slog"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const (
	// patience is how long PrepareIndexes waits: what of Lambda's ten seconds
	// of init phase can be spent on a database that does not answer.
	patience = 3 * time.Second
	// buildBound is how long the indexes of one collection may take to build:
	// on a fresh database no time, on one that an upgrade gives an index some.
	buildBound = time.Minute
)

// EnsureIndexes makes the indexes of the master database that are not there
// yet. It is idempotent, and is called in an init phase, never on a request: a
// collection of a million documents takes seconds to index.
//
// A unique index on admins.email is what makes an address belong to one admin;
// the others make look-ups fast. Those of fields that few documents have are
// sparse: a server that ignores that keeps some entries more.
func (d *Database) EnsureIndexes(ctx context.Context) error {
	sparse := func(field string) driver.IndexModel {
		return driver.IndexModel{Keys: bson.D{{Key: field, Value: 1}}, Options: options.Index().SetSparse(true)}
	}
	plain := func(field string) driver.IndexModel {
		return driver.IndexModel{Keys: bson.D{{Key: field, Value: 1}}}
	}
	for _, c := range []struct {
		name   string
		models []driver.IndexModel
	}{
		{adminsName, []driver.IndexModel{
			{Keys: bson.D{{Key: "email", Value: 1}}, Options: options.Index().SetUnique(true)},
			plain("org_id"),
		}},
		{organizationsName, []driver.IndexModel{plain("key"), sparse("op.to"), sparse("op.lease"), sparse("purge_after")}},
		{claimsName, []driver.IndexModel{plain("until")}},
		{requestsName, []driver.IndexModel{plain("created_at")}},
	} {
		doing := "making the indexes of " + c.name
		for _, model := range c.models {
			// One by one: FerretDB 1.24.2 breaks off a createIndexes of which more than one exists already.
			err := d.within(ctx, buildBound, doing, func(ctx context.Context) error {
				_, err := d.db.Collection(c.name).Indexes().CreateOne(ctx, model)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Indexes tells whether the indexes of the master database are there.
type Indexes struct{ done chan struct{} }

// PrepareIndexes makes the indexes, for up to three seconds. Where they are not
// made by then it goes on in the background, until they are, ctx is over or d
// is closed: so that a function whose database was away when it started serves
// as soon as that is back. It logs each failure.
func (d *Database) PrepareIndexes(ctx context.Context) *Indexes {
	x := &Indexes{done: make(chan struct{})}
	go d.keepMaking(ctx, x)
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case <-x.done:
	case <-wait.C:
	case <-ctx.Done():
	case <-d.closed:
	}
	return x
}

func (d *Database) keepMaking(ctx context.Context, x *Indexes) {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := d.EnsureIndexes(ctx)
		if err == nil {
			close(x.done)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-d.closed:
			return
		default:
			d.log.LogAttrs(ctx, slog.LevelWarn, "indexes not made yet", slog.String("err", err.Error()))
		}
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
		case <-ctx.Done():
		case <-d.closed:
		}
		wait.Stop()
	}
}

// Ready tells whether the indexes are there. Until they are, nothing may be
// inserted: two admins could get one email address.
func (x *Indexes) Ready() bool {
	select {
	case <-x.done:
		return true
	default:
		return false
	}
}

// Done is closed when the indexes are there.
func (x *Indexes) Done() <-chan struct{} { return x.done }
