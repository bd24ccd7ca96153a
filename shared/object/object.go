// Package object reads JSON objects in which no name is there twice.
//
// It owns that rule: of two members with one name one reader takes the first
// and another the last (RFC 8259, section 4), so that what was checked may not
// be what is used. encoding/json takes the last without a word. It refuses to
// know which names there may be, and how deep a text may go.
package object

import (
	"encoding/json"
	"errors"
)

// What keeps an object from being read. They show nothing of the text.
var (
	ErrNone  = errors.New("not a JSON object")
	ErrTwice = errors.New("a name is there twice")
)

// Read reads an object from d. For each name it calls member, which has to read
// the value from d; an error of member ends it and is returned as it is.
func Read(d *json.Decoder, member func(name string) error) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return ErrNone
	}
	return Rest(d, member)
}

// Rest is [Read] after the { has been read.
func Rest(d *json.Decoder, member func(name string) error) error {
	names := make(map[string]bool)
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		switch {
		case err != nil || !ok:
			return ErrNone
		case names[name]:
			return ErrTwice
		}
		names[name] = true
		if err := member(name); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return ErrNone
	}
	return nil
}
