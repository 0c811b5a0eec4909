package backend

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/storage"
)

// small mounts a file system of so many bytes over a folder of the test.
func small(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, options), "this test mounts a small file system, as root")
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

var sharer = state.Token{Identity: "alice", Rooms: "*", Scopes: []state.Scope{state.Publish}}

func refusedWith(t *testing.T, err error, status int, kind string) {
	t.Helper()
	require.Error(t, err)
	f := asFailure(err)
	require.Equal(t, status, f.status, f.detail)
	require.Equal(t, kind, f.kind)
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
	s.o.State, s.o.Storage, s.o.Clips, s.o.JobFiles, s.o.Reserve = db, files, files, files, 4<<20
	s.o.Cutter = &Remuxer{Storage: files, Clips: files}
	s.buffers = newBuffers(files, s.o.UnknownDelay)
	require.NoError(t, db.AddReplay(ctx, state.Replay{ID: s.rec.ReplayID, Identity: "alice", Room: "den",
		Created: s.began}))
	require.NoError(t, db.AddRecording(ctx, s.rec))
	folder, err := files.NewRecording(ctx, s.rec.ID)
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(folder, os.DirFS(s.folder)))
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
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := newShelf(t, 12, time.Now().Add(-24*time.Second))
	s.o.Replay = time.Minute
	disk := small(t, "size=20m")
	db := s.onDisk(t, disk)
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

	s.wake = make(chan struct{}, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.keep(ctx)
	}()
	require.Eventually(t, func() bool { return s.checkSpace() == nil }, 20*time.Second, 20*time.Millisecond,
		"no room is made")
	left := s.stored(t)
	require.NotEmpty(t, left, "more went than had to")
	require.Equal(t, before[len(before)-len(left):], left, "the oldest go")
	clip := state.Clip{ID: state.NewID(), ReplayID: s.rec.ReplayID, Identity: "alice", Room: "den", State: api.ClipWaiting,
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
	ctx := t.Context()
	s := newShelf(t, 8, time.Now().Add(-16*time.Second))
	disk := small(t, "size=16m")
	db := s.onDisk(t, disk)
	clip := state.NewID()
	require.NoError(t, os.WriteFile(filepath.Join(disk, "clips", clip+".mp4"), make([]byte, 1<<20), 0o644))

	before := s.stored(t)
	s.makeRoom(ctx)
	require.Equal(t, before, s.stored(t), "there is room")
	require.NoError(t, s.checkSpace())
	require.NoError(t, os.WriteFile(filepath.Join(disk, "other"), make([]byte, 5<<20), 0o644))
	refusedWith(t, s.checkSpace(), http.StatusInsufficientStorage, api.ProblemSpace)
	_, err := s.start(ctx, sharer, api.StartRequest{RoomName: "den", VideoTrackID: "TR_x"})
	refusedWith(t, err, http.StatusInsufficientStorage, api.ProblemSpace)
	_, err = s.startJob(ctx, sharer, api.RecordingRequest{RoomName: "den", Type: api.TypeTrack, TrackID: "TR_x"})
	refusedWith(t, err, http.StatusInsufficientStorage, api.ProblemSpace)

	s.makeRoom(ctx)
	left := s.stored(t)
	require.NotEmpty(t, left, "more went than had to")
	require.Less(t, len(left), len(before))
	require.Equal(t, before[len(before)-len(left):], left, "the oldest go")
	require.NoError(t, s.checkSpace())
	require.FileExists(t, filepath.Join(disk, "clips", clip+".mp4"))

	// Nothing is left to delete: what records is stopped, and the database still takes it.
	job := state.Job{ID: state.NewID(), Identity: "alice", EgressID: "EG_t", State: api.StateActive, Created: time.Now()}
	require.NoError(t, db.AddJob(ctx, job))
	s.jobs = make(chan struct{}, 1)
	for _, size := range []int{5 << 20, 7 << 19} {
		require.NoError(t, os.WriteFile(filepath.Join(disk, state.NewID()), make([]byte, size), 0o644))
		s.makeRoom(ctx)
	}
	require.Empty(t, s.stored(t))
	got, err := db.Job(ctx, job.ID)
	require.NoError(t, err)
	require.False(t, got.Stopped.IsZero())
	require.FileExists(t, filepath.Join(disk, "clips", clip+".mp4"))
}

// Recordings end when they are as long as allowed, go when they are old, and are as many and as large as allowed; so
// are replays.
func TestRecordingsAreBounded(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 1, time.Now())
	s.o.Reserve = -1
	old := state.Job{ID: state.NewID(), Identity: "alice", EgressID: "EG_old", State: api.StateActive,
		Created: time.Now().Add(-s.o.MaxRecording - time.Second)}
	_, err := s.files.NewRecording(ctx, old.ID)
	require.NoError(t, err)
	require.NoError(t, s.files.WriteFile(ctx, old.ID, "recording.mp4", make([]byte, 2e6)))
	require.NoError(t, s.o.State.AddJob(ctx, old))
	s.fake.status = recorder.Status{EgressID: "EG_old", State: api.StateActive}
	s.refreshJobs(ctx, true)
	got, err := s.o.State.Job(ctx, old.ID)
	require.NoError(t, err)
	require.False(t, got.Stopped.IsZero(), "it is longer than recordings may be")

	s.o.MaxRecordings = 1
	refusedWith(t, s.checkJobQuota(ctx, "alice"), http.StatusForbidden, api.ProblemQuota)
	s.o.MaxRecordings, s.o.MaxRecordingBytes = 2, 2e6
	refusedWith(t, s.checkJobQuota(ctx, "alice"), http.StatusForbidden, api.ProblemQuota)
	s.o.MaxRecordingBytes++
	require.NoError(t, s.checkJobQuota(ctx, "alice"))
	require.NoError(t, s.checkJobQuota(ctx, "bob"))

	s.o.KeepRecordings = time.Hour
	s.tidyJobs(ctx)
	_, err = s.o.State.Job(ctx, old.ID)
	require.NoError(t, err, "one that runs is not old")
	got.State, got.Ended = api.StateEnded, time.Now().Add(-2*time.Hour)
	require.NoError(t, s.o.State.UpdateJob(ctx, got))
	s.tidyJobs(ctx)
	_, err = s.o.State.Job(ctx, old.ID)
	require.ErrorIs(t, err, state.ErrNotFound)
	files, err := s.files.Files(ctx, old.ID)
	require.NoError(t, err)
	require.Empty(t, files)

	s.o.MaxReplays = 1
	s.fake.status.EgressID = "EG_2"
	_, err = s.start(ctx, sharer, api.StartRequest{RoomName: "attic", VideoTrackID: "TR_x"})
	refusedWith(t, err, http.StatusTooManyRequests, api.ProblemTooMany)
	_, err = s.start(ctx, sharer, api.StartRequest{RoomName: "den", VideoTrackID: "TR_x", ReplayID: s.rec.ReplayID})
	require.NoError(t, err, "one's own goes on")
}
