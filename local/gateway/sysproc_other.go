//go:build !unix

package gateway

import (
	"os"
	"syscall"
)

// processAttributes asks for nothing: there are no process groups here.
func processAttributes() *syscall.SysProcAttr { return nil }

// lockThread does nothing: no signal depends on the thread here.
func lockThread() {}

// killGroup kills the process. One that is gone is no error.
func killGroup(p *os.Process) { _ = p.Kill() }

// terminateGroup kills the process: there is no softer signal here.
func terminateGroup(p *os.Process) { _ = p.Kill() }
