// Package organizationtest helps to test what stands on [organization.Store]:
// [Memory] is a Store in memory, [Hooked] lets the commands of any Store get
// lost, and [TestStore] is the Store's contract as a test that every Store has
// to pass.
//
// Memory behaves as the protocol says MongoDB does, its unpleasant sides
// included: a document put under a name that is not there makes a collection of
// that name; and a primary that is cut off ([Memory.Cut]) shows its clients what
// is old, or will be rolled back. It is for tests alone: it keeps nothing, and it looks through
// everything at every command.
//
//	m := organizationtest.NewMemory()
//	lossy := organizationtest.Hooked(m.Store(), func(command string, apply func() error) error {
//		err := apply()
//		if command == "collections.rename" {
//			return organization.ErrLost // it was applied, and nobody is told
//		}
//		return err
//	})
//	s := organization.New(organization.Config{Store: lossy})
package organizationtest
