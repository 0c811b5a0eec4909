//go:build unix && !darwin

package trash

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Put moves a file to the trash. The error is a message; ErrNoTrash is in it where there is none.
func Put(path string) (Trashed, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Trashed{}, err
	}
	if _, err := os.Lstat(path); err != nil {
		return Trashed{}, fmt.Errorf("%s no longer exists", path)
	}
	dir, noted, err := trashOf(path)
	if err != nil {
		return Trashed{}, err
	}
	for _, d := range []string{"files", "info"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return Trashed{}, fmt.Errorf("%s: %w (%w)", path, ErrNoTrash, err)
		}
	}
	t, err := reserve(dir, path, noted)
	if err != nil {
		return Trashed{}, fmt.Errorf("%s can't be moved to the trash: %w", path, err)
	}
	if err := os.Rename(path, t.file); err != nil {
		_ = os.Remove(t.info)
		if errors.Is(err, syscall.EXDEV) {
			err = ErrNoTrash
		}
		return Trashed{}, fmt.Errorf("%s can't be moved to the trash: %w", path, err)
	}
	return t, nil
}

// Restore brings a file back to where it was. It takes the place of no other file. The error is a message.
func (t Trashed) Restore() error {
	taken := fmt.Errorf("%s can't be restored: there is another file of that name", t.Path)
	if _, err := os.Lstat(t.Path); err == nil {
		return taken
	}
	if err := os.MkdirAll(filepath.Dir(t.Path), 0o755); err != nil {
		return fmt.Errorf("%s can't be restored: %w", t.Path, err)
	}
	// A link never takes the place of a file that has come in between; some file systems have none.
	err := os.Link(t.file, t.Path)
	switch {
	case err == nil:
		err = os.Remove(t.file)
	case errors.Is(err, fs.ErrExist):
		return taken
	case !errors.Is(err, fs.ErrNotExist):
		err = os.Rename(t.file, t.Path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s can't be restored: it is no longer in the trash", t.Path)
	}
	if err != nil {
		return fmt.Errorf("%s can't be restored: %w", t.Path, err)
	}
	return os.Remove(t.info)
}

// trashOf is the trash folder for a file and how the file is noted in it: in the home trash by its whole path, in that
// of another drive by its path from the top of that drive, so that it may be mounted elsewhere.
func trashOf(path string) (dir, noted string, err error) {
	home, err := homeTrash()
	if err != nil {
		return "", "", err
	}
	device, err := deviceOf(filepath.Dir(path))
	if err != nil {
		return "", "", err
	}
	if d, err := deviceOf(home); err == nil && d == device {
		return home, path, nil
	}
	top := filepath.Dir(path)
	for top != "/" {
		if d, err := deviceOf(filepath.Dir(top)); err != nil || d != device {
			break
		}
		top = filepath.Dir(top)
	}
	noted, err = filepath.Rel(top, path)
	if err != nil {
		return "", "", err
	}
	user := strconv.Itoa(os.Getuid())
	shared := filepath.Join(top, ".Trash")
	if st, err := os.Lstat(shared); err == nil && st.IsDir() && st.Mode()&fs.ModeSticky != 0 {
		if dir := filepath.Join(shared, user); os.MkdirAll(dir, 0o700) == nil {
			return dir, noted, nil
		}
	}
	dir = filepath.Join(top, ".Trash-"+user)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", "", fmt.Errorf("%s: %w (%w)", path, ErrNoTrash, err)
	}
	if st, err := os.Lstat(dir); err != nil || !st.IsDir() {
		return "", "", fmt.Errorf("%s: %w", path, ErrNoTrash)
	}
	return dir, noted, nil
}

// homeTrash is the user's own trash, which is made where it is missing.
func homeTrash() (string, error) {
	data := os.Getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(data) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		data = filepath.Join(home, ".local", "share")
	}
	dir := filepath.Join(data, "Trash")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("%w (%w)", ErrNoTrash, err)
	}
	return dir, nil
}

func deviceOf(path string) (uint64, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return 0, err
	}
	return uint64(st.Dev), nil //nolint:unconvert // it is of another type on other systems
}

// reserve writes what is noted of a file under a name that nothing in the trash has.
func reserve(dir, path, noted string) (Trashed, error) {
	base, ending := filepath.Base(path), filepath.Ext(path)
	text := "[Trash Info]\nPath=" + (&url.URL{Path: noted}).EscapedPath() + "\nDeletionDate=" +
		time.Now().Format("2006-01-02T15:04:05") + "\n"
	for n := 1; ; n++ {
		name := base
		if n > 1 {
			name = strings.TrimSuffix(base, ending) + "." + strconv.Itoa(n) + ending
		}
		t := Trashed{Path: path, file: filepath.Join(dir, "files", name),
			info: filepath.Join(dir, "info", name+".trashinfo")}
		if _, err := os.Lstat(t.file); err == nil {
			continue
		}
		f, err := os.OpenFile(t.info, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return Trashed{}, err
		}
		_, err = f.WriteString(text)
		if err = errors.Join(err, f.Close()); err != nil {
			_ = os.Remove(t.info)
			return Trashed{}, err
		}
		return t, nil
	}
}
