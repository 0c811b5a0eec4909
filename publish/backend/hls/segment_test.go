package hls_test

import (
	"bytes"
	"io"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/backend/hls"
)

// transport makes a real MPEG-TS file of two seconds with B-frames and AAC.
func transport(t *testing.T) []byte {
	t.Helper()
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=30:d=2", "-f", "lavfi",
		"-i", "sine=440:r=48000:d=2",
		"-c:v", "libx264", "-bf", "2", "-g", "30", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2", "-f", "mpegts",
		"-").Output()
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
	}
	torn, err := hls.ReadSegment(bytes.NewReader(ts[:len(ts)/2+77]))
	require.NoError(t, err, "what is whole of a torn file is used")
	require.NotEmpty(t, torn.Video)
}
