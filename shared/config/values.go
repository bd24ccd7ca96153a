package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"oms/shared/password"
)

// MaxTokenLife is as long as a token can live.
const MaxTokenLife = 7 * 24 * time.Hour

// The bounds of numbers. The original hashes at cost 12 and its tokens live an
// hour; what is under the floors is unsafe, what is over the ceilings is a
// typing error.
const (
	defaultDatabase = "master_db"

	defaultMinutes = 60
	maxMinutes     = int(MaxTokenLife / time.Minute)

	defaultCost = 12
	minCost     = 10 // OWASP Password Storage Cheat Sheet, "bcrypt"
	maxCost     = 14 // about a second on one processor

	// One factor alone is to have 15 characters, and no policy may ask for more
	// than 64 (NIST SP 800-63B-4, 3.1.1.2; OWASP ASVS 5.0, 6.2.9).
	defaultPassword = 15
	maxPassword     = 64

	defaultRetention = 15 * time.Minute
	minRetention     = 2 * time.Minute // outlasts every command that may still be under way
	maxRetention     = 10 * 365 * 24 * time.Hour

	defaultReauthentication = 15 * time.Minute
	minReauthentication     = time.Minute // enough for a person to do what the login was for
	maxReauthentication     = 24 * time.Hour

	// An office that signs up makes fewer, and a cluster that is planned for 20,000
	// organizations is not full before somebody has looked at the alarms.
	defaultPerAddress = 20
	defaultPerStage   = 500
	maxCreations      = 999_999
)

// environment looks a variable up; an empty one is absent.
type environment func(string) (string, bool)

func (e environment) get(name string) string {
	v, _ := e(name)
	return v
}

// loader collects values and errors while [Load] runs.
type loader struct {
	env     environment
	local   bool
	secrets map[string]source // by the name of the plain variable
	errs    []error

	unanswered int // of the errs: secrets that nobody has answered for
}

// fail records what is wrong with the variable.
func (l *loader) fail(name string, err error) {
	l.errs = append(l.errs, fmt.Errorf("%s: %w", name, err))
}

func (l *loader) stage() Stage {
	s := Stage(l.env.get("STAGE"))
	switch s {
	case "", Local, Dev, Staging, Prod:
		return s
	}
	l.fail("STAGE", errors.New("must be local, dev, staging or prod"))
	return ""
}

// database returns the master database's name, by MongoDB's rules for names
// (manual, "MongoDB Limits and Thresholds", Naming Restrictions).
func (l *loader) database() string {
	v := l.env.get("MASTER_DB")
	if v == "" {
		return defaultDatabase
	}
	switch {
	case len(v) > 63 || strings.ContainsAny(v, "/\\. \"$*<>:|?") ||
		strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }):
		l.fail("MASTER_DB",
			errors.New(`must be 1 to 63 printable ASCII characters without white space and /\."$*<>:|?`))
	case v == "admin" || v == "local" || v == "config":
		l.fail("MASTER_DB", errors.New("must not be one of MongoDB's own databases: admin, local, config"))
	}
	return v
}

func (l *loader) tokenLife() time.Duration {
	return time.Duration(l.integer("ACCESS_TOKEN_EXPIRE_MINUTES", defaultMinutes, 1, maxMinutes)) * time.Minute
}

func (l *loader) bcryptCost() int {
	lowest := minCost
	if l.local {
		lowest = password.MinCost
	}
	return l.integer("BCRYPT_COST", defaultCost, lowest, maxCost)
}

// policy returns what a new password must be. What is absent is strict, but
// where the stage is local: there the original's own examples are to work.
func (l *loader) policy() password.Policy {
	least, blocklist := defaultPassword, true
	if l.local {
		least, blocklist = password.MinLength, false
	}
	switch v := l.env.get("PASSWORD_BLOCKLIST"); v {
	case "":
	case "on", "off":
		blocklist = v == "on"
	default:
		l.fail("PASSWORD_BLOCKLIST", errors.New("must be on or off"))
	}
	return password.Policy{
		MinLength: l.integer("PASSWORD_MIN_LENGTH", least, password.MinLength, maxPassword), Blocklist: blocklist,
	}
}

// creations returns how many organizations may be made in an hour. What is absent
// bounds them, but where the stage is local.
func (l *loader) creations() (perAddress, perStage int) {
	perAddress, perStage = defaultPerAddress, defaultPerStage
	if l.local {
		perAddress, perStage = 0, 0
	}
	return l.integer("CREATIONS_PER_ADDRESS", perAddress, 0, maxCreations),
		l.integer("CREATIONS_PER_STAGE", perStage, 0, maxCreations)
}

func (l *loader) integer(name string, absent, lowest, highest int) int {
	v := l.env.get(name)
	if v == "" {
		return absent
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < lowest || n > highest {
		l.fail(name, fmt.Errorf("must be a whole number from %d to %d", lowest, highest))
	}
	return n
}

// duration takes Go's form of a duration only: a bare number might be meant in
// any unit, and a wrong guess throws documents away, or leaves a door open.
func (l *loader) duration(name string, absent, lowest, highest time.Duration, bounds string) time.Duration {
	v := l.env.get(name)
	if v == "" {
		return absent
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < lowest || d > highest {
		l.fail(name, errors.New("must be a duration with its unit from "+bounds))
	}
	return d
}
