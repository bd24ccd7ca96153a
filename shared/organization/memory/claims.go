package memory

import (
	"context"
	"slices"
	"time"

	"oms/shared/organization"
)

type claims struct{ client }

func (s claims) Find(ctx context.Context, key string) (organization.Claim, error) {
	return read(ctx, s.client, func(m *Database) (organization.Claim, error) { return found(m.claims, key) })
}

func (s claims) Insert(ctx context.Context, c organization.Claim) error {
	c.Until = date(c.Until)
	return do(ctx, s.client, func(m *Database) error {
		if has(m.claims, c.Key) {
			return organization.ErrExists
		}
		m.claims[c.Key] = c
		return nil
	})
}

func (s claims) Raise(
	ctx context.Context, key string, claim organization.ID, until time.Time, left bool,
) (bool, error) {
	until = date(until)
	return write(ctx, s.client, func(m *Database) (bool, error) {
		c, there := m.claims[key]
		if !there || c.ID != claim {
			return false, nil
		}
		if until.After(c.Until) {
			c.Until = until
		}
		c.Left = c.Left || left
		m.claims[key] = c
		return true, nil
	})
}

func (s claims) Settle(ctx context.Context, all []organization.Claim) (int, error) {
	all = slices.Clone(all)
	return write(ctx, s.client, func(m *Database) (int, error) {
		n := 0
		for _, c := range all {
			c.Until = date(c.Until)
			if !c.Until.IsZero() && m.claimed(c) {
				c = m.claims[c.Key]
				c.Until = time.Time{}
				m.claims[c.Key] = c
				n++
			}
		}
		return n, nil
	})
}

func (s claims) Release(ctx context.Context, key string, claim organization.ID, now time.Time) error {
	now = date(now)
	return do(ctx, s.client, func(m *Database) error {
		if c, there := m.claims[key]; there && c.ID == claim {
			c.Until = now
			m.claims[key] = c
		}
		return nil
	})
}

func (s claims) Replace(ctx context.Context, was, is organization.Claim) (bool, error) {
	was.Until, is.Until = date(was.Until), date(is.Until)
	is.Key = was.Key
	return write(ctx, s.client, func(m *Database) (bool, error) {
		if !m.claimed(was) {
			return false, nil
		}
		m.claims[was.Key] = is
		return true, nil
	})
}

func (s claims) Delete(ctx context.Context, c organization.Claim) (bool, error) {
	c.Until = date(c.Until)
	return write(ctx, s.client, func(m *Database) (bool, error) {
		if !m.claimed(c) {
			return false, nil
		}
		delete(m.claims, c.Key)
		return true, nil
	})
}

// claimed reports whether c's document still has its ID and Until. m is locked.
func (m *Database) claimed(c organization.Claim) bool {
	is, there := m.claims[c.Key]
	return there && is.ID == c.ID && is.Until.Equal(c.Until)
}
