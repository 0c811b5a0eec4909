//go:build !unix

package control

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// takeLock asks the socket itself: where files cannot be locked, a response means that an app runs.
func takeLock(dir string) (*os.File, error) {
	if c, err := new(net.Dialer).DialContext(context.Background(), "unix", socketPath(dir)); err == nil {
		c.Close()
		return nil, ErrRunning
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the lock file could not be opened: %w", err)
	}
	return f, nil
}

// private relies on the user's own temporary folder.
func private(fs.FileInfo) bool { return true }
