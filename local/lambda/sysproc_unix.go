//go:build unix && !linux

package lambda

import (
	"os"
	"syscall"
)

// processAttributes puts a child at the head of a process group, so that what
// it starts can be ended with it. Only Linux can tie it to this one's life.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills a process and its group. A group that is gone is not an error.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

// terminateGroup asks a process and its group to end.
func terminateGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGTERM) }
