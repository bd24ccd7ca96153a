package crashtest

import (
	"slices"
	"testing"

	"oms/shared/organization/memory"
	"oms/shared/organization/organizationtest"
)

// TestCrash_withoutLinearizableReads: where what decides is read from a primary
// that was cut off, the crash points of a cut find it; otherwise they do not.
func TestCrash_withoutLinearizableReads(t *testing.T) {
	t.Parallel()
	for _, linearizable := range []bool{false, true} {
		subject := func() Subject {
			m := memory.New()
			m.NoLinearizable = !linearizable
			return Subject{organizationtest.NewWorld(m.Store(), m), m}
		}
		var found []string
		for _, sc := range scenarios() {
			for _, p := range sc.points(t, subject()) {
				if p.m.cut() && crash(t, subject(), sc, p) != nil {
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
