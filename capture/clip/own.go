package clip

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// PosterImage is the kind of an image beside a clip, of which there is a file but no Clip.
const PosterImage Kind = "poster"

// File is a file in a clip folder that Hindsight made.
type File struct {
	Path    string
	Bytes   int64
	Kind    Kind
	Starred bool
}

// Others are files in a clip folder that Hindsight did not make, or does not know: it never touches them.
type Others struct {
	Files int
	Bytes int64
}

// Files lists what Hindsight made in a folder, in the order of the names. Folders in it, hidden files and those that
// are being written are left out. A folder that does not exist has none.
func Files(folder string) (own []File, others Others, err error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Others{}, nil
	}
	if err != nil {
		return nil, Others{}, fmt.Errorf("the files in %s cannot be listed: %w", folder, err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // deleted in the meantime
		}
		f := File{Path: filepath.Join(folder, e.Name()), Bytes: info.Size()}
		if f.Kind, f.Starred = made(f.Path); f.Kind == "" {
			others.Files++
			others.Bytes += f.Bytes
			continue
		}
		own = append(own, f)
	}
	return own, others, nil
}

// made is how a file came about, empty where Hindsight did not make it.
func made(path string) (k Kind, starred bool) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".mp4", ".m4a":
		c := Clip{Path: path}
		if describe(&c) == nil && c.Ours {
			return c.Kind, c.Starred
		}
	case ".gif":
		if ends(path, gifMark()) {
			return Trimmed, false
		}
	case ".webp", ".wav":
		if ends(path, riffMark()) {
			return Trimmed, false
		}
	case ".png":
		if begins(path, pngMarkAt, pngMark()) || unmarked.MatchString(filepath.Base(path)) {
			return Screenshot, false
		}
	case ".jpg", ".jpeg":
		switch {
		case isPoster(path):
			return PosterImage, false
		case begins(path, jpegMarkAt, jpegMark(shotMark)):
			return Screenshot, false
		}
	}
	return "", false
}

// unmarked are the names of screenshots of releases that put no mark into them, unless the user chose other names.
var unmarked = regexp.MustCompile(`^Hindsight \d{4}-\d\d-\d\d \d\d-\d\d-\d\d( \(\d+\))?\.png$`)

// begins says whether a file has these bytes at a place near its start.
func begins(path string, at int64, mark []byte) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	if at < 0 {
		return false
	}
	head := make([]byte, len(mark))
	_, err = io.ReadFull(io.NewSectionReader(f, at, int64(len(head))), head)
	return err == nil && bytes.Equal(head, mark)
}
