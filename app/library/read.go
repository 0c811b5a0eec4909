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
	more   []string // further folders
	known  map[string]known
	unkept bool // there is something that the cache file does not have

	watcher *fsnotify.Watcher // nil: none is to be had
	watched []string
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
	r.folder, r.more = w.folder, w.more
	if w.read && r.folder != "" {
		r.watch()
		r.scan()
	}
}

// folders are all that are read, the folder first.
func (r *reader) folders() []string { return append([]string{r.folder}, r.more...) }

// watch follows the folders, which may have come into being just now.
func (r *reader) watch() {
	if r.watcher == nil {
		return
	}
	for _, folder := range r.watched {
		if !slices.Contains(r.folders(), folder) {
			_ = r.watcher.Remove(folder)
		}
	}
	r.watched = nil
	for _, folder := range r.folders() {
		if r.watcher.Add(folder) == nil { // once more is nothing
			r.watched = append(r.watched, folder)
		}
	}
}

// note takes what the system says about a file.
func (r *reader) note(e fsnotify.Event) {
	if slices.Contains(r.folders(), e.Name) {
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

// list is what may be clips in a folder.
func (r *reader) list(folder string) (files []file, err error) {
	if r.l.options.Away != nil && r.l.options.Away(folder) {
		return nil, fs.ErrNotExist
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() || !clip.IsVideo(e.Name()) && !clip.IsImage(e.Name()) {
			continue
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() && info.Mode()&fs.ModeSymlink == 0 {
			continue // deleted in the meantime
		}
		files = append(files, file{filepath.Join(folder, e.Name()), info})
	}
	return files, nil
}

// scan looks through the folders and reads what it has not read yet, the newest first.
func (r *reader) scan() {
	s := Snapshot{Folder: r.folder}
	var files, fresh []file
	var here []string
	for _, folder := range r.folders() {
		in, err := r.list(folder)
		if err == nil {
			files, here = append(files, in...), append(here, folder)
			continue
		}
		r.missing(&s, folder, err)
	}
	for _, f := range files {
		if k, ok := r.known[f.path]; !ok || k.Stamp != stampOf(f.info) {
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
			r.publish(s, files)
		}
	}
	r.forget(files, here)
	s.Read = true
	r.publish(s, files)
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
func (r *reader) forget(files []file, folders []string) {
	there := make(map[string]bool, len(files))
	for _, f := range files {
		there[f.path] = true
	}
	for path := range r.known {
		if slices.Contains(folders, filepath.Dir(path)) && !there[path] {
			delete(r.known, path)
			r.unkept = true
		}
	}
}

// publish adds the files that are known to what is shown.
func (r *reader) publish(s Snapshot, files []file) {
	items := make([]Item, 0, len(files)+len(s.Items))
	for _, f := range files {
		if k, ok := r.known[f.path]; ok && !k.None {
			items = append(items, r.item(k, false, true))
		}
	}
	s.Items = append(items, s.Items...)
	r.l.publish(s)
}

func (r *reader) item(k known, away, responds bool) Item {
	i := Item{Clip: k.Clip, Name: name(k.Clip.Path), Modified: time.Unix(0, k.Stamp.Mod), Away: away}
	if responds && r.l.options.Copies != nil {
		if c, ok := r.l.options.Copies.Of(i.Path); ok {
			i.Copy = c
		}
	}
	i.index()
	return i
}

// missing shows what was in a folder that cannot be read.
func (r *reader) missing(s *Snapshot, folder string, err error) {
	gone := errors.Is(err, fs.ErrNotExist)
	n := len(s.Items)
	for path, k := range r.known {
		if filepath.Dir(path) == folder && !k.None {
			s.Items = append(s.Items, r.item(k, true, gone))
		}
	}
	if folder != r.folder {
		return
	}
	s.Away = len(s.Items) > n
	if !gone {
		s.Err = fmt.Errorf("the clips in %s can't be listed: %w", folder, err)
	}
	r.due.Reset(awayEvery)
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
