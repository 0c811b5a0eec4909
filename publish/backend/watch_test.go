package backend_test

import (
	"bytes"
	"context"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/client"
)

// browser starts Debian's Chromium without a window.
func browser(t testing.TB) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	require.NoError(t, err, "chromium is needed, run make setup")
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.UserDataDir(wait.Folder(t)), chromedp.WSURLReadTimeout(time.Minute), chromedp.WindowSize(1280, 900),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("autoplay-policy", "no-user-gesture-required"))
	limit, stop := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(stop)
	allocator, end := chromedp.NewExecAllocator(limit, options...)
	t.Cleanup(end)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for the browser's end, so that its folder can go
		closeTab()
	})
	require.NoError(t, chromedp.Run(ctx))
	return ctx
}

// Chromium plays what is behind a link, from its start to its end, in the light and in the dark.
func TestWatchPagePlaysInChromium(t *testing.T) {
	on := shelftest.New(t, 3, time.Now().Add(-6*time.Second))
	_, secret, err := on.DB.CreateToken(t.Context(), "alice", "*", state.Publish)
	require.NoError(t, err)
	server := httptest.NewServer(run(t, options(on.DB, on.Files, on.Began)).Handler())
	t.Cleanup(server.Close)
	app, err := client.New(server.URL, secret)
	require.NoError(t, err)
	pressed := on.Began.Add(5 * time.Second)
	saved, err := app.Save(t.Context(), api.SaveRequest{ReplayID: on.Rec.ReplayID, Seconds: 4, PressedAt: &pressed})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		clip, err := app.Clip(t.Context(), saved.ClipID)
		return err == nil && clip.State == api.ClipReady
	}, 30*time.Second, 50*time.Millisecond)
	require.NoError(t, app.SetPoster(t.Context(), saved.ClipID, []byte(shelftest.JPEG(t, 320, 180))))
	link, err := app.CreateLink(t.Context(), saved.ClipID, 0)
	require.NoError(t, err)
	ctx := browser(t)
	var shown struct {
		Duration float64
		Width    int
		Error    string
		At       float64 // where it stopped, seconds
		Shown    int     // pixels on the page
	}
	const play = `(async () => {
		const v = document.querySelector('video');
		const end = new Promise(done => ['ended', 'error'].forEach(e => v.addEventListener(e, done)));
		const late = new Promise(done => setTimeout(done, 60000));
		v.muted = true;
		try { await Promise.race([v.play(), late]); await Promise.race([end, late]) } catch (e) { return {Error: String(e)} }
		return {Duration: v.duration, Width: v.videoWidth, Shown: v.clientWidth, At: v.currentTime,
			Error: v.error ? v.error.message : ''};
	})()`
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(link.URL),
		chromedp.Evaluate(play, &shown, awaitPromise)))
	require.Empty(t, shown.Error)
	// Chromium's duration has the two frames that are reordered, and those in which the clip begins and ends as a whole.
	require.InDelta(t, 4, shown.Duration, 4/30.0)
	require.InDelta(t, shown.Duration, shown.At, 0.05, "it stopped before its end")
	require.Equal(t, 160, shown.Width)
	require.Greater(t, shown.Shown, 640, "the video is small in a window of 1280 pixels")

	looksOf(t, ctx, "watch")
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(link.URL+"/embed")))
	looksOf(t, ctx, "embed")
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(link.URL[:len(link.URL)-4]+"gone")))
	looksOf(t, ctx, "missing")

	var backs []uint32
	for _, scheme := range []string{"light", "dark"} {
		var shot []byte
		require.NoError(t, chromedp.Run(ctx, emulation.SetEmulatedMedia().WithFeatures(
			[]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}), chromedp.Navigate(link.URL),
			chromedp.CaptureScreenshot(&shot)))
		if dir := os.Getenv("HINDSIGHT_SHOTS"); dir != "" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "watch-"+scheme+".png"), shot, 0o600))
		}
		poster, err := png.Decode(bytes.NewReader(shot))
		require.NoError(t, err)
		r, _, _, _ := poster.At(4, 4).RGBA()
		backs = append(backs, r>>8)
	}
	require.Greater(t, backs[0], uint32(200), "the light page is dark")
	require.Less(t, backs[1], uint32(60), "the dark page is light")
}

// A clip that was uploaded plays at once behind its link, seeks to a chapter by asking for a range, and plays within
// another page. Its poster is its cover.
func TestUploadedClipPlaysInChromium(t *testing.T) {
	s := newServed(t, 0, 0, 0)
	dir := t.TempDir()
	in := filepath.Join(dir, "chapters")
	require.NoError(t, os.WriteFile(in, []byte(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=12\ntitle=Before\n"+
		"[CHAPTER]\nTIMEBASE=1/1\nSTART=12\nEND=20\ntitle=The goal\n"), 0o600))
	cover := filepath.Join(dir, "cover.jpg")
	require.NoError(t, os.WriteFile(cover, []byte(shelftest.JPEG(t, 320, 180)), 0o600))
	path := filepath.Join(dir, "clip.mp4")
	out, err := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i",
		"testsrc2=s=640x360:r=30,noise=alls=40:allf=t", "-f", "lavfi", "-i", "sine=r=48000", "-i", in, "-i", cover, "-map",
		"0", "-map", "1", "-map", "3", "-map_chapters", "2", "-t", "20", "-c:v:0", "libx264", "-preset", "ultrafast", "-crf",
		"38", "-g", "60", "-pix_fmt:v:0", "yuv420p", "-c:a", "aac", "-c:v:1", "copy", "-disposition:v:1", "attached_pic",
		path).CombinedOutput()
	require.NoError(t, err, "ffmpeg is needed, run make setup: %s", out)
	video, err := os.ReadFile(path)
	require.NoError(t, err)
	clip, err := s.alice.Upload(t.Context(), bytes.NewReader(video), int64(len(video)),
		api.UploadRequest{Title: "Overtime, last minute"}, "", client.UploadOptions{})
	require.NoError(t, err)
	require.Equal(t, []api.Chapter{{Seconds: 0, Title: "Before"}, {Seconds: 12, Title: "The goal"}}, clip.Chapters)
	_, err = s.DB.Poster(t.Context(), clip.ClipID)
	require.NoError(t, err, "the cover is no poster")
	link, err := s.alice.CreateLink(t.Context(), clip.ClipID, 0)
	require.NoError(t, err)

	ctx := browser(t)
	var shown struct {
		At, Duration float64
		Error        string
	}
	// Plays for a moment from where the page begins.
	const play = `(async () => {
		const v = document.querySelector('video');
		v.muted = true;
		try {
			await v.play();
			await new Promise((done, fail) => {
				v.ontimeupdate = () => v.currentTime > v.seekable.start(0) && done();
				v.onerror = fail;
			});
		} catch (e) { return {Error: String(e)} }
		v.pause();
		return {At: v.currentTime, Duration: v.duration, Error: ''};
	})()`
	var chapter string
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(link.URL),
		chromedp.Evaluate(`document.querySelectorAll('.chapters a')[1].href`, &chapter)))
	if shots := os.Getenv("HINDSIGHT_SHOTS"); shots != "" {
		for _, scheme := range []string{"light", "dark"} {
			var shot []byte
			require.NoError(t, chromedp.Run(ctx, emulation.SetEmulatedMedia().WithFeatures(
				[]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}), chromedp.CaptureScreenshot(&shot)))
			require.NoError(t, os.WriteFile(filepath.Join(shots, "upload-"+scheme+".png"), shot, 0o600))
		}
	}
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(chapter), chromedp.Evaluate(play, &shown, awaitPromise)))
	require.Empty(t, shown.Error)
	require.InDelta(t, 20, shown.Duration, 0.1)
	require.GreaterOrEqual(t, shown.At, 12.0, "it does not begin at the chapter")

	// Another page, of another origin, shows the player.
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<iframe src="`+link.URL+`/embed" width="640" height="360"></iframe>`)
	}))
	t.Cleanup(other.Close)
	var frames []*cdp.Node
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(other.URL),
		chromedp.Nodes("iframe", &frames, chromedp.ByQuery)))
	require.Len(t, frames, 1)
	require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible("video", chromedp.ByQuery, chromedp.FromNode(frames[0]))))
}

func awaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
