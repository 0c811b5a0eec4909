package library

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/hindsight-app/hindsight/app/atomicfile"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/capture/clip"
)

const (
	// settleSoon is how long after a change the folder is looked at, and settleLate after one that may be one of many:
	// a recording grows all the time.
	settleSoon, settleLate = 200 * time.Millisecond, time.Second
	// awayEvery is how often a folder is looked for that is not there.
	awayEvery = 3 * time.Second
	// readers read headers side by side, batch of them before what is known is shown.
	readers, batch = 4, 400
)

// stamp is the state of a file that was read. A star changes neither its size nor the time of its last change, but that
// of its inode, where the system has one.
type stamp struct {
	Size  int64 `json:"size"`
	Mod   int64 `json:"mod"`   // ns
	Inode int64 `json:"inode"` // ns
}

func stampOf(info fs.FileInfo) stamp {
	return stamp{info.Size(), info.ModTime().UnixNano(), inodeChange(info)}
}

// known is what was read of a file.
type known struct {
	Stamp stamp     `json:"stamp"`
	Clip  clip.Clip `json:"clip"`
	// None is a file that is no clip, such as the image beside one.
	None bool `json:"none,omitempty"`
}

// reader is the state of a Library's goroutine.
type reader struct {
	l      *Library
	folder string
	known  map[string]known
	unkept bool // there is something that the cache file does not have

	watcher *fsnotify.Watcher // nil: none is to be had
	watched string
	changed map[string]bool // paths since the folder was looked at
	all     bool            // everything may have changed
	due     *time.Timer
}

func (l *Library) run() {
	defer close(l.done)
	r := &reader{l: l, known: map[string]known{}, changed: map[string]bool{}, due: time.NewTimer(time.Hour)}
	r.due.Stop()
	defer r.close()
	if raw, err := os.ReadFile(l.options.Cache); err == nil {
		var kept map[string]known
		if json.Unmarshal(raw, &kept) == nil && kept != nil {
			r.known = kept
		}
	}
	var err error
	if r.watcher, err = fsnotify.NewWatcher(); err != nil {
		l.options.Log.Warn("changes in the clip folder are not seen at once", "error", err)
	}
	for {
		var events chan fsnotify.Event
		var failures chan error
		if r.watcher != nil {
			events, failures = r.watcher.Events, r.watcher.Errors
		}
		select {
		case <-l.end:
			return
		case <-l.asked:
			r.obey()
		case e := <-events:
			r.note(e)
		case <-failures: // too many at once
			r.all = true
			r.due.Reset(settleSoon)
		case <-r.due.C:
			r.look()
		}
	}
}

func (r *reader) close() {
	if r.watcher != nil {
		_ = r.watcher.Close()
	}
	r.due.Stop()
	r.keep()
}

// obey does what was wished for.
func (r *reader) obey() {
	r.l.mu.Lock()
	w := r.l.wish
	r.l.wish.read = false
	r.l.mu.Unlock()
	if w.folder != r.folder {
		r.folder = w.folder
	}
	if w.read && r.folder != "" {
		r.watch()
		r.scan()
	}
}

// watch follows the folder, which may have come into being just now.
func (r *reader) watch() {
	if r.watcher == nil {
		return
	}
	if r.watched != "" && r.watched != r.folder {
		_ = r.watcher.Remove(r.watched)
		r.watched = ""
	}
	if r.watcher.Add(r.folder) == nil { // once more is nothing
		r.watched = r.folder
	}
}

// note takes what the system says about a file.
func (r *reader) note(e fsnotify.Event) {
	if e.Name == r.folder {
		r.all = true
	} else if base := filepath.Base(e.Name); !clip.IsVideo(base) && !clip.IsImage(base) {
		return
	}
	soon := e.Op&^(fsnotify.Write) != 0
	first := len(r.changed) == 0 && !r.all
	r.changed[e.Name] = true
	switch {
	case soon:
		r.due.Reset(settleSoon)
	case first:
		r.due.Reset(settleLate)
	}
}

// look reads again what has changed.
func (r *reader) look() {
	for path := range r.changed {
		delete(r.known, path) // whatever its times say
	}
	clear(r.changed)
	r.all = false
	r.watch()
	r.scan()
}

// file is one in the folder.
type file struct {
	path string
	info fs.FileInfo
}

// scan looks through the folder and reads what it has not read yet, the newest first.
func (r *reader) scan() {
	entries, err := os.ReadDir(r.folder)
	if err != nil {
		r.missing(err)
		return
	}
	var files, fresh []file
	for _, e := range entries {
		if e.IsDir() || !clip.IsVideo(e.Name()) && !clip.IsImage(e.Name()) {
			continue
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() && info.Mode()&fs.ModeSymlink == 0 {
			continue // deleted in the meantime
		}
		f := file{filepath.Join(r.folder, e.Name()), info}
		files = append(files, f)
		if k, ok := r.known[f.path]; !ok || k.Stamp != stampOf(info) {
			fresh = append(fresh, f)
		}
	}
	slices.SortFunc(fresh, func(a, b file) int { return b.info.ModTime().Compare(a.info.ModTime()) })
	for len(fresh) > 0 {
		n := min(batch, len(fresh))
		r.read(fresh[:n])
		fresh = fresh[n:]
		select {
		case <-r.l.end:
			return
		default:
		}
		if len(fresh) > 0 {
			r.publish(files, false)
		}
	}
	r.forget(files)
	r.publish(files, true)
	r.keep()
}

// read reads the headers of files.
func (r *reader) read(files []file) {
	found := make([]known, len(files))
	var wg sync.WaitGroup
	for n := range readers {
		wg.Go(func() {
			for i := n; i < len(files); i += readers {
				f := files[i]
				found[i].Stamp = stampOf(f.info)
				if clip.IsVideo(filepath.Base(f.path)) {
					found[i].Clip = clip.Describe(f.path, f.info)
				} else if c, ok := clip.DescribeImage(f.path, f.info); ok {
					found[i].Clip = c
				} else {
					found[i].None = true
				}
			}
		})
	}
	wg.Wait()
	for i, f := range files {
		r.known[f.path] = found[i]
	}
	r.unkept = true
}

// forget leaves out files that are gone. What is known of other folders stays for when they come back.
func (r *reader) forget(files []file) {
	there := make(map[string]bool, len(files))
	for _, f := range files {
		there[f.path] = true
	}
	for path := range r.known {
		if filepath.Dir(path) == r.folder && !there[path] {
			delete(r.known, path)
			r.unkept = true
		}
	}
}

func (r *reader) publish(files []file, whole bool) {
	items := make([]Item, 0, len(files))
	for _, f := range files {
		if k, ok := r.known[f.path]; ok && !k.None {
			items = append(items, r.item(k, false))
		}
	}
	r.l.publish(Snapshot{Folder: r.folder, Items: items, Read: whole})
}

func (r *reader) item(k known, away bool) Item {
	i := Item{Clip: k.Clip, Name: name(k.Clip.Path), Modified: time.Unix(0, k.Stamp.Mod), Away: away}
	if !away && r.l.options.Copies != nil {
		if c, ok := r.l.options.Copies.Of(i.Path); ok {
			i.Copy = c
		}
	}
	i.index()
	return i
}

// missing shows what was in a folder that cannot be read.
func (r *reader) missing(err error) {
	s := Snapshot{Folder: r.folder, Read: true}
	for path, k := range r.known {
		if filepath.Dir(path) == r.folder && !k.None {
			s.Items = append(s.Items, r.item(k, true))
		}
	}
	s.Away = len(s.Items) > 0
	if !errors.Is(err, fs.ErrNotExist) {
		s.Err = fmt.Errorf("the clips in %s can't be listed: %w", r.folder, err)
	}
	r.due.Reset(awayEvery)
	r.l.publish(s)
}

// keep writes the cache file.
func (r *reader) keep() {
	if !r.unkept || r.l.options.Cache == "" {
		return
	}
	r.unkept = false
	raw, err := json.Marshal(r.known)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(r.l.options.Cache), 0o700)
	}
	if err == nil {
		err = atomicfile.Write(r.l.options.Cache, raw, 0o600)
	}
	if err != nil {
		r.l.options.Log.Warn("what is known of the clips is not kept for the next start", "error", err)
	}
}

var _ Copies = (*links.Book)(nil)
