package atomicfile

import (
	"errors"
	"os"
	"time"
)

// ErrLocked means that another process has held a lock for too long.
var ErrLocked = errors.New("another program is using it and does not let go")

const (
	lockWait = 10 * time.Second     // whoever holds one reads and writes a small file
	lockLook = 5 * time.Millisecond // between two tries
)

// Lock keeps other processes that lock the same path out until unlock is called or the process ends, however it ends.
// It waits for the one that holds it, ErrLocked after 10 s. The path is of a file for this purpose alone, which stays:
// one that Write replaces would be another file afterwards. The folder must exist. Where the file system has no locks,
// nobody is kept out.
func Lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(lockWait); ; {
		taken, err := tryLock(f)
		if err == nil && taken {
			return func() { _ = f.Close() }, nil // which gives the lock back
		}
		if err == nil && time.Now().After(deadline) {
			err = ErrLocked
		}
		if err != nil {
			_ = f.Close()
			return nil, err
		}
		time.Sleep(lockLook)
	}
}
