package clip

import (
	"os"
	"path/filepath"
)

// MountOf is the root of the volume that a folder is on.
func MountOf(folder string) (string, error) {
	path, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	return filepath.VolumeName(path) + `\`, nil
}

// Mounted is whether there is a volume.
func Mounted(point string) bool {
	_, err := os.Stat(point)
	return err == nil
}
