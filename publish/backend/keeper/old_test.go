package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/storage"
	"github.com/hindsight-app/hindsight/publish/backend/storage/s3test"
)

// refusing is a real folder that deletes no recordings while it refuses.
type refusing struct {
	*storage.Storage
	refuses bool
}

var errRefused = errors.New("access denied")

func (r *refusing) Remove(ctx context.Context, id, segment string) error {
	if r.refuses {
		return errRefused
	}
	return r.Storage.Remove(ctx, id, segment)
}

// What the storage does not delete stays known, hidden, until it does; no repair brings it back in the meantime.
func TestDeletesAreTriedAgain(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 1, time.Now())
	files := &refusing{s.Files, true}
	s.archive.Replays, s.archive.Jobs = files, files
	home := filepath.Dir(filepath.Dir(s.Folder))

	clip := state.Clip{ID: state.NewID(), ReplayID: s.Rec.ReplayID, Identity: "alice", Room: "den", State: api.ClipWaiting,
		Created: time.Now()}
	ok, err := s.DB.AddClip(ctx, clip, 1)
	require.NoError(t, err)
	require.True(t, ok)
	clip.State, clip.Bytes = api.ClipReady, 5
	require.NoError(t, s.DB.FinishClip(ctx, clip))
	_, secret, ok, err := s.DB.AddLink(ctx, clip.ID, "alice", time.Now().Add(time.Hour), 1)
	require.NoError(t, err)
	require.True(t, ok)
	s.archive.NoteClip(ctx, clip)
	// A folder that is not empty, which nobody can remove as a file.
	video := filepath.Join(home, "clips", clip.ID+".mp4")
	require.NoError(t, os.MkdirAll(filepath.Join(video, "x"), 0o755))

	job := state.Job{ID: state.NewID(), Identity: "alice", EgressID: "EG_t", State: api.StateEnded, Created: time.Now(),
		Ended: time.Now()}
	folder, err := s.Files.NewRecording(ctx, job.ID)
	require.NoError(t, err)
	require.NoError(t, s.DB.AddJob(ctx, job))

	require.NoError(t, s.archive.DropClip(ctx, clip))
	require.NoError(t, s.archive.DropJob(ctx, job.ID))
	for range 2 {
		require.DirExists(t, video)
		require.DirExists(t, folder)
		_, err = s.DB.Clip(ctx, clip.ID)
		require.ErrorIs(t, err, state.ErrNotFound)
		_, err = s.DB.LinkWith(ctx, secret)
		require.ErrorIs(t, err, state.ErrNotFound)
		_, err = s.DB.Job(ctx, job.ID)
		require.ErrorIs(t, err, state.ErrNotFound)
		used, _, err := s.DB.Used(ctx, "alice")
		require.NoError(t, err)
		require.Zero(t, used)
		var count state.Restored
		require.NoError(t, s.DB.Restore(ctx, state.Note{Clip: &clip, Job: &job}, &count))
		require.Zero(t, count, "deleted things come back")
		known, err := s.DB.RecordingIDs(ctx)
		require.NoError(t, err)
		require.Contains(t, known, job.ID)
		s.erase(ctx)
	}
	require.ErrorIs(t, s.archive.DropClip(ctx, clip), state.ErrNotFound)

	require.NoError(t, os.Remove(filepath.Join(video, "x")))
	files.refuses = false
	s.erase(ctx)
	require.NoFileExists(t, video)
	require.NoDirExists(t, folder)
	clips, err := s.DB.DeletedClips(ctx)
	require.NoError(t, err)
	jobs, err := s.DB.DeletedJobs(ctx)
	require.NoError(t, err)
	require.Empty(t, append(clips, jobs...))
}

// The rows of recordings, and of starts, stay as long as their files do.
func TestRowsStayWithTheirFiles(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 1, time.Now().Add(-time.Hour))
	files := &refusing{s.Files, true}
	s.o.Storage = files
	s.o.Recorder = &finding{s.Fake, map[string]string{}}
	over := s.Rec
	over.State, over.Ended, over.Pruned = api.StateEnded, time.Now().Add(-30*time.Minute), 1
	require.NoError(t, s.DB.UpdateRecording(ctx, s.Rec, over))
	require.NoError(t, s.DB.SetPruned(ctx, s.Rec.ID, 1))
	next := s.Rec
	next.ID, next.EgressID, next.Created = state.NewID(), "EG_2", time.Now()
	require.NoError(t, s.DB.AddRecording(ctx, next))
	lost := state.NewID()
	_, err := s.Files.NewRecording(ctx, lost)
	require.NoError(t, err)
	require.NoError(t, s.DB.AddIntent(ctx, lost))

	rows := func() (recordings, intents int) {
		list, err := s.DB.Recordings(ctx, s.Rec.ReplayID)
		require.NoError(t, err)
		left, err := s.DB.IntentsBefore(ctx, time.Now().Add(time.Hour))
		require.NoError(t, err)
		return len(list), len(left)
	}
	round := func() {
		s.prune(ctx)
		s.orphans(ctx, time.Now().Add(orphanForgotten+time.Second))
	}
	round()
	recordings, intents := rows()
	require.Equal(t, 2, recordings)
	require.Equal(t, 1, intents)
	files.refuses = false
	round()
	recordings, intents = rows()
	require.Equal(t, 1, recordings)
	require.Zero(t, intents)
	require.NoDirExists(t, s.Folder)
}

// A bucket whose policy forbids deleting keeps what users have deleted, out of their sight, until it allows it: clips,
// recordings, and segments that are too old.
func TestBucketThatRefusesDeletes(t *testing.T) {
	ctx := t.Context()
	s3, err := s3test.Start(ctx)
	require.NoError(t, err)
	t.Cleanup(s3.Close)
	for k, v := range s3.Env() {
		t.Setenv(k, v)
	}
	files, err := storage.OpenBucket(ctx, s3.URL("team"))
	require.NoError(t, err)
	t.Cleanup(func() { files.Close() })
	local := shelftest.New(t, 8, time.Now().Add(-16*time.Second))
	on := *local
	on.Files = files
	s := keep(&on)
	for _, name := range append([]string{recorder.Playlist}, segmentNames(8)...) {
		f, err := local.Files.OpenFile(ctx, s.Rec.ID, name)
		require.NoError(t, err)
		content, err := io.ReadAll(f)
		require.NoError(t, errors.Join(err, f.Close()))
		require.NoError(t, files.WriteFile(ctx, s.Rec.ID, name, content))
	}
	clip := s.once(t, s.order(t, "alice", 2*time.Second))
	require.Equal(t, api.ClipReady, clip.State, clip.Reason)
	job := state.Job{ID: state.NewID(), Identity: "alice", EgressID: "EG_t", State: api.StateEnded, Created: time.Now(),
		Ended: time.Now()}
	require.NoError(t, files.WriteFile(ctx, job.ID, "recording.mp4", []byte("x")))
	require.NoError(t, s.DB.AddJob(ctx, job))
	keys := func(under string) int {
		list, err := s3.Keys(ctx, "team/"+under)
		require.NoError(t, err)
		return len(list)
	}
	stored := keys("clips/" + clip.ID)
	require.Positive(t, stored)
	segments := len(s.stored(t))

	s3.RefuseDeletes(true)
	require.NoError(t, s.archive.DropClip(ctx, clip))
	require.NoError(t, s.archive.DropJob(ctx, job.ID))
	for range 2 {
		s.erase(ctx)
		_, err := s.buffers.Prune(ctx, s.Rec, time.Now().Add(time.Hour), s.DB.SetPruned)
		require.Error(t, err)
		_, err = s.DB.Clip(ctx, clip.ID)
		require.ErrorIs(t, err, state.ErrNotFound)
		_, err = s.DB.Job(ctx, job.ID)
		require.ErrorIs(t, err, state.ErrNotFound)
		require.Equal(t, stored, keys("clips/"+clip.ID))
		require.Equal(t, 1, keys("segments/"+job.ID))
		require.Len(t, s.stored(t), segments, "segments are taken for deleted")
	}

	s3.RefuseDeletes(false)
	s.erase(ctx)
	left, err := s.buffers.Prune(ctx, s.Rec, time.Now().Add(time.Hour), s.DB.SetPruned)
	require.NoError(t, err)
	require.Zero(t, left)
	require.Zero(t, keys("clips/"+clip.ID))
	require.Zero(t, keys("segments/"+job.ID))
	clips, err := s.DB.DeletedClips(ctx)
	require.NoError(t, err)
	require.Empty(t, clips)
}

func segmentNames(count int) (out []string) {
	for i := range count {
		out = append(out, fmt.Sprintf("s_%05d.ts", i))
	}
	return out
}

// Old clips go by themselves; a clip that waits is not old.
func TestOldClipsGo(t *testing.T) {
	ctx := t.Context()
	s := newShelf(t, 2, time.Now().Add(-4*time.Second))
	clip := s.once(t, s.order(t, "alice", 2*time.Second))
	waits := s.order(t, "alice", time.Second)
	s.o.KeepClips = 2 * time.Hour // it was asked for an hour ago
	s.tidy(ctx)
	_, err := s.DB.Clip(ctx, clip.ID)
	require.NoError(t, err)
	s.o.KeepClips = time.Nanosecond
	s.tidy(ctx)
	_, err = s.DB.Clip(ctx, clip.ID)
	require.ErrorIs(t, err, state.ErrNotFound)
	_, err = s.Files.OpenClip(ctx, clip.ID)
	require.Error(t, err, "the file stayed")
	_, err = s.DB.Clip(ctx, waits.ID)
	require.NoError(t, err)
}
