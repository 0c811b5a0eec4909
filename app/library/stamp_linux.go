package library

import (
	"io/fs"
	"syscall"
)

// inodeChange is the time of the last change of a file's inode in ns, which renaming and every write change.
func inodeChange(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ctim.Nano()
	}
	return 0
}
