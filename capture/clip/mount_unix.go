//go:build unix

package clip

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// MountOf is where the file system is mounted that a folder is on: the topmost of the folders above it that are on the
// same device (stat(2), st_dev).
func MountOf(folder string) (string, error) {
	path, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return "", err
	}
	dev, err := device(path)
	if err != nil {
		return "", err
	}
	for {
		above := filepath.Dir(path)
		if other, err := device(above); above == path || err != nil || other != dev {
			return path, nil
		}
		path = above
	}
}

// Mounted is whether a file system is mounted at a place. Where that cannot be found out it is.
func Mounted(point string) bool {
	above := filepath.Dir(point)
	if above == point {
		return true
	}
	dev, err := device(point)
	if err != nil {
		return errors.Is(err, fs.ErrPermission)
	}
	other, err := device(above)
	return err != nil || dev != other
}

func device(path string) (uint64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	return uint64(st.Dev), nil
}
