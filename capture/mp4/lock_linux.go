package mp4

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// lock keeps an open file from being taken for one that nobody records, until it is closed or the process ends (open
// file description locks, fcntl_locking(2)). It locks a byte far behind the end, so that nobody is kept from reading
// where locks do that. It returns false where another one has the lock, or the file system knows none.
func lock(f *os.File) bool {
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK,
		&unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: 1 << 62, Len: 1}) == nil
}
