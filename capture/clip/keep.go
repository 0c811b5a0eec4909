package clip

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hindsight-app/hindsight/capture/mp4"
)

// writePoster puts the poster image beside the clip. A file that is there already stays.
func writePoster(path string, jpeg []byte) error {
	if len(jpeg) < jpegMarkAt {
		return nil
	}
	f, err := os.OpenFile(posterPath(path), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the clip is saved, but not the image beside it: %w", err)
	}
	_, err = f.Write(slices.Concat(jpeg[:jpegMarkAt], jpegMark(posterMark), jpeg[jpegMarkAt:]))
	return errors.Join(err, f.Close())
}

func posterPath(clip string) string {
	return strings.TrimSuffix(clip, filepath.Ext(clip)) + ".jpg"
}

// isPoster says whether a file begins with our comment.
func isPoster(path string) bool { return begins(path, jpegMarkAt, jpegMark(posterMark)) }

// Star marks a clip as one to keep, or takes the mark away. The mark lies in the file and goes where it goes.
func Star(path string, on bool) error {
	err := mp4.SetStar(path, on)
	if errors.Is(err, mp4.ErrNotOurs) {
		return fmt.Errorf("%s cannot be starred: only clips that Hindsight made can", filepath.Base(path))
	}
	return err
}

// Poster is the image beside a clip, empty where Hindsight made none.
func Poster(path string) string {
	if p := posterPath(path); isPoster(p) {
		return p
	}
	return ""
}

// Rename gives a clip another name, without the ending, and the image beside it as well. What no file system allows in
// a name is replaced, and another file never. It returns the new path; the error is a message.
func Rename(path, name string) (string, error) {
	name = shorten(clean(name), maxName)
	if name == "" {
		return "", errors.New("a clip needs a name")
	}
	ending := filepath.Ext(path)
	to := filepath.Join(filepath.Dir(path), name+ending)
	if to == path {
		return path, nil
	}
	poster := Poster(path)
	switch err := mp4.Publish(path, to); {
	case errors.Is(err, fs.ErrExist):
		return "", fmt.Errorf("there is a clip called %s already; use another name", name)
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s no longer exists", path)
	case err != nil:
		return "", fmt.Errorf("the clip could not be renamed: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", errors.Join(fmt.Errorf("the clip could not be renamed: %w", err), os.Remove(to))
	}
	if poster != "" && mp4.Publish(poster, posterPath(to)) == nil {
		_ = os.Remove(poster)
	}
	return to, nil
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

// Prune deletes the oldest clips that have no star until those that Hindsight made take at most limit bytes: first of
// those that were made for viewers, then of the user's own. It keeps the named ones in any case, and never touches a
// file that is not marked as ours. It returns what it deleted.
func Prune(folder string, limit int64, keep ...string) ([]Clip, error) {
	list, err := List(folder)
	if err != nil {
		return nil, err
	}
	var gone []Clip
	for _, c := range Excess(list, limit, keep...) {
		if err := Remove(c.Path); err != nil {
			return gone, fmt.Errorf("the clips in %s exceed the storage limit, and old ones can't be deleted: %w", folder,
				err)
		}
		gone = append(gone, c)
	}
	return gone, nil
}

// Excess is what Prune would delete of a list as List returns it, in that order.
func Excess(list []Clip, limit int64, keep ...string) (out []Clip) {
	var total int64
	for _, c := range list {
		if c.Ours {
			total += c.Bytes
		}
	}
	for _, viewers := range []bool{true, false} {
		for _, c := range slices.Backward(list) {
			if total > limit && c.Ours && c.ForViewer == viewers && !c.Starred && !slices.Contains(keep, c.Path) {
				total -= c.Bytes
				out = append(out, c)
			}
		}
	}
	return out
}
