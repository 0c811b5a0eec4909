package replay

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"sort"
	"time"

	"github.com/hindsight-app/hindsight/capture/media"
)

// Orphan is a journal whose process did not end cleanly.
type Orphan struct {
	// Folder is the journal's folder, to be deleted with Discard.
	Folder string
	// Snapshot is everything that can be read; its window is all of it.
	Snapshot Snapshot
	// SoundConfig is the AudioSpecificConfig of the sound.
	SoundConfig []byte
	// Marks are the marked moments, in their order.
	Marks []Mark
	// Last is the wall-clock moment of the last write.
	Last time.Time
	lock *os.File
}

// Discard deletes what was left behind.
func (r *Orphan) Discard() error { return errors.Join(os.RemoveAll(r.Folder), r.Release()) }

// Release leaves it for another time.
func (r *Orphan) Release() error {
	if r.lock == nil {
		return nil
	}
	err := r.lock.Close()
	r.lock = nil
	return err
}

// FindOrphans reads the journals below parent that no living process holds. Those without video are deleted.
func FindOrphans(parent string) ([]*Orphan, error) {
	folders, err := filepath.Glob(filepath.Join(parent, "replay-*"))
	if err != nil {
		return nil, err
	}
	var found []*Orphan
	for _, f := range folders {
		lock, err := takeLock(filepath.Join(f, lockName))
		if err != nil {
			continue // its process lives
		}
		r := &Orphan{Folder: f, lock: lock}
		if r.read() {
			found = append(found, r)
		} else if err := r.Discard(); err != nil {
			return found, err
		}
	}
	return found, nil
}

func (r *Orphan) read() bool {
	paths, _ := filepath.Glob(filepath.Join(r.Folder, "*"+fileSuffix))
	sort.Strings(paths)
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			continue
		}
		if st, err := os.Stat(p); err == nil && st.ModTime().After(r.Last) {
			r.Last = st.ModTime()
		}
		for {
			rec, n := parse(b)
			if n == 0 {
				break // the end, or a torn record
			}
			b = b[n:]
			r.add(rec)
		}
	}
	v := r.Snapshot.Video
	if len(v) == 0 {
		return false
	}
	last := v[len(v)-1]
	r.Snapshot.Start, r.Snapshot.End = v[0].PTS, last.PTS+last.Duration
	return true
}

func (r *Orphan) add(rec record) {
	p := &media.Packet{PTS: rec.pts, DTS: rec.pts, Duration: rec.duration, Key: rec.key, Data: rec.data}
	switch rec.kind {
	case kindConfig:
		r.SoundConfig = rec.data
	case kindMark:
		r.Marks = append(r.Marks, Mark{At: rec.pts, Title: string(rec.data)})
	case kindSound:
		p.Track, p.Config = media.AAC, r.SoundConfig
		r.Snapshot.Sound = append(r.Snapshot.Sound, p)
	case kindDesktop:
		p.Track, p.Config = media.DesktopAAC, r.SoundConfig
		r.addSource(p)
	case kindMic:
		p.Track, p.Config = media.MicAAC, r.SoundConfig
		r.addSource(p)
	case kindVideo:
		if n := len(r.Snapshot.Video); n > 0 && r.Snapshot.Video[n-1].PTS >= p.PTS {
			return
		}
		r.Snapshot.Video = append(r.Snapshot.Video, p)
	}
}

func (r *Orphan) addSource(p *media.Packet) {
	for i, s := range r.Snapshot.Sources {
		if s[0].Track == p.Track {
			r.Snapshot.Sources[i] = append(s, p)
			return
		}
	}
	r.Snapshot.Sources = append(r.Snapshot.Sources, []*media.Packet{p})
}

// parse reads one record; n is 0 when there is no whole, sound one.
func parse(b []byte) (r record, n int) {
	if len(b) < recordHead {
		return record{}, 0
	}
	size := int(binary.LittleEndian.Uint32(b[18:]))
	if size < 0 || size > len(b)-recordHead {
		return record{}, 0
	}
	data := b[recordHead : recordHead+size : recordHead+size]
	if crc32.Update(crc32.Checksum(b[:22], castagnoli), castagnoli, data) != binary.LittleEndian.Uint32(b[22:]) {
		return record{}, 0
	}
	return record{
		kind: b[0], key: b[1] == 1, data: data,
		pts: time.Duration(binary.LittleEndian.Uint64(b[2:])), duration: time.Duration(binary.LittleEndian.Uint64(b[10:])),
	}, recordHead + size
}
