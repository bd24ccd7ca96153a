package lambda

import "syscall"

// processAttributes puts a child at the head of a process group, so that what
// it starts can be ended with it, and has the kernel kill it when the thread
// that started it ends: after kill -9 of this one too.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// lowerPriority lets every other thread run first. On Linux the priority is the
// calling thread's own (setpriority(2), "C library/kernel differences"); where
// it cannot be lowered the thread runs as the others do.
func lowerPriority() { _ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, 10) }
