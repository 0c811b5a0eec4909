// Package links knows which clips have a copy on the server, and makes links with which others can watch them. It keeps
// what it knows in a file of its own, for clips are shared long after they were saved. It has no goroutines; a Book may
// be used from many.
package links

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/client"
)

// ErrNoCopy means that a clip is only on this computer.
var ErrNoCopy = errors.New("the server has no copy of this clip: only clips saved while the screen is shared have one")

// Copy is where the server's copy of a clip is.
type Copy struct {
	Backend string `json:"backend"` // its URL
	ClipID  string `json:"clip_id"`
}

// Book holds the copies by the paths of the local files.
type Book struct {
	file   string
	mu     sync.Mutex
	copies map[string]Copy
}

// Open reads the book in a folder; what cannot be read is empty. Clips whose file is gone are forgotten.
func Open(dir string) *Book {
	b := &Book{file: filepath.Join(dir, "server-clips.json"), copies: map[string]Copy{}}
	if raw, err := os.ReadFile(b.file); err == nil {
		var copies map[string]Copy
		if json.Unmarshal(raw, &copies) == nil && copies != nil {
			b.copies = copies
		}
	}
	for path := range b.copies {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			delete(b.copies, path)
		}
	}
	return b
}

// Add writes down where the copy of a file is.
func (b *Book) Add(path string, c Copy) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.copies[path] = c
	raw, err := json.MarshalIndent(b.copies, "", "  ")
	if err != nil {
		return err
	}
	temp := b.file + ".new"
	if err := os.MkdirAll(filepath.Dir(b.file), 0o700); err != nil {
		return fmt.Errorf("where the clip's copy is cannot be written down: %w", err)
	}
	if err := errors.Join(os.WriteFile(temp, raw, 0o600), os.Rename(temp, b.file)); err != nil {
		return fmt.Errorf("where the clip's copy is cannot be written down: %w", err)
	}
	return nil
}

// Of answers where the copy of a file is.
func (b *Book) Of(path string) (Copy, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok := b.copies[path]
	return c, ok
}

// Make makes a link to a copy that works for a week. The picture, which may be nil, stands for the clip before it plays;
// a link without it is better than none.
func Make(ctx context.Context, c Copy, token string, picture image.Image, log *slog.Logger,
	options ...client.Option) (*api.Link, error) {
	backend, err := client.New(c.Backend, token, options...)
	if err != nil {
		return nil, err
	}
	if picture != nil {
		var poster bytes.Buffer
		err := jpeg.Encode(&poster, picture, &jpeg.Options{Quality: 85})
		if err == nil {
			err = backend.SetPoster(ctx, c.ClipID, poster.Bytes())
		}
		if err != nil {
			log.Warn("the link will have no picture", "error", err)
		}
	}
	link, err := backend.CreateLink(ctx, c.ClipID, 0)
	if errors.Is(err, client.ErrNotFound) {
		return nil, errors.New("the server's copy of this clip was deleted")
	}
	return link, err
}
