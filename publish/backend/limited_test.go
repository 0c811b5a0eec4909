package backend_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/backend/storedtest"
)

// In 256 MB two clips of 20 minutes at 60 frames/s are cut at once. Their bitrate is small, to spare the disk; the
// whole 20 Mb/s are "make bench-cut".
func TestTwoLongClipsInLittleMemory(t *testing.T) {
	lk, err := stack.StartLiveKit(t.Context(), t.TempDir(), stack.LiveKitOptions{})
	require.NoError(t, err)
	defer lk.Close()
	const limit, length = 256e6, 20 * time.Minute
	got, err := storedtest.CutLimited(t.Context(), t.TempDir(), program, lk,
		storedtest.Options{Replays: 2, Length: length, FPS: 60, Kbps: 2000}, limit)
	require.NoError(t, err)
	t.Logf("%d MB resident, %d MB with page cache (enforced: %v), in %v", got.Resident/1e6, got.Group/1e6, got.Grouped,
		got.Took)
	require.Less(t, got.Resident, int64(limit))
	require.Len(t, got.Files, 2)
	for i, file := range got.Files {
		require.InDelta(t, length.Seconds(), got.Clips[i].Seconds, 0.05)
		require.Empty(t, got.Clips[i].Gaps)
		require.Greater(t, got.Clips[i].Bytes, int64(limit))
		streams, seconds, err := backendtest.Probe(t.Context(), file)
		require.NoError(t, err)
		require.Len(t, streams, 2)
		require.InDelta(t, length.Seconds(), seconds.Seconds(), 0.05)
	}
}
