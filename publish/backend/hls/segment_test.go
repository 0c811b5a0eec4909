package hls_test

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/backend/hls"
)

// transport makes a real MPEG-TS file of two seconds with B-frames and AAC.
func transport(t *testing.T, more ...string) []byte {
	t.Helper()
	args := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=30:d=2", "-f", "lavfi",
		"-i", "sine=440:r=48000:d=2", "-c:v", "libx264", "-bf", "2", "-g", "30", "-pix_fmt", "yuv420p", "-c:a", "aac",
		"-ac", "2"}, more...)
	out, err := exec.Command("ffmpeg", append(args, "-f", "mpegts", "-")...).Output()
	require.NoError(t, err, "ffmpeg does not run; make setup installs it")
	return out
}

// without removes the packets of one stream but leaves its announcement (ISO/IEC 13818-1, 2.4.3.2: packets of 188
// bytes, the PID in 13 bits after the sync byte).
func without(ts []byte, pid int, before int) []byte {
	var out []byte
	for i := 0; i+188 <= len(ts); i += 188 {
		p := ts[i : i+188]
		if int(p[1]&0x1f)<<8|int(p[2]) == pid && (before == 0 || i < before) {
			continue
		}
		out = append(out, p...)
	}
	return out
}

const soundPID = 0x101 // ffmpeg's second stream

func TestReadSegment(t *testing.T) {
	s, err := hls.ReadSegment(io.NopCloser(bytes.NewReader(transport(t)))) // a reader that cannot seek
	require.NoError(t, err)
	require.Len(t, s.Video, 60)
	require.True(t, s.Video[0].Sync)
	require.GreaterOrEqual(t, len(s.Audio), 2*48000/1024)
	require.Equal(t, []byte{0x11, 0x90}, s.AACConfig)
	require.Equal(t, 48000, s.SampleRate)
	reordered := false
	for i, v := range s.Video {
		reordered = reordered || v.PTS != v.DTS
		if i > 0 {
			require.Greater(t, v.DTS, s.Video[i-1].DTS)
		}
	}
	require.True(t, reordered)
}

// soundFirst moves all sound of a segment before its video.
func soundFirst(ts []byte) (out []byte) {
	var sound, video []byte
	for i := 0; i+188 <= len(ts); i += 188 {
		p := ts[i : i+188]
		switch int(p[1]&0x1f)<<8 | int(p[2]) {
		case soundPID:
			sound = append(sound, p...)
		case soundPID - 1:
			video = append(video, p...)
		default:
			out = append(out, p...)
		}
	}
	return slices.Concat(out, sound, video)
}

// When frames begin and end is the same by the whole segment and by what is read of its ends, whatever there is of
// sound, however long the recording lasts, and also where the 33 bits of the counter turn over in the segment.
func TestTimes(t *testing.T) {
	const turn = (1 << 33) / 90000.0 // seconds
	begins := []float64{0, 3600, 26 * 3600, turn - 1, turn + 30*3600, 4*turn - 2.2}
	for _, begin := range begins {
		ts := transport(t, "-muxdelay", "0", "-output_ts_offset", fmt.Sprint(begin))
		near := time.Duration(begin * float64(time.Second)).Truncate(time.Second)
		whole, err := hls.ReadSegment(bytes.NewReader(ts))
		require.NoError(t, err)
		whole.Unwrap(near)
		want := whole.Video[0].PTS
		require.InDelta(t, begin, want.Seconds(), 0.2)
		for i, v := range whole.Video { // the counter turns over for sound as well
			require.InDelta(t, float64(i)/30, (v.DTS - whole.Video[0].DTS).Seconds(), 0.001)
		}
		for name, file := range map[string][]byte{"as written": ts, "silent": without(ts, soundPID, 0),
			"sound first": soundFirst(ts)} {
			first, end, err := hls.Times(bytes.NewReader(file), near)
			require.NoError(t, err, name)
			require.Equal(t, want, first, "%s from %v s on", name, begin)
			require.InDelta(t, 2, (end - first).Seconds(), 0.0001, name)
		}
	}
}

// Of a segment of many megabytes only its ends are read.
func TestTimesReadsNoMoreThanTheEnds(t *testing.T) {
	ts := transport(t)
	const null = 0x1fff // packets without content
	packet := append([]byte{0x47, null >> 8, null & 0xff, 0x10}, bytes.Repeat([]byte{0xff}, 184)...)
	half := len(ts) / 2 / 188 * 188
	long := slices.Concat(ts[:half], bytes.Repeat(packet, 20<<20/188), ts[half:])
	file := &counting{ReadSeeker: bytes.NewReader(long)}
	first, end, err := hls.Times(file, 0)
	require.NoError(t, err)
	require.InDelta(t, 2, (end - first).Seconds(), 0.0001)
	require.Less(t, file.read, 512<<10)
}

// counting counts the bytes that are read.
type counting struct {
	io.ReadSeeker
	read int
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.ReadSeeker.Read(b)
	c.read += n
	return n, err
}

func TestASegmentWhoseSoundIsMissingIsSilent(t *testing.T) {
	ts := transport(t)
	s, err := hls.ReadSegment(bytes.NewReader(without(ts, soundPID, 0)))
	require.NoError(t, err)
	require.Len(t, s.Video, 60)
	require.Empty(t, s.Audio)
	s, err = hls.ReadSegment(bytes.NewReader(without(ts, soundPID, len(ts)/2)))
	require.NoError(t, err, "and sound may begin late")
	require.NotEmpty(t, s.Audio)
	require.Less(t, len(s.Audio), 80)
}

func TestBrokenSegments(t *testing.T) {
	ts := transport(t)
	for name, data := range map[string][]byte{
		"empty": nil, "no transport stream": bytes.Repeat([]byte("nonsense"), 1000), "no frame": without(ts, 0x100, 0),
	} {
		_, err := hls.ReadSegment(bytes.NewReader(data))
		require.Error(t, err, name)
		_, _, err = hls.Times(bytes.NewReader(data), 0)
		require.ErrorIs(t, err, hls.ErrDamaged, name)
	}
	torn, err := hls.ReadSegment(bytes.NewReader(ts[:len(ts)/2+77]))
	require.NoError(t, err, "what is whole of a torn file is used")
	require.NotEmpty(t, torn.Video)
}
