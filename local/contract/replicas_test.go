package contract_test

import (
	"cmp"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"oms/local/localtest"
)

// testReplicas: three replicas serve one database, reconcile runs in each and
// all the time, and one of them is killed, while clients change their
// organizations on all three. Nobody but the clients of the killed one notices,
// and then it is as after any kill: see [inspect].
func testReplicas(t *testing.T, b built, uri string) {
	const tenants, changes = 6, 6
	s := newRestarted(t, b, uri)
	first := s.start(t)
	beside := func() *localtest.Program {
		other := *s
		other.data, other.uri = t.TempDir(), cmp.Or(uri, first.Database)
		return other.start(t)
	}
	replicas := []*localtest.Program{first, beside(), beside()}
	h := s.host(t, first)
	done := make(chan struct{})
	var reconciles, clients sync.WaitGroup
	for range replicas {
		w := h.worker(t, h.store(t))
		reconciles.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					reconciled(t, w)
				}
			}
		})
	}
	all := make([]*tenant, tenants)
	for i := range all {
		all[i] = &tenant{}
		r := s.host(t, replicas[i%len(replicas)])
		clients.Go(func() {
			for n := 0; n < changes && all[i].act(r.anyone(t)); n++ {
				continue
			}
		})
	}
	<-time.After(time.Duration(rand.IntN(500)) * time.Millisecond) //nolint:gosec // G404: a random moment
	replicas[2].Kill()
	clients.Wait()
	close(done)
	reconciles.Wait()
	for i, one := range all {
		if i%len(replicas) != 2 && one.next != nil {
			t.Errorf("tenant %d had no good answer, of a replica that was not killed: %v", i, one.cut)
		}
	}
	inspect(t, h, all)
}
