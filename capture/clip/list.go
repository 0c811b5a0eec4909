package clip

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/capture/mp4"
)

// List reads the clips of a folder, the last written first. A folder that does not exist has none. Files that are no
// readable MP4 are listed with their size only. Created is what names our own clips, and the time of the last change of
// other files.
func List(folder string) ([]Clip, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the clips in %s cannot be listed: %w", folder, err)
	}
	var clips []Clip
	written := map[string]time.Time{}
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || !strings.EqualFold(filepath.Ext(e.Name()), ".mp4") {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // deleted in the meantime
		}
		c := Clip{Path: filepath.Join(folder, e.Name()), Bytes: info.Size(), Created: info.ModTime()}
		written[c.Path] = info.ModTime()
		_ = describe(&c)
		clips = append(clips, c)
	}
	sort.SliceStable(clips, func(i, j int) bool { return written[clips[i].Path].After(written[clips[j].Path]) })
	return clips, nil
}

// describe fills in what the movie's header says; the error is that of reading it.
func describe(c *Clip) error {
	i, err := mp4.Inspect(c.Path)
	if err != nil {
		return err
	}
	c.Seconds, c.Width, c.Height, c.Ours, c.Starred = i.Seconds, i.Width, i.Height, i.Hindsight, i.Starred
	if i.Hindsight && !i.Created.IsZero() {
		c.Created = i.Created
	}
	return nil
}
