package organization_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"oms/shared/organization"
	"oms/shared/organization/memory"
)

// ablation takes one rule out of the protocol by standing between a worker and
// its store. It shows that random histories would notice.
type ablation struct {
	name string
	what string // protocol.md's rule, and what becomes of it
	aim  string // the directed search that finds it
	// within is how many histories of that search may pass before one must have failed.
	within uint64
	// shows begins a violation that one of them must show; empty: any.
	shows string
	take  func(began time.Time, s organization.Store) organization.Store
	// server takes something out of the database itself; may be nil.
	server func(*memory.Database)
}

func ablations() []ablation {
	return []ablation{
		{
			name: "q-zero", what: "a hold is lease + 4 s, without the late bound", aim: "writers", within: 60,
			take: func(began time.Time, s organization.Store) organization.Store {
				s.Claims = shortHolds{s.Claims, began}
				return s
			},
		},
		{
			name: "no-raise", what: "claims are not raised at a take-over", aim: "take-over", within: 60,
			take: func(_ time.Time, s organization.Store) organization.Store {
				l := &lapse{}
				s.Organizations, s.Claims = noticed{s.Organizations, l}, notRaised{s.Claims, l}
				return s
			},
		},
		{
			name: "no-check", what: "step 2': a helper does not look whether the new name's claim is still there",
			aim: "decision", within: 60,
			take: func(_ time.Time, s organization.Store) organization.Store {
				l := &lapse{}
				s.Organizations, s.Claims = noticed{s.Organizations, l}, notChecked{s.Claims, l, organization.OpUpdate}
				return s
			},
		},
		{
			name: "no-check-create", what: "step 2 of a creation: likewise", aim: "creation", within: 60,
			take: func(_ time.Time, s organization.Store) organization.Store {
				l := &lapse{}
				s.Organizations, s.Claims = noticed{s.Organizations, l}, notChecked{s.Claims, l, organization.OpCreate}
				return s
			},
		},
		{
			name: "no-hold", what: "the name of a deleted organization is not held", aim: "writers", within: 60,
			take: func(_ time.Time, s organization.Store) organization.Store {
				l := &lapse{}
				s.Organizations, s.Claims = noticed{s.Organizations, l}, notHeld{s.Claims, l}
				return s
			},
		},
		{
			name: "no-bump", what: "an update that is taken back does not fence the admin", aim: "account", within: 60,
			take: func(_ time.Time, s organization.Store) organization.Store {
				s.Admins = notFenced{s.Admins}
				return s
			},
		},
		{
			name: "two-winners", what: "a claim is no lock: both of two creations get the name", within: 60,
			shows:  "answers: ",
			server: func(m *memory.Database) { m.NoKeyIndex = true }, // which is the second lock
			take: func(_ time.Time, s organization.Store) organization.Store {
				s.Claims = twoWinners{s.Claims}
				return s
			},
		},
		{
			name: "two-addresses", what: "the email of another admin is no obstacle", within: 60, shows: "answers: ",
			take: func(_ time.Time, s organization.Store) organization.Store {
				s.Admins = robbed{s.Admins}
				return s
			},
		},
		{
			name: "undead", what: "a reader sees a deleted organization", within: 60, shows: "answers: ",
			take: func(_ time.Time, s organization.Store) organization.Store {
				s.Organizations = undead{s.Organizations, s.Backlog}
				return s
			},
		},
		{
			name: "no-linearizable", what: "what decides is read from a primary that may have been cut off", aim: "cut",
			within: 60,
			server: func(m *memory.Database) { m.NoLinearizable = true },
		},
		{
			name: "no-linearizable-claimants", what: "likewise who has a name", aim: "stale", within: 60,
			server: func(m *memory.Database) { m.NoLinearizable = true },
		},
	}
}

// TestService_ablations: with any rule of the protocol taken out, the histories
// fail that are directed at it; with the rule they do not.
func TestService_ablations(t *testing.T) {
	t.Parallel()
	for _, a := range ablations() {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			failed := uint64(0)
			var found string
			for seed := uint64(1); seed <= a.within && failed == 0; seed++ {
				for _, bad := range runHistory(t, seed, a.aim, a).bad {
					if strings.HasPrefix(bad, a.shows) {
						failed, found = seed, bad
					}
				}
			}
			if failed == 0 {
				t.Fatalf("none of %d histories fails where %s: they prove nothing", a.within, a.what)
			}
			t.Logf("%s: seed %d: %.300s", a.what, failed, found)
			for seed := uint64(1); seed <= failed; seed++ {
				for _, bad := range runHistory(t, seed, a.aim, ablation{}).bad {
					t.Errorf("seed %d (aim %q), with every rule: %s", seed, a.aim, bad)
				}
			}
		})
	}
}

// shortHolds holds names as if no command and no data writer came late.
type shortHolds struct {
	organization.Claims
	began time.Time
}

func (s shortHolds) short(until time.Time) time.Time {
	if until.After(s.began.Add(organization.Lease + grace)) {
		return until.Add(-organization.LateBound)
	}
	return until
}

func (s shortHolds) Insert(ctx context.Context, c organization.Claim) error {
	c.Until = s.short(c.Until)
	return s.Claims.Insert(ctx, c)
}

func (s shortHolds) Raise(
	ctx context.Context, key string, id organization.ID, until time.Time, left bool,
) (bool, error) {
	return s.Claims.Raise(ctx, key, id, s.short(until), left)
}

func (s shortHolds) Replace(ctx context.Context, was, is organization.Claim) (bool, error) {
	is.Until = s.short(is.Until)
	return s.Claims.Replace(ctx, was, is)
}

// lapse is what a worker forgets to do, and where it is.
type lapse struct {
	mu       sync.Mutex
	over     bool                     // its last swap was a take-over, and no claim was looked at since
	kind     organization.OpKind      // of what it took over
	claim    organization.Claim       // which that operation stands on
	deleting map[organization.ID]bool // claims of what it deletes
}

// noticed lets a lapse notice where its worker is.
type noticed struct {
	organization.Organizations
	l *lapse
}

func (s noticed) CompareAndSwap(ctx context.Context, was, is organization.Organization) (bool, error) {
	s.l.mu.Lock()
	s.l.over = takesOver(was, is)
	if s.l.over {
		s.l.kind = is.Op.Kind
		s.l.claim = organization.Claim{Key: is.Key, OrgID: is.ID, ID: is.ClaimID}
		if is.Op.To != "" {
			s.l.claim.Key, s.l.claim.ID = is.Op.To, is.Op.ToClaim
		}
	}
	if is.State == organization.Deleting {
		if s.l.deleting == nil {
			s.l.deleting = map[organization.ID]bool{}
		}
		s.l.deleting[is.ClaimID] = true
	}
	s.l.mu.Unlock()
	return s.Organizations.CompareAndSwap(ctx, was, is)
}

// notRaised leaves a claim as it is after a take-over.
type notRaised struct {
	organization.Claims
	l *lapse
}

func (s notRaised) Raise(
	ctx context.Context, key string, id organization.ID, until time.Time, left bool,
) (bool, error) {
	s.l.mu.Lock()
	lapsed := s.l.over && !left
	s.l.mu.Unlock()
	if lapsed {
		return true, ctx.Err()
	}
	return s.Claims.Raise(ctx, key, id, until, left)
}

func (s notRaised) Find(ctx context.Context, key string) (organization.Claim, error) {
	s.l.mu.Lock()
	s.l.over = false // it goes on with its work
	s.l.mu.Unlock()
	return s.Claims.Find(ctx, key)
}

// notChecked finds, after a take-over, the claim that a helper hopes for.
type notChecked struct {
	organization.Claims
	l    *lapse
	kind organization.OpKind
}

func (s notChecked) Find(ctx context.Context, key string) (organization.Claim, error) {
	s.l.mu.Lock()
	hoped := s.l.claim
	lapsed := s.l.over && s.l.kind == s.kind && hoped.Key == key
	s.l.over = false
	s.l.mu.Unlock()
	if lapsed {
		return hoped, ctx.Err()
	}
	return s.Claims.Find(ctx, key)
}

// notHeld lets go of the name of what is deleted.
type notHeld struct {
	organization.Claims
	l *lapse
}

func (s notHeld) Raise(ctx context.Context, key string, id organization.ID, until time.Time, left bool) (bool, error) {
	s.l.mu.Lock()
	lapsed := s.l.deleting[id]
	s.l.mu.Unlock()
	if lapsed {
		return true, ctx.Err()
	}
	return s.Claims.Raise(ctx, key, id, until, left)
}

// notFenced leaves the rev of an admin as it is where nothing else is to change.
type notFenced struct{ organization.Admins }

func (s notFenced) Change(ctx context.Context, c organization.AdminChange, op organization.ID) (bool, error) {
	if op.IsZero() && c.CredentialVersion == "" {
		return true, ctx.Err()
	}
	return s.Admins.Change(ctx, c, op)
}

// twoWinners takes the claim from whoever has it.
type twoWinners struct{ organization.Claims }

func (s twoWinners) Insert(ctx context.Context, c organization.Claim) error {
	err := s.Claims.Insert(ctx, c)
	if !errors.Is(err, organization.ErrExists) {
		return err
	}
	there, err := s.Find(ctx, c.Key)
	if err != nil {
		return err
	}
	if ok, err := s.Replace(ctx, there, c); err != nil || !ok {
		return organization.ErrExists
	}
	return nil
}

// robbed takes the email address from whoever has it.
type robbed struct{ organization.Admins }

func (s robbed) Insert(ctx context.Context, a organization.Admin) error {
	err := s.Admins.Insert(ctx, a)
	if !errors.Is(err, organization.ErrEmailTaken) {
		return err
	}
	there, err := s.FindByEmail(ctx, a.Email)
	if err != nil {
		return err
	}
	if err := s.Delete(ctx, there.ID, there.OrgID); err != nil {
		return err
	}
	return s.Admins.Insert(ctx, a)
}

// undead lets readers see what has been deleted.
type undead struct {
	organization.Organizations
	backlog organization.Backlog
}

func (s undead) FindVisible(ctx context.Context, key string) (organization.Organization, error) {
	o, err := s.Organizations.FindVisible(ctx, key)
	if !errors.Is(err, organization.ErrAbsent) {
		return o, err
	}
	all, err := s.backlog.Organizations(ctx, nil, 1000)
	if err != nil {
		return organization.Organization{}, err
	}
	for _, o := range all.Items {
		if o.State == organization.Deleted && strings.EqualFold(o.Name, key) {
			o.State = organization.Active
			return o, nil
		}
	}
	return organization.Organization{}, organization.ErrAbsent
}
