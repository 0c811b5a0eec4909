package storage

import "golang.org/x/sys/windows"

// space is that of a folder's volume in bytes (GetDiskFreeSpaceEx).
func space(folder string) (free, total int64, err error) {
	path, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return 0, 0, err
	}
	var available, all, free64 uint64
	if err := windows.GetDiskFreeSpaceEx(path, &available, &all, &free64); err != nil {
		return 0, 0, err
	}
	return int64(available), int64(all), nil
}
