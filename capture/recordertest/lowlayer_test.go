package recordertest

import (
	"context"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

// A low-resolution layer beside the replay: its own size, bitrate and keyframes, the replay's times and sound; the
// replay keeps its full frames, and without readers nothing is encoded.
func TestLowerStreamBesideTheReplay(t *testing.T) {
	newBench(t, 1280, 720)
	c := config(t)
	c.SeparateSound = true
	r := openRecorder(t, c)
	waitBuffered(t, r, time.Second)
	low := r.LowLayer()
	require.Zero(t, low.Video().Width, "nobody reads, so nothing is encoded")
	full, small := r.NewReader(1000, media.Video), low.NewReader(1000, media.Video, media.Opus)
	defer full.Close()
	first := next(t, small, func(p *media.Packet) bool { return p.Track == media.Video })
	require.True(t, first.Key)
	next(t, small, func(p *media.Packet) bool { return p.Track == media.Opus })
	require.Equal(t, []int{852, 480}, []int{low.Video().Width, low.Video().Height})
	require.Equal(t, []int{1280, 720}, []int{r.Video().Width, r.Video().Height})
	same := next(t, full, func(p *media.Packet) bool { return p.PTS >= first.PTS })
	require.Equal(t, same.PTS, next(t, small, func(p *media.Packet) bool {
		return p.Track == media.Video &&
			p.PTS >= same.PTS
	}).PTS, "both have the same times")
	low.RequestKeyframe()
	require.Less(t, next(t, small, func(p *media.Packet) bool { return p.Track == media.Video && p.Key }).PTS-first.PTS,
		2*time.Second)
	kept := r.Status().BitrateKbps
	require.Less(t, low.Video().BitrateKbps, kept)
	low.SetBitrate(300)
	require.Equal(t, 300, low.Video().BitrateKbps)
	require.Equal(t, kept, r.Status().BitrateKbps)
	waitBuffered(t, r, 8*time.Second)
	saved, err := r.Save(context.Background(), capture.SaveRequest{Length: 6 * time.Second})
	require.NoError(t, err)
	require.Equal(t, []int{1280, 720}, []int{saved.Width, saved.Height})
	frames, err := capturetest.Frames(context.Background(), saved.Path)
	require.NoError(t, err)
	require.Greater(t, len(frames), 6*30/2, "a busy machine loses frames, but not most")
	require.NoError(t, small.Close())
	require.Eventually(t, func() bool { return low.Video().Width == 0 }, 30*time.Second, 20*time.Millisecond,
		"the second encoder ends with its reader")
	wantSourceTracks(t, saved.Path)
}

// wantSourceTracks looks at the three tracks of a clip: the mix has both tones, the others one each.
func wantSourceTracks(t *testing.T, path string) {
	t.Helper()
	ctx := context.Background()
	for i, want := range [][2]float64{{-20, -20}, {-20, -50}, {-50, -20}} {
		one := track(t, path, i)
		for k, hz := range []float64{stack.DesktopHz, stack.MicHz} {
			db, err := capturetest.ToneDB(ctx, one, hz)
			require.NoError(t, err)
			if want[k] == -20 {
				require.InDelta(t, -20, db, 1.5, "track %d, %v Hz", i, hz)
			} else {
				require.Less(t, db, -45.0, "track %d, %v Hz", i, hz)
			}
		}
	}
}

// track makes a file of one sound track of a clip.
func track(t *testing.T, path string, i int) string {
	t.Helper()
	one := filepath.Join(t.TempDir(), "track.mp4")
	out, err := exec.Command("ffmpeg", "-v", "error", "-i", path, "-map", "0:a:"+strconv.Itoa(i), "-c", "copy",
		one).CombinedOutput()
	require.NoError(t, err, string(out))
	return one
}
