//go:build !linux

package mp4

import "os"

type writeBehind struct{ file *os.File }

func (w *writeBehind) Write(b []byte) (int, error) { return w.file.Write(b) }
