package linearizable_test

import (
	"testing"
	"time"

	"oms/shared/organization"
	"oms/shared/organization/linearizable"
)

// script is a call that begins after the one before it has begun.
type script struct {
	call  linearizable.Call
	until int // it ends when the call at this place has begun, and not before its own has
}

// TestHistory_Check: what an order of effects explains is right, and what none explains is not.
func TestHistory_Check(t *testing.T) {
	t.Parallel()
	const (
		create, change, remove = linearizable.Create, linearizable.Change, linearizable.Delete
		get, login             = linearizable.Get, linearizable.Login
		done, refused, unknown = linearizable.Done, linearizable.Refused, linearizable.Unknown
	)
	x, y, nobody := organization.ID{1}, organization.ID{2}, organization.ID{}
	call := func(k linearizable.Kind, o linearizable.Outcome, org organization.ID, name,
		email string,
	) linearizable.Call {
		return linearizable.Call{Kind: k, Outcome: o, Org: org, Name: name, Email: email}
	}
	taken := func(c linearizable.Call) linearizable.Call {
		c.TakenName = c.Name != ""
		c.TakenEmail = c.Email != ""
		return c
	}
	for name, tt := range map[string]struct {
		scripts []script
		settled int // what is unknown is settled before the call at this place; 0: never
		bad     int
	}{
		"a name is given out again after a rename": {scripts: []script{
			{call(create, done, x, "a", "x"), 0},
			{call(change, done, x, "b", ""), 0},
			{call(create, done, y, "a", "y"), 0},
			{call(get, done, y, "a", ""), 0},
			{call(get, done, x, "b", ""), 0},
		}},
		"a name is given out twice": {bad: 1, scripts: []script{
			{call(create, done, x, "a", "x"), 0}, {call(create, done, y, "a", "y"), 0},
		}},
		"a name is given out twice at once": {bad: 1, scripts: []script{
			{call(create, done, x, "a", "x"), 1}, {call(create, done, y, "a", "y"), 0},
		}},
		"an email is given out twice": {bad: 1, scripts: []script{
			{call(create, done, x, "a", "x"), 0}, {call(create, done, y, "b", "x"), 0},
		}},
		"an acknowledged organization is lost": {bad: 1, scripts: []script{
			{call(create, done, x, "a", "x"), 0}, {call(get, done, nobody, "a", ""), 0},
		}},
		"it is not lost yet where the reader came at once": {scripts: []script{
			{call(create, done, x, "a", "x"), 1}, {call(get, done, nobody, "a", ""), 0},
		}},
		"a reader sees what is deleted": {bad: 1, scripts: []script{
			{call(create, done, x, "a", "x"), 0}, {call(remove, done, x, "", ""), 0}, {call(get, done, x, "a", ""), 0},
		}},
		"what is deleted comes back under another name": {bad: 1, scripts: []script{
			{call(create, done, x, "a", "x"), 0},
			{call(change, unknown, x, "b", ""), 0},
			{call(remove, done, x, "", ""), 0},
			{call(get, done, x, "b", ""), 0},
		}},
		"an unknown change happens late": {scripts: []script{
			{call(create, done, x, "a", "x"), 0},
			{call(change, unknown, x, "b", ""), 0},
			{call(get, done, x, "a", ""), 0},
			{call(get, done, x, "b", ""), 0},
		}},
		"a refused change happens": {bad: 1, scripts: []script{
			{call(create, done, x, "a", "x"), 0},
			{call(change, refused, x, "b", ""), 0},
			{call(get, done, x, "b", ""), 0},
		}},
		"an unknown change happens after all has settled": {bad: 1, settled: 2, scripts: []script{
			{call(create, done, x, "a", "x"), 0},
			{call(change, unknown, x, "b", ""), 0},
			{call(get, done, nobody, "b", ""), 0},
			{call(get, done, x, "b", ""), 0},
		}},
		"a name is refused that nobody has": {bad: 1, scripts: []script{
			{call(create, done, x, "a", "x"), 0},
			{call(remove, done, x, "", ""), 0},
			{taken(call(create, refused, nobody, "a", "")), 0},
		}},
		"a held name says nothing": {scripts: []script{
			{call(create, done, x, "a", "x"), 0},
			{call(remove, done, x, "", ""), 0},
			{call(create, refused, nobody, "a", "y"), 0},
		}},
		"an email is refused that an unknown deletion may still hold": {scripts: []script{
			{call(create, done, x, "a", "x"), 0},
			{call(remove, unknown, x, "", ""), 0},
			{call(get, done, nobody, "a", ""), 0},
			{taken(call(create, refused, nobody, "", "x")), 0},
		}},
		"a login sees the email of before an acknowledged change": {bad: 1, scripts: []script{
			{call(create, done, x, "a", "x"), 0},
			{call(change, done, x, "", "z"), 0},
			{call(login, done, x, "", "x"), 0},
		}},
		"two calls make one organization": {scripts: []script{
			{call(create, unknown, x, "a", "x"), 0},
			{call(get, done, x, "a", ""), 0},
			{call(create, done, x, "a", "x"), 0},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var h linearizable.History
			running := map[int][]linearizable.Call{}
			for at, s := range tt.scripts {
				if tt.settled > 0 && at == tt.settled {
					h.Quiet()
				}
				c := h.Begin(s.call.Kind)
				c.Outcome, c.Org, c.Name, c.Email = s.call.Outcome, s.call.Org, s.call.Name, s.call.Email
				c.TakenName, c.TakenEmail = s.call.TakenName, s.call.TakenEmail
				running[max(at, s.until)] = append(running[max(at, s.until)], c)
				for _, c := range running[at] {
					h.Add(c)
				}
			}
			v := h.Check(time.Minute)
			if len(v.Bad) != tt.bad || v.Unsure != 0 {
				t.Errorf("Check() = %+v, want %d subjects to be wrong", v, tt.bad)
			}
		})
	}
}
