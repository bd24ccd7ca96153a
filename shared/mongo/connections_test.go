package mongo_test

import (
	"sync"
	"testing"

	"oms/shared/mongo/mongotest"
	"oms/shared/mongo/wiretest"
)

// TestDatabase_opensFewConnections: what functions/deploying.md counts with. A
// process has a monitor at each server and a pool of four at the primary,
// however much is asked of it at a time.
func TestDatabase_opensFewConnections(t *testing.T) {
	t.Parallel()
	set := wiretest.NewSet(t, mongotest.Embedded(t).URI, 1)
	db := mustOpen(t, set.URI())
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if err := db.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := set.Connections(); got[0] < 2 || got[0] > 5 || got[1] > 1 || got[2] > 1 {
		t.Errorf("connections to the primary and to the others are %v, want at most 5, 1 and 1", got)
	}
}
