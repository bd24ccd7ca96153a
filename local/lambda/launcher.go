package lambda

import (
	"os/exec"
	"runtime"
)

// launcher starts processes from one operating system thread that lives as
// long as they do. Linux sends the parent-death signal when the thread that
// forked ends, not when the process does (PR_SET_PDEATHSIG(2const)), and Go
// ends threads as it likes.
type launcher struct {
	requests chan launch
	done     chan struct{}
}

type launch struct {
	command *exec.Cmd
	result  chan error
}

func newLauncher() *launcher {
	l := &launcher{requests: make(chan launch), done: make(chan struct{})}
	go l.run()
	return l
}

func (l *launcher) run() {
	runtime.LockOSThread()
	for {
		select {
		case r := <-l.requests:
			r.result <- r.command.Start()
		case <-l.done:
			return // the thread ends with the goroutine, as it is still locked
		}
	}
}

func (l *launcher) start(command *exec.Cmd) error {
	r := launch{command: command, result: make(chan error, 1)}
	select {
	case l.requests <- r:
		return <-r.result
	case <-l.done:
		return ErrClosed
	}
}

func (l *launcher) close() { close(l.done) }
