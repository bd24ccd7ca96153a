package lambda

import (
	"os"
	"syscall"
)

// killGroup kills a process and its group. A group that is gone is not an error.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

// terminateGroup asks a process and its group to end.
func terminateGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGTERM) }
