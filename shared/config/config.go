// Package config turns the environment and Secrets Manager into typed,
// validated values.
//
// It owns the names of all variables, their defaults and their bounds, and is
// the only importer of aws-sdk-go-v2. It refuses to guess: every value is
// checked when the process starts, all errors are reported at once, each names
// its variable, and none shows a secret. A function asks for what it needs and
// nothing else is read, so that the authorizer cannot know the database:
//
//	c, err := config.Load(ctx, os.LookupEnv, config.Mongo, config.JWT)
//
// An empty variable counts as an absent one: a template declares variables
// that only some hosts fill.
//
// # Secrets
//
// Three values are secret: the database's URI, the keys of tokens and the
// peppers of passwords. Each may be given as it is (MONGO_URI, JWT_SECRET,
// PASSWORD_PEPPER) or as the ARN of a secret in AWS Secrets Manager that holds
// it (MONGO_SECRET_ARN, JWT_SECRET_ARN, PASSWORD_PEPPER_ARN).
//
// Where STAGE is local the plain value is used if both are there, weak keys
// are accepted, and the template's placeholder ARN counts as absent. Anywhere
// else, and where STAGE is absent, weak keys and the placeholder are refused,
// and both forms at once are an error, because one of them is a mistake. A
// strong plain value is accepted there, for hosts that have no Secrets
// Manager; template.yaml never makes use of it.
package config

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"oms/shared/secret"
	"oms/shared/token"
)

// Need is a group of values that a function needs.
type Need uint8

// The groups, and what they set in a [Config].
const (
	Mongo     Need = iota + 1 // MongoURI, Database
	JWT                       // Keys, TokenLife
	Pepper                    // Peppers
	Hashing                   // Peppers, BcryptCost
	Retention                 // Retention
)

// Stage says where a process runs.
type Stage string

// The stages. An absent STAGE is none of them and is treated as Prod.
const (
	Local   Stage = "local"
	Dev     Stage = "dev"
	Staging Stage = "staging"
	Prod    Stage = "prod"
)

// Config holds the values that were asked for; the others are zero.
type Config struct {
	Stage      Stage
	MongoURI   secret.Text   // a mongodb:// or mongodb+srv:// URI
	Database   string        // the master database
	Keys       token.Source  // reads again what comes from Secrets Manager
	TokenLife  time.Duration // 1 minute to 7 days
	Peppers    secret.Ring   // read once, at start
	BcryptCost int           // 10 to 14; from 4 where the stage is local
	Retention  time.Duration // how long deleted documents are kept: 2 minutes to 10 years
}

// Load reads what is needed through lookup, which is os.LookupEnv outside
// tests, and STAGE. It asks Secrets Manager where a variable names an ARN,
// within [SecretsWithin] for all of them. The error joins one for each
// variable that is wrong.
func Load(ctx context.Context, lookup func(string) (string, bool), needs ...Need) (*Config, error) {
	l := &loader{env: environment(lookup), secrets: make(map[string]source)}
	c := &Config{Stage: l.stage()}
	l.local = c.Stage == Local

	var wanted [Retention + 1]bool
	for _, n := range needs {
		if n < Mongo || n > Retention {
			return nil, fmt.Errorf("there is no group of values %d", n)
		}
		wanted[n] = true
	}
	wanted[Pepper] = wanted[Pepper] || wanted[Hashing]

	if wanted[Mongo] {
		l.find(mongoURI, mongoARN)
	}
	if wanted[JWT] {
		l.find(jwtSecret, jwtARN)
	}
	if wanted[Pepper] {
		l.find(pepper, pepperARN)
	}
	l.fetch(ctx)

	if wanted[Mongo] {
		c.MongoURI, c.Database = l.mongo(), l.database()
	}
	if wanted[JWT] {
		c.Keys, c.TokenLife = l.keys(ctx), l.tokenLife()
	}
	if wanted[Pepper] {
		c.Peppers = l.peppers()
	}
	if wanted[Hashing] {
		c.BcryptCost = l.bcryptCost()
	}
	if wanted[Retention] {
		c.Retention = l.retention()
	}
	if err := errors.Join(l.errs...); err != nil {
		return nil, err
	}
	return c, nil
}

// RequestSecret returns the key of the HMACs that idempotency keys and request
// bodies are kept as, or nil where no pepper was asked for. It is derived from
// the active pepper: after that has been rotated, the answers of the last 24
// hours are not found any more.
func (c *Config) RequestSecret() []byte {
	key := c.Peppers.Keys[c.Peppers.Active]
	if len(key) == 0 {
		return nil
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("oms idempotency keys"))
	return mac.Sum(nil)
}
