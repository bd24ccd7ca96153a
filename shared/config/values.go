package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"oms/shared/password"
)

// The bounds of numbers. The original hashes at cost 12 and its tokens live an
// hour; what is under the floors is unsafe, what is over the ceilings is a
// typing error.
const (
	defaultDatabase = "master_db"

	defaultMinutes = 60
	maxMinutes     = 7 * 24 * 60

	defaultCost = 12
	minCost     = 10 // OWASP Password Storage Cheat Sheet, "bcrypt"
	maxCost     = 14 // about a second on one processor

	defaultRetention = 15 * time.Minute
	minRetention     = 2 * time.Minute // outlasts every command that may still be under way
	maxRetention     = 10 * 365 * 24 * time.Hour
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
	case len(v) > 63 || strings.ContainsAny(v, "/\\. \"$*<>:|?") || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }):
		l.fail("MASTER_DB", errors.New(`must be 1 to 63 printable ASCII characters without white space and /\."$*<>:|?`))
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

// retention takes Go's form of a duration only: a bare number might be meant
// in any unit, and a wrong guess throws documents away.
func (l *loader) retention() time.Duration {
	v := l.env.get("DELETE_RETENTION")
	if v == "" {
		return defaultRetention
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < minRetention || d > maxRetention {
		l.fail("DELETE_RETENTION", errors.New("must be a duration with its unit from 2m to 87600h, as in 15m or 720h"))
	}
	return d
}
