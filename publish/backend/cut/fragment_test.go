package cut

import (
	"bytes"
	"io"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

// fragments has ffmpeg encode size for seconds as the embedded recorder would: H.264 without B-frames and Opus in
// fragmented MP4, in files of 2 s. The sound is a tone that starts at second 3: libopus delays it by 312
// samples.
func fragments(t *testing.T, size string, seconds int) (header []byte, media [][]byte) {
	t.Helper()
	files := made(t, "*.m[4p][4s]", "-f", "lavfi", "-i", "testsrc2=r=30:s="+size,
		"-f", "lavfi", "-i", "aevalsrc='if(gte(t,3-312/48000),0.3*sin(440*2*PI*t),0)':s=48000:c=stereo", "-t",
		strconv.Itoa(seconds),
		"-c:v", "libx264", "-g", "60", "-bf", "0", "-c:a", "libopus", "-f", "hls", "-hls_time", "2", "-hls_list_size", "0",
		"-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", "i.mp4", "-hls_segment_filename",
		"s_%05d.m4s", "full.m3u8")
	require.Greater(t, len(files), seconds/2, "i.mp4 and the segments")
	return files[0], files[1:]
}

// fragmentSources are segments of a recording that began at the given moment.
func fragmentSources(header []byte, media [][]byte, began time.Time) (out []Source) {
	open := func(b []byte) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
	}
	for i, b := range media {
		out = append(out, Source{Wall: began.Add(time.Duration(i) * 2 * time.Second), Open: open(b), Header: open(header)})
	}
	return out
}

// Clips of fragments are as long as asked, and the sound is where it was.
func TestFragmentsAreCutExactly(t *testing.T) {
	header, media := fragments(t, "320x180", 10)
	list := fragmentSources(header, media, began)
	for _, c := range []struct{ from, to, length float64 }{
		{1, 9, 8}, {2.1, 3.9, 1.8}, {3.333, 7.777, 4.444}, {-5, 4, 4}, {7, 30, 3}, {-5, 30, 10}, {4, 5, 1},
	} {
		m, err := Movie(t.Context(), list, at(c.from), at(c.to), time.Hour)
		require.NoError(t, err)
		require.Equal(t, mp4.Opus, m.Tracks[1].Kind)
		require.InDelta(t, c.length, (m.End - m.Start).Seconds(), 0.04, "%+v", c)
		file, frames := check(t, m, m.End-m.Start)
		requirePlace(t, m, frames)
		pcm, err := capturetest.PCM(t.Context(), file)
		require.NoError(t, err)
		tone := 3 - math.Max(c.from, 0)
		if tone <= 0.1 || c.to < 3.1 {
			continue
		}
		onset := 0
		for onset < len(pcm) && math.Abs(pcm[onset]) < 0.1 {
			onset++
		}
		require.InDelta(t, tone, float64(onset)/48000, 0.005, "%+v", c)
	}
}

// A replay continues with another recorder: the video plays through, the sound is that of the later one.
func TestCutAcrossRecorders(t *testing.T) {
	header, media := fragments(t, "320x180", 6)
	list := append(sources(segments(t, "480x270", 4), began), fragmentSources(header, media, at(5))...)
	m, err := Movie(t.Context(), list, at(1), at(10), 0)
	require.NoError(t, err)
	require.Equal(t, mp4.Opus, m.Tracks[1].Kind)
	check(t, m, 9*time.Second)
}

// Where the video stands still a segment may hold sound alone.
func TestSegmentsWithoutVideo(t *testing.T) {
	header, media := fragments(t, "320x180", 8)
	all := fragmentSources(header, media, began)
	still := all[1]
	_, err := Movie(t.Context(), []Source{still}, at(2), at(4), 0)
	require.NoError(t, err)
	soundOnly := soundOf(t, header, media[1])
	still.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(soundOnly)), nil }
	m, err := Movie(t.Context(), []Source{all[0], still, all[2]}, at(0.5), at(5.5), 0)
	require.NoError(t, err)
	check(t, m, 5*time.Second)
	m, err = Movie(t.Context(), []Source{all[0], still}, at(0.5), at(5.5), 0)
	require.NoError(t, err)
	require.InDelta(t, 3.5, (m.End - m.Start).Seconds(), 0.05, "the last frame lasts as long as the sound")
	_, err = Movie(t.Context(), []Source{still}, at(2), at(4), 0)
	require.ErrorIs(t, err, ErrNothing)
}

// soundOf is a segment without its video.
func soundOf(t *testing.T, header, media []byte) []byte {
	t.Helper()
	var init fmp4.Init
	require.NoError(t, init.Unmarshal(bytes.NewReader(header)))
	var parts fmp4.Parts
	require.NoError(t, parts.Unmarshal(media))
	for _, p := range parts {
		p.Tracks = slices.DeleteFunc(p.Tracks, func(tr *fmp4.PartTrack) bool { return tr.ID == 1 })
	}
	var out seekablebuffer.Buffer
	require.NoError(t, parts.Marshal(&out))
	return out.Bytes()
}
