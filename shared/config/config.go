// Package config turns the environment and Secrets Manager into typed,
// validated values.
//
// It owns the names of all variables, their defaults and their bounds, and of
// what functions are made of it alone sees aws-sdk-go-v2. It refuses to guess:
// every value is checked when the process starts, all errors are reported at
// once, each names its variable, and none shows a secret. A function asks for
// what it needs and nothing else is read, so that the authorizer cannot know the
// database:
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
// and a database without TLS ([ParseMongoURI]) are accepted, and the template's
// placeholder ARN counts as absent. Anywhere else, and where STAGE is absent,
// all three are refused, and both forms at once are an error, because one of
// them is a mistake. A
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

	"oms/shared/fault"
	"oms/shared/password"
	"oms/shared/secret"
	"oms/shared/token"
)

// Need is a group of values that a function needs.
type Need uint8

// The groups, and what they set in a [Config].
const (
	Mongo            Need = iota + 1 // MongoURI, Database
	JWT                              // Keys, TokenLife
	Pepper                           // Peppers
	Hashing                          // Peppers, BcryptCost
	Policy                           // Policy
	Retention                        // Retention
	Reauthentication                 // ReauthenticateAfter
	Mail                             // Mail
	Confirmed                        // RequireConfirmed
	Unconfirmed                      // PurgeUnconfirmed
	Creations                        // CreationsPerAddress, CreationsPerStage
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
	TokenLife  time.Duration // 1 minute to [MaxTokenLife]
	Peppers    secret.Ring   // read once, at start
	BcryptCost int           // 10 to 14; from 4 where the stage is local
	Policy     password.Policy
	Retention  time.Duration // how long deleted documents are kept: 2 minutes to 10 years

	Mail Mailing

	RequireConfirmed bool          // who has not confirmed the email does not log in
	PurgeUnconfirmed time.Duration // whole days, 0 to 3650: how long an organization lives that never was

	ReauthenticateAfter time.Duration // how old a login is good for what is sensitive: 1 minute to 24 hours

	// How many organizations one network, and all together, may make in an hour; 0: any number.
	CreationsPerAddress, CreationsPerStage int
}

// Load reads what is needed through lookup, which is os.LookupEnv outside
// tests, and STAGE. It asks Secrets Manager where a variable names an ARN,
// within [SecretsWithin] for all of them. The error joins one for each
// variable that is wrong; where nothing is, but Secrets Manager has not
// answered, it is a fault of kind Unavailable, and a later Load may succeed.
func Load(ctx context.Context, lookup func(string) (string, bool), needs ...Need) (*Config, error) {
	l := &loader{env: environment(lookup), secrets: make(map[string]source)}
	c := &Config{Stage: l.stage()}
	l.local = c.Stage == Local

	var wanted [Creations + 1]bool
	for _, n := range needs {
		if n < Mongo || n > Creations {
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
	if wanted[Policy] {
		c.Policy = l.policy()
	}
	if wanted[Retention] {
		c.Retention = l.duration("DELETE_RETENTION", defaultRetention, minRetention, maxRetention,
			"2m to 87600h, as in 15m or 720h")
	}
	if wanted[Reauthentication] {
		c.ReauthenticateAfter = l.duration("REAUTHENTICATE_AFTER", defaultReauthentication, minReauthentication,
			maxReauthentication, "1m to 24h, as in 15m")
	}
	if wanted[Mail] {
		c.Mail = l.mailing()
	}
	if wanted[Confirmed] {
		c.RequireConfirmed = l.requireConfirmed()
	}
	if wanted[Unconfirmed] {
		c.PurgeUnconfirmed = time.Duration(l.integer("UNCONFIRMED_PURGE", 0, 0, 3650)) * 24 * time.Hour
	}
	if wanted[Creations] {
		c.CreationsPerAddress, c.CreationsPerStage = l.creations()
	}
	err := errors.Join(l.errs...)
	if err != nil && len(l.errs) == l.unanswered {
		err = fault.New(fault.Unavailable, "storage_unavailable", "the service has no answer yet from what keeps "+
			"its secrets; try again").
			After(time.Second).Because(err)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// RequestSecret returns the key of the HMACs that idempotency keys, and what came
// with them, are kept as, or nil where no pepper was asked for. It is derived from
// the active pepper: when that is rotated, the answers of the last 24 hours are
// not found any more, and while functions with either are at work, a request
// that is repeated may be taken for a new one.
func (c *Config) RequestSecret() []byte { return c.derived("oms idempotency keys") }

// RecordSecret returns the key of the hashes that email addresses have in log
// records, or nil where no pepper was asked for. It is derived from the active
// pepper too: after that has been rotated, an address has another hash.
func (c *Config) RecordSecret() []byte { return c.derived("oms email addresses in records") }

// AttemptsSecret returns the key of the hashes that accounts and addresses are
// counted by, or nil where no pepper was asked for. It is derived from the active
// pepper too: after that has been rotated, all counts begin anew.
func (c *Config) AttemptsSecret() []byte { return c.derived("oms attempts") }

func (c *Config) derived(label string) []byte {
	key := c.Peppers.Keys[c.Peppers.Active]
	if len(key) == 0 {
		return nil
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(label))
	return mac.Sum(nil)
}
