package clip_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/capture/mp4"
)

var red = sync.OnceValues(func() ([]byte, error) {
	return exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=red:s=320x180:r=30:d=3", "-c:v", "libx264",
		"-bf", "0",
		"-pix_fmt", "yuv420p", "-x264-params", "aud=1:repeat-headers=1:keyint=30:scenecut=0", "-f", "h264", "-").Output()
})

// redVideo is real H.264: three seconds of red.
func redVideo(t *testing.T) []*media.Packet {
	t.Helper()
	out, err := red()
	require.NoError(t, err, "ffmpeg does not run; make setup installs it")
	var packets []*media.Packet
	for i, au := range bytes.Split(out, []byte{0, 0, 0, 1, 9})[1:] {
		at := time.Duration(i) * time.Second / 30
		data := append([]byte{0, 0, 0, 1, 9}, au...)
		packets = append(packets, &media.Packet{PTS: at, DTS: at, Duration: time.Second / 30, Key: i%30 == 0, Data: data,
			NALs: media.SplitAnnexB(data)})
	}
	return packets
}

func request(t *testing.T, folder string) clip.Request {
	return clip.Request{Folder: folder, Video: redVideo(t), End: 3 * time.Second, Width: 320, Height: 180,
		Created: time.Date(2026, 11, 22, 10, 11, 12, 0, time.Local)}
}

func TestSavesUnderAFreeName(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "made", "when missing")
	r := request(t, folder)
	var wg sync.WaitGroup
	for range 5 { // presses at the same second, at once
		wg.Go(func() {
			c, err := clip.Save(context.Background(), r)
			require.NoError(t, err)
			require.InDelta(t, 3, c.Seconds, 1e-9)
		})
	}
	wg.Wait()
	clips, err := clip.List(folder)
	require.NoError(t, err)
	require.Len(t, clips, 5)
	names := map[string]bool{}
	for _, c := range clips {
		names[filepath.Base(c.Path)] = true
		require.InDelta(t, 3, c.Seconds, 0.001)
		require.Equal(t, 320, c.Width)
		require.Equal(t, 180, c.Height)
		require.True(t, c.Created.Equal(r.Created), "the list says %v, the file's name %v", c.Created, r.Created)
	}
	require.True(t, names["Hindsight 2026-11-22 10-11-12.mp4"])
	require.True(t, names["Hindsight 2026-11-22 10-11-12 (5).mp4"])
}

func TestThumbnail(t *testing.T) {
	c, err := clip.Save(context.Background(), request(t, t.TempDir()))
	require.NoError(t, err)
	img, err := clip.Thumbnail(context.Background(), c.Path, 160)
	require.NoError(t, err)
	require.Equal(t, 160, img.Bounds().Dx())
	require.Equal(t, 90, img.Bounds().Dy())
	r, g, b, _ := img.At(80, 45).RGBA()
	require.Greater(t, r>>8, uint32(230))
	require.Less(t, g>>8+b>>8, uint32(40))
	broken := filepath.Join(t.TempDir(), "broken.mp4")
	require.NoError(t, os.WriteFile(broken, []byte("no movie"), 0o644))
	_, err = clip.Thumbnail(context.Background(), broken, 160)
	require.ErrorContains(t, err, "broken.mp4")
}

func TestListIgnoresWhatIsNoClip(t *testing.T) {
	folder := t.TempDir()
	clips, err := clip.List(filepath.Join(folder, "missing"))
	require.NoError(t, err)
	require.Empty(t, clips)
	for _, n := range []string{"notes.txt", ".hidden.mp4", "torn.mp4"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, n), []byte("x"), 0o644))
	}
	clips, err = clip.List(folder)
	require.NoError(t, err)
	require.Len(t, clips, 1)
	require.True(t, strings.HasSuffix(clips[0].Path, "torn.mp4"))
	require.Zero(t, clips[0].Seconds)
}

func TestStaleFilesGo(t *testing.T) {
	folder := t.TempDir()
	stale, other := filepath.Join(folder, mp4.TempPrefix+"1"+mp4.TempSuffix),
		filepath.Join(folder, ".other"+mp4.TempSuffix)
	for _, p := range []string{stale, other} {
		require.NoError(t, os.WriteFile(p, nil, 0o644))
	}
	require.NoError(t, clip.RemoveStale(folder, time.Now()))
	require.FileExists(t, stale, "it may still be written")
	require.NoError(t, clip.RemoveStale(folder, time.Now().Add(time.Hour)))
	require.NoFileExists(t, stale)
	require.FileExists(t, other, "not ours")
	require.NoError(t, clip.CheckFolder(folder))
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// A replay and a recording of the same frames are named, described and illustrated alike.
func TestReplaysAndRecordingsAgree(t *testing.T) {
	r := request(t, t.TempDir())
	r.Name, r.App, r.Suffix, r.Poster = "{app} {date}", "Pong", " x", true
	saved, err := clip.Save(t.Context(), r)
	require.NoError(t, err)
	require.NoError(t, clip.Illustrate(t.Context(), saved.Path, r))
	rec, err := clip.NewRecording(r)
	require.NoError(t, err)
	for _, p := range r.Video {
		require.NoError(t, rec.Add(p))
	}
	recorded, err := rec.Close(nil)
	require.NoError(t, err)
	require.Equal(t, "Pong 2026-11-22 x.mp4", filepath.Base(saved.Path))
	require.Equal(t, "Pong 2026-11-22 x (2).mp4", filepath.Base(recorded.Path))
	require.Equal(t, []any{saved.Width, saved.Height, saved.Ours}, []any{recorded.Width, recorded.Height, recorded.Ours})
	require.True(t, saved.Created.Equal(recorded.Created))
	require.InDelta(t, saved.Seconds, recorded.Seconds, 0.01)
	for _, c := range []clip.Clip{saved, recorded} {
		require.FileExists(t, strings.TrimSuffix(c.Path, ".mp4")+".jpg")
	}
}

// A slow drive has time for the whole of a long clip.
func TestALongClipHasMoreTime(t *testing.T) {
	data := make([]byte, 16<<20)
	r := clip.Request{}
	for range 600 { // 9.4 GiB
		r.Video = append(r.Video, &media.Packet{Data: data})
	}
	require.Equal(t, 42*time.Minute, clip.Patience(r))
	require.Equal(t, 2*time.Minute, clip.Patience(clip.Request{}))
}

// A drive that is too slow is said to be, and the clip goes to the fallback.
func TestADriveThatIsTooSlow(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	slow, fallback := t.TempDir(), t.TempDir()
	_, err := clip.Place{Folder: slow}.Save(ctx, request(t, ""))
	require.ErrorContains(t, err, "does not respond; check the drive")
	c, err := clip.Place{Folder: slow, Fallback: fallback}.Save(ctx, request(t, ""))
	require.NoError(t, err)
	require.Equal(t, fallback, filepath.Dir(c.Path))
	require.Equal(t, slow+" does not respond", c.Instead)
	entries, err := os.ReadDir(slow)
	require.NoError(t, err)
	require.Empty(t, entries)
}
