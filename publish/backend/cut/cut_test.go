package cut

import (
	"bytes"
	"context"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// segments has ffmpeg encode size for seconds, with B-frames, in MPEG-TS files of 2 s, and returns their contents.
func segments(t *testing.T, size string, seconds int) [][]byte { return encode(t, size, seconds, 2) }

func encode(t *testing.T, size string, seconds, channels int) [][]byte {
	t.Helper()
	return made(t, "*.ts", "-f", "lavfi", "-i", "testsrc2=r=30:s="+size,
		"-f", "lavfi", "-i", "aevalsrc='0.3*sin(440*2*PI*t)|0.3*sin(550*2*PI*t)':s=48000", "-t", strconv.Itoa(seconds),
		"-c:v", "libx264", "-preset", "veryfast", "-g", "60", "-bf", "2", "-c:a", "aac", "-aac_coder", "fast",
		"-ac", strconv.Itoa(channels),
		"-output_ts_offset", "3600", "-muxdelay", "0",
		"-f", "segment", "-segment_time", "2", "-segment_format", "mpegts", "s_%05d.ts")
}

// encoded are the files that ffmpeg has made for tests, by its arguments.
var encoded = map[string][][]byte{}

// made has ffmpeg write files, once for all tests, and returns the contents of those that the pattern finds, in order.
func made(t *testing.T, pattern string, args ...string) (all [][]byte) {
	t.Helper()
	key := strings.Join(append(args, pattern), " ")
	if encoded[key] != nil {
		return slices.Clone(encoded[key])
	}
	dir := t.TempDir()
	c := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-v", "error"}, args...)...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	require.NoError(t, err, "ffmpeg is needed, run make setup: %s", out)
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		all = append(all, b)
	}
	encoded[key] = all
	return slices.Clone(all)
}

// sources are segments of a recording that began at the given moment.
func sources(list [][]byte, began time.Time) (out []Source) {
	for i, b := range list {
		out = append(out, Source{Zero: began.Add(-ClockBase), Wall: began.Add(time.Duration(i) * 2 * time.Second),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }})
	}
	return out
}

// check writes the movie, and wants one stream of each kind, of the length, that decodes without complaint. It returns
// the times of the frames in s.
func check(t *testing.T, m mp4.Movie, want time.Duration) (file string, frames []float64) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "clip.mp4")
	_, err := mp4.WriteFile(t.Context(), file, m)
	require.NoError(t, err)
	info, err := capturetest.Probe(t.Context(), file)
	require.NoError(t, err)
	require.Len(t, info.Streams, 2)
	require.InDelta(t, want.Seconds(), info.Seconds, 0.04)
	var decoded, complaint bytes.Buffer
	c := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-i", file, "-fps_mode", "passthrough",
		"-enc_time_base:v", "1/90000", "-f", "framecrc", "-")
	c.Stdout, c.Stderr = &decoded, &complaint
	require.NoError(t, c.Run(), "%s", &complaint)
	require.Empty(t, complaint.String())
	for line := range strings.Lines(decoded.String()) { // stream, decoding time, time, length, bytes, checksum
		if f := strings.Split(line, ","); f[0] == "0" {
			pts, err := strconv.ParseFloat(strings.TrimSpace(f[2]), 64)
			require.NoError(t, err)
			frames = append(frames, pts/90000)
		}
	}
	return file, frames
}

var began = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }

func TestCutIsExactAnywhere(t *testing.T) {
	list := sources(segments(t, "320x180", 10), began)
	for _, c := range []struct{ from, to, length float64 }{
		{1, 9, 8}, {2.1, 3.9, 1.8}, {3.333, 7.777, 4.444}, {-5, 4, 4}, {7, 30, 3}, {-5, 30, 10}, {4, 5, 1},
	} {
		m, err := Movie(t.Context(), list, at(c.from), at(c.to), 0)
		require.NoError(t, err)
		length := m.End - m.Start
		require.InDelta(t, c.length, length.Seconds(), 0.1, "%+v", c) // ffmpeg's first frame comes two frames late
		_, frames := check(t, m, length)
		requirePlace(t, m, frames)
	}
	_, err := Movie(t.Context(), list, at(20), at(30), 0)
	require.ErrorIs(t, err, ErrNothing)
	_, err = Movie(t.Context(), nil, at(0), at(30), 0)
	require.ErrorIs(t, err, ErrNothing)
}

// requirePlace wants a file's frames where the movie has them, wherever between two frames it begins.
func requirePlace(t *testing.T, m mp4.Movie, frames []float64) {
	t.Helper()
	var want []time.Duration
	for _, s := range m.Tracks[0].Samples {
		if s.PTS >= m.Start && s.PTS < m.End {
			want = append(want, s.PTS-m.Start)
		}
	}
	slices.Sort(want)
	require.Len(t, frames, len(want))
	require.Zero(t, want[0])
	for i, at := range frames {
		require.InDelta(t, want[i].Seconds(), at, 0.001, "frame %d", i)
	}
}

// Two recordings of different size with a gap, and two that overlap, become one movie that plays through.
func TestCutAcrossRecordings(t *testing.T) {
	first, second := segments(t, "320x180", 4), segments(t, "480x270", 4)
	for name, start := range map[string]float64{"gap": 7, "overlap": 3.2, "seamless": 4} {
		t.Run(name, func(t *testing.T) {
			list := append(sources(first, began), sources(second, at(start))...)
			m, err := Movie(t.Context(), list, at(1), at(start+3), 0)
			require.NoError(t, err)
			check(t, m, time.Duration((start+2)*float64(time.Second)))
		})
	}
}

// mute takes the packets of the sound out of a part of a segment (ISO/IEC 13818-1, 2.4.3.2; 0x101 is ffmpeg's second
// stream).
func mute(ts []byte, from, to int) (out []byte) {
	for i := 0; i+188 <= len(ts); i += 188 {
		p := ts[i : i+188]
		if int(p[1]&0x1f)<<8|int(p[2]) != 0x101 || i < from || i >= to {
			out = append(out, p...)
		}
	}
	return out
}

// Sound that a segment lacks, all of it or some in its middle, is silence of whole access units in the clip.
func TestMissingSoundIsSilent(t *testing.T) {
	for _, channels := range []int{1, 2} {
		list := encode(t, "320x180", 8, channels)
		list[1] = mute(list[1], 0, len(list[1]))
		list[2] = mute(list[2], len(list[2])/3, 2*len(list[2])/3)
		m, err := Movie(t.Context(), sources(list, began), at(0.5), at(7.5), 0)
		require.NoError(t, err)
		sound := m.Tracks[1].Samples
		for i := 1; i < len(sound); i++ {
			require.InDelta(t, 1024.0/48000, (sound[i].PTS - sound[i-1].PTS).Seconds(), 0.5*1024/48000, "unit %d", i)
		}
		file, _ := check(t, m, 7*time.Second)
		pcm, err := capturetest.PCM(t.Context(), file)
		require.NoError(t, err)
		loudest := func(from, to float64) (v float64) {
			for _, s := range pcm[int(from*48000):int(to*48000)] {
				v = max(v, math.Abs(s))
			}
			return v
		}
		require.Greater(t, loudest(0.2, 1.2), 0.2)
		require.Less(t, loudest(2, 3), 0.001, "the segment from 1.5 s to 3.5 s of the clip has no sound")
		require.Greater(t, loudest(6, 6.8), 0.2)
	}
}

func TestCutEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Movie(ctx, sources([][]byte{nil}, began), at(0), at(1), 0)
	require.ErrorIs(t, err, context.Canceled)
}

func TestDamagedSegmentIsAnError(t *testing.T) {
	for _, b := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte{0x47}, 1880), bytes.Repeat([]byte{0}, 5000)} {
		_, err := Movie(t.Context(), sources([][]byte{b}, began), at(0), at(1), 0)
		require.Error(t, err)
	}
}
