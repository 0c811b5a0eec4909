package storage

import (
	"fmt"
	"syscall"
)

// space is that of the folder's file system, as this user may fill it (statvfs(3), f_bavail).
func (f folder) space() (free, total int64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(f.root.Name(), &s); err != nil {
		return 0, 0, fmt.Errorf("the free space of the storage folder is not known: %w", err)
	}
	return int64(s.Bavail) * int64(s.Bsize), int64(s.Blocks) * int64(s.Bsize), nil
}
