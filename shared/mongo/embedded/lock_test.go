package embedded_test

import (
	"syscall"
	"testing"

	"oms/shared/mongo/embedded"
	"oms/shared/must"
)

// A process that is being forked while a folder is let go of has its files until its program
// starts: the lock must not last until then.
func TestLock_EndsWhileAForkedProcessHasItsFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock, file, err := embedded.LockDir(dir)
	must.Do(t, err)
	forked := must.Get(syscall.Dup(int(file.Fd())))(t)
	defer syscall.Close(forked) //nolint:errcheck // nothing was written
	if _, _, err := embedded.LockDir(dir); err == nil {
		t.Error("the folder is locked twice")
	}
	lock.Release()
	again, _, err := embedded.LockDir(dir)
	if err != nil {
		t.Fatalf("after its release: %v", err)
	}
	again.Release()
}
