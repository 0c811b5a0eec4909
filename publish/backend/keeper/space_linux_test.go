package keeper

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/mounts"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/buffers"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/storage"
)

// lack is an error while space is missing.
func (s *shelf) lack() error {
	missing, _, err := s.o.Space.Lacking()
	if err == nil && missing > 0 {
		err = fmt.Errorf("%d bytes are missing", missing)
	}
	return err
}

// onDisk moves a shelf, its database included, to a small file system, with segments of a MiB each.
func (s *shelf) onDisk(t *testing.T, disk string) *state.Store {
	t.Helper()
	ctx := t.Context()
	files, err := storage.Open(disk, "")
	require.NoError(t, err)
	t.Cleanup(func() { files.Close() })
	db, err := state.Open(ctx, disk)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	on := *s.Shelf
	on.DB, on.Files = db, files
	*s = *keep(&on)
	s.o.Space = buffers.Space{Storage: files, Reserve: 4 << 20}
	require.NoError(t, db.AddReplay(ctx, state.Replay{ID: s.Rec.ReplayID, Identity: "alice", Room: "den",
		Created: s.Began}))
	require.NoError(t, db.AddRecording(ctx, s.Rec))
	folder, err := files.NewRecording(ctx, s.Rec.ID)
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(folder, os.DirFS(s.Folder)))
	for _, seg := range s.stored(t) {
		f := filepath.Join(folder, seg.Name)
		info, err := os.Stat(f)
		require.NoError(t, err)
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		null := append([]byte{0x47, 0x1f, 0xff, 0x10}, make([]byte, 184)...) // a packet of nothing (ISO/IEC 13818-1, 2.4.3)
		b = append(b, bytes.Repeat(null, (1<<20-int(info.Size()))/len(null))...)
		require.NoError(t, os.WriteFile(f, b, 0o644))
	}
	return db
}

// A disk without a single free byte, on which the database cannot write anymore: the keeper deletes the oldest
// segments by itself, then the database writes again and a clip is cut; no clip is lost.
func TestDiskWithoutAByte(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := newShelf(t, 12, time.Now().Add(-24*time.Second))
	disk := mounts.Small(t, "20m")
	db := s.onDisk(t, disk)
	s.o.Replay = time.Minute
	s.finished = make(chan finished)
	before := s.stored(t)
	kept := filepath.Join(disk, "clips", state.NewID()+".mp4")
	require.NoError(t, os.WriteFile(kept, make([]byte, 1<<20), 0o644))

	other, err := os.Create(filepath.Join(disk, "other"))
	require.NoError(t, err)
	defer other.Close()
	for size := 1 << 20; size > 0; {
		if _, err := other.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	require.Eventually(t, func() bool { // what room there was in the database itself is soon used up
		return db.AddReplay(ctx, state.Replay{ID: state.NewID(), Identity: "bob", Room: "den", Created: time.Now()}) != nil
	}, 20*time.Second, time.Millisecond, "the database has room")

	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.keep(ctx)
	}()
	require.Eventually(t, func() bool { return s.lack() == nil }, 20*time.Second, 20*time.Millisecond,
		"no room is made")
	left := s.stored(t)
	require.NotEmpty(t, left, "more went than had to")
	require.Equal(t, before[len(before)-len(left):], left, "the oldest go")
	clip := state.Clip{ID: state.NewID(), ReplayID: s.Rec.ReplayID, Identity: "alice", Room: "den", State: api.ClipWaiting,
		Asked: 2 * time.Second, Pressed: left[len(left)-1].To, Created: time.Now()}
	ok, err := db.AddClip(ctx, clip, 1)
	require.NoError(t, err)
	require.True(t, ok)
	require.Eventually(t, func() bool {
		clip, err = db.Clip(ctx, clip.ID)
		return err == nil && clip.State != api.ClipWaiting
	}, 20*time.Second, 20*time.Millisecond)
	require.Equal(t, api.ClipReady, clip.State, clip.Reason)
	require.FileExists(t, kept)
	cancel()
	<-ended
}

// On a disk that is nearly full the oldest segments go, clips stay, nothing new begins, and the database goes on.
func TestFullDisk(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	ctx := t.Context()
	s := newShelf(t, 8, time.Now().Add(-16*time.Second))
	disk := mounts.Small(t, "16m")
	db := s.onDisk(t, disk)
	clip := state.NewID()
	require.NoError(t, os.WriteFile(filepath.Join(disk, "clips", clip+".mp4"), make([]byte, 1<<20), 0o644))

	before := s.stored(t)
	s.makeRoom(ctx)
	require.Equal(t, before, s.stored(t), "there is room")
	require.NoError(t, s.lack())
	require.NoError(t, os.WriteFile(filepath.Join(disk, "other"), make([]byte, 5<<20), 0o644))
	require.Error(t, s.lack())
	s.makeRoom(ctx)
	left := s.stored(t)
	require.NotEmpty(t, left, "more went than had to")
	require.Less(t, len(left), len(before))
	require.Equal(t, before[len(before)-len(left):], left, "the oldest go")
	require.NoError(t, s.lack())
	require.FileExists(t, filepath.Join(disk, "clips", clip+".mp4"))

	// Nothing is left to delete but the newest segment of what runs: what records is stopped, and the database still takes
	// it.
	job := state.Job{ID: state.NewID(), Identity: "alice", EgressID: "EG_t", State: api.StateActive, Created: time.Now()}
	require.NoError(t, db.AddJob(ctx, job))
	for _, size := range []int{5 << 20, 7 << 19} {
		require.NoError(t, os.WriteFile(filepath.Join(disk, state.NewID()), make([]byte, size), 0o644))
		s.makeRoom(ctx)
	}
	require.Equal(t, before[len(before)-1:], s.stored(t))
	got, err := db.Job(ctx, job.ID)
	require.NoError(t, err)
	require.False(t, got.Stopped.IsZero())
	require.FileExists(t, filepath.Join(disk, "clips", clip+".mp4"))
}
