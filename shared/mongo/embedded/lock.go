package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockFile is the name, inside the data folder, of the file that marks it as in use.
const lockFile = "embedded.lock"

// lock is a data folder that is this process's own.
type lock struct{ file *os.File }

// lockDir makes dir this process's own until the lock is released. Two SQLite pools on
// one folder would each let its own writes through. The kernel ends the lock with the process,
// however that dies: flock(2). The file itself stays, for removing it would race with whoever
// has just opened it.
func lockDir(dir string) (*lock, error) {
	//nolint:gosec // the folder is the caller's to choose
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the data folder %s: %w", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("the data folder %s is in use: another database serves it", dir)
		}
		return nil, fmt.Errorf("locking the data folder %s: %w", dir, err)
	}
	return &lock{f}, nil
}

// Release lets go of the folder. Closing the file would not do: a process that is being forked
// at this moment has it open until its program starts, and the lock lasts as long (flock(2)).
func (l *lock) Release() {
	_ = syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN)
	_ = l.file.Close()
}
