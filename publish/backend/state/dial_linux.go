package state

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// giveUp has the system give up a connection whose other side acknowledges nothing for lossPatience: by itself Linux
// waits for about 15 minutes (tcp(7), TCP_USER_TIMEOUT).
func giveUp(_, _ string, c syscall.RawConn) error {
	var err error
	failed := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(lossPatience.Milliseconds()))
	})
	if failed != nil {
		return failed
	}
	return err
}
