package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"path"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
	"golang.org/x/sync/errgroup"

	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/gcsblob"   // gs://
	_ "gocloud.dev/blob/s3blob"    // s3://
)

// bucket is a bucket of S3, Google Cloud Storage or Azure, below a prefix.
type bucket struct{ b *blob.Bucket }

// deletesAtOnce bounds how many files of a recording are deleted at the same time.
const deletesAtOnce = 8

// OpenBucket opens a bucket that exists, by its address; see the forms in upload.go. Files lie below the address's
// path.
func OpenBucket(ctx context.Context, address string) (*Storage, error) {
	p, err := parse(address)
	if err != nil {
		return nil, err
	}
	b, err := blob.OpenBucket(ctx, p.gocloud)
	if err != nil {
		return nil, fmt.Errorf("the bucket of --storage %s cannot be opened: %w", address, err)
	}
	if ok, err := b.IsAccessible(ctx); err != nil || !ok {
		return nil, errors.Join(fmt.Errorf("the bucket of --storage %s does not exist or the keys in the environment are "+
			"not "+
			"for it: %w", address, err), b.Close())
	}
	if p.prefix != "" {
		b = blob.PrefixedBucket(b, p.prefix+"/")
	}
	return &Storage{files: bucket{b}, recordings: path.Join(p.prefix, segments), upload: p.upload,
		make: func(string) error { return nil }, private: func(string) error { return nil }}, nil
}

// plain gives a missing object the error of a missing file.
func plain(err error) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}

func (b bucket) open(ctx context.Context, name string, offset int64) (io.ReadSeekCloser, error) {
	r, err := b.b.NewRangeReader(ctx, name, offset, -1, nil)
	if err != nil {
		return nil, plain(err)
	}
	return r, nil
}

func (b bucket) size(ctx context.Context, name string) (int64, error) {
	a, err := b.b.Attributes(ctx, name)
	if err != nil {
		return 0, plain(err)
	}
	return a.Size, nil
}

// write sends an object, which appears when it is complete; cancelling the writer's context drops it.
func (b bucket) write(ctx context.Context, name string, fill func(io.Writer) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	kind := mime.TypeByExtension(path.Ext(name))
	w, err := b.b.NewWriter(ctx, name, &blob.WriterOptions{ContentType: kind})
	if err != nil {
		return err
	}
	if err := fill(w); err != nil {
		cancel()
		_ = w.Close() // says only that it was canceled
		return err
	}
	return w.Close()
}

func (b bucket) remove(ctx context.Context, name string) error {
	if err := b.b.Delete(ctx, name); gcerrors.Code(err) != gcerrors.NotFound {
		return err
	}
	return nil
}

func (b bucket) removeAll(ctx context.Context, dir string) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(deletesAtOnce)
	err := b.list(ctx, dir, func(e Entry) { g.Go(func() error { return b.remove(ctx, e.Name) }) })
	return errors.Join(err, g.Wait())
}

func (b bucket) list(ctx context.Context, dir string, found func(Entry)) error {
	it := b.b.List(&blob.ListOptions{Prefix: strings.TrimSuffix(dir, "/") + "/"})
	for {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		found(Entry{o.Key, o.Size, o.ModTime})
	}
}

func (b bucket) space() (free, total int64, err error) { return 0, 0, nil }

func (b bucket) close() error { return b.b.Close() }
