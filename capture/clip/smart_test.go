package clip_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// movies are the files that movie copies, by the options of x264.
var movies sync.Map

// movie makes an MP4 of moving noise and a tone that begins at 1 s: 4 s, 320 x 180, 30 FPS, keyframes at 0, 1, 2, 3 s.
func movie(t *testing.T, x264 string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "movie.mp4")
	if made, ok := movies.Load(x264); ok {
		require.NoError(t, os.WriteFile(path, made.([]byte), 0o600))
		return path
	}
	run(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=4,noise=alls=20:allf=t", "-f", "lavfi",
		"-i", "aevalsrc='if(gt(t,1),sin(2*PI*440*t)/2,0)':s=48000:d=4", "-c:v", "libx264", "-preset", "veryfast",
		"-pix_fmt", "yuv420p", "-crf",
		"18", "-x264-params", "keyint=30:min-keyint=30:scenecut=0:"+x264, "-color_primaries", "bt709", "-color_trc", "bt709",
		"-colorspace", "bt709", "-c:a", "aac", "-ac", "2", path)
	made, err := os.ReadFile(path)
	require.NoError(t, err)
	movies.Store(x264, made)
	return path
}

func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		if e, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output returns it as it is
			t.Fatalf("%s: %v: %s", name, err, e.Stderr)
		}
		t.Fatal(err)
	}
	return out
}

// originals are the frames that original returns, by the options of x264.
var originals sync.Map

// original is a movie, and its frames: many tests compare with those, and they are decoded once.
func original(t *testing.T, x264 string) (path string, frames [][]byte) {
	t.Helper()
	path = movie(t, x264)
	if known, ok := originals.Load(x264); ok {
		return path, known.([][]byte)
	}
	frames = decoded(t, path, false)
	originals.Store(x264, frames)
	return path, frames
}

// input are the arguments of ffmpeg that read a file as a player does; with raw, as one without edit lists does.
func input(path string, raw bool) []string {
	args := []string{"-v", "error"}
	if raw {
		args = append(args, "-ignore_editlist", "1")
	}
	return append(args, "-i", path)
}

// video are those that write the frames, in YUV 4:2:0, and sound those that write the sound, mono at 48 kHz.
var (
	video = []string{"-map", "0:V", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p"}
	sound = []string{"-map", "0:a:0", "-f", "s16le", "-ac", "1", "-ar", "48000"}
)

// decoded returns the frames of a file.
func decoded(t *testing.T, path string, raw bool) [][]byte {
	t.Helper()
	return split(t, run(t, "ffmpeg", slices.Concat(input(path, raw), video, []string{"-"})...))
}

// played returns the frames and the sound of a file, which is decoded once.
func played(t *testing.T, path string, raw bool) (frames [][]byte, pcm []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sound")
	frames = split(t, run(t, "ffmpeg", slices.Concat(input(path, raw), video, []string{"-"}, sound,
		[]string{"-y", file})...))
	pcm, err := os.ReadFile(file)
	require.NoError(t, err)
	return frames, pcm
}

func split(t *testing.T, b []byte) (frames [][]byte) {
	t.Helper()
	const size = 320 * 180 * 3 / 2
	require.Zero(t, len(b)%size)
	for ; len(b) > 0; b = b[size:] {
		frames = append(frames, b[:size])
	}
	return frames
}

// psnr compares two frames, in dB; equal ones are +Inf.
func psnr(a, b []byte) float64 {
	sum := 0.0
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		sum += d * d
	}
	return 10 * math.Log10(255*255/(sum/float64(len(a))))
}

// onset is when the sound begins, in seconds.
func onset(t *testing.T, path string, raw bool) float64 {
	t.Helper()
	return begin(t, run(t, "ffmpeg", slices.Concat(input(path, raw), sound, []string{"-"})...))
}

// begin is when sound of 48 kHz begins, in seconds.
func begin(t *testing.T, b []byte) float64 {
	t.Helper()
	for i := 0; i+1 < len(b); i += 2 {
		if v := int16(uint16(b[i]) | uint16(b[i+1])<<8); v > 4000 || v < -4000 { //nolint:gosec // a sample
			return float64(i/2) / 48000
		}
	}
	t.Fatal("there is no sound")
	return 0
}

// Frames up to the next keyframe look as before, all others are the same to the bit, and a player that knows nothing of
// edit lists shows no frame too many.
func TestSmartCutNeedsNoEditList(t *testing.T) {
	const aacFrame = 1024.0 / 48000
	for _, x264 := range []string{"bframes=0", "bframes=2:open-gop=0"} {
		path, whole := original(t, x264)
		require.Len(t, whole, 120)
		for _, c := range []struct{ from, to, key int }{{10, 100, 30}, {30, 100, 30}, {29, 61, 30}, {31, 120, 60},
			{5, 25, 25}, {95, 120, 120}} {
			t.Run(fmt.Sprintf("%s from %d to %d", x264, c.from, c.to), func(t *testing.T) {
				t.Parallel()
				part, err := clip.Trim(context.Background(), clip.TrimRequest{Path: path, Smart: true,
					From: at(c.from), To: at(c.to), Out: filepath.Join(t.TempDir(), "part.mp4")})
				require.NoError(t, err)
				for _, raw := range []bool{false, true} {
					got, pcm := played(t, part.Path, raw)
					if x264 == "bframes=0" || !raw { // without edit lists, the end may have frames that wait for others
						require.Len(t, got, c.to-c.from, "ignoring edit lists: %v", raw)
					}
					for i := range c.to - c.from {
						if n := c.from + i; n < c.key {
							require.Greater(t, psnr(got[i], whole[n]), 45.0, "frame %d", n)
						} else {
							require.Equal(t, whole[n], got[i], "frame %d", n)
						}
					}
					if want := 1 - float64(c.from)/30; want > 0.05 && c.to > 35 {
						require.InDelta(t, want, begin(t, pcm), aacFrame+0.002)
					}
				}
				// A reader of its own that never heard of this one: the head's parameter sets are beside the others.
				sets := run(t, "ffprobe", "-v", "error", "-show_entries", "stream=nb_frames,profile,color_space", "-select_streams",
					"V", "-of", "csv=p=0", part.Path)
				require.Contains(t, string(sets), "bt709")
				again, err := mp4.Open(part.Path)
				require.NoError(t, err)
				require.InDelta(t, float64(c.to-c.from)/30, again.Length().Seconds(), 0.001)
				require.NoError(t, again.Close())
			})
		}
	}
}

// What was cut can be cut again: the new parameter sets do not clash.
func TestSmartCutOfASmartCut(t *testing.T) {
	path, whole := original(t, "bframes=0")
	first, err := clip.Trim(context.Background(), clip.TrimRequest{Path: path, Smart: true, From: at(10)})
	require.NoError(t, err)
	second, err := clip.Trim(context.Background(), clip.TrimRequest{Path: first.Path, Smart: true, From: at(5),
		To: at(60)})
	require.NoError(t, err)
	got := decoded(t, second.Path, true)
	require.Len(t, got, 55)
	for i := range got {
		require.Greater(t, psnr(got[i], whole[15+i]), 43.0, "frame %d", i)
	}
	require.Equal(t, whole[30], got[15])
}

func TestSmartCutRefusesAnOpenGOP(t *testing.T) {
	path := movie(t, "bframes=3:open-gop=1")
	_, err := clip.Trim(context.Background(), clip.TrimRequest{Path: path, Smart: true, From: at(10)})
	if err != nil { // x264 may have found no use for it
		require.ErrorIs(t, err, mp4.ErrOpenGOP)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	for _, e := range entries {
		require.False(t, strings.HasPrefix(e.Name(), mp4.TempPrefix), e.Name())
	}
}

// at is the begin of a frame.
func at(frame int) time.Duration { return time.Duration(frame) * time.Second / 30 }

// Video that begins later than sound, parts without video, and damaged video are no reason to hang or to panic.
func TestSmartCutOfStrangeFiles(t *testing.T) {
	path, frames := original(t, "bframes=0")
	late := filepath.Join(t.TempDir(), "late.mp4")
	run(t, "ffmpeg", "-v", "error", "-itsoffset", "1", "-i", path, "-i", path, "-map", "0:v", "-map", "1:a", "-c", "copy",
		late)
	part, err := clip.Trim(context.Background(), clip.TrimRequest{Path: late, Smart: true, From: at(15), To: at(60)})
	require.NoError(t, err)
	require.Equal(t, frames[0], decoded(t, part.Path, false)[0])
	_, err = clip.Trim(context.Background(), clip.TrimRequest{Path: late, Smart: true, From: at(3), To: at(15)})
	require.ErrorAs(t, err, &clip.InputError{})

	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := len(whole) / 20; i < len(whole)/2; i += 7 {
		whole[i] ^= byte(i)
	}
	broken := filepath.Join(t.TempDir(), "broken.mp4")
	require.NoError(t, os.WriteFile(broken, whole, 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = clip.Trim(ctx, clip.TrimRequest{Path: broken, Smart: true, From: at(40), To: at(100)})
	require.NoError(t, ctx.Err(), "%v", err)
}
