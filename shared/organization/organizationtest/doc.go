// Package organizationtest helps to test what uses the Service on any
// [organization.Store]: a [World] is a database with a clock and a Service, and
// [Hooked] lets the commands of a Store get lost. It refuses to judge: what a
// Store has to do is in storetest, what a crash may leave in crashtest, and
// which answers fit together in linearizable.
//
//	m := memory.New()
//	w := organizationtest.NewWorld(m.Store(), m)
//	lossy := w.Hooked(func(command string, apply func() error) error {
//		err := apply()
//		if command == "collections.rename" {
//			return organization.ErrLost // it was applied, and nobody is told
//		}
//		return err
//	})
package organizationtest
