// Package linearizable owns the judgement on what many clients of the service
// were answered: whether one order of their effects, each between its call and
// its answer, explains all of it (Herlihy and Wing, linearizability; the search
// is porcupine's). It looks at who has which name and email, and at nothing
// else, and calls no service: a test makes the calls and adds them to a
// [History]. It is for tests alone.
//
//	call := history.Begin(linearizable.Get)
//	v, err := service.Get(ctx, who, "Acme")
//	call.Name, call.Org, call.Outcome = "acme", v.ID, linearizable.Done // where err is nil
//	history.Add(call)
//	verdict := history.Check(5 * time.Second)
package linearizable

import (
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"oms/shared/organization"
)

// Kind is what a client asks for.
type Kind string

// The kinds of call.
const (
	Create Kind = "create" // a name and an email, for a new organization
	Change Kind = "change" // another name, another email, or both
	Delete Kind = "delete"
	Get    Kind = "get"   // who has a name
	Login  Kind = "login" // who has an email
)

// Outcome is what an answer says of a call's effect.
type Outcome string

// The outcomes.
const (
	Done    Outcome = "done"    // it has happened; of a Get or Login: it was answered
	Refused Outcome = "refused" // it has not happened, and will not
	Unknown Outcome = "unknown" // 503: it may have happened or not, and may still happen
)

// Call is one call of a client with its answer.
type Call struct {
	Kind    Kind
	Outcome Outcome
	// Org is the organization that the call is about: the one that a creation
	// makes (zero where it came to send none), that is changed or deleted, or that a Get
	// or Login was told of (zero: nobody).
	Org   organization.ID
	Name  string // the key asked for; empty where it is none of the call's concern
	Email string // likewise
	// TakenName and TakenEmail: it was refused because somebody has them. Every
	// other refusal, a hold among them, says nothing about who has what.
	TakenName, TakenEmail bool

	start, end int64
}

// History is the calls of many clients with their answers. The zero History is
// empty. It is safe for concurrent use.
type History struct {
	mu      sync.Mutex
	clock   int64
	calls   []Call
	settled int64
}

// Begin returns a call that begins now. Add it when it has been answered.
func (h *History) Begin(k Kind) Call {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	return Call{Kind: k, start: h.clock}
}

// Add adds a call that has been answered just now.
func (h *History) Add(c Call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	c.end = h.clock
	h.calls = append(h.calls, c)
}

// Quiet says that what has not happened by now will not: every hold has
// passed and reconcile has run.
func (h *History) Quiet() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	h.settled = h.clock
}

// Verdict is what [History.Check] found.
type Verdict struct {
	Bad     []string // names and emails, each with why its answers cannot be explained
	Steps   int      // how many steps were put in order
	Refused int      // how many of them are refusals that say something
	Unsure  int      // names and emails whose search took too long
}

// Check looks for an order of the answers about each name and each email, for
// at most timeout each. It is to be called when all calls have been added.
func (h *History) Check(timeout time.Duration) Verdict {
	h.mu.Lock()
	defer h.mu.Unlock()
	var v Verdict
	calls := merge(h.calls)
	for _, s := range []subject{
		{"name", func(c Call) string { return c.Name }, func(c Call) bool { return c.TakenName }, Get},
		{"email", func(c Call) string { return c.Email }, func(c Call) bool { return c.TakenEmail }, Login},
	} {
		for _, key := range s.keys(calls) {
			steps := s.steps(key, calls, h.settled)
			operations := make([]porcupine.Operation, len(steps))
			for i, st := range steps {
				operations[i] = porcupine.Operation{Input: st, Call: st.start, Return: st.end}
				if st.what == taken {
					v.Refused++
				}
			}
			v.Steps += len(steps)
			switch porcupine.CheckOperationsTimeout(holderModel(), operations, timeout) {
			case porcupine.Ok:
			case porcupine.Illegal:
				v.Bad = append(v.Bad, "no order explains the answers about the "+s.noun+" "+key+": "+describe(steps))
			case porcupine.Unknown:
				v.Unsure++
			}
		}
	}
	return v
}
