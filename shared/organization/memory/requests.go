package memory

import (
	"context"
	"time"

	"oms/shared/organization"
)

type requests struct{ client }

func (s requests) Find(ctx context.Context, id string) (organization.Request, error) {
	return run(ctx, s.client, Linearizable,
		func(m *Database) (organization.Request, error) { return found(m.requests, id) })
}

func (s requests) Insert(ctx context.Context, r organization.Request) error {
	r = copyRequest(r)
	return do(ctx, s.client, func(m *Database) error {
		if has(m.requests, r.ID) {
			return organization.ErrExists
		}
		m.requests[r.ID] = r
		return nil
	})
}

func (s requests) TakeOver(
	ctx context.Context, was organization.Request, worker organization.ID, lease time.Time,
) (bool, error) {
	was, lease = copyRequest(was), date(lease)
	return write(ctx, s.client, func(m *Database) (bool, error) {
		if !m.leased(was) {
			return false, nil
		}
		r := m.requests[was.ID]
		r.Worker, r.Lease = worker, lease
		m.requests[was.ID] = r
		return true, nil
	})
}

func (s requests) Finish(ctx context.Context, id string, ids organization.RequestIDs) error {
	return do(ctx, s.client, func(m *Database) error {
		if r, there := m.requests[id]; there && r.IDs.Organization == ids.Organization {
			r.Done = true
			m.requests[id] = r
		}
		return nil
	})
}

func (s requests) Delete(ctx context.Context, r organization.Request) error {
	r = copyRequest(r)
	return do(ctx, s.client, func(m *Database) error {
		if m.leased(r) {
			delete(m.requests, r.ID)
		}
		return nil
	})
}

func (s requests) DeleteBefore(ctx context.Context, t time.Time) (int, error) {
	t = date(t)
	return write(ctx, s.client, func(m *Database) (int, error) {
		n := 0
		for id, r := range m.requests {
			if r.CreatedAt.Before(t) {
				delete(m.requests, id)
				n++
			}
		}
		return n, nil
	})
}

// leased reports whether r's document still has its worker and lease. m is locked.
func (m *Database) leased(r organization.Request) bool {
	is, there := m.requests[r.ID]
	return there && is.Worker == r.Worker && is.Lease.Equal(r.Lease)
}

// copyRequest returns r as it is stored. Whether an answer was replayed is a
// fact of the one who got it, not of the answer.
func copyRequest(r organization.Request) organization.Request {
	r.Lease, r.CreatedAt = date(r.Lease), date(r.CreatedAt)
	r.Answer.CreatedAt, r.Answer.UpdatedAt = date(r.Answer.CreatedAt), date(r.Answer.UpdatedAt)
	r.Answer.Replayed = false
	return r
}
