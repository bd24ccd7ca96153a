package embedded

import "os"

// LockDir locks a data folder; the file is what a process that is being started has, too.
func LockDir(dir string) (lock interface{ Release() }, file *os.File, err error) {
	l, err := lockDir(dir)
	if err != nil {
		return nil, nil, err
	}
	return l, l.file, nil
}
