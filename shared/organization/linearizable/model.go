package linearizable

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"oms/shared/organization"
)

// what a step does to, or tells of, one name or email.
type what string

const (
	acquires what = "acquires" // the organization has it from now on
	leaves   what = "leaves"   // the organization has it no more, if it had it
	dies     what = "dies"     // likewise, and will never have it again
	seen     what = "is seen"  // the organization has it; the zero one: nobody has
	taken    what = "is taken" // somebody has it
)

// step is the part of a call that concerns one name or email.
type step struct {
	what       what
	org        organization.ID
	maybe      bool // it may also never happen
	start, end int64
}

// subject is what organizations have one of, and no two the same.
type subject struct {
	noun  string
	of    func(Call) string
	taken func(Call) bool
	look  Kind // the call that reads who has it
}

// merge makes one creation of all calls that were to make the same
// organization (the first with an Idempotency-Key, and those that resumed it):
// it has happened when the first of them said so.
func merge(calls []Call) []Call {
	made := map[organization.ID]int{} // where in all
	var all []Call
	for _, c := range calls {
		if c.Kind != Create || c.Org.IsZero() || c.Outcome == Refused {
			all = append(all, c)
			continue
		}
		at, there := made[c.Org]
		if !there {
			made[c.Org] = len(all)
			all = append(all, c)
			continue
		}
		first := &all[at]
		first.start = min(first.start, c.start)
		switch {
		case c.Outcome == Done && first.Outcome == Done:
			first.end = min(first.end, c.end)
		case c.Outcome == Done:
			first.Outcome, first.end = Done, c.end
		}
	}
	return all
}

func (s subject) keys(calls []Call) []string {
	var keys []string
	for _, c := range calls {
		if k := s.of(c); k != "" {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// steps returns what the calls have to do with the key. What is unknown may
// happen until settled, or for ever where that is zero.
func (s subject) steps(key string, calls []Call, settled int64) []step {
	visitors := map[organization.ID]bool{} // who may have had it
	for _, c := range calls {
		if s.of(c) == key && !c.Org.IsZero() {
			visitors[c.Org] = true
		}
	}
	var steps, busy []step
	var refusals []Call
	for _, c := range calls {
		st := step{org: c.Org, start: c.start, end: c.end, maybe: c.Outcome == Unknown}
		if st.maybe {
			if st.end = settled; settled < c.end { // began after it, or never settled
				st.end = math.MaxInt64
			}
		}
		mine := s.of(c) == key
		if c.Outcome == Refused {
			if mine && c.Kind != s.look {
				busy = append(busy, st) // it may have held the key for a moment
			}
			if mine && s.taken(c) {
				refusals = append(refusals, c)
			}
			continue
		}
		switch {
		case c.Kind == s.look:
			if !mine || c.Outcome != Done {
				continue
			}
			st.what = seen
		case c.Org.IsZero():
			continue
		case c.Kind == Delete && visitors[c.Org]:
			st.what = dies
		case (c.Kind == Create || c.Kind == Change) && mine:
			st.what = acquires
		case c.Kind == Change && s.of(c) != "" && visitors[c.Org]:
			st.what = leaves
		default:
			continue
		}
		if steps = append(steps, st); st.what != seen {
			busy = append(busy, st)
		}
	}
	// A key is also refused while somebody is about to have it, or about to
	// leave it. So a refusal tells something only where nobody was at work.
	for _, c := range refusals {
		if !slices.ContainsFunc(busy, func(b step) bool {
			return b.start != c.start && b.start < c.end &&
				c.start < b.end
		}) {
			steps = append(steps, step{what: taken, start: c.start, end: c.end})
		}
	}
	return steps
}

// holder is who has a name or an email.
type holder struct {
	org  organization.ID // zero: nobody
	dead string          // the ids of the organizations that have been deleted, sorted
}

func holderModel() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{holder{}} },
		Step: func(state, input, _ any) []any {
			h, isHolder := state.(holder)
			s, isStep := input.(step)
			if !isHolder || !isStep {
				return nil
			}
			next, possible := h.after(s)
			switch {
			case !possible && !s.maybe:
				return nil
			case !possible || s.maybe && next == h:
				return []any{h}
			case s.maybe:
				return []any{h, next}
			}
			return []any{next}
		},
	}
	return m.ToModel()
}

// after returns who has it after the step, and whether the step is possible at all.
func (h holder) after(s step) (holder, bool) {
	switch s.what {
	case acquires:
		if h.buried(s.org) || !h.org.IsZero() && h.org != s.org {
			return h, false
		}
		h.org = s.org
	case leaves, dies:
		if h.org == s.org {
			h.org = organization.ID{}
		}
		if s.what == dies && !h.buried(s.org) {
			dead := append(strings.Fields(h.dead), s.org.String())
			slices.Sort(dead)
			h.dead = strings.Join(dead, " ")
		}
	case seen:
		return h, h.org == s.org
	case taken:
		return h, !h.org.IsZero()
	}
	return h, true
}

func (h holder) buried(org organization.ID) bool { return strings.Contains(h.dead, org.String()) }

// describe lists the steps in the order of their beginnings, with short names
// for the organizations.
func describe(steps []step) string {
	slices.SortFunc(steps, func(a, b step) int { return cmp.Compare(a.start, b.start) })
	names := map[organization.ID]string{{}: "nobody"}
	var said []string
	for _, s := range steps {
		if _, ok := names[s.org]; !ok {
			names[s.org] = fmt.Sprintf("O%d", len(names))
		}
		end, maybe := fmt.Sprint(s.end), ""
		if s.end == math.MaxInt64 {
			end = "…"
		}
		if s.maybe {
			maybe = "perhaps "
		}
		who := names[s.org] + " "
		if s.what == taken {
			who = ""
		}
		said = append(said, fmt.Sprintf("[%d–%s] %s%s%s", s.start, end, maybe, who, s.what))
	}
	return strings.Join(said, "; ")
}
