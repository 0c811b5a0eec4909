package clip_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	gomp4 "github.com/abema/go-mp4"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// separate makes the clip of movie with a mix and its two sources, as recordings with separate tracks have: the desktop
// is a tone of 440 Hz, the microphone one of 880 Hz that begins at 2 s.
func separate(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "separate.mp4")
	run(t, "ffmpeg", "-v", "error", "-i", movie(t, "bframes=0"),
		"-f", "lavfi", "-i", "aevalsrc='sin(2*PI*440*t)/8|sin(2*PI*440*t)/8':s=48000:d=4",
		"-f", "lavfi", "-i", "aevalsrc='gt(t,2)*sin(2*PI*880*t)/8|gt(t,2)*sin(2*PI*880*t)/8':s=48000:d=4",
		"-filter_complex", "[1:a]asplit[d1][d2];[2:a]asplit[m1][m2];[d1][m1]amix=normalize=0[mix]",
		"-map", "0:v", "-map", "[mix]", "-map", "[d2]", "-map", "[m2]", "-c:v", "copy", "-c:a", "aac", "-b:a", "192k",
		"-metadata:s:a:0", "handler_name=Mix", "-metadata:s:a:1", "handler_name=Desktop",
		"-metadata:s:a:2", "handler_name=Microphone", path)
	return path
}

// level is how loud a tone is in a track of sound, in dB.
func level(t *testing.T, path, track string, hz float64) float64 {
	t.Helper()
	one := filepath.Join(t.TempDir(), "one.wav")
	run(t, "ffmpeg", "-v", "error", "-i", path, "-map", "0:a:"+track, one)
	db, err := capturetest.ToneDB(context.Background(), one, hz)
	require.NoError(t, err)
	return db
}

// The sound that plays by itself is mixed anew from the sources, the video stays as it is, and what is silenced is not
// in the file anymore.
func TestTrimMixesAnew(t *testing.T) {
	path := separate(t)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	whole := decoded(t, path, false)
	names, err := clip.SoundTracks(path)
	require.NoError(t, err)
	require.Equal(t, []string{"Desktop", "Microphone"}, names)
	desktop, mic := level(t, path, "1", 440), level(t, path, "2", 880)
	for name, c := range map[string]struct {
		volumes      []float64
		smart        bool
		desktop, mic float64 // in dB, to before; -100 is nothing
		tracks       int
	}{
		"as it is":           {nil, false, 0, 0, 3},
		"the microphone off": {[]float64{1, 0}, false, 0, -100, 2},
		"the desktop off":    {[]float64{0, 1}, false, -100, 0, 2},
		"the same, smart":    {[]float64{0, 1}, true, -100, 0, 2},
		"half, and smart":    {[]float64{1, 0.5}, true, 0, -6, 3},
		"louder":             {[]float64{2}, false, 6, 0, 3},
		"all off":            {[]float64{0, 0}, false, -100, -100, 0},
	} {
		t.Run(name, func(t *testing.T) {
			part, err := clip.Trim(context.Background(), clip.TrimRequest{Path: path, Volumes: c.volumes, Smart: c.smart,
				From: at(10), To: at(115), Out: filepath.Join(t.TempDir(), "part.mp4")})
			require.NoError(t, err)
			frames := decoded(t, part.Path, false)
			require.Len(t, frames, 105)
			require.Equal(t, whole[30:115], frames[20:])
			info, err := capturetest.Probe(context.Background(), part.Path)
			require.NoError(t, err)
			require.Len(t, info.Streams, 1+c.tracks)
			if c.tracks == 0 {
				return
			}
			require.InDelta(t, 3.5, info.Seconds, 0.001)
			if c.desktop < -90 {
				require.Less(t, level(t, part.Path, "0", 440), -70.0)
				require.InDelta(t, 2-10.0/30, toneBegins(t, part.Path, 880), 0.005)
			} else {
				require.InDelta(t, desktop+c.desktop, level(t, part.Path, "0", 440), 0.5)
			}
			if c.mic < -90 {
				require.Less(t, level(t, part.Path, "0", 880), -70.0)
			} else {
				require.InDelta(t, mic+c.mic+0.5, level(t, part.Path, "0", 880), 1) // more of the part than of the whole
			}
		})
	}
	for says, r := range map[string]clip.TrimRequest{
		"no such audio track": {Path: path, Volumes: []float64{1, 1, 0}},
		"between 0 and 4":     {Path: path, Volumes: []float64{-1}},
	} {
		_, err := clip.Trim(context.Background(), r)
		require.ErrorContains(t, err, says)
		require.ErrorAs(t, err, &clip.InputError{})
	}
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

// toneBegins is when a tone is first heard in a file, in seconds.
func toneBegins(t *testing.T, path string, hz float64) float64 {
	t.Helper()
	found, err := capturetest.Clicks(context.Background(), path, hz)
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return found[0]
}

// The only track of a clip has a volume as well.
func TestTrimOfTheOnlyTrack(t *testing.T) {
	path := movie(t, "bframes=0")
	part, err := clip.Trim(context.Background(), clip.TrimRequest{Path: path, Volumes: []float64{0.5}, From: at(10)})
	require.NoError(t, err)
	require.InDelta(t, level(t, path, "0", 440)-6, level(t, part.Path, "0", 440), 1)
	require.InDelta(t, 1-10.0/30, onset(t, part.Path, false), 0.005)
}

// Parts are joined without what is before and behind them.
func TestJoinOfParts(t *testing.T) {
	path, whole := original(t, "bframes=0")
	j, err := clip.Join(context.Background(), clip.JoinRequest{Parts: []clip.Part{{Path: path, From: at(45), To: at(75)},
		{Path: path, To: at(30)}, {Path: path, From: at(60), To: at(90)}}})
	require.NoError(t, err)
	require.InDelta(t, 3, j.Seconds, 0.001)
	want := append(append(append([][]byte{}, whole[45:75]...), whole[:30]...), whole[60:90]...)
	got := decoded(t, j.Path, true)
	require.Len(t, got, len(want))
	for i := range got {
		if i < 15 {
			require.Greater(t, psnr(got[i], want[i]), 45.0, "frame %d", i)
		} else {
			require.Equal(t, want[i], got[i], "frame %d", i)
		}
	}
	require.Equal(t, []bool{true, false, true}, tones(t, j.Path, 3))
	_, err = clip.Join(context.Background(), clip.JoinRequest{Parts: []clip.Part{{Path: path},
		{Path: path, From: time.Minute}}})
	require.ErrorContains(t, err, "is 0:04 long")
}

// A reader that has nothing in common with the writer finds the same times in trimmed and joined clips: what the edit
// lists show is exactly the part, and every sample lies within the file.
func TestTrimmedClipsInAnotherReader(t *testing.T) {
	path := separate(t)
	for name, r := range map[string]clip.TrimRequest{
		"edit list": {From: at(10), To: at(100)}, "smart": {From: at(10), To: at(100), Smart: true},
		"mixed": {From: at(10), To: at(100), Volumes: []float64{1, 0.5}},
	} {
		r.Path, r.Out = path, filepath.Join(t.TempDir(), "part.mp4")
		part, err := clip.Trim(context.Background(), r)
		require.NoError(t, err)
		f, err := os.Open(part.Path)
		require.NoError(t, err)
		info, err := gomp4.Probe(f)
		require.NoError(t, err, name)
		st, err := f.Stat()
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.True(t, info.FastStart)
		require.InDelta(t, 3, float64(info.Duration)/float64(info.Timescale), 0.001, name)
		sounds := 0
		for _, track := range info.Tracks {
			if track.Codec != gomp4.CodecAVC1 && track.Codec != gomp4.CodecMP4A {
				continue
			}
			require.NotEmpty(t, track.EditList, name)
			edit := track.EditList[len(track.EditList)-1]
			hidden := 0.0
			if track.Codec == gomp4.CodecAVC1 {
				hidden = 10.0 / 30
				require.Len(t, track.Samples, map[bool]int{true: 90, false: 100}[r.Smart], name)
				if r.Smart {
					hidden = 0
				}
				require.InDelta(t, hidden, float64(edit.MediaTime)/float64(track.Timescale), 0.001, name)
			} else {
				sounds++
				require.Less(t, float64(edit.MediaTime)/float64(track.Timescale), 0.15, name)
			}
			require.InDelta(t, 3, float64(edit.SegmentDuration)/float64(info.Timescale), 0.03, name)
			n := 0
			for _, chunk := range track.Chunks {
				end := int64(chunk.DataOffset)
				for range chunk.SamplesPerChunk {
					end += int64(track.Samples[n].Size)
					n++
				}
				require.LessOrEqual(t, end, st.Size(), name)
			}
			require.Equal(t, len(track.Samples), n, name)
		}
		require.Equal(t, 3, sounds, name)
	}
}
