package backend_test

import (
	"context"
	"log/slog"
	"testing"

	"oms/shared/backend"
	"oms/shared/fault"
)

// ready is a database whose indexes are there, or are not.
type ready bool

func (r ready) Ready() bool { return bool(r) }

func TestWhenIndexed(t *testing.T) {
	t.Parallel()
	for _, indexed := range []ready{true, false} {
		ran := false
		said, err := backend.WhenIndexed(indexed, func(context.Context) ([]slog.Attr, error) {
			ran = true
			return []slog.Attr{slog.Int("done", 1)}, nil
		})(t.Context())
		if ran != bool(indexed) || len(said) == 1 != ran || (err == nil) != ran {
			t.Errorf("indexes there: %t; run: %t, said %v, err %v", indexed, ran, said, err)
		}
		if !indexed && fault.KindOf(err) != fault.Unavailable {
			t.Errorf("without indexes err = %v, want a fault of kind Unavailable", err)
		}
	}
}
