package mp4

import (
	"os"

	"golang.org/x/sys/unix"
)

// writeBehind tells the kernel to send each finished stretch of the file to the disk while the next is written, so that
// the sync at the end has little left to do (sync_file_range(2)).
type writeBehind struct {
	file        *os.File
	at, flushed int64
}

const behindStretch = 4 << 20

func (w *writeBehind) Write(b []byte) (int, error) {
	n, err := w.file.Write(b)
	w.at += int64(n)
	if w.at-w.flushed >= behindStretch {
		// Only a hint: an error here would show again, and be reported, in the sync.
		_ = unix.SyncFileRange(int(w.file.Fd()), w.flushed, w.at-w.flushed, unix.SYNC_FILE_RANGE_WRITE)
		w.flushed = w.at
	}
	return n, err
}
