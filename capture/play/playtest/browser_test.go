package playtest

import (
	"encoding/base64"
	"image"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture/clip"
	"github.com/hindsight-app/hindsight/cmd/devstack/wait"
)

// look shows frames of a video by their times in s, and returns their pixels and how long the video is; then it plays
// it to its end and says where it stopped.
const look = `(async (name, times) => {
	const v = document.createElement('video');
	const done = e => new Promise((ok, no) => { v.addEventListener(e, ok, {once: true}); v.onerror = () => no(v.error) });
	v.muted = true;
	document.body.append(v);
	v.src = name;
	await done('loadeddata');
	const c = document.createElement('canvas');
	c.width = v.videoWidth;
	c.height = v.videoHeight;
	const g = c.getContext('2d', {willReadFrequently: true});
	const out = {Duration: v.duration, Frames: []};
	for (const t of times) {
		// The event may come before the frame can be drawn; a frame that is shown already is not shown again.
		const sought = done('seeked');
		const shown = new Promise(ok => { v.requestVideoFrameCallback(ok); setTimeout(ok, 1000) });
		v.currentTime = t;
		await sought;
		await shown;
		g.drawImage(v, 0, 0);
		const d = g.getImageData(0, 0, c.width, c.height).data;
		let s = '';
		for (let i = 0; i < d.length; i += 4096) s += String.fromCharCode(...d.subarray(i, i + 4096));
		out.Frames.push(btoa(s));
	}
	const end = done('ended');
	await v.play();
	await end;
	out.Ended = v.currentTime;
	return out;
})`

// Chromium shows a trimmed clip from its first frame to its last, with an edit list as well as without.
func TestTrimmedClipsInChromium(t *testing.T) {
	path := Movie(t, "4", "0")
	want := Decoded(t, path)
	const first, count = 40, 45
	for _, smart := range []bool{false, true} {
		_, err := clip.Trim(t.Context(), clip.TrimRequest{Path: path, Smart: smart, From: At(first), To: At(first + count),
			Out: filepath.Join(filepath.Dir(path), map[bool]string{true: "smart.mp4", false: "list.mp4"}[smart])})
		require.NoError(t, err)
	}
	files := http.NewServeMux()
	files.Handle("/", http.FileServer(http.Dir(filepath.Dir(path))))
	files.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
	})
	server := httptest.NewServer(files)
	t.Cleanup(server.Close)
	chromium, err := exec.LookPath("chromium")
	require.NoError(t, err, "chromium is needed, run make setup")
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox,
		chromedp.UserDataDir(wait.Folder(t)), chromedp.WSURLReadTimeout(time.Minute),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("autoplay-policy", "no-user-gesture-required"))
	allocator, end := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(end)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for the browser's end, so that its folder can go
		closeTab()
	})
	for _, name := range []string{"smart.mp4", "list.mp4"} {
		var saw struct {
			Duration, Ended float64
			Frames          []string
		}
		// The middles of the frames 0, 1, 7, 30 and of the last.
		require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(server.URL+"/page"), chromedp.Evaluate(
			look+"('"+name+"', [0.0167, 0.05, 0.25, 1.016667, 1.483333])", &saw,
			func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) })), name)
		require.InDelta(t, 1.5, saw.Duration, 0.03, name)
		require.InDelta(t, saw.Duration, saw.Ended, 0.03, name)
		require.Len(t, saw.Frames, 5)
		for i, n := range []int{0, 1, 7, 30, count - 1} {
			pix, err := base64.StdEncoding.DecodeString(saw.Frames[i])
			require.NoError(t, err)
			require.Len(t, pix, Width*Height*4)
			require.Equal(t, first+n, Nearest(want, &image.RGBA{Pix: pix}), "%s: frame %d", name, n)
		}
	}
}
