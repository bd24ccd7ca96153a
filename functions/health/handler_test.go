package health

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"oms/shared/edge"
	"oms/shared/edge/edgetest"
)

// pingFunc is a database that is one function.
type pingFunc func(ctx context.Context) error

func (f pingFunc) Ping(ctx context.Context) error { return f(ctx) }

func TestHealth(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		ping   pingFunc
		status int
		body   string
		took   time.Duration
	}{
		{"a database that answers", func(context.Context) error { return nil }, 200, `{"status":"ok"}`, 0},
		{
			"a database that refuses", func(context.Context) error { return errors.New("dial tcp 10.0.0.1: refused") },
			503, `"code":"storage_unavailable"`, 0,
		},
		{
			"a database that hangs", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 503,
			`"code":"storage_unavailable"`, time.Second,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				got := edgetest.Send(t, edge.Public(health(tt.ping)), edgetest.Request{Method: "GET", Path: "/health"})
				got.Wants(t, tt.status, tt.body)
				if took := time.Since(start); took != tt.took {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
				if strings.Contains(got.Body, "10.0.0.1") {
					t.Errorf("the body has the driver's text: %s", got.Body)
				}
			})
		})
	}
}
