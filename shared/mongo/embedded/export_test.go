package embedded

import (
	"os"

	"oms/shared/mongo/wire"
)

// CommandName is what the gate takes the command in a whole message to be; empty where it
// understands none.
func CommandName(message []byte) string { return wire.Parse(message).Name }

// LockDir locks a data folder; the file is what a process that is being started has, too.
func LockDir(dir string) (lock interface{ Release() }, file *os.File, err error) {
	l, err := lockDir(dir)
	if err != nil {
		return nil, nil, err
	}
	return l, l.file, nil
}
