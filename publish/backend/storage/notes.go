package storage

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/hindsight-app/hindsight/capture/mp4"
)

// noteName is the file of a recording's note.
const noteName = "note.json"

// NoteRecording writes beside a recording what the database knows of it.
func (s *Storage) NoteRecording(ctx context.Context, id string, note []byte) error {
	return s.WriteFile(ctx, id, noteName, note)
}

// NoteClip writes beside a clip what the database knows of it.
func (s *Storage) NoteClip(ctx context.Context, id string, note []byte) error {
	return s.writeBeside(ctx, id, ".json", note)
}

// NotePoster writes beside a clip its poster, a JPEG.
func (s *Storage) NotePoster(ctx context.Context, id string, jpeg []byte) error {
	return s.writeBeside(ctx, id, ".jpg", jpeg)
}

func (s *Storage) writeBeside(ctx context.Context, id, ext string, data []byte) error {
	file, err := name(clips, id)
	if err != nil {
		return err
	}
	return s.write(ctx, file+ext, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Poster returns the poster that lies beside a clip; none is empty.
func (s *Storage) Poster(ctx context.Context, id string) ([]byte, error) {
	file, err := name(clips, id)
	if err != nil {
		return nil, err
	}
	b, err := s.readAll(ctx, file+".jpg")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// Notes calls found with every note of a recording or of a clip that has its media, and with the error of one that
// cannot be read. silent is how many recordings and clips have none.
func (s *Storage) Notes(ctx context.Context, found func(file string, note []byte, err error)) (silent int, err error) {
	noted := map[string]bool{} // what has media → whether it has a note
	for _, top := range []string{segments, clips} {
		err := s.list(ctx, top, func(e Entry) {
			key := strings.TrimSuffix(e.Name, path.Ext(e.Name))
			if top == segments {
				key = path.Dir(e.Name)
			}
			if idForm.MatchString(path.Base(key)) && path.Ext(e.Name) != mp4.TempSuffix {
				noted[key] = noted[key] || path.Ext(e.Name) == ".json"
			}
		})
		if err != nil {
			return 0, err
		}
	}
	for key, has := range noted {
		file := key + ".json"
		if strings.HasPrefix(key, segments+"/") {
			file = path.Join(key, noteName)
		} else if _, err := s.size(ctx, key+".mp4"); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if !has {
			silent++
			continue
		}
		note, err := s.readAll(ctx, file)
		found(file, note, err)
	}
	return silent, nil
}

func (s *Storage) readAll(ctx context.Context, file string) ([]byte, error) {
	f, err := s.open(ctx, file, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
