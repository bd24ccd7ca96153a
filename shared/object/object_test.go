package object_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"oms/shared/object"
)

func TestRead(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for text, want := range map[string]error{
		`{}`:                     nil,
		` {"a":[{"b":1}],"A":2}`: nil,
		`{"a":1} x`:              nil, // whether more may follow is for the caller
		``:                       object.ErrNone,
		`null`:                   object.ErrNone,
		`[]`:                     object.ErrNone,
		`{`:                      object.ErrNone,
		`{"a":1`:                 object.ErrNone,
		`{"a":1]`:                object.ErrNone,
		`{1:1}`:                  object.ErrNone,
		`{"a":1,"a":2}`:          object.ErrTwice,
		`{"a":1,"\u0061":2}`:     object.ErrTwice,
		`{"broken":1,"a":2`:      broken,
	} {
		d := json.NewDecoder(strings.NewReader(text))
		err := object.Read(d, func(name string) error {
			if name == "broken" {
				return broken
			}
			var value any
			return d.Decode(&value)
		})
		if !errors.Is(err, want) {
			t.Errorf("Read(%s) = %v, want %v", text, err, want)
		}
	}
}
