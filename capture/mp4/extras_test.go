package mp4_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	amp4 "github.com/abema/go-mp4"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/mp4"
)

type chapter struct {
	StartTime string `json:"start_time"`
	EndTime   string `json:"end_time"`
	Tags      struct{ Title string }
}

func chapters(t *testing.T, path string) []chapter {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-show_chapters", "-of", "json", path).Output()
	require.NoError(t, err)
	var p struct{ Chapters []chapter }
	require.NoError(t, json.Unmarshal(out, &p))
	return p.Chapters
}

func TestChapters(t *testing.T) {
	v := videoSamples(t, 4, "128x72")
	a, config := sound(t, 4)
	start := 700 * time.Millisecond
	m := mp4.Movie{
		Tracks: []mp4.Track{{Kind: mp4.H264, Samples: v}, {Kind: mp4.AAC, Samples: a, AACConfig: config}}, Start: start,
		End: 4 * time.Second,
		Chapters: []mp4.Chapter{
			{At: start + 2*time.Second, Title: "Zweites Tor für „Süd“ ⚽\nweiter"}, {At: 100 * time.Millisecond, Title: "before"},
			{At: start + time.Second, Title: "goal"}, {At: start + time.Second, Title: "twice at once"},
			{At: 4 * time.Second, Title: "after"},
			{At: start + 2500*time.Millisecond, Title: strings.Repeat("long ⚽", 60)},
		},
	}
	path := write(t, m)
	got := chapters(t, path)
	require.Len(t, got, 4)
	for i, want := range []struct {
		start, end float64
		title      string
	}{{0, 1, "Start"}, {1, 2, "goal"}, {2, 2.5, "Zweites Tor für „Süd“ ⚽ weiter"},
		{2.5, 3.3, strings.Repeat("long ⚽", 31) + "long "}} {
		require.InDelta(t, want.start, seconds(t, got[i].StartTime), 1e-3)
		require.InDelta(t, want.end, seconds(t, got[i].EndTime), 1e-3)
		require.Equal(t, want.title, got[i].Tags.Title)
	}
	// Each of the two lists alone says the same: ffmpeg reads whichever is there.
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, list := range []string{"chpl", "chap"} {
		at := bytes.Index(whole, []byte(list))
		require.Positive(t, at)
		one := bytes.Clone(whole)
		copy(one[at:], "skip")
		other := filepath.Join(t.TempDir(), "one.mp4")
		require.NoError(t, os.WriteFile(other, one, 0o644))
		alone := chapters(t, other)
		require.Len(t, alone, 4, "without %s", list)
		require.Equal(t, got[2].Tags.Title, alone[2].Tags.Title)
		require.InDelta(t, 2, seconds(t, alone[2].StartTime), 1e-3)
	}
	p := ffprobe(t, path)
	require.InDelta(t, 3.3, seconds(t, p.Format.Duration), 0.001)
	info, err := amp4.Probe(bytes.NewReader(whole))
	require.NoError(t, err)
	require.Len(t, info.Tracks, 3)
}

// noise is a JPEG image that does not compress well.
func noise(t *testing.T, width, height int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range width * height {
		img.Set(i%width, i/width, color.RGBA{R: uint8(i * 7919 >> 3), G: uint8(i * 104729 >> 5), B: uint8(i * 31), A: 255})
	}
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, img, nil))
	return b.Bytes()
}

func TestCoverAndTags(t *testing.T) {
	v := videoSamples(t, 1, "128x72")
	for name, size := range map[string]int{"small": 64, "large": 160, "too large": 1000} {
		t.Run(name, func(t *testing.T) {
			cover := noise(t, size, size)
			path := write(t, mp4.Movie{Tracks: []mp4.Track{{Kind: mp4.H264, Samples: v}}, End: time.Second, ReserveCover: true})
			before, err := os.Stat(path)
			require.NoError(t, err)
			require.Len(t, ffprobe(t, path).Streams, 1, "room is no cover")
			if err = mp4.SetCover(path, cover); name == "too large" {
				require.ErrorContains(t, err, "bytes")
			} else {
				require.NoError(t, err)
				require.ErrorIs(t, mp4.SetCover(path, cover), mp4.ErrNoCoverSpace)
			}
			after, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, before.Size(), after.Size())
			require.Equal(t, before.ModTime(), after.ModTime())
			require.Len(t, ffmpeg(t, "-i", path, "-map", "0:0", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray",
				"-s", "1x1", "-"), fps)
			p := ffprobe(t, path)
			if name == "too large" {
				require.Len(t, p.Streams, 1)
				return
			}
			require.Len(t, p.Streams, 2)
			require.Equal(t, "mjpeg", p.Streams[1].CodecName)
			require.Equal(t, cover, ffmpeg(t, "-i", path, "-map", "0:1", "-c", "copy", "-f", "image2pipe", "-"), "byte by byte")
		})
	}
}

func TestStarIsKeptInTheFile(t *testing.T) {
	path := write(t, mp4.Movie{Tracks: []mp4.Track{{Kind: mp4.H264, Samples: videoSamples(t, 1, "128x72")}},
		End: time.Second, Title: "Goal ä"})
	tag := func() string {
		out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "format_tags=starred,encoder,title", "-of",
			"csv=p=0", path).Output()
		require.NoError(t, err)
		return strings.TrimSpace(string(out))
	}
	require.Equal(t, "Hindsight,Goal ä,0", tag())
	long := time.Now().Add(-time.Hour).Truncate(time.Second)
	require.NoError(t, os.Chtimes(path, long, long))
	for _, on := range []bool{true, true, false} {
		require.NoError(t, mp4.SetStar(path, on))
		info, err := mp4.Inspect(path)
		require.NoError(t, err)
		require.Equal(t, mp4.Info{Seconds: 1, Width: 128, Height: 72, Hindsight: true, Starred: on, Title: "Goal ä"}, info)
		require.Equal(t, map[bool]string{true: "Hindsight,Goal ä,1", false: "Hindsight,Goal ä,0"}[on], tag())
	}
	st, err := os.Stat(path)
	require.NoError(t, err)
	require.True(t, st.ModTime().Equal(long))

	other := filepath.Join(t.TempDir(), "other.mp4")
	ffmpeg(t, "-i", path, "-c", "copy", "-map_metadata", "-1", other)
	info, err := mp4.Inspect(other)
	require.NoError(t, err)
	require.False(t, info.Hindsight)
	require.InDelta(t, 1, info.Seconds, 0.01)
	require.ErrorIs(t, mp4.SetStar(other, true), mp4.ErrNotOurs)
	require.NoError(t, os.WriteFile(other, []byte("no movie at all"), 0o644))
	_, err = mp4.Inspect(other)
	require.Error(t, err)
}

// A fragment that lacks its header is no reason to fall over.
func TestADamagedFragment(t *testing.T) {
	v := videoSamples(t, 2, "64x48")
	a, config := sound(t, 2)
	g, path := growing(t, config, v[0])
	grow(t, g, v, a)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, bytes.ReplaceAll(b, []byte("tfhd"), []byte("free")), 0o600))
	_, err = mp4.Inspect(path)
	require.NoError(t, err)
}
