package mongo

import (
	"net"
	"os"
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT (tcp(7)), which package syscall does not have.
const tcpUserTimeout = 0x12

// setUserTimeout bounds how long the kernel keeps bytes that are not acknowledged.
func setUserTimeout(c *net.TCPConn, after time.Duration) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout,
			int(after.Milliseconds())))
	})
	if err != nil {
		return err
	}
	return failed
}
