//go:build unix

package atomicfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock takes the lock of an open file (flock(2)), false where another one has it.
func tryLock(f *os.File) (bool, error) {
	return taken(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
}

// taken is what an error of flock(2) means.
func taken(err error) (bool, error) {
	switch {
	case errors.Is(err, unix.EWOULDBLOCK), errors.Is(err, unix.EINTR):
		return false, nil
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, unix.ENOLCK): // ENOSYS and EOPNOTSUPP among them
		return true, nil
	}
	return err == nil, err
}
