package mp4_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/mp4"
)

// shownFrames decodes a movie as its edit list says and returns each frame's time in seconds and checksum.
func shownFrames(t *testing.T, path string) (times []float64, sums []string) {
	t.Helper()
	return frameSums(t, ffmpeg(t, append([]string{"-i", path}, toSums...)...))
}

// played is shownFrames with the sound: 16 bits, 48 kHz. The file is decoded once.
func played(t *testing.T, path string, soundArgs ...string) (times []float64, sums []string, pcm []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sound")
	times, sums = frameSums(t, ffmpeg(t, slices.Concat([]string{"-i", path}, toSums,
		[]string{"-map", "0:a:0", "-f", "s16le"}, soundArgs, []string{"-y", file})...))
	pcm, err := os.ReadFile(file)
	require.NoError(t, err)
	return times, sums, pcm
}

// toSums are the arguments of ffmpeg for frames' checksums.
var toSums = []string{"-map", "0:v:0", "-fps_mode", "passthrough", "-enc_time_base", "1/90000", "-f", "framemd5", "-"}

func frameSums(t *testing.T, out []byte) (times []float64, sums []string) {
	t.Helper()
	for line := range strings.Lines(string(out)) {
		if f := strings.Split(line, ","); len(f) == 6 && !strings.HasPrefix(line, "#") {
			times = append(times, seconds(t, strings.TrimSpace(f[2]))/90000)
			sums = append(sums, strings.TrimSpace(f[5]))
		}
	}
	return times, sums
}

// cut writes a part of a movie to a new file.
func cut(t *testing.T, path string, from, to time.Duration) string {
	t.Helper()
	s, err := mp4.Open(path)
	require.NoError(t, err)
	defer s.Close()
	m, err := s.Cut(from, to)
	require.NoError(t, err)
	return write(t, m)
}

// typed is the begin of a frame as people type it, in milliseconds.
func typed(frame int) time.Duration {
	return (time.Duration(frame) * time.Second / fps).Round(time.Millisecond)
}

// source is a saved clip of five seconds that begins 17 frames behind a keyframe, so that frames 13, 43, … are
// keyframes. Its tone begins at 0.433 s.
func source(t *testing.T, kind mp4.Kind) string {
	sounds := func() []mp4.Track {
		if kind == mp4.Opus {
			return []mp4.Track{{Kind: mp4.Opus, Samples: opus(t, "7")[50:], Priming: 312 * time.Second / 48000, Name: "Mix"}}
		}
		a, config := sound(t, 7)
		priming := 1024 * time.Second / 48000
		return []mp4.Track{{Kind: mp4.AAC, Samples: a[40:], AACConfig: config, Priming: priming, Name: "Mix"},
			{Kind: mp4.AAC, Samples: a[40:], AACConfig: config, Priming: priming, Name: "Microphone", Off: true}}
	}
	start := time.Second + 17*time.Second/fps
	return write(t, mp4.Movie{Start: start, End: start + 5*time.Second, Created: time.Unix(1_700_000_000, 0),
		Tracks: append([]mp4.Track{{Kind: mp4.H264, Samples: videoSamples(t, 7, "128x72")[30:]}}, sounds()...),
		Chapters: []mp4.Chapter{{At: start + time.Second, Title: "one"}, {At: start + 3*time.Second, Title: "three"},
			{At: start + 4*time.Second, Title: "four"}}})
}

func TestCutIsExactToTheFrameAndTheSample(t *testing.T) {
	for name, kind := range map[string]mp4.Kind{"AAC": mp4.AAC, "Opus": mp4.Opus} {
		path := source(t, kind)
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		_, sums := shownFrames(t, path)
		require.Len(t, sums, 150)
		for what, c := range map[string][2]int{"all": {0, 150}, "from a keyframe": {13, 61}, "between keyframes": {5, 100},
			"first frame": {0, 1}, "last frame": {149, 150}, "one frame": {50, 51}, "keyframe alone": {43, 44},
			"up to a keyframe": {30, 43}} {
			if kind == mp4.Opus && c[0]%5 > 0 {
				continue // the frames are cut alike
			}
			t.Run(name+" "+what, func(t *testing.T) {
				part := cut(t, path, typed(c[0]), typed(c[1]))
				times, got, pcm := played(t, part, "-ac", "1")
				require.Equal(t, sums[c[0]:c[1]], got, "the frames are those of the original")
				for i, at := range times {
					require.InDelta(t, float64(i)/fps, at, 1e-4)
				}
				length := float64(c[1]-c[0]) / fps
				p := ffprobe(t, part)
				require.InDelta(t, length, seconds(t, p.Format.Duration), 0.0005)
				for _, s := range p.Streams {
					if s.CodecName != "bin_data" {
						require.InDelta(t, length, seconds(t, s.Duration), 0.0005, s.CodecName)
					}
				}
				require.InDelta(t, length, float64(len(pcm)/2)/48000, 0.022)
				if want := 0.4333 - float64(c[0])/fps; want > 0 && want < length-0.1 {
					require.InDelta(t, want, float64(onset(pcm))/48000, 0.003, "the tone begins where it was")
				}
			})
		}
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, bytes.Equal(before, after), "the original is as it was")
	}
}

func TestCutKeepsTracksChaptersAndStar(t *testing.T) {
	path := source(t, mp4.AAC)
	require.NoError(t, mp4.SetStar(path, true))
	part := cut(t, path, 2*time.Second, 4*time.Second)
	c := chapters(t, part)
	require.Len(t, c, 2)
	require.Equal(t, "Start", c[0].Tags.Title)
	require.Equal(t, "three", c[1].Tags.Title)
	require.InDelta(t, 1, seconds(t, c[1].StartTime), 1e-3)
	info, err := mp4.Inspect(part)
	require.NoError(t, err)
	require.Equal(t, mp4.Info{Seconds: 2, Width: 128, Height: 72, Hindsight: true, Starred: true,
		Created: time.Unix(1_700_000_000, 0)}, info)
	require.Equal(t, trackNames(t, path), trackNames(t, part))
	require.Empty(t, chapters(t, cut(t, path, 0, 500*time.Millisecond)), "no chapter, and none that is made up")
	again := cut(t, part, 500*time.Millisecond, time.Second) // a part of a part
	_, sums := shownFrames(t, path)
	_, got := shownFrames(t, again)
	require.Equal(t, sums[75:90], got)
}

func trackNames(t *testing.T, path string) string {
	t.Helper()
	s, err := mp4.Open(path)
	require.NoError(t, err)
	defer s.Close()
	m, err := s.Cut(0, s.Length())
	require.NoError(t, err)
	var names string
	for _, x := range m.Tracks {
		names += fmt.Sprintln(x.Kind, x.Name, x.Off)
	}
	return names
}

// Frames that stay for long, as those of a still screen: the part begins with the one that is on the screen.
func TestCutBeginsWithTheFrameOnTheScreen(t *testing.T) {
	v := videoSamples(t, 2, "128x72")
	for i := range v {
		if i > 40 {
			v[i].PTS += 2 * time.Second
			v[i].DTS += 2 * time.Second
		}
	}
	path := write(t, mp4.Movie{End: 4 * time.Second, Tracks: []mp4.Track{{Kind: mp4.H264, Samples: v}}})
	_, sums := shownFrames(t, path)
	times, got := shownFrames(t, cut(t, path, 2*time.Second, 3500*time.Millisecond))
	require.Equal(t, sums[40:45], got)
	require.InDelta(t, 0, times[0], 1e-4)
	require.InDelta(t, 41.0/fps, times[1], 1e-3)
	times, got = shownFrames(t, cut(t, path, 2*time.Second, 3*time.Second))
	require.Equal(t, sums[40:41], got, "nothing but a frame that began before")
	require.InDelta(t, 0, times[0], 1e-4)
}

func TestCutWhereTheFrameSizeChanges(t *testing.T) {
	first, second := videoSamples(t, 2, "128x72"), videoSamples(t, 2, "160x90")
	for i := range second {
		second[i].PTS += 2 * time.Second
		second[i].DTS += 2 * time.Second
	}
	path := write(t, mp4.Movie{End: 4 * time.Second,
		Tracks: []mp4.Track{{Kind: mp4.H264, Samples: append(first, second...)}}})
	for _, c := range []struct{ from, to, width int }{{15, 45, 128}, {45, 75, 160}, {75, 100, 160}} {
		part := cut(t, path, typed(c.from), typed(c.to))
		info, err := mp4.Inspect(part)
		require.NoError(t, err)
		require.Equal(t, c.width, info.Width)
		_, got := shownFrames(t, part)
		require.Len(t, got, c.to-c.from)
	}
}

// foreign makes a movie with other programs' habits.
func foreign(t *testing.T, args ...string) string {
	path := filepath.Join(t.TempDir(), "foreign.mp4")
	ffmpeg(t, append(append([]string{"-f", "lavfi", "-i", "testsrc2=s=128x72:r=30:d=4", "-f", "lavfi", "-i",
		"aevalsrc=0.5*sin(2*PI*1000*t)|0:s=48000:d=4", "-pix_fmt", "yuv420p", "-f", "mp4"}, args...), path)...)
	return path
}

func TestCutWithBFramesAndMono(t *testing.T) {
	path := foreign(t, "-c:v", "libx264", "-bf", "2", "-g", "30", "-flags", "+cgop", "-c:a", "aac", "-ac", "1")
	_, sums := shownFrames(t, path)
	require.Len(t, sums, 120)
	for _, c := range [][2]int{{0, 120}, {37, 83}, {60, 61}, {44, 52}, {119, 120}} {
		part := cut(t, path, typed(c[0]), typed(c[1]))
		_, got, pcm := played(t, part) // of one channel
		require.Equal(t, sums[c[0]:c[1]], got, "%v", c)
		require.InDelta(t, float64(c[1]-c[0])/fps, float64(len(pcm)/2)/48000, 0.022)
	}
}

func TestOpenRefusesWhatItCannotRead(t *testing.T) {
	damaged := foreign(t, "-c:v", "libx264", "-c:a", "aac", "-movflags", "+faststart")
	require.NoError(t, os.Truncate(damaged, 20_000))
	other := filepath.Join(t.TempDir(), "other.mp4")
	require.NoError(t, os.WriteFile(other, []byte("no movie at all"), 0o644))
	for want, path := range map[string]string{
		"mp4v":                 foreign(t, "-c:v", "mpeg4", "-c:a", "aac"),
		"at 48 kHz":            foreign(t, "-c:v", "libx264", "-c:a", "aac", "-ar", "44100"),
		"still being recorded": foreign(t, "-c:v", "libx264", "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"),
		"it has no video":      foreign(t, "-vn", "-c:a", "aac"),
		"not an MP4 video":     other,
		"is not a file":        t.TempDir(),
		"a part of one":        damaged,
	} {
		_, err := mp4.Open(path)
		require.ErrorContains(t, err, want, want)
	}
}

// Damaged headers are an error or a movie, and never a panic, an endless loop or much memory.
func TestOpenTakesDamagedHeaders(t *testing.T) {
	good, err := os.ReadFile(source(t, mp4.AAC))
	require.NoError(t, err)
	header := bytes.Index(good, []byte("mdat"))
	path := filepath.Join(t.TempDir(), "damaged.mp4")
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 14))
		b := bytes.Clone(good)
		for range 1 + r.IntN(4) {
			at := r.IntN(header - 4)
			if r.IntN(2) == 0 {
				b[at] = byte(r.IntN(256))
			} else {
				binary.BigEndian.PutUint32(b[at:], []uint32{0, 1, 1<<31 - 1, 1 << 31, 1<<32 - 1}[r.IntN(5)])
			}
		}
		require.NoError(t, os.WriteFile(path, b, 0o644))
		s, err := mp4.Open(path)
		if err != nil {
			continue
		}
		if m, err := s.Cut(s.Length()/3, s.Length()/2); err == nil {
			_, _ = mp4.Write(context.Background(), io.Discard, m)
		}
		require.NoError(t, s.Close())
	}
}

func TestCutHoldsNoSamples(t *testing.T) {
	const frames, size = 300, 200_000
	slice := append([]byte{0x65}, bytes.Repeat([]byte{0x55}, size)...)
	var v []mp4.Sample
	for i := range frames {
		at := time.Duration(i) * time.Second / fps
		v = append(v, mp4.Sample{PTS: at, DTS: at, Duration: time.Second / fps, Sync: true,
			NALs: [][]byte{fuzzSPS, fuzzPPS[0], slice}})
	}
	path := write(t, mp4.Movie{End: frames * time.Second / fps, Tracks: []mp4.Track{{Kind: mp4.H264, Samples: v}}})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	part := cut(t, path, time.Second, 9*time.Second)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20), "of a movie of "+strconv.Itoa(frames*size))
	st, err := os.Stat(part)
	require.NoError(t, err)
	require.Greater(t, st.Size(), int64(230*size))
}
