package hls_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/backend/hls"
)

// fragments has ffmpeg write one segment of two seconds in fragmented MP4, with B-frames and sound of a codec, and
// returns its header and itself.
func fragments(t *testing.T, codec string) (header, media []byte) {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=30:d=2", "-f", "lavfi",
		"-i",
		"sine=440:r=48000:d=2", "-c:v", "libx264", "-bf", "2", "-g", "60", "-pix_fmt", "yuv420p", "-c:a", codec, "-ac", "2",
		"-f", "hls",
		"-hls_time", "2", "-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", "i.mp4", "-hls_segment_filename",
		filepath.Join(dir, "s_%05d.m4s"), filepath.Join(dir, "full.m3u8")).CombinedOutput()
	require.NoError(t, err, "ffmpeg does not run; make setup installs it: %s", out)
	header, err1 := os.ReadFile(filepath.Join(dir, "i.mp4"))
	media, err2 := os.ReadFile(filepath.Join(dir, "s_00000.m4s"))
	require.NoError(t, err1)
	require.NoError(t, err2)
	return header, media
}

func TestReadFragment(t *testing.T) {
	header, media := fragments(t, "libopus")
	s, err := hls.ReadFragment(bytes.NewReader(header), bytes.NewReader(media))
	require.NoError(t, err)
	require.Len(t, s.Video, 60)
	require.True(t, s.Video[0].Sync)
	require.True(t, s.Opus)
	require.InDelta(t, 2*50, len(s.Audio), 2)
	require.Empty(t, s.AACConfig)
	reordered := false
	for i, v := range s.Video {
		reordered = reordered || v.PTS != v.DTS
		require.InDelta(t, 1.0/30, v.Duration.Seconds(), 0.0001)
		if i > 0 {
			require.InDelta(t, s.Video[i-1].Duration.Seconds(), (v.DTS - s.Video[i-1].DTS).Seconds(), 0.0001)
		}
	}
	require.True(t, reordered)
	require.Equal(t, 20*time.Millisecond, s.Audio[0].Duration)
}

func TestFragmentOfAnotherCodecIsSilent(t *testing.T) {
	header, media := fragments(t, "aac")
	s, err := hls.ReadFragment(bytes.NewReader(header), bytes.NewReader(media))
	require.NoError(t, err)
	require.Len(t, s.Video, 60)
	require.Empty(t, s.Audio)
}

func TestBrokenFragments(t *testing.T) {
	header, media := fragments(t, "libopus")
	// A media header says how many ticks a second has (ISO/IEC 14496-12, 8.4.2): 16 bytes after its name.
	timeless := bytes.Clone(header)
	for at := 0; ; {
		i := bytes.Index(timeless[at:], []byte("mdhd"))
		if i < 0 {
			break
		}
		at += i + 4
		clear(timeless[at+12 : at+16])
	}
	for name, c := range map[string]struct{ header, media []byte }{
		"no time":    {timeless, media},
		"no header":  {nil, media},
		"no media":   {header, nil},
		"nonsense":   {header, bytes.Repeat([]byte("nonsense"), 1000)},
		"torn":       {header, media[:len(media)/2]},
		"torn front": {header, media[100:]},
		"swapped":    {media, header},
	} {
		_, err := hls.ReadFragment(bytes.NewReader(c.header), bytes.NewReader(c.media))
		require.Error(t, err, name)
	}
}

func FuzzFragment(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x08moov"), []byte("\x00\x00\x00\x08moof"))
	f.Fuzz(func(t *testing.T, header, media []byte) {
		s, err := hls.ReadFragment(bytes.NewReader(header), bytes.NewReader(media))
		if err == nil && len(s.Video)+len(s.Audio) == 0 {
			t.Fatal("nothing read, and no error")
		}
	})
}
