package backend_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/buffers"
	"github.com/hindsight-app/hindsight/publish/backend/keeper"
	"github.com/hindsight-app/hindsight/publish/backend/state"
)

// counting counts the cuts of each clip.
type counting struct {
	keeper.Cutter
	mu   sync.Mutex
	cuts map[string]int
}

func (c *counting) Cut(ctx context.Context, clip state.Clip, s []buffers.Segment) (buffers.Cut, error) {
	c.mu.Lock()
	c.cuts[clip.ID]++
	c.mu.Unlock()
	return c.Cutter.Cut(ctx, clip, s)
}

// Three backends on one PostgreSQL and one folder cut every clip once.
func TestClipsAreCutOnceByManyBackends(t *testing.T) {
	ctx := t.Context()
	s := newShared(t)
	cutter := &counting{Cutter: &buffers.Remuxer{Storage: s.files, Clips: s.files}, cuts: map[string]int{}}
	const clips = 40
	for range clips {
		s.order(t)
	}
	for range 3 {
		o := options(s.open(t, s.address), s.files, s.shelf.Began)
		o.Cutter = cutter
		run(t, o)
	}
	require.Eventually(t, func() bool {
		waiting, err := s.db.WaitingClips(ctx)
		return err == nil && len(waiting) == 0
	}, time.Minute, 50*time.Millisecond, "all clips are cut")
	done, err := s.db.AllClips(ctx, time.Now().Add(time.Hour), clips)
	require.NoError(t, err)
	require.Len(t, done, clips)
	for _, c := range done {
		require.Equal(t, api.ClipReady, c.State, c.Reason)
		require.Equal(t, 1, cutter.cuts[c.ID])
	}
}
