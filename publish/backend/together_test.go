package backend

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/recorder"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/storage"
)

// counting counts the cuts of each clip.
type counting struct {
	ClipCutter
	mu   sync.Mutex
	cuts map[string]int
}

func (c *counting) Cut(ctx context.Context, clip state.Clip, s []Segment) (CutResult, error) {
	c.mu.Lock()
	c.cuts[clip.ID]++
	c.mu.Unlock()
	return c.ClipCutter.Cut(ctx, clip, s)
}

// Three backends on one PostgreSQL and one folder cut every clip once.
func TestClipsAreCutOnceByManyBackends(t *testing.T) {
	ctx := t.Context()
	server, err := stack.StartPostgres(ctx)
	require.NoError(t, err)
	defer server.Close()
	url, err := server.NewDatabase(ctx)
	require.NoError(t, err)
	files, err := storage.Open(t.TempDir(), "")
	require.NoError(t, err)
	defer files.Close()
	cutter := &counting{ClipCutter: &Remuxer{Storage: files, Clips: files}, cuts: map[string]int{}}
	began := time.Now().Add(-20 * time.Second)
	fake := &told{status: recorder.Status{EgressID: "EG_1", State: api.StateActive, Began: began}}
	var stores []*state.Store
	for range 3 {
		db, err := state.OpenPostgres(ctx, url)
		require.NoError(t, err)
		defer db.Close()
		stores = append(stores, db)
	}
	replay := state.Replay{ID: state.NewID(), Identity: "alice", Room: "den", Created: began}
	rec := state.Recording{ID: state.NewID(), ReplayID: replay.ID, EgressID: "EG_1", VideoTrack: "TR_v",
		State: api.StateActive,
		Began: began, Created: began}
	folder, err := files.NewRecording(ctx, rec.ID)
	require.NoError(t, err)
	makeSegments(t, folder, 10, began)
	require.NoError(t, stores[0].AddReplay(ctx, replay))
	require.NoError(t, stores[0].AddRecording(ctx, rec))
	const clips = 40
	for range clips {
		ok, err := stores[0].AddClip(ctx, state.Clip{ID: state.NewID(), ReplayID: replay.ID, Identity: "alice", Room: "den",
			State: api.ClipWaiting, Asked: 10 * time.Second, Pressed: began.Add(15 * time.Second), Created: time.Now()}, clips)
		require.NoError(t, err)
		require.True(t, ok)
	}
	for _, db := range stores {
		s, err := New(Options{State: db, Tokens: fake, Recorder: fake, Storage: files, Clips: files, Cutter: cutter,
			JobRecorder: fake, JobFiles: files})
		require.NoError(t, err)
		defer s.Close()
	}
	require.Eventually(t, func() bool {
		waiting, err := stores[0].WaitingClips(ctx)
		return err == nil && len(waiting) == 0
	}, time.Minute, 50*time.Millisecond, "all clips are cut")
	done, err := stores[0].AllClips(ctx, time.Now().Add(time.Hour), clips)
	require.NoError(t, err)
	require.Len(t, done, clips)
	for _, c := range done {
		require.Equal(t, api.ClipReady, c.State, c.Reason)
		require.Equal(t, 1, cutter.cuts[c.ID])
	}
}
