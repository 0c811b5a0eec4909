// Package storage keeps recordings and clips where the recorder writes to as well: in a local folder, or in a bucket of
// S3, Google Cloud Storage or Azure. Every name in it is made of an id of the service.
//
//	segments/ID/             playlists and segments of one recording
//	segments/ID/note.json    what the database knows of it
//	clips/ID.mp4, ID.json    a clip, and what the database knows of it
//	clips/ID.jpg             its poster, where it has one
//	uploads/ID/N.part        what has arrived of an upload from byte N on
//
// It has no goroutines except those of the buckets' clients; Close ends them.
package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/capture/mp4"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
)

const (
	segments = "segments"
	clips    = "clips"
)

// idForm is the form of all ids; anything else is refused before it becomes a name.
var idForm = regexp.MustCompile(`^[a-z0-9]{8,64}$`)

// files is a folder or a bucket. Names have slashes between their parts and lead nowhere else. What is missing is
// fs.ErrNotExist to open and size, and nothing to the others.
type files interface {
	open(ctx context.Context, name string, offset int64) (io.ReadSeekCloser, error)
	size(ctx context.Context, name string) (int64, error)
	// write has fill write a file, which appears whole or not at all, in place of an older one.
	write(ctx context.Context, name string, fill func(io.Writer) error) error
	remove(ctx context.Context, name string) error
	removeAll(ctx context.Context, folder string) error
	// list calls found for every file below a folder, with its name from the top.
	list(ctx context.Context, folder string, found func(Entry)) error
	// space is how many bytes are free, and how many there are; 0 where that is not known.
	space() (free, total int64, err error)
	close() error
}

// Entry is a file.
type Entry struct {
	Name     string
	Bytes    int64
	modified time.Time
}

// Storage is an open folder or bucket. It may be used from many goroutines.
type Storage struct {
	files
	// recordings is the folder of recordings as the recorder sees it, a path or a prefix of keys.
	recordings string
	make       func(dir string) error // makes a recording's folder, where there are folders
	private    func(dir string) error // makes a folder that only this service enters, where there are folders
	upload     recorder.Upload
}

// Close gives the folder or bucket back.
func (s *Storage) Close() error { return s.close() }

// Space is how many bytes are free, and how many there are; both are 0 where that is not known, as of a bucket.
func (s *Storage) Space() (free, total int64, err error) { return s.space() }

// Upload is where the recorder is to put its files; nothing in it means a folder.
func (s *Storage) Upload() recorder.Upload { return s.upload }

func name(parts ...string) (string, error) {
	if !idForm.MatchString(parts[1]) {
		return "", fmt.Errorf("%q is not an id: %w", parts[1], fs.ErrNotExist)
	}
	for _, p := range parts[2:] {
		if strings.ContainsAny(p, "/\\\x00") || p == ".." {
			return "", fmt.Errorf("%q is not the name of a file: %w", p, fs.ErrNotExist)
		}
	}
	return path.Join(parts...), nil
}

// NewRecording makes a recording's folder and returns its path as the recorder sees it.
func (s *Storage) NewRecording(_ context.Context, id string) (string, error) {
	dir, err := name(segments, id)
	if err != nil {
		return "", err
	}
	if err := s.make(dir); err != nil {
		return "", fmt.Errorf("no folder for the recording can be made: %w", err)
	}
	return path.Join(s.recordings, id), nil
}

// ReadPlaylist returns what a recording's playlist holds beyond offset, in bytes. A missing one is empty.
func (s *Storage) ReadPlaylist(ctx context.Context, id string, offset int64) ([]byte, error) {
	file, err := name(segments, id, recorder.Playlist)
	if err != nil {
		return nil, err
	}
	size, err := s.size(ctx, file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && size <= offset {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f, err := s.open(ctx, file, offset)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// maxLive is how much of a live playlist is read, in bytes; it has five segments.
const maxLive = 64 << 10

// ReadLive returns a recording's live playlist, which names the newest segments. A missing one is empty.
func (s *Storage) ReadLive(ctx context.Context, id string) ([]byte, error) {
	file, err := name(segments, id, recorder.LivePlaylist)
	if err != nil {
		return nil, err
	}
	f, err := s.open(ctx, file, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxLive))
}

// OpenSegment opens a segment that the playlist names, from any place in it.
func (s *Storage) OpenSegment(ctx context.Context, id, segment string) (io.ReadSeekCloser, error) {
	return s.OpenFile(ctx, id, segment)
}

// WriteFile writes a file of a recording, in place of an older one.
func (s *Storage) WriteFile(ctx context.Context, id, file string, data []byte) error {
	file, err := name(segments, id, file)
	if err != nil {
		return err
	}
	return s.write(ctx, file, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Files lists the files of a recording, their names without the folder. A missing one has none.
func (s *Storage) Files(ctx context.Context, id string) (out []Entry, err error) {
	dir, err := name(segments, id)
	if err != nil {
		return nil, err
	}
	err = s.list(ctx, dir, func(e Entry) {
		e.Name = strings.TrimPrefix(e.Name, dir+"/")
		out = append(out, e)
	})
	return out, err
}

// OpenFile opens a file of a recording, from any place in it.
func (s *Storage) OpenFile(ctx context.Context, id, file string) (io.ReadSeekCloser, error) {
	file, err := name(segments, id, file)
	if err != nil {
		return nil, err
	}
	return s.open(ctx, file, 0)
}

// Remove deletes a segment, or with an empty name the whole recording. What is missing is fine.
func (s *Storage) Remove(ctx context.Context, id, segment string) error {
	file, err := name(segments, id, segment)
	if err != nil {
		return err
	}
	if segment == "" {
		return s.removeAll(ctx, file)
	}
	return s.remove(ctx, file)
}

// WriteClip writes a clip and returns its length in bytes. A file of that id, left by a process that was killed before
// it could say so, is replaced.
func (s *Storage) WriteClip(ctx context.Context, id string, m mp4.Movie) (bytes int64, err error) {
	file, err := name(clips, id)
	if err != nil {
		return 0, err
	}
	err = s.write(ctx, file+".mp4", func(w io.Writer) error {
		bytes, err = mp4.Write(ctx, w, m)
		return err
	})
	return bytes, err
}

// OpenClip opens a clip for reading, from any place in it.
func (s *Storage) OpenClip(ctx context.Context, id string) (io.ReadSeekCloser, error) {
	file, err := name(clips, id)
	if err != nil {
		return nil, err
	}
	return s.open(ctx, file+".mp4", 0)
}

// RemoveClip deletes a clip. A missing one is fine.
func (s *Storage) RemoveClip(ctx context.Context, id string) error {
	file, err := name(clips, id)
	if err != nil {
		return err
	}
	return errors.Join(s.remove(ctx, file+".mp4"), s.remove(ctx, file+".json"), s.remove(ctx, file+".jpg"))
}

// KeepRecordings deletes recordings that are not among these, have no note, and had nothing added to them since before.
// A process that was killed while LiveKit started a recording has made its folder and could not record it: nobody
// would ever delete it, nor stop a recorder that fills it. What has a note was written down once, and waits for a
// repair of the database. Without any known recording the database may be a new one, and nothing goes.
func (s *Storage) KeepRecordings(ctx context.Context, ids []string, before time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	newest, noted := map[string]time.Time{}, map[string]bool{}
	err := s.list(ctx, segments, func(e Entry) {
		id, file, _ := strings.Cut(strings.TrimPrefix(e.Name, segments+"/"), "/")
		if e.modified.After(newest[id]) {
			newest[id] = e.modified
		}
		noted[id] = noted[id] || file == noteName
	})
	if err != nil {
		return err // a note may be among what was not listed
	}
	for id, t := range newest {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if idForm.MatchString(id) && t.Before(before) && !noted[id] && !slices.Contains(ids, id) {
			err = errors.Join(err, s.Remove(ctx, id, ""))
		}
	}
	return err
}
