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
	// initWait is how long PrepareIndexes waits: what of Lambda's ten seconds
	// of init phase can be spent on a database that does not answer.
	initWait = 3 * time.Second
	// buildBound is how long the indexes of one collection may take to build:
	// on a fresh database no time, on one that an upgrade gives an index some.
	buildBound = time.Minute
)

// EnsureIndexes makes the indexes of the master database that are not there
// yet. It is idempotent, and is called in an init phase, never on a request: a
// collection of a million documents takes seconds to index.
//
// A unique index on admins.email is what makes an address belong to one admin,
// and one on organizations.key is the second lock on a name; the others make
// look-ups fast. Those of fields that few documents have are
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
			plain("org_id"), sparse("sessions_until"), sparse("mails_since"), sparse("unconfirmed_since"),
		}},
		{organizationsName, []driver.IndexModel{
			sparse("op.to"), sparse("op.lease"), sparse("sweep_after"), sparse("purge_after"),
		}},
		{claimsName, []driver.IndexModel{plain("until")}},
		{requestsName, []driver.IndexModel{plain("created_at")}},
		{attemptsName, []driver.IndexModel{plain("expires")}},
	} {
		for _, model := range c.models {
			if err := d.ensureIndex(ctx, c.name, model); err != nil {
				return err
			}
		}
	}
	return d.lockKeys(ctx, plain("key"))
}

// present is the condition on a field that has a sparse index, and says that the
// field is there: only then Amazon DocumentDB uses such an index ("Sparse
// indexes", its developer guide).
func present(condition bson.M) bson.M {
	condition["$exists"] = true
	return condition
}

// ensureIndex makes one index: FerretDB 1.24.2 breaks off a createIndexes of
// which more than one exists already.
func (d *Database) ensureIndex(ctx context.Context, collection string, model driver.IndexModel) error {
	return d.within(ctx, buildBound, "making the indexes of "+collection, func(ctx context.Context) error {
		_, err := d.db.Collection(collection).Indexes().CreateOne(ctx, model)
		return err
	})
}

// lockKeys makes the index by which no two organizations have one key; the dead
// have none, so it is sparse. The claims are the first lock and hold without it:
// where a server refuses it, the service goes on with the plain index, and says
// so at each start. One refuses because two organizations have one key already,
// which somebody must look at; or because it can have no second index on a field
// (MongoDB before 5.0: unique and sparse tell indexes apart only from then on,
// SERVER-47657; FerretDB 1.24.2) and has key_1 of the version before.
//
// Nobody drops key_1: a version before makes it again at each of its starts, and
// where a server refuses that it could not start. When no such version runs any
// more, an operator may.
func (d *Database) lockKeys(ctx context.Context, instead driver.IndexModel) error {
	err := d.ensureIndex(ctx, organizationsName, driver.IndexModel{
		Keys:    bson.D{{Key: "key", Value: 1}},
		Options: options.Index().SetName("key_unique").SetUnique(true).SetSparse(true),
	})
	r, ok := refused(err)
	if !ok {
		return err
	}
	level := slog.LevelWarn
	if r.duplicate {
		level = slog.LevelError
	}
	d.log.LogAttrs(ctx, level, "keys have no unique index; the claims alone keep them apart",
		slog.String("err", err.Error()))
	return d.ensureIndex(ctx, organizationsName, instead)
}

// Indexes reports whether the indexes of the master database are there.
type Indexes struct{ done chan struct{} }

// PrepareIndexes makes the indexes, for up to three seconds, and not beyond
// [Config].StartBy. Where they are not made by then it goes on in the background,
// until they are, ctx is over or d is closed: so that a function whose database
// was away when it started serves as soon as that is back. It logs each failure.
func (d *Database) PrepareIndexes(ctx context.Context) *Indexes {
	x := &Indexes{done: make(chan struct{})}
	go d.keepMaking(ctx, x)
	longest := initWait
	if !d.startBy.IsZero() {
		longest = min(longest, time.Until(d.startBy))
	}
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-x.done:
	case <-timer.C:
	case <-ctx.Done():
	case <-d.closed:
	}
	return x
}

func (d *Database) keepMaking(ctx context.Context, x *Indexes) {
	d.persist(ctx, func() error {
		err := d.EnsureIndexes(ctx)
		if err == nil {
			close(x.done)
		}
		return err
	}, func(err error) {
		d.log.LogAttrs(ctx, slog.LevelWarn, "indexes not made yet", slog.String("err", err.Error()))
	})
}

// Ready reports whether the indexes are there. Until they are, nothing may be
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
