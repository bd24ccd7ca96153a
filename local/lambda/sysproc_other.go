//go:build !linux

package lambda

import "syscall"

// processAttributes puts a child at the head of a process group, so that what
// it starts can be ended with it. Only Linux can tie it to this one's life.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// lowerPriority does nothing: a thread has no priority of its own here.
func lowerPriority() {}
