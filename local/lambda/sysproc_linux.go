package lambda

import (
	"os"
	"syscall"
)

// processAttributes puts a child at the head of a process group, so that what
// it starts can be ended with it, and has the kernel kill it when the thread
// that started it ends: after kill -9 of this one too.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killGroup kills a process and its group. A group that is gone is not an error.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

// terminateGroup asks a process and its group to end.
func terminateGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGTERM) }
