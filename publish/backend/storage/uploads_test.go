package storage

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUploadsComeInParts(t *testing.T) { onBoth(t, keepsParts) }

func keepsParts(t *testing.T, s *Storage) {
	ctx := t.Context()
	whole := strings.Repeat("0123456789", 10_000)
	at := int64(0)
	for _, n := range []int{1, 40_000, 9, 59_990} {
		got, err := s.WritePart(ctx, id, at, strings.NewReader(whole[at:at+int64(n)]))
		require.NoError(t, err)
		require.EqualValues(t, n, got)
		at += got
	}
	got, err := s.WritePart(ctx, id, at, strings.NewReader(""))
	require.NoError(t, err)
	require.Zero(t, got)
	var b bytes.Buffer
	require.NoError(t, s.CopyUpload(ctx, id, int64(len(whole)), &b))
	require.Equal(t, whole, b.String())
	require.Error(t, s.CopyUpload(ctx, id, int64(len(whole))+1, io.Discard), "more than there is")

	// What could not be read to its end is no part; a part that is sent again takes the place of the older one.
	broken := errors.New("broken")
	_, err = s.WritePart(ctx, id, 1, io.MultiReader(strings.NewReader(whole[:50_000]), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	_, err = s.WritePart(ctx, id, 1, strings.NewReader("abc"))
	require.NoError(t, err)
	b.Reset()
	require.NoError(t, s.CopyUpload(ctx, id, 4, &b))
	require.Equal(t, "0abc", b.String())

	canceled, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, s.CopyUpload(canceled, id, 4, io.Discard), context.Canceled)

	_, err = s.WritePart(ctx, other, 0, strings.NewReader("x"))
	require.NoError(t, err)
	require.NoError(t, s.KeepUploads(ctx, []string{id}, time.Now().Add(-time.Hour)))
	require.NoError(t, s.CopyUpload(ctx, other, 1, io.Discard), "it is young")
	require.NoError(t, s.KeepUploads(ctx, []string{id}, time.Now().Add(time.Hour)))
	require.Error(t, s.CopyUpload(ctx, other, 1, io.Discard), "nobody knows it")
	require.NoError(t, s.CopyUpload(ctx, id, 4, io.Discard))

	_, err = s.WritePart(ctx, "../../etc", 0, strings.NewReader("x"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, s.RemoveUpload(ctx, id))
	require.NoError(t, s.RemoveUpload(ctx, id))
	var left []string
	require.NoError(t, s.list(ctx, uploads, func(e Entry) { left = append(left, e.Name) }))
	require.Empty(t, left)
}
