package organizationtest

import (
	"slices"
	"testing"
)

// TestCrash_withoutLinearizableReads: where what decides is read from a primary
// that was cut off, the crash points of a cut find it; otherwise they do not.
func TestCrash_withoutLinearizableReads(t *testing.T) {
	t.Parallel()
	for _, linearizable := range []bool{false, true} {
		subject := func() Subject {
			m := NewMemory()
			m.SetLinearizable(linearizable)
			return Subject{Store: m.Store(), Writer: m.Writer(), Memory: m}
		}
		var found []string
		for _, sc := range scenarios() {
			for _, p := range sc.points(t, NewWorld(subject())) {
				if p.m.cut() && crash(t, NewWorld(subject()), sc, p) != nil {
					found = append(found, sc.name)
				}
			}
		}
		for _, name := range []string{"shown name", "create with an idempotency key"} {
			if got := slices.Contains(found, name); got == linearizable {
				t.Errorf("linearizable %t: a cut breaks %q: %t", linearizable, name, got)
			}
		}
	}
}
