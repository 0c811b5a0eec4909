// Package trash moves files to the desktop's trash and brings them back. On Linux it follows the freedesktop.org Trash
// specification 1.0: a file goes to the trash of its own file system, so that nothing is copied. It has no goroutines
// and keeps nothing.
package trash

import "errors"

// ErrNoTrash says that a file's file system has no place for a trash. The file is where it was.
var ErrNoTrash = errors.New("there is no trash for this drive")

// Trashed is a file in the trash.
type Trashed struct {
	// Path is where it was.
	Path       string
	file, info string
}

// Restorable is whether Restore can bring it back. Where not, the desktop's own trash can.
func (t Trashed) Restorable() bool { return t.file != "" }
