package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"
)

// uploads is the folder of what users send, one for each upload, with a file for each part that arrived, which is named
// by its place.
const uploads = "uploads"

// WritePart writes what r holds as the part of an upload that begins at from, in place of an older one, and returns its
// length in bytes. Where r is empty there is no part.
func (s *Storage) WritePart(ctx context.Context, id string, from int64, r io.Reader) (n int64, err error) {
	dir, err := name(uploads, id)
	if err != nil {
		return 0, err
	}
	head := make([]byte, 32<<10)
	got, err := io.ReadFull(r, head)
	if got == 0 {
		if err == io.EOF {
			err = nil
		}
		return 0, err
	}
	if err != nil && err != io.ErrUnexpectedEOF {
		return 0, err
	}
	if err := s.private(dir); err != nil {
		return 0, fmt.Errorf("no folder for the upload can be made: %w", err)
	}
	err = s.write(ctx, path.Join(dir, part(from)), func(w io.Writer) error {
		if _, err := w.Write(head[:got]); err != nil {
			return err
		}
		more, err := io.CopyBuffer(struct{ io.Writer }{w}, r, head)
		n = int64(got) + more
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

func part(from int64) string { return fmt.Sprintf("%015d.part", from) }

// CopyUpload writes the first size bytes of an upload, from all its parts, to w.
func (s *Storage) CopyUpload(ctx context.Context, id string, size int64, w io.Writer) error {
	dir, err := name(uploads, id)
	if err != nil {
		return err
	}
	for at := int64(0); at < size; {
		n, err := s.copyPart(ctx, path.Join(dir, part(at)), size-at, w)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("part of an upload is empty: %w", io.ErrUnexpectedEOF)
		}
		at += n
	}
	return nil
}

func (s *Storage) copyPart(ctx context.Context, file string, most int64, w io.Writer) (int64, error) {
	f, err := s.open(ctx, file, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return io.Copy(w, whileWanted{ctx, io.LimitReader(f, most)})
}

// whileWanted reads until the context ends.
type whileWanted struct {
	ctx context.Context
	r   io.Reader
}

func (w whileWanted) Read(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.r.Read(b)
}

// KeepUploads deletes the parts of uploads that are not among these, and had nothing added to them since before: those
// of a database that was lost.
func (s *Storage) KeepUploads(ctx context.Context, ids []string, before time.Time) error {
	newest := map[string]time.Time{}
	err := s.list(ctx, uploads, func(e Entry) {
		id := path.Base(path.Dir(e.Name))
		if e.modified.After(newest[id]) {
			newest[id] = e.modified
		}
	})
	if err != nil {
		return err // newer parts may be among what was not listed
	}
	for id, t := range newest {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if idForm.MatchString(id) && t.Before(before) && !slices.Contains(ids, id) {
			err = errors.Join(err, s.RemoveUpload(ctx, id))
		}
	}
	return err
}

// RemoveUpload deletes the parts of an upload. A missing one is fine.
func (s *Storage) RemoveUpload(ctx context.Context, id string) error {
	dir, err := name(uploads, id)
	if err != nil {
		return err
	}
	return s.removeAll(ctx, dir)
}
