package mp4_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/mp4"
)

// grow feeds a growing movie in the order of time.
func grow(t *testing.T, g *mp4.Growing, video, audio []mp4.Sample) {
	t.Helper()
	for len(video)+len(audio) > 0 {
		if len(audio) == 0 || len(video) > 0 && video[0].DTS <= audio[0].DTS {
			require.NoError(t, g.Add(0, video[0]))
			video = video[1:]
		} else {
			require.NoError(t, g.Add(1, audio[0]))
			audio = audio[1:]
		}
	}
}

func growing(t *testing.T, config []byte, first mp4.Sample) (*mp4.Growing, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recording.mp4")
	f, err := os.Create(path)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	g, err := mp4.Grow(f, mp4.Movie{Tracks: []mp4.Track{{Kind: mp4.H264},
		{Kind: mp4.AAC, AACConfig: config, Name: "Mix"}}}, first)
	require.NoError(t, err)
	return g, path
}

func grey(t *testing.T, path string) []byte {
	return ffmpeg(t, "-i", path, "-map", "0:0", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-s",
		"1x1", "-")
}

func TestGrowingPlaysAtAnyMomentAndIsOrdinaryAtTheEnd(t *testing.T) {
	v, other := videoSamples(t, 3, "128x72"), videoSamples(t, 3, "160x90") // the frame size changes in the middle
	for i := range other {
		other[i].PTS += 3 * time.Second
		other[i].DTS += 3 * time.Second
	}
	v = append(v, other...)
	a, config := sound(t, 6)
	g, path := growing(t, config, v[30])
	grow(t, g, v[30:], a)
	torn, err := os.ReadFile(path)
	require.NoError(t, err)
	crashed := filepath.Join(t.TempDir(), "crashed.mp4")
	for _, cut := range []int{0, 1, 1000} { // a crash may end within a fragment
		require.NoError(t, os.WriteFile(crashed, torn[:len(torn)-cut], 0o644))
		frames := len(grey(t, crashed))
		require.GreaterOrEqual(t, frames, 3*fps-1)
		require.LessOrEqual(t, frames, 5*fps-1)
		info, err := mp4.Inspect(crashed)
		require.NoError(t, err)
		require.InDelta(t, float64(frames)/fps, info.Seconds, 0.04)
		require.True(t, info.Hindsight)
	}
	require.NoError(t, mp4.SetStar(path, true))
	require.NoError(t, g.End(6*time.Second, []mp4.Chapter{{At: 3 * time.Second, Title: "goal"}}, noise(t, 64, 64)))
	p := ffprobe(t, path)
	require.InDelta(t, 5, seconds(t, p.Format.Duration), 0.001)
	require.Len(t, p.Streams, 4, "video, sound, chapters, cover")
	frames := grey(t, path)
	require.Len(t, frames, 5*fps, "not one frame is lost")
	require.InDelta(t, 30*255/219, int(frames[0]), 2)
	require.InDelta(t, 89*255/219, int(frames[149]), 2)
	info, err := mp4.Inspect(path)
	require.NoError(t, err)
	require.Equal(t, mp4.Info{Seconds: 5, Width: 160, Height: 90, Hindsight: true, Starred: true}, info)
	got := chapters(t, path)
	require.Len(t, got, 2)
	require.InDelta(t, 2, seconds(t, got[1].StartTime), 1e-3)
	require.Equal(t, "goal", got[1].Tags.Title)
	// The tone begins at 2 s, which is 1 s into the recording; FFmpeg's encoder delays it by 1024 samples.
	require.InDelta(t, 1+1024.0/48000, float64(onset(ffmpeg(t, "-i", path, "-f", "s16le", "-ac", "1", "-")))/48000, 0.003)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, topBoxes(b), "moof")
}

// topBoxes names the outermost boxes.
func topBoxes(b []byte) (names []string) {
	for len(b) >= 16 {
		size := int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		if size == 1 {
			size = int(b[12])<<24 | int(b[13])<<16 | int(b[14])<<8 | int(b[15])
		}
		names = append(names, string(b[4:8]))
		b = b[size:]
	}
	return names
}

func TestGrowingEndsEarlyOrWithoutSound(t *testing.T) {
	v := videoSamples(t, 2, "128x72")
	_, config := sound(t, 1)
	g, _ := growing(t, config, v[0])
	require.ErrorIs(t, g.End(time.Second, nil, nil), mp4.ErrEmpty)
	g, path := growing(t, config, v[0])
	grow(t, g, v[:1], nil)
	require.NoError(t, g.End(time.Second/fps, nil, nil))
	require.Len(t, grey(t, path), 1)
	g, path = growing(t, config, v[0])
	grow(t, g, v, nil)
	require.NoError(t, g.End(2*time.Second, nil, nil))
	require.Len(t, ffprobe(t, path).Streams, 1)
	require.Len(t, grey(t, path), 2*fps)
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return bytes.Clone(b)
}

// What a crash leaves is ended when it is opened, and nobody ends what is still being recorded.
func TestARecordingThatWasNotEnded(t *testing.T) {
	v, other := videoSamples(t, 3, "128x72"), videoSamples(t, 3, "160x90") // the frame size changes in the middle
	for i := range other {
		other[i].PTS += 3 * time.Second
		other[i].DTS += 3 * time.Second
	}
	v = append(v, other...)
	a, config := sound(t, 6)
	g, path := growing(t, config, v[30])
	grow(t, g, v[30:], a)
	require.NoError(t, mp4.SetStar(path, true))
	_, err := mp4.OpenEnded(path)
	require.ErrorContains(t, err, "still being recorded")
	torn, err := os.ReadFile(path)
	require.NoError(t, err)
	crashed := filepath.Join(t.TempDir(), "crashed.mp4")
	for _, cut := range []int{0, 1, 1000} { // a crash may end within a fragment
		require.NoError(t, os.WriteFile(crashed, torn[:len(torn)-cut], 0o644))
		frames := grey(t, crashed)
		before, err := mp4.Inspect(crashed)
		require.NoError(t, err)
		s, err := mp4.OpenEnded(crashed)
		require.NoError(t, err)
		require.InDelta(t, float64(len(frames))/fps, s.Length().Seconds(), 1e-3)
		require.Equal(t, frames, grey(t, crashed), "not one frame is lost")
		after, err := mp4.Inspect(crashed)
		require.NoError(t, err)
		before.Width, before.Height, before.Seconds = 160, 90, after.Seconds // the largest
		require.Equal(t, before, after)
		require.InDelta(t, 1+1024.0/48000,
			float64(onset(ffmpeg(t, "-i", crashed, "-f", "s16le", "-ac", "1", "-")))/48000, 0.003)
		m, err := s.Cut(1500*time.Millisecond, 3500*time.Millisecond)
		require.NoError(t, err)
		require.Equal(t, frames[45:105], grey(t, write(t, m)), "parts of it are exact, over a change of the size")
		require.NoError(t, s.Close())
		b, err := os.ReadFile(crashed)
		require.NoError(t, err)
		require.NotContains(t, topBoxes(b), "moof")
		require.NoError(t, mp4.Finish(crashed), "it was ended")
		again, err := os.ReadFile(crashed)
		require.NoError(t, err)
		require.Equal(t, b, again)
	}
	require.NoError(t, g.End(6*time.Second, nil, nil))
	require.Len(t, grey(t, path), 5*fps)
}

// Lengths of more than 2^32 ticks of the movie, 13 h 15 min, are not cut off.
func TestMoviesOfMoreThanThirteenHours(t *testing.T) {
	v := videoSamples(t, 1, "64x48")[:3]
	for i := range v {
		v[i].DTS = time.Duration(i) * 7 * time.Hour
		v[i].PTS, v[i].Duration = v[i].DTS, 7*time.Hour
	}
	a, config := sound(t, 1)
	g, path := growing(t, config, v[0])
	grow(t, g, v, a)
	require.NoError(t, g.End(21*time.Hour, []mp4.Chapter{{At: time.Hour, Title: "One"}}, nil))
	saved := write(t, mp4.Movie{End: 21 * time.Hour, Tracks: []mp4.Track{{Kind: mp4.H264, Samples: v}}})
	for _, path := range []string{path, saved} {
		i, err := mp4.Inspect(path)
		require.NoError(t, err)
		require.InDelta(t, 21*3600, i.Seconds, 0.001)
		s, err := mp4.Open(path)
		require.NoError(t, err)
		require.Equal(t, 21*time.Hour, s.Length())
		require.NoError(t, s.Close())
		p := ffprobe(t, path)
		require.InDelta(t, 21*3600, seconds(t, p.Format.Duration), 0.1)
		require.InDelta(t, 21*3600, seconds(t, p.Streams[0].Duration), 0.1)
	}
}
