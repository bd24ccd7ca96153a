//go:build !linux

package mongo

import (
	"net"
	"time"
)

// setUserTimeout does nothing: the system has no such bound, and gives bytes up
// when it does. Functions run on Linux.
func setUserTimeout(*net.TCPConn, time.Duration) error { return nil }
