// Package backend opens what stands behind the functions.
//
// It owns how a function starts: its configuration, the database, and the
// service of organizations over both. It refuses to know what a function does
// with them, and reads no group of values that was not asked for:
//
//	b, err := backend.Open(ctx, log, "org-get", config.JWT, config.Retention)
package backend

import (
	"context"
	"log/slog"
	"os"

	"oms/shared/config"
	"oms/shared/mongo"
	"oms/shared/organization"
	"oms/shared/password"
)

// Backend is what a function has behind it.
type Backend struct {
	Config        *config.Config
	Database      *mongo.Database
	Passwords     *password.Hasher      // nil without [config.Hashing]
	Organizations *organization.Service // finishes what crashed before it: its users need [config.Retention]
}

// Open reads [config.Mongo] and the other groups of values that are needed
// from the environment, and opens the database under the function's name. What
// it opens lasts as long as ctx.
func Open(ctx context.Context, log *slog.Logger, function string, needs ...config.Need) (*Backend, error) {
	c, err := config.Load(ctx, os.LookupEnv, append(needs, config.Mongo)...)
	if err != nil {
		return nil, err
	}
	b := &Backend{Config: c}
	service := organization.Config{Secret: c.RequestSecret(), Retention: c.Retention, Log: log}
	if c.BcryptCost > 0 {
		if b.Passwords, err = password.New(c.Peppers, c.BcryptCost); err != nil {
			return nil, err
		}
		service.Passwords = b.Passwords
	}
	b.Database, err = mongo.Open(ctx, mongo.Config{
		URI: c.MongoURI.Reveal(), Database: c.Database, AppName: function, Log: log,
	})
	if err != nil {
		return nil, err
	}
	service.Store = b.Database.Store()
	b.Organizations = organization.New(service)
	return b, nil
}
