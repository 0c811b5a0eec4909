package clip

import (
	"bufio"
	"errors"
	"fmt"
	"image"
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
		if e.IsDir() || !IsVideo(e.Name()) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // deleted in the meantime
		}
		c := Describe(filepath.Join(folder, e.Name()), info)
		written[c.Path] = info.ModTime()
		clips = append(clips, c)
	}
	sort.SliceStable(clips, func(i, j int) bool { return written[clips[i].Path].After(written[clips[j].Path]) })
	return clips, nil
}

// IsVideo is whether a name is one of a clip: those that begin with a dot are hidden.
func IsVideo(name string) bool {
	return !strings.HasPrefix(name, ".") && strings.EqualFold(filepath.Ext(name), ".mp4")
}

// IsImage is whether a name can be one of a screenshot.
func IsImage(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".png", ".jpg", ".jpeg":
		return !strings.HasPrefix(name, ".")
	}
	return false
}

// Describe reads what a clip's header says, whatever the file's size only a few bytes of it. A file that is no readable
// MP4 has its size only.
func Describe(path string, info fs.FileInfo) Clip {
	c := Clip{Path: path, Bytes: info.Size(), Created: info.ModTime()}
	_ = describe(&c)
	return c
}

// DescribeImage is Describe for a screenshot. It returns false for the image beside a clip, and for what is no image.
func DescribeImage(path string, info fs.FileInfo) (Clip, bool) {
	f, err := os.Open(path)
	if err != nil {
		return Clip{}, false
	}
	defer f.Close()
	size, _, err := image.DecodeConfig(bufio.NewReader(f))
	if err != nil || isPoster(path) {
		return Clip{}, false
	}
	return Clip{Path: path, Bytes: info.Size(), Created: info.ModTime(), Width: size.Width, Height: size.Height,
		Kind: Screenshot}, true
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
	c.Program, c.ForViewer = i.Program, i.Hindsight && i.Origin == forViewer
	switch k, err := ParseKind(i.Origin); {
	case err == nil && k != Screenshot:
		c.Kind = k
	case i.Hindsight && (strings.Contains(c.Path, trimmed) || strings.Contains(c.Path, joined)):
		c.Kind = Trimmed
	case i.Hindsight:
		c.Kind = Replay // of a release that did not note it
	}
	return nil
}
