package statetest

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

func newUpload(hash string, bytes int64) state.Upload {
	now := time.Now().UTC()
	return state.Upload{ID: state.NewID(), Identity: "alice", TokenID: "t", SHA256: hash, Bytes: bytes,
		State: api.UploadReceiving, Title: "a title", Created: now, Expires: now.Add(time.Hour)}
}

// Uploads that are begun at once do not get beyond what the user may have together.
func UploadsReserve(t *testing.T, open func() *state.Store) {
	s, ctx := open(), t.Context()
	limits := state.UploadLimits{Open: 20, Clips: 10, Bytes: 1000}
	var added atomic.Int64
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			if _, err := s.AddUpload(ctx, newUpload(strings.Repeat("a", i+1), 300), limits); err == nil {
				added.Add(1)
			}
		})
	}
	all.Wait()
	require.Equal(t, int64(3), added.Load())
	clips, bytes, err := s.Used(ctx, "alice")
	require.NoError(t, err)
	require.Equal(t, 3, clips)
	require.Equal(t, int64(900), bytes)
	_, err = s.AddUpload(ctx, newUpload("b", 300), limits)
	require.ErrorIs(t, err, state.ErrUploadBytes)
	_, err = s.AddUpload(ctx, newUpload("b", 1), state.UploadLimits{Clips: 3})
	require.ErrorIs(t, err, state.ErrUploadClips)
	_, err = s.AddUpload(ctx, newUpload("b", 1), state.UploadLimits{Open: 3})
	require.ErrorIs(t, err, state.ErrUploadsOpen)
}

// An upload grows part by part to a clip, and one that has ended is seen by nobody.
func UploadBecomesAClip(t *testing.T, open func() *state.Store) {
	s, ctx := open(), t.Context()
	u, err := s.AddUpload(ctx, newUpload("a", 10), state.UploadLimits{})
	require.NoError(t, err)
	same, err := s.AddUpload(ctx, newUpload("a", 10), state.UploadLimits{Open: 1})
	require.NoError(t, err, "the same file again")
	require.Equal(t, u.ID, same.ID)
	later := time.Now().Add(time.Hour)
	require.NoError(t, s.AddPart(ctx, u.ID, 0, 4, later))
	require.ErrorIs(t, s.AddPart(ctx, u.ID, 0, 4, later), state.ErrNotFound, "the same part twice")
	waiting, err := s.CheckingUploads(ctx)
	require.NoError(t, err)
	require.Empty(t, waiting)
	require.NoError(t, s.AddPart(ctx, u.ID, 4, 6, later))
	waiting, err = s.CheckingUploads(ctx)
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	require.Equal(t, 2, waiting[0].Parts)
	for _, want := range []int{1, 2} {
		n, err := s.TryUpload(ctx, u.ID, 1)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	now := time.Now().UTC()
	c := state.Clip{ID: u.ID, Identity: "alice", State: api.ClipReady, From: now.Add(-time.Second), To: now, Pressed: now,
		Created: now, Bytes: 9, Asked: time.Second, Origin: api.OriginUpload, Title: "a title", Width: 640, Height: 360,
		Chapters: []api.Chapter{{Seconds: 0.5, Title: "here"}}}
	require.NoError(t, s.FinishUpload(ctx, c, []byte("jpeg"), later))
	require.ErrorIs(t, s.FinishUpload(ctx, c, nil, later), state.ErrNotFound)
	got, err := s.Clip(ctx, u.ID)
	require.NoError(t, err)
	require.Equal(t, c, got)
	image, err := s.Poster(ctx, u.ID)
	require.NoError(t, err)
	require.Equal(t, "jpeg", string(image))
	left := leftovers(ctx, t, s)
	require.Equal(t, []state.Leftover{{ID: u.ID, Clip: true}}, left)
	require.NoError(t, s.ErasedUpload(ctx, u.ID))
	require.Empty(t, leftovers(ctx, t, s))

	token, _, err := s.CreateToken(ctx, "alice", "*")
	require.NoError(t, err)
	for _, end := range []func(id string) error{
		func(id string) error { return s.EndUpload(ctx, id) },
		func(string) error { return s.EndExpiredUploads(ctx) },
		func(string) error { return s.RevokeToken(ctx, token.ID) },
	} {
		x := newUpload(state.NewID(), 5)
		x.TokenID, x.Expires = token.ID, time.Now().Add(-time.Second)
		x, err := s.AddUpload(ctx, x, state.UploadLimits{})
		require.NoError(t, err)
		require.NoError(t, end(x.ID))
		_, err = s.Upload(ctx, x.ID)
		require.ErrorIs(t, err, state.ErrNotFound)
		require.ErrorIs(t, s.AddPart(ctx, x.ID, 0, 5, later), state.ErrNotFound)
		require.Equal(t, []state.Leftover{{ID: x.ID}}, leftovers(ctx, t, s))
		require.NoError(t, s.ErasedUpload(ctx, x.ID))
		require.Empty(t, leftovers(ctx, t, s))
	}
}

func leftovers(ctx context.Context, t *testing.T, s *state.Store) []state.Leftover {
	t.Helper()
	out, err := s.LeftoverUploads(ctx)
	require.NoError(t, err)
	return out
}
