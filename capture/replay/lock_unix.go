//go:build unix

package replay

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// takeLock opens a file and locks it for the life of this process (flock(2)); the system lets go when the process ends,
// however it ends.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("the journal is in use: %w", err)
	}
	return f, nil
}
