// Package links knows which clips have a copy on the server, and makes links with which others can watch them. It keeps
// what it knows in its own file, because clips are shared long after they were saved: until the server says that it has
// deleted its copy, or there are too many. It has no goroutines; a Book may be used from many.
package links

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/app/atomicfile"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

// ErrNoCopy means that a clip is only on this computer.
var ErrNoCopy = errors.New("the server has no copy of this clip")

// ErrDeleted means that the server has no longer what it had.
var ErrDeleted = errors.New("the server's copy of this clip was deleted")

// maxCopies is how many copies a Book remembers; the oldest go first.
const maxCopies = 10_000

// Copy is where the server's copy of a clip is.
type Copy struct {
	Backend string `json:"backend"` // its URL
	ClipID  string `json:"clip_id"`
}

// Book holds the copies by the paths of the local files, and by what the files hold, so that a renamed clip keeps its
// copy.
type Book struct {
	file   string
	mu     sync.Mutex
	copies map[string]entry
	seen   map[string]seen   // what was read of files, by path
	sizes  map[int64]bool    // of files with a copy; nil when that is to be found out
	moved  map[string]string // new paths by old ones, for what is added late
}

// entry is a copy and the local file's fingerprint, empty where it could not be read.
type entry struct {
	Copy
	Print string `json:"file,omitempty"`
	// Changed is when the file of that fingerprint was last changed, so that it need not be read again.
	Changed time.Time `json:"changed,omitzero"`
	// Added is when it was written down; zero in files of releases before.
	Added time.Time `json:"added,omitzero"`
}

// seen is a fingerprint and of which state of the file.
type seen struct {
	size  int64
	mod   time.Time
	print string
}

// FileName is the file of a Book in the settings' folder.
const FileName = "server-clips.json"

// Open reads the book in a folder; what cannot be read is empty. A clip whose file was deleted is forgotten only where
// its folder is there and it could not be found under another name: a drive may come back.
func Open(dir string) *Book {
	b := &Book{file: filepath.Join(dir, FileName), copies: map[string]entry{}, seen: map[string]seen{},
		moved: map[string]string{}}
	if raw, err := os.ReadFile(b.file); err == nil {
		var copies map[string]entry
		if json.Unmarshal(raw, &copies) == nil && copies != nil {
			b.copies = copies
		}
	}
	for path, e := range b.copies {
		if e.Print != "" {
			if size, ok := sizeIn(e.Print); ok && !e.Changed.IsZero() {
				b.seen[path] = seen{size, e.Changed, e.Print}
			}
			continue // and without a look at the file: a network folder may hang, and the app waits for this
		}
		_, err := os.Stat(path)
		_, noFolder := os.Stat(filepath.Dir(path))
		if errors.Is(err, fs.ErrNotExist) && noFolder == nil {
			delete(b.copies, path)
		}
	}
	return b
}

// Add writes down where the copy of a file is.
func (b *Book) Add(path string, c Copy) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for next, ok := b.moved[path]; ok && !exists(path); next, ok = b.moved[path] {
		path = next // unless a new file has the name by now
	}
	e := entry{Copy: c, Print: b.print(path), Added: time.Now().UTC()}
	if e.Print != "" {
		e.Changed = b.seen[path].mod
	}
	b.copies[path] = e
	return b.write()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Moved says that a file has another path now.
func (b *Book) Moved(from, to string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if from == to {
		return nil
	}
	b.moved[from] = to
	delete(b.moved, to)
	e, ok := b.copies[from]
	if !ok {
		return nil
	}
	delete(b.copies, from)
	delete(b.seen, from)
	b.copies[to] = e
	return b.write()
}

// Forget removes the copy of a file, which the server has deleted.
func (b *Book) Forget(path string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	found, ok := b.find(path)
	if !ok {
		return nil
	}
	maps.DeleteFunc(b.copies, func(_ string, e entry) bool { return e.Copy == found })
	return b.write()
}

// trim forgets the oldest copies beyond maxCopies.
func (b *Book) trim() {
	if len(b.copies) <= maxCopies {
		return
	}
	oldest := slices.SortedFunc(maps.Keys(b.copies), func(x, y string) int {
		return cmp.Or(b.copies[x].Added.Compare(b.copies[y].Added), strings.Compare(x, y))
	})
	for _, path := range oldest[:len(b.copies)-maxCopies] {
		delete(b.copies, path)
		delete(b.seen, path)
	}
}

// write replaces the file. It runs under the lock.
func (b *Book) write() error {
	b.trim()
	b.sizes = nil
	raw, err := json.MarshalIndent(b.copies, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(b.file), 0o700)
	}
	if err == nil {
		err = atomicfile.Write(b.file, raw, 0o600)
	}
	if err != nil {
		return fmt.Errorf("where the clip's copy is cannot be written down: %w", err)
	}
	return nil
}

// Of returns where the copy of a file is. A file under a new name is known by what it holds, and a new file under the
// name of one that was renamed is not taken for it.
func (b *Book) Of(path string) (Copy, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.find(path)
}

// Here is the path of a file whose copy this is, empty where none is known that is still there.
func (b *Book) Here(c Copy) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, path := range slices.Sorted(maps.Keys(b.copies)) {
		if b.copies[path].Copy != c {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			continue
		}
		if found, ok := b.find(path); ok && found == c {
			return path
		}
	}
	return ""
}

// find is Of, under the lock.
func (b *Book) find(path string) (Copy, bool) {
	e, ok := b.copies[path]
	if ok && e.Print == "" {
		return e.Copy, true
	}
	if !ok && !b.sized(path) {
		return Copy{}, false
	}
	print := b.print(path)
	if ok && (print == "" || print == e.Print) {
		return e.Copy, true
	}
	if print != "" {
		for _, e := range b.copies {
			if e.Print == print {
				return e.Copy, true
			}
		}
	}
	return Copy{}, false
}

// sized is whether a file has the size of one with a copy; that of others need not be read.
func (b *Book) sized(path string) bool {
	if b.sizes == nil {
		b.sizes = map[int64]bool{}
		for _, e := range b.copies {
			if size, ok := sizeIn(e.Print); ok {
				b.sizes[size] = true
			}
		}
	}
	if len(b.sizes) == 0 {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && b.sizes[info.Size()]
}

// sizeIn is the size that a fingerprint begins with.
func sizeIn(print string) (int64, bool) {
	size, _, found := strings.Cut(print, "-")
	n, err := strconv.ParseInt(size, 10, 64)
	return n, found && err == nil
}

// printed is how much of the middle of a file goes into its fingerprint. That is video or audio: a star changes only
// the index, which lies at one of the ends.
const printed = 64 << 10

// print is the fingerprint of a file: its size and a digest of its middle. It is empty for what is empty or unreadable.
func (b *Book) print(path string) string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return ""
	}
	if s, ok := b.seen[path]; ok && s.size == info.Size() && s.mod.Equal(info.ModTime()) {
		return s.print
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, info.Size()/2, printed)); err != nil {
		return ""
	}
	print := fmt.Sprintf("%d-%x", info.Size(), h.Sum(nil)[:16])
	b.seen[path] = seen{info.Size(), info.ModTime(), print}
	return print
}

// Make makes a link to a copy that works for a week. The poster image, which may be nil, is shown before the clip
// plays; a link without it is better than none.
func Make(ctx context.Context, backend *client.Client, clipID string, cover image.Image, log *slog.Logger) (*api.Link,
	error) {
	if cover != nil {
		var poster bytes.Buffer
		err := jpeg.Encode(&poster, cover, &jpeg.Options{Quality: 85})
		if err == nil {
			err = backend.SetPoster(ctx, clipID, poster.Bytes())
		}
		if err != nil {
			log.Warn("the link will have no poster image", "error", err)
		}
	}
	link, err := backend.CreateLink(ctx, clipID, 0)
	if errors.Is(err, client.ErrNotFound) {
		return nil, ErrDeleted
	}
	return link, err
}
