package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"oms/shared/config"
	"oms/shared/password"
	"oms/shared/secret"
	"oms/shared/token"
)

// rotation is how one of the two kinds of keys goes over to the next, in steps
// of which each is a run:
//
//  1. A new key is added. It is accepted, and the key before is still used.
//  2. It is used. The key before is still accepted.
//  3. Keys that nothing can need any more are removed.
//
// Between two steps everybody must have read the first: whoever has not would
// refuse what the second makes. So no two functions that work at the same time
// are further apart than one step, and neighbours accept each other's.
type rotation struct {
	secret string // the last part of its name
	use    string // what the key that is used does
	id     string // what ids begin with, before the time
	parse  func(text string) (secret.Ring, error)
	read   time.Duration // after so long everybody has read what was written
	unused time.Duration // after so long nothing needs a key that is not used any more; 0: always something may
}

// tokens rotates the keys that sign tokens. A function reads them again when
// they are older than [token.CacheFor], and after a failure half a minute later;
// two may fail here. A key can sign until then, and what it signed can live for
// a week (the deployed life is a setting, and may have been another meanwhile).
func tokens() rotation {
	const read = token.CacheFor + 2*token.RetryAfter
	return rotation{
		secret: "jwt", use: "signs new tokens", id: "k",
		parse: func(text string) (secret.Ring, error) {
			keys, err := token.ParseKeys(text, "HS512", false)
			return keys.Ring, err
		},
		read: read, unused: read + config.MaxTokenLife + token.Leeway,
	}
}

// peppers rotates the peppers of passwords. A function reads them when it starts
// and never again; Lambda ends each "every few hours", however busy it is
// (developer guide, "Understanding the Lambda execution environment lifecycle"),
// and a day is many of them.
//
// A hash is made anew, with the pepper that is used, when its owner logs in.
// Somebody may not have done that for years, and a backup of the database brings
// old hashes back: without its pepper no password of those verifies again. So
// none is ever removed here, and an old one costs nothing.
func peppers() rotation {
	return rotation{
		secret: "pepper", use: "is mixed into new hashes", id: "p",
		parse: func(text string) (secret.Ring, error) { return password.ParsePeppers(text, false) },
		read:  24 * time.Hour,
	}
}

// errTooEarly says that not everybody has read what was written last.
var errTooEarly = errors.New("too early")

// rotate takes the next step, if it is time for it.
func (p *program) rotate(ctx context.Context, stage string, r rotation) error {
	was, err := p.read(ctx, secretName(stage, r.secret))
	if err != nil {
		return err
	}
	ring, err := r.parse(was.text.Reveal())
	if err != nil {
		return fmt.Errorf("%s is not what the service can read, and was left as it is: %w", was.name, err)
	}
	next, said, err := r.next(ring, was.since, was.now)
	if err != nil {
		return fmt.Errorf("%s: %w", was.name, err)
	}
	text, err := next.Compose()
	if err == nil {
		err = r.holds(text, next)
	}
	if err != nil {
		return fmt.Errorf("%s was left as it is: %w", was.name, err)
	}
	if err := p.replace(ctx, was, text); err != nil {
		return err
	}
	p.say("%s: %s", was.name, said)
	return nil
}

// next returns the ring after the next step, and a sentence about it, for a ring
// that has been read since a time.
func (r rotation) next(ring secret.Ring, since, now time.Time) (secret.Ring, string, error) {
	wait := func(d time.Duration) error {
		if at := since.Add(d); now.Before(at) {
			return fmt.Errorf("%w: it was changed at %s, and the next step is due at %s", errTooEarly, clock(since),
				clock(at))
		}
		return nil
	}
	keys := maps.Clone(ring.Keys)
	added, others := "", false
	for id, key := range keys {
		if bytes.Equal(key, keys[ring.Active]) {
			continue // another id of the same key
		}
		others = true
		if at := r.made(id); at.After(r.made(ring.Active)) && at.After(r.made(added)) {
			added = id
		}
	}

	switch {
	case added != "":
		said := fmt.Sprintf("%s %s, once it is read again; those before are still accepted.", added, r.use)
		if r.unused > 0 {
			said += fmt.Sprintf(" Run this again at %s or later, and they are removed", clock(now.Add(r.unused)))
		}
		return secret.Ring{Active: added, Keys: keys}, said, wait(r.read)
	case others && r.unused > 0:
		maps.DeleteFunc(keys, func(_ string, key []byte) bool { return !bytes.Equal(key, ring.Keys[ring.Active]) })
		return secret.Ring{Active: ring.Active, Keys: keys}, "only " + ring.Active + " is left", wait(r.unused)
	}
	var early error
	if others { // a rotation has ended, and whoever runs this again may not have noticed
		early = wait(r.read)
	}
	at := now
	if last := r.made(ring.Active); !at.After(last) {
		at = last.Add(time.Second)
	}
	id := r.id + at.UTC().Format(stamp)
	keys[id] = []byte(secret.New().Reveal())
	said := fmt.Sprintf("%s is accepted. Run this again at %s or later, and it %s", id, clock(now.Add(r.read)), r.use)
	return secret.Ring{Active: ring.Active, Keys: keys}, said, early
}

// stamp is the time in an id that was made here: of two keys it tells the newer one.
const stamp = "20060102150405"

// made returns when the key with that id was made; ids of others are older than all of ours.
func (r rotation) made(id string) time.Time {
	if len(id) != len(r.id)+len(stamp) {
		return time.Time{}
	}
	at, err := time.Parse(stamp, id[len(r.id):])
	if err != nil {
		return time.Time{}
	}
	return at
}

// holds checks that the service reads the keys of the ring from the text, and the same one for use.
func (r rotation) holds(text secret.Text, ring secret.Ring) error {
	got, err := r.parse(text.Reveal())
	if err != nil {
		return err
	}
	for id, key := range ring.Keys {
		if !bytes.Equal(got.Keys[id], key) {
			return fmt.Errorf("key %s reads differently", id)
		}
	}
	if got.Active != ring.Active {
		return errors.New("another key would be used")
	}
	return nil
}
