//go:build unix

package storage

import "golang.org/x/sys/unix"

// space is that of a folder's file system in bytes, as this user may fill it (statvfs(3), f_bavail).
func space(folder string) (free, total int64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), int64(s.Blocks) * int64(s.Bsize), nil
}
