//go:build linux || darwin || freebsd

package state

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// lockFile holds a lock (flock(2)) until it is closed; the system gives it back when the process ends, however it ends.
func lockFile(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the database cannot be locked: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrServed
	} else {
		err = fmt.Errorf("the database cannot be locked: %w", err)
	}
	return nil, errors.Join(err, f.Close())
}
