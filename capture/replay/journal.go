package replay

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

// Journal keeps the latest packets in files too, so that they survive the end of the process. It is written without
// waiting for the disk: a killed process loses what its queue held, a few packets; a power cut what the system had not
// written back.
//
// A journal owns one folder of its own with one file for each group of frames and a lock that is held while the process
// lives. It has one goroutine, which writes. Write never blocks: when the disk cannot follow, packets are left out up
// to the next IDR. Close removes the folder; it may be called twice.
type Journal struct {
	folder string
	lock   *os.File
	log    *slog.Logger
	queue  chan record
	done   chan struct{}

	mu      sync.Mutex
	length  time.Duration
	config  []byte // AudioSpecificConfig
	closed  bool
	skipped bool // packets were left out; wait for an IDR
}

// Kinds of records.
const (
	kindVideo   = 'V'
	kindSound   = 'A' // the mix
	kindConfig  = 'C' // AudioSpecificConfig of the sound that follows
	kindDesktop = 'D' // the desktop's sound for itself
	kindMic     = 'M' // the microphone's
	kindMark    = 'K' // a mark: its PTS, and its title as data
)

var kinds = map[media.Track]byte{media.Video: kindVideo, media.AAC: kindSound, media.DesktopAAC: kindDesktop,
	media.MicAAC: kindMic}

// record is one entry of a file: kind (1 byte), key (1), PTS and duration in ns (8 each), length (4), CRC-32C of all
// that and the data (4), then the data; numbers are little-endian. Readers leave out kinds that they do not know.
type record struct {
	kind          byte
	key           bool
	pts, duration time.Duration
	data          []byte
}

const (
	recordHead = 26
	lockName   = "lock"
	fileSuffix = ".gop"
	queueSize  = 1024
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// NewJournal makes a journal in a new folder below parent.
func NewJournal(parent string, length time.Duration, log *slog.Logger) (*Journal, error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("the replay buffer can't be backed up to disk: %w", err)
	}
	folder, err := os.MkdirTemp(parent, "replay-")
	if err != nil {
		return nil, fmt.Errorf("the replay buffer can't be backed up to disk: %w", err)
	}
	lock, err := takeLock(filepath.Join(folder, lockName))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	j := &Journal{folder: folder, lock: lock, log: log, queue: make(chan record, queueSize), done: make(chan struct{}),
		length: length, skipped: true}
	go j.run()
	return j, nil
}

// SetLength changes how much is kept.
func (j *Journal) SetLength(d time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.length = d
}

// Write adds a packet of the video or of an AAC track.
func (j *Journal) Write(p *media.Packet) {
	kind, kept := kinds[p.Track]
	if !kept {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	if p.Track.ForClips() && !bytes.Equal(p.Config, j.config) {
		if !j.put(record{kind: kindConfig, key: true, data: p.Config}) {
			return // sound without it can't be read; the next packet brings it again
		}
		j.config = p.Config
	}
	j.put(record{kind: kind, key: p.Key, pts: p.PTS, duration: p.Duration, data: p.Data})
}

// Mark is a moment with a name; an empty title is numbered by who shows it.
type Mark struct {
	// At is on the packets' time line.
	At    time.Duration
	Title string
}

// Mark adds a mark.
func (j *Journal) Mark(m Mark) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.closed {
		j.put(record{kind: kindMark, pts: m.At, data: []byte(m.Title)})
	}
}

// put queues a record and returns whether it did. It runs under the lock.
func (j *Journal) put(r record) bool {
	if r.kind == kindVideo && j.skipped {
		if !r.key {
			return false
		}
		j.skipped = false
	}
	select {
	case j.queue <- r:
		return true
	default:
		j.skipped = true
		return false
	}
}

// file is one group of frames on disk.
type file struct {
	path  string
	start time.Duration
}

// run writes what is queued.
func (j *Journal) run() {
	defer close(j.done)
	w := writer{folder: j.folder, hold: j.hold}
	reported := false
	for r := range j.queue {
		j.mu.Lock()
		length := j.length
		j.mu.Unlock()
		if err := w.write(r, length); err != nil && !reported {
			j.log.Warn("the replay buffer is not backed up to disk", "err", err)
			reported = true
		}
	}
	w.close()
}

// hold makes the folder and its lock again where a cleaner of caches took them: without the lock the next process would
// take the journal for one that was left behind.
func (j *Journal) hold() error {
	path := filepath.Join(j.folder, lockName)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(j.folder, 0o700); err != nil {
		return err
	}
	lock, err := takeLock(path)
	if err != nil {
		return err
	}
	err = j.lock.Close()
	j.lock = lock // of the goroutine until it has ended
	return err
}

// writer is the state of the writing goroutine.
type writer struct {
	folder string
	hold   func() error // makes sure that folder and lock are there
	number int
	out    *os.File
	files  []file
	config []byte
	buf    []byte
}

func (w *writer) write(r record, length time.Duration) error {
	if r.kind == kindConfig {
		w.config = r.data
		if w.out == nil {
			return nil
		}
	}
	var failed error
	if r.kind == kindVideo && r.key {
		failed = w.next(r.pts, length)
	}
	if w.out == nil {
		return failed // nothing before the first IDR
	}
	return errors.Join(failed, w.append(r))
}

// next begins a file and deletes those that are too old.
func (w *writer) next(start, length time.Duration) error {
	w.close()
	var failed error // deleting, which does not keep the new from being written
	for len(w.files) > 1 && w.files[1].start < start-length-slack {
		if err := os.Remove(w.files[0].path); !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
		w.files = w.files[1:]
	}
	if err := w.hold(); err != nil {
		return err
	}
	w.number++
	path := filepath.Join(w.folder, fmt.Sprintf("%09d%s", w.number, fileSuffix))
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w.out = out
	w.files = append(w.files, file{path, start})
	if w.config != nil {
		failed = errors.Join(failed, w.append(record{kind: kindConfig, key: true, data: w.config}))
	}
	return failed
}

func (w *writer) append(r record) error {
	b := append(w.buf[:0], r.kind, 0)
	if r.key {
		b[1] = 1
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(r.pts))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.duration))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.data)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Update(crc32.Checksum(b, castagnoli), castagnoli, r.data))
	w.buf = append(b, r.data...)
	_, err := w.out.Write(w.buf)
	return err
}

func (w *writer) close() {
	if w.out != nil {
		_ = w.out.Close()
		w.out = nil
	}
}

// Close ends the journal and removes its folder: the process ends cleanly and nothing has to be recovered.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		<-j.done
		return nil
	}
	j.closed = true
	close(j.queue)
	j.mu.Unlock()
	<-j.done
	return errors.Join(os.RemoveAll(j.folder), j.lock.Close())
}
