// Package backend opens what stands behind the functions.
//
// It owns how a function starts: its configuration, the database, and the
// service of organizations over both. It refuses to know what a function does
// with them, and reads no group of values that was not asked for:
//
//	b, err := backend.Open(ctx, lookup, log, "org-get", config.JWT, config.Retention)
package backend

import (
	"context"
	"log/slog"
	"time"

	"oms/shared/config"
	"oms/shared/mongo"
	"oms/shared/organization"
	"oms/shared/password"
	"oms/shared/throttle"
)

// Backend is what a function has behind it.
type Backend struct {
	Config        *config.Config
	Database      *mongo.Database
	Passwords     *password.Hasher      // nil without [config.Hashing]
	Guard         *throttle.Guard       // of which passwords and creations need [config.Hashing]
	Organizations *organization.Service // finishes what crashed before it: its users need [config.Retention]
}

// StartWithin is how long a start waits for what does not answer: secrets,
// servers' names, the database and its indexes together. Lambda's init phase has
// ten seconds in all (developer guide, "Lambda execution environment"), and so
// has a request, where that begins with a start.
const StartWithin = 8 * time.Second

// Open reads [config.Mongo] and the other groups of values that are needed
// through lookup, and opens the database under the function's name, within
// [StartWithin]. What it opens lasts as long as ctx. Its error is a fault of kind
// Unavailable where a later try may succeed.
func Open(
	ctx context.Context, lookup func(string) (string, bool), log *slog.Logger, function string, needs ...config.Need,
) (*Backend, error) {
	by := time.Now().Add(StartWithin)
	loading, cancel := context.WithDeadline(ctx, by)
	defer cancel()
	c, err := config.Load(loading, lookup, append(needs, config.Mongo)...)
	if err != nil {
		return nil, err
	}
	b := &Backend{Config: c}
	service := organization.Config{
		Secret: c.RequestSecret(), Policy: c.Policy, Retention: c.Retention,
		ReauthenticateAfter: c.ReauthenticateAfter, PurgeUnconfirmed: c.PurgeUnconfirmed, Log: log,
	}
	if c.BcryptCost > 0 {
		if b.Passwords, err = password.New(c.Peppers, c.BcryptCost); err != nil {
			return nil, err
		}
		service.Passwords = b.Passwords
	}
	b.Database, err = mongo.Open(ctx, mongo.Config{
		URI: c.MongoURI.Reveal(), Database: c.Database, AppName: function, StartBy: by, Log: log,
	})
	if err != nil {
		return nil, err
	}
	b.Guard = throttle.New(throttle.Config{
		Store: b.Database.Counters(), Secret: c.AttemptsSecret(),
		PerAddress: c.CreationsPerAddress, PerStage: c.CreationsPerStage, Log: log,
	})
	service.Store, service.Guard = b.Database.Store(), b.Guard
	b.Organizations = organization.New(service)
	return b, nil
}
