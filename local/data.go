package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// openData makes the data folder (mode 0700) where it is missing, and takes
// it for this run alone until the returned file is closed: a second run would
// replace binaries that the first has yet to start. The kernel ends the lock
// with the process, however that dies (flock(2)).
func openData(path string) (folder string, lock *os.File, err error) {
	if folder, err = filepath.Abs(path); err != nil {
		return "", nil, fmt.Errorf("finding the data folder: %w", err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", nil, fmt.Errorf("making the data folder: %w", err)
	}
	//nolint:gosec // G304: in the user's own data folder
	lock, err = os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", nil, fmt.Errorf("locking the data folder: %w", err)
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return folder, lock, nil
	}
	_ = lock.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return "", nil, fmt.Errorf("the data folder %s is in use by another run: stop it, or choose another with -data",
			folder)
	}
	return "", nil, fmt.Errorf("locking the data folder: %w", err)
}

// replaceFile replaces a file (mode 0600) as a whole, so that a crash leaves
// the old one or the new one: a temporary file beside it, fsync, rename, and
// fsync of the folder, without which the rename itself may be lost (fsync(2)).
// It makes the folder (0700) where it is missing.
func replaceFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone after the rename
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
