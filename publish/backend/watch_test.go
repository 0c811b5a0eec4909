package backend_test

import (
	"bytes"
	"context"
	"image/png"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/client"
)

// browser starts Debian's Chromium without a window.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	require.NoError(t, err, "chromium is needed, run make setup")
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(time.Minute), chromedp.WindowSize(1280, 900),
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
	require.InDelta(t, 4, shown.Duration, 0.1)
	require.InDelta(t, shown.Duration, shown.At, 0.05, "it stopped before its end")
	require.Equal(t, 160, shown.Width)
	require.Greater(t, shown.Shown, 640, "the video is small in a window of 1280 pixels")

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

func awaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
