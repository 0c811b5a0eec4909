package clip

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Adopt gives a complete file, which lies in the clip folder under another name, the first free name for its title, and
// describes it. Without a title it is named by the template, as if it had been saved here; created and length are what
// the template's placeholders stand for.
func Adopt(file, title, template string, created time.Time, length time.Duration) (Clip, error) {
	folder := filepath.Dir(file)
	base := shorten(clean(title), maxName)
	if base == "" {
		base = Name(template, "", created, length)
	}
	path, err := place(folder, base, ".mp4", func(path string) error {
		err := os.Link(file, path) // which a name that is taken refuses, and a rename would not
		if err == nil {
			_ = os.Remove(file) // what is wanted is there
			return nil
		}
		if errors.Is(err, fs.ErrExist) {
			return err
		}
		if _, err := os.Lstat(path); err == nil { // not every file system has links
			return fs.ErrExist
		}
		return os.Rename(file, path)
	})
	if err != nil {
		return Clip{}, fmt.Errorf("the clip could not be moved to %s: %w", folder, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return Clip{}, err
	}
	c := Clip{Path: path, Bytes: info.Size(), Created: created, Seconds: length.Seconds()}
	_ = describe(&c)
	return c, nil
}
