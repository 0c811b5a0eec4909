package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/capture/mp4"
)

// folder is a folder of this machine. os.Root keeps everything out that lies elsewhere, even behind a link in it, which
// gocloud's driver for files would follow.
type folder struct{ root *os.Root }

// partialAge is how old a half-written file must be to be left over: another backend that shares the folder may be
// writing it.
const partialAge = time.Hour

// Open opens or creates a local folder. egress is the path of its subfolder "segments" as the recorder sees it; empty
// means the same as here.
func Open(dir, egress string) (*Storage, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	// The recorder may be another user; then it is in the group of this one. Nobody else comes in.
	for sub, mode := range map[string]os.FileMode{segments: 0o750, clips: 0o700, uploads: 0o700} {
		if err := os.MkdirAll(filepath.Join(dir, sub), mode); err != nil {
			return nil, fmt.Errorf("the storage folder cannot be made: %w", err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("the storage folder cannot be opened: %w", err)
	}
	if egress == "" {
		egress = filepath.ToSlash(filepath.Join(dir, segments))
	}
	f := folder{root}
	if err := f.share(segments, 0o750); err != nil { // an older version let everybody in
		return nil, errors.Join(fmt.Errorf("the storage folder cannot be closed to other users: %w", err), root.Close())
	}
	f.removePartial()
	return &Storage{files: f, recordings: egress, make: f.make, private: f.private}, nil
}

// removePartial deletes clips that a killed process left half written.
func (f folder) removePartial() {
	_ = f.list(context.Background(), clips, func(e Entry) {
		if strings.HasSuffix(e.Name, mp4.TempSuffix) && time.Since(e.modified) > partialAge {
			_ = f.root.Remove(e.Name)
		}
	})
}

// make makes a recording's folder, which the recorder writes to: as another user of the group, perhaps.
func (f folder) make(dir string) error {
	if err := f.root.Mkdir(dir, 0o770); err != nil {
		return err
	}
	return f.share(dir, 0o770)
}

// private makes a folder for this user alone; one that is there is fine.
func (f folder) private(dir string) error {
	if err := f.root.Mkdir(dir, 0o700); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// share gives a folder its mode whatever the umask, and has what is made in it belong to its group. Where setgid is not
// allowed (systemd's RestrictSUIDSGID, some file systems), that is left to how the folder above was set up.
func (f folder) share(dir string, mode fs.FileMode) error {
	err := f.root.Chmod(dir, mode|fs.ModeSetgid)
	if errors.Is(err, fs.ErrPermission) {
		info, statErr := f.root.Stat(dir)
		if statErr == nil && info.Mode().Perm() == mode {
			return nil
		}
		err = f.root.Chmod(dir, mode)
	}
	return err
}

func (f folder) open(_ context.Context, name string, offset int64) (io.ReadSeekCloser, error) {
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func (f folder) size(_ context.Context, name string) (int64, error) {
	info, err := f.root.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// write writes beside the file, to the disk, and then under its name.
func (f folder) write(_ context.Context, name string, fill func(io.Writer) error) error {
	dir, base := path.Split(name)
	temp := dir + "." + base + "." + rand.Text() + mp4.TempSuffix
	file, err := f.root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	err = fill(file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = f.root.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, f.remove(context.Background(), temp))
	}
	return f.sync(dir)
}

// sync makes a new name durable; file systems that cannot do it are left alone.
func (f folder) sync(dir string) error {
	d, err := f.root.Open(path.Clean(dir))
	if err != nil {
		return err
	}
	_ = d.Sync()
	return d.Close()
}

func (f folder) remove(_ context.Context, name string) error {
	if err := f.root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (f folder) removeAll(_ context.Context, dir string) error { return f.root.RemoveAll(dir) }

func (f folder) list(ctx context.Context, dir string, found func(Entry)) error {
	return fs.WalkDir(f.root.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && ctx.Err() == nil && !d.Type().IsRegular() {
			return nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted in the meantime
		}
		if err == nil {
			found(Entry{name, info.Size(), info.ModTime()})
		}
		return err
	})
}

func (f folder) close() error { return f.root.Close() }
