package mp4_test

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/mp4"
	"github.com/hindsight-app/hindsight/cmd/devstack/mounts"
)

// A file that may not become larger than so many bytes stands for a full disk: what was written before plays. The limit
// is the process's, so the test has one to itself.
func TestGrowingStopsWholeWhereTheDiskIsFull(t *testing.T) {
	if !mounts.Inside(t) {
		return
	}
	v := videoSamples(t, 6, "128x72")
	g, path := growing(t, []byte{0x11, 0x90}, v[0])
	var old syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old))
	limit := old
	limit.Cur = uint64(g.Size()) + 2000
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	defer func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old)) }()
	var err error
	for _, s := range v {
		if err = g.Add(0, s); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, syscall.EFBIG)
	require.Error(t, g.End(6*time.Second, nil, nil))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old))
	frames := len(grey(t, path))
	require.Positive(t, frames)
	info, err := mp4.Inspect(path)
	require.NoError(t, err)
	require.InDelta(t, float64(frames)/fps, info.Seconds, 0.01)
	require.NoError(t, g.End(6*time.Second, nil, nil), "once there is room again it ends in order")
	require.Greater(t, len(grey(t, path)), frames)
	require.NotContains(t, topBoxes(must(os.ReadFile(path))), "moof")
}
