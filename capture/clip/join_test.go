package clip_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clip"
)

// tones returns for each second of a file's sound whether it is loud, at its middle.
func tones(t *testing.T, path string, seconds int) (loud []bool) {
	t.Helper()
	b := run(t, "ffmpeg", "-v", "error", "-i", path, "-map", "0:a:0", "-f", "s16le", "-ac", "1", "-ar", "48000", "-")
	for n := range seconds {
		peak := 0
		for i := (n*48000 + 20000) * 2; i < (n*48000+28000)*2 && i+1 < len(b); i += 2 {
			peak = max(peak, int(int16(uint16(b[i])|uint16(b[i+1])<<8))) //nolint:gosec // a sample
		}
		loud = append(loud, peak > 4000)
	}
	return loud
}

// A joined clip shows the frames of its parts and nothing between them, with sound in step, also where a part begins
// between keyframes.
func TestJoin(t *testing.T) {
	path, whole := original(t, "bframes=0")
	tail, err := clip.Trim(context.Background(), clip.TrimRequest{Path: path, From: at(45)}) // hides 15 frames
	require.NoError(t, err)
	head, err := clip.Trim(context.Background(), clip.TrimRequest{Path: path, To: at(60)})
	require.NoError(t, err)
	before, err := os.ReadFile(tail.Path)
	require.NoError(t, err)
	j, err := clip.Join(context.Background(), clip.JoinRequest{Parts: clip.Whole(tail.Path, head.Path, path)})
	require.NoError(t, err)
	require.Equal(t, filepath.Join(filepath.Dir(path), "movie (trimmed) (joined).mp4"), j.Path)
	require.InDelta(t, 2.5+2+4, j.Seconds, 0.001)
	want := append(append(append([][]byte{}, whole[45:]...), whole[:60]...), whole...)
	for _, raw := range []bool{false, true} {
		got := decoded(t, j.Path, raw)
		require.Len(t, got, len(want))
		for i := range got {
			if i < 15 { // up to the first keyframe of the first part
				require.Greater(t, psnr(got[i], want[i]), 45.0, "frame %d", i)
			} else {
				require.Equal(t, want[i], got[i], "frame %d", i)
			}
		}
	}
	// The tone is heard from 1 s of the original on: in the first part at once, in the others after a second.
	require.Equal(t, []bool{true, true}, tones(t, j.Path, 2))
	again, err := clip.Trim(context.Background(), clip.TrimRequest{Path: j.Path, From: 2500 * time.Millisecond})
	require.NoError(t, err)
	require.Equal(t, []bool{false, true, false, true, true, true}, tones(t, again.Path, 6))
	require.InDelta(t, 1, onset(t, again.Path, false), 0.005)
	out := run(t, "ffprobe", "-v", "error", "-show_entries", "chapter=start_time:chapter_tags=title", "-of", "csv=p=0",
		j.Path)
	require.Equal(t, "0.000000,movie (trimmed)\n2.500000,movie (trimmed) (2)\n4.500000,movie\n", string(out))
	after, err := os.ReadFile(tail.Path)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

// Clips of another encoder keep their parameter sets, and one without sound is silent.
func TestJoinOfUnlikeClips(t *testing.T) {
	a, b := movie(t, "bframes=0"), movie(t, "bframes=2:cabac=0:ref=1")
	silent := filepath.Join(t.TempDir(), "silent.mp4")
	run(t, "ffmpeg", "-v", "error", "-i", a, "-an", "-c:v", "copy", silent)
	j, err := clip.Join(context.Background(), clip.JoinRequest{Parts: clip.Whole(a, b, silent),
		Out: filepath.Join(t.TempDir(), "all.mp4")})
	require.NoError(t, err)
	got := decoded(t, j.Path, false)
	want := append(append(decoded(t, a, false), decoded(t, b, false)...), decoded(t, silent, false)...)
	require.Len(t, got, len(want))
	for i := range got {
		require.Equal(t, want[i], got[i], "frame %d", i)
	}
	require.Equal(t, []bool{false, true, true, true, false, true, true, true, false, false, false, false},
		tones(t, j.Path, 12))
}

func TestJoinRefuses(t *testing.T) {
	a := movie(t, "bframes=0")
	small := filepath.Join(t.TempDir(), "small.mp4")
	run(t, "ffmpeg", "-v", "error", "-i", a, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-s", "160x90", small)
	text := filepath.Join(t.TempDir(), "notes.mp4")
	require.NoError(t, os.WriteFile(text, []byte("no movie"), 0o600))
	for want, paths := range map[string][]string{
		"choose at least two clips":        {a},
		"320 x 180 and 160 x 90":           {a, small},
		"notes.mp4 cannot be joined":       {a, text},
		"gone.mp4 cannot be joined: open ": {a, "gone.mp4"},
	} {
		_, err := clip.Join(context.Background(), clip.JoinRequest{Parts: clip.Whole(paths...)})
		require.ErrorContains(t, err, want)
		require.ErrorAs(t, err, &clip.InputError{})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := clip.Join(ctx, clip.JoinRequest{Parts: clip.Whole(a, a)})
	require.ErrorIs(t, err, context.Canceled)
	entries, err := os.ReadDir(filepath.Dir(a))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left behind")
}
