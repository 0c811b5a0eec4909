// Package atomicfile replaces files whole or not at all, and locks what several processes change. It has no state and
// no goroutines.
package atomicfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Write replaces the file at path, whose folder must exist: a temporary file beside it is written, synced and renamed.
// After an error the old file is as it was. The error is the file system's.
func Write(path string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone after the rename
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	SyncFolder(filepath.Dir(path))
	return nil
}

// SyncFolder makes new names in a folder last through a power cut. Not every file system can; there they are in place.
func SyncFolder(path string) {
	if runtime.GOOS == "windows" {
		return // folders cannot be opened
	}
	if d, err := os.Open(path); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
