// Package storage keeps recordings and clips in a local folder that the recorder writes to as well. Every name in it
// is an id made by the service; os.Root keeps everything else out.
//
// Below the folder: segments/ID/ (playlists and segments of one recording) and clips/ID.mp4.
package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hindsight-app/hindsight/capture/mp4"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
)

const (
	segments = "segments"
	clips    = "clips"
)

// Local is a folder on this machine. It may be used from many goroutines; Close gives the folder back.
type Local struct {
	path   string
	egress string
	root   *os.Root
}

// idForm is the form of all ids; anything else is refused before it becomes a name.
var idForm = regexp.MustCompile(`^[a-z0-9]{8,64}$`)

// Open opens or creates the folder. egress is the path of its subfolder "segments" as the recorder sees it; empty
// means the same as here.
func Open(folder, egress string) (*Local, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	for _, sub := range []string{segments, clips} {
		if err := os.MkdirAll(filepath.Join(folder, sub), 0o755); err != nil {
			return nil, fmt.Errorf("the storage folder cannot be made: %w", err)
		}
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("the storage folder cannot be opened: %w", err)
	}
	if egress == "" {
		egress = filepath.ToSlash(filepath.Join(folder, segments))
	}
	l := &Local{path: folder, egress: egress, root: root}
	l.removePartial()
	return l, nil
}

// removePartial deletes clips that a killed process left half written.
func (l *Local) removePartial() {
	entries, _ := fs.ReadDir(l.root.FS(), clips)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), mp4.TempSuffix) {
			_ = l.root.Remove(path.Join(clips, e.Name()))
		}
	}
}

// Close closes the folder.
func (l *Local) Close() error { return l.root.Close() }

func name(parts ...string) (string, error) {
	if !idForm.MatchString(parts[1]) {
		return "", fmt.Errorf("%q is not an id: %w", parts[1], fs.ErrNotExist)
	}
	return path.Join(parts...), nil
}

// NewRecording makes a recording's folder and answers its path as the recorder sees it. The folder is writable for
// everybody, for the recorder may run as another user.
func (l *Local) NewRecording(id string) (string, error) {
	dir, err := name(segments, id)
	if err != nil {
		return "", err
	}
	if err := l.root.Mkdir(dir, 0o777); err != nil {
		return "", fmt.Errorf("no folder for the recording can be made: %w", err)
	}
	return path.Join(l.egress, id), l.root.Chmod(dir, 0o777)
}

// ReadPlaylist answers what a recording's playlist holds beyond offset, in bytes. A missing one is empty.
func (l *Local) ReadPlaylist(id string, offset int64) ([]byte, error) {
	file, err := name(segments, id, recorder.Playlist)
	if err != nil {
		return nil, err
	}
	f, err := l.root.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}

// OpenSegment opens a segment that the playlist names.
func (l *Local) OpenSegment(id, segment string) (io.ReadCloser, error) {
	file, err := name(segments, id, segment)
	if err != nil {
		return nil, err
	}
	return l.root.Open(file)
}

// Remove deletes a segment, or with an empty name the whole recording. What is missing is fine.
func (l *Local) Remove(id, segment string) error {
	file, err := name(segments, id, segment)
	if err != nil {
		return err
	}
	if segment == "" {
		return l.root.RemoveAll(file)
	}
	if err := l.root.Remove(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// WriteClip writes a clip and answers its length in bytes. A file of that id, left by a process that was killed before
// it could say so, is replaced.
func (l *Local) WriteClip(ctx context.Context, id string, m mp4.Movie) (int64, error) {
	file, err := name(clips, id)
	if err != nil {
		return 0, err
	}
	if err := l.RemoveClip(id); err != nil {
		return 0, err
	}
	return mp4.WriteFile(ctx, filepath.Join(l.path, filepath.FromSlash(file)+".mp4"), m)
}

// OpenClip opens a clip for reading.
func (l *Local) OpenClip(id string) (io.ReadSeekCloser, error) {
	file, err := name(clips, id)
	if err != nil {
		return nil, err
	}
	return l.root.Open(file + ".mp4")
}

// RemoveClip deletes a clip. A missing one is fine.
func (l *Local) RemoveClip(id string) error {
	file, err := name(clips, id)
	if err != nil {
		return err
	}
	if err := l.root.Remove(file + ".mp4"); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// KeepRecordings deletes all recordings but these. A process that was killed while LiveKit started a recording has made
// its folder and could not write it down: nobody would ever delete it, nor stop a recorder that fills it.
func (l *Local) KeepRecordings(ids []string) error {
	entries, err := fs.ReadDir(l.root.FS(), segments)
	for _, e := range entries {
		if idForm.MatchString(e.Name()) && !slices.Contains(ids, e.Name()) {
			err = errors.Join(err, l.Remove(e.Name(), ""))
		}
	}
	return err
}
