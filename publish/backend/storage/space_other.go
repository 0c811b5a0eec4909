//go:build !linux

package storage

func (f folder) space() (free, total int64, err error) { return 0, 0, nil }
