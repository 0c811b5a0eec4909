// Package library is the one list of clips: the files in the clip folder, and what only the server has.
//
// A Library owns a goroutine that reads the folder, keeps what it read of files by their size and time of change, also
// for the next start, and watches the folder. Nobody waits for it: Snapshot is what is known, and Watch says when that
// has changed. Close ends the goroutine; one that a folder's file system keeps from ending is left behind. Sorting,
// filtering and searching are functions of a list (View).
package library

import (
	"cmp"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// Item is a clip, here or on the server.
type Item struct {
	// Clip has an empty path where it is only on the server.
	clip.Clip
	// Name is the file's name without its ending, or what the server calls it.
	Name string
	// Modified is when the file was last changed.
	Modified time.Time
	// Copy is the server's copy, the zero Copy where it has none.
	Copy links.Copy
	// Away says that the folder is not there, as on a drive that was removed.
	Away bool

	text string // what is searched
}

// Remote is a clip of which a server says that it has it.
type Remote struct {
	links.Copy
	Name          string
	Created       time.Time
	Seconds       float64
	Bytes         int64
	Width, Height int
	Program       string
}

// ID is the same for the same clip as long as its file has its name.
func (i Item) ID() string {
	if i.Path != "" {
		return i.Path
	}
	return i.Copy.Backend + " " + i.Copy.ClipID
}

// Here is whether the file can be used, OnServer whether a server has the clip.
func (i Item) Here() bool     { return i.Path != "" && !i.Away }
func (i Item) OnServer() bool { return i.Copy.ClipID != "" }

// Image is whether it is a screenshot. Playable is whether it is a video that can be read; servers have no others, and
// may not know its size.
func (i Item) Image() bool    { return i.Kind == clip.Screenshot }
func (i Item) Playable() bool { return (i.Width > 0 || i.Path == "") && !i.Image() }

// Copies knows which files a server has; links.Book is one.
type Copies interface {
	Of(path string) (links.Copy, bool)
}

// Options make a Library.
type Options struct {
	// Copies may be nil.
	Copies Copies
	// Away is whether a folder's drive is known not to be there, also where an empty folder is in its place; nil knows
	// nothing.
	Away func(folder string) bool
	// Cache is the file that keeps what was read; empty is none.
	Cache string
	Log   *slog.Logger
}

// Snapshot is what is known. Nobody may change the items.
type Snapshot struct {
	Folder string
	// Items are all clips, the newest first.
	Items []Item
	// Read says that the folder was read to its end; before that, items may be missing.
	Read bool
	// Away says that the folder, in which clips were, is not there.
	Away bool
	// Err says why the folder cannot be read.
	Err error
}

// Library is the list of one folder and of what servers have. Its methods may be called from any goroutine.
type Library struct {
	options Options
	asked   chan struct{} // there is something in wish
	end     chan struct{}
	once    sync.Once
	done    chan struct{}

	mu       sync.Mutex
	wish     wish
	remotes  map[string][]Remote // by backend
	files    Snapshot            // what is in the folder
	shown    Snapshot            // with what is on servers
	watchers map[chan struct{}]struct{}
}

// wish is what the goroutine is asked for.
type wish struct {
	folder string
	more   []string
	read   bool
}

// Open starts a Library. It reads nothing before SetFolder.
func Open(o Options) *Library {
	l := &Library{options: o, asked: make(chan struct{}, 1), end: make(chan struct{}), done: make(chan struct{}),
		remotes: map[string][]Remote{}, watchers: map[chan struct{}]struct{}{}}
	go l.run()
	return l
}

// endWait is how long Close waits for a folder that does not respond.
const endWait = 2 * time.Second

// Close ends the goroutine. It may be called twice.
func (l *Library) Close() {
	l.once.Do(func() { close(l.end) })
	wait := time.NewTimer(endWait)
	defer wait.Stop()
	select {
	case <-l.done:
	case <-wait.C:
	}
}

// SetFolder chooses the folder. The same folder again does nothing.
func (l *Library) SetFolder(folder string) {
	l.mu.Lock()
	same := l.wish.folder == folder
	l.wish.folder = folder
	if !same {
		l.wish.read = true
	}
	l.mu.Unlock()
	if !same {
		l.ask()
	}
}

// SetMore chooses further folders whose clips are shown with those of the folder: where clips move from, or where they
// are for now.
func (l *Library) SetMore(folders ...string) {
	l.mu.Lock()
	same := slices.Equal(l.wish.more, folders)
	l.wish.more = slices.Clone(folders)
	if !same {
		l.wish.read = true
	}
	l.mu.Unlock()
	if !same {
		l.ask()
	}
}

// Refresh has the folder looked through: where nothing changed that costs little. It is for file systems that do not
// report changes, and for copies that came to the server.
func (l *Library) Refresh() {
	l.mu.Lock()
	l.wish.read = true
	l.mu.Unlock()
	l.ask()
}

func (l *Library) ask() {
	select {
	case l.asked <- struct{}{}:
	default:
	}
}

// SetRemotes says what a server has. Those of which there is a file here are not shown twice.
func (l *Library) SetRemotes(backend string, clips []Remote) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remotes[backend] = slices.Clone(clips)
	l.combine()
}

// Snapshot is what is known now.
func (l *Library) Snapshot() Snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shown
}

// Watch returns a channel that gets a value after a change, one for many. It is never closed; stop ends it.
func (l *Library) Watch() (changed <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watchers[c] = struct{}{}
	return c, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.watchers, c)
	}
}

// publish shows what is in the folder.
func (l *Library) publish(s Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files = s
	l.combine()
}

// combine adds what only servers have. It runs under the lock.
func (l *Library) combine() {
	s := l.files
	here := map[links.Copy]bool{}
	for _, i := range s.Items {
		if i.OnServer() {
			here[i.Copy] = true
		}
	}
	items := slices.Clone(s.Items)
	for _, remotes := range l.remotes {
		for _, r := range remotes {
			if !here[r.Copy] {
				items = append(items, r.item())
			}
		}
	}
	slices.SortStableFunc(items, newest)
	s.Items = items
	l.shown = s
	for c := range l.watchers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (r Remote) item() Item {
	i := Item{Clip: clip.Clip{Seconds: r.Seconds, Bytes: r.Bytes, Width: r.Width, Height: r.Height, Created: r.Created,
		Program: r.Program, Kind: clip.Replay}, Name: r.Name, Modified: r.Created, Copy: r.Copy}
	i.index()
	return i
}

// newest is the order of a Snapshot.
func newest(a, b Item) int {
	return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.Name, b.Name), strings.Compare(a.Path, b.Path))
}

// index prepares searching.
func (i *Item) index() {
	i.text = strings.ToLower(i.Name + "\n" + i.Program + "\n" + i.Created.Local().Format("2006-01-02 15:04"))
}

// name is a file's name without folder and ending.
func name(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}
