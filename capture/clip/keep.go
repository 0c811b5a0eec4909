package clip

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hindsight-app/hindsight/capture/mp4"
)

// posterMark stands in a comment at the start of the images beside clips (ITU-T T.81, B.2.4.5), so that no other
// image is ever taken for one.
const posterMark = "Hindsight poster"

// writePoster puts the poster image beside the clip. A file that is there already stays.
func writePoster(path string, jpeg []byte) error {
	if len(jpeg) < 2 {
		return nil
	}
	f, err := os.OpenFile(posterPath(path), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the clip is saved, but not the image beside it: %w", err)
	}
	_, err = f.Write(append(append(jpeg[:2:2], posterHead()...), jpeg[2:]...))
	return errors.Join(err, f.Close())
}

// posterHead is the comment's marker, its length, and itself.
func posterHead() []byte {
	return append([]byte{0xff, 0xfe, 0, byte(2 + len(posterMark))}, posterMark...)
}

func posterPath(clip string) string {
	return strings.TrimSuffix(clip, filepath.Ext(clip)) + ".jpg"
}

// isPoster says whether a file begins with our comment.
func isPoster(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 2+len(posterHead()))
	_, err = io.ReadFull(f, head)
	return err == nil && bytes.Equal(head[2:], posterHead())
}

// Star marks a clip as one to keep, or takes the mark away. The mark lies in the file and goes where it goes.
func Star(path string, on bool) error {
	err := mp4.SetStar(path, on)
	if errors.Is(err, mp4.ErrNotOurs) {
		return fmt.Errorf("%s cannot be starred: only clips that Hindsight made can", filepath.Base(path))
	}
	return err
}

// Remove deletes a clip, and the image beside it where Hindsight made that.
func Remove(path string) error {
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("the clip could not be deleted: %w", err)
	}
	if p := posterPath(path); isPoster(p) {
		return os.Remove(p)
	}
	return nil
}

// Prune deletes the oldest clips that have no star until those that Hindsight made take at most limit bytes. It keeps
// the named ones in any case, and never touches a file that is not marked as ours. It returns what it deleted.
func Prune(folder string, limit int64, keep ...string) ([]Clip, error) {
	list, err := List(folder)
	if err != nil {
		return nil, err
	}
	var ours []Clip
	var total int64
	for _, c := range list {
		if c.Ours {
			ours = append(ours, c)
			total += c.Bytes
		}
	}
	var gone []Clip
	for i := len(ours) - 1; i >= 0 && total > limit; i-- {
		if ours[i].Starred || slices.Contains(keep, ours[i].Path) {
			continue
		}
		if err := Remove(ours[i].Path); err != nil {
			return gone, fmt.Errorf("the clips in %s exceed the storage limit, and old ones can't be deleted: %w", folder,
				err)
		}
		total -= ours[i].Bytes
		gone = append(gone, ours[i])
	}
	return gone, nil
}
