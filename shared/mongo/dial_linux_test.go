package mongo_test

import (
	"encoding/binary"
	"syscall"
	"testing"

	"oms/shared/mongo"
	"oms/shared/mongo/wiretest"
	"oms/shared/must"
)

func TestDial_BoundsWhatTheKernelHolds(t *testing.T) {
	t.Parallel()
	l := wiretest.Listen(t)
	c, socket, err := mongo.Dial(t.Context(), l.Addr().String())
	must.Do(t, err)
	t.Cleanup(func() { _ = c.Close() })
	raw := must.Get(socket.(syscall.Conn).SyscallConn())(t)
	err = raw.Control(func(fd uintptr) {
		const userTimeout = 0x12 // TCP_USER_TIMEOUT
		ms, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, userTimeout)
		if err != nil || ms != 5000 {
			t.Errorf("TCP_USER_TIMEOUT = %d ms, %v, want 5000", ms, err)
		}
		// Package syscall reads no struct linger; this one is as long.
		linger, err := syscall.GetsockoptIPMreq(int(fd), syscall.SOL_SOCKET, syscall.SO_LINGER)
		if err != nil {
			t.Error(err)
			return
		}
		on, seconds := binary.NativeEndian.Uint32(linger.Multiaddr[:]), binary.NativeEndian.Uint32(linger.Interface[:])
		if on == 0 || seconds != 0 {
			t.Errorf("SO_LINGER = %d, %d s, want on, 0 s", on, seconds)
		}
		if on, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE); err != nil || on == 0 {
			t.Errorf("SO_KEEPALIVE = %d, %v, want on", on, err)
		}
	})
	must.Do(t, err)
}
