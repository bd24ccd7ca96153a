//go:build !unix

package lambda

import (
	"os"
	"syscall"
)

// processAttributes asks for nothing: there are no process groups here.
func processAttributes() *syscall.SysProcAttr { return nil }

// killGroup kills the process. One that is gone is not an error.
func killGroup(p *os.Process) { _ = p.Kill() }

// terminateGroup kills the process: there is no softer signal here.
func terminateGroup(p *os.Process) { _ = p.Kill() }
