package trash

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"
)

// operation is SHFILEOPSTRUCTW (shellapi.h) on 64-bit systems.
type operation struct {
	window  uintptr
	what    uint32
	from    *uint16
	to      *uint16
	flags   uint16
	aborted int32
	names   uintptr
	title   *uint16
}

const (
	foDelete = 3
	// allowUndo is what makes it the recycle bin; the others ask nothing and show nothing.
	allowUndo, noConfirmation, silent, noErrorUI = 0x40, 0x10, 0x4, 0x400
)

var fileOperation = windows.NewLazySystemDLL("shell32.dll").NewProc("SHFileOperationW")

// Put moves a file to the recycle bin, which brings it back itself. The error is a message.
func Put(path string) (Trashed, error) {
	from, err := windows.UTF16FromString(path)
	if err != nil {
		return Trashed{}, err
	}
	from = append(from, 0) // it is a list
	o := operation{what: foDelete, from: &from[0], flags: allowUndo | noConfirmation | silent | noErrorUI}
	code, _, _ := fileOperation.Call(uintptr(unsafe.Pointer(&o)))
	runtime.KeepAlive(from)
	if code != 0 || o.aborted != 0 {
		return Trashed{}, fmt.Errorf("%s can't be moved to the trash (error %d)", path, code)
	}
	return Trashed{Path: path}, nil
}

// Restore is done by the recycle bin itself.
func (t Trashed) Restore() error {
	return fmt.Errorf("%s can be restored from the recycle bin", t.Path)
}
