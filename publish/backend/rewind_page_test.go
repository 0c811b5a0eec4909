package backend_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"image"
	"image/png"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/backend"
	"github.com/hindsight-app/hindsight/publish/backend/backendtest"
	"github.com/hindsight-app/hindsight/publish/backend/shelftest"
	"github.com/hindsight-app/hindsight/publish/backend/state"
	"github.com/hindsight-app/hindsight/publish/backend/storage/s3test"
	"github.com/hindsight-app/hindsight/publish/client"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// viewer is a person with a watch link in Chromium.
type viewer struct {
	*bench
	tab context.Context
	// loop are the frames of what is shared, as thumbnails.
	loop []thumbnail
}

// shareLoop shares a loop of 10 s of different frames, and two tones, as the app does.
func (b *bench) shareLoop() (p *publish.Publisher, loop []thumbnail) {
	b.Helper()
	dir := b.TempDir()
	src, err := publishtest.NewSource(b.ctx, dir, publishtest.SourceOptions{Width: 320, Height: 180, BitrateKbps: 800})
	require.NoError(b, err)
	b.Cleanup(func() { _ = src.Close() })
	p, err = publish.Start(b.ctx, publish.Config{BackendURL: b.backend.URL, UserToken: b.backend.Token, Room: "den",
		Log: slog.New(slog.NewTextHandler(b.Output(), nil))}, src)
	require.NoError(b, err)
	b.Cleanup(func() { _ = p.Close(context.Background()) })
	return p, b.thumbnails(filepath.Join(dir, "loop.h264"))
}

// view opens the page of a replay by a link with which anyone may clip.
func (b *bench) view(replay string, loop []thumbnail) *viewer {
	b.Helper()
	link, err := b.client.CreateWatchLink(b.ctx, replay, 0, api.ClipsAnyone)
	require.NoError(b, err)
	v := &viewer{bench: b, tab: browser(b.TB), loop: loop}
	v.do(chromedp.Navigate(link.URL))
	v.until("it plays live", `at().badge === 'Live' && video.currentTime > 0 && !video.paused && video.readyState >= 3`)
	return v
}

// looks are what tests ask the page.
const looks = `const $ = id => document.getElementById(id), video = $('video');
const ms = id => Date.parse($(id).dateTime);
const at = () => ({badge: $('badge').textContent, now: ms('now'), in: ms('in-time'), out: ms('out-time')});`

func (v *viewer) do(actions ...chromedp.Action) {
	v.Helper()
	require.NoError(v, chromedp.Run(v.tab, actions...))
}

// ask evaluates an expression on the page.
func (v *viewer) ask(expression string, out any) {
	v.Helper()
	v.do(chromedp.Evaluate("(async () => { "+looks+" return "+expression+" })()", out, awaitPromise))
}

func (v *viewer) until(what, condition string) {
	v.Helper()
	var last string
	defer func() {
		if v.Failed() {
			shot(v.TB, v.tab, "failed")
			v.Logf("the page: %s", last)
		}
	}()
	v.eventually(90*time.Second, what, func() bool {
		var ok bool
		v.ask("!!("+condition+")", &ok)
		if !ok {
			v.ask(`JSON.stringify({...at(), time: video.currentTime, ready: video.readyState, paused: video.paused,
				trouble: $('trouble').textContent, spans: $('spans').textContent, refused: $('refused').textContent})`, &last)
		}
		return ok
	})
}

// position is what the page says of where it is.
type position struct {
	Badge        string
	Now, In, Out int64 // ms since 1970
}

func (v *viewer) at() (p position) {
	v.Helper()
	v.ask("at()", &p)
	return p
}

// rewind goes back to the first second of the buffer by a click on the timeline.
func (v *viewer) rewind() {
	v.Helper()
	var box struct{ X, Y float64 }
	v.ask(`(r => ({X: r.left + 1, Y: r.top + r.height / 2}))($('line').getBoundingClientRect())`, &box)
	v.do(chromedp.MouseClickXY(box.X, box.Y))
	v.until("it is far behind", `/behind/.test(at().badge) && !video.seeking && video.readyState >= 3`)
}

// hears wants both tones of what plays.
func (v *viewer) hears() {
	v.Helper()
	var db struct{ Desktop, Microphone, Between float64 }
	v.ask(`(() => {
		if (!window.heard) {
			const context = new AudioContext(), source = context.createMediaElementSource(video);
			window.heard = Object.assign(context.createAnalyser(), {fftSize: 8192});
			source.connect(window.heard).connect(context.destination);
		}
		return true;
	})()`, nil)
	v.until("both tones are heard", fmt.Sprintf(`(() => {
		const bins = new Float32Array(heard.frequencyBinCount);
		heard.getFloatFrequencyData(bins);
		const level = hz => Math.max(...bins.slice(Math.round(hz / heard.context.sampleRate * heard.fftSize) - 2).slice(0, 5));
		window.levels = {Desktop: level(%[1]v), Microphone: level(%[2]v), Between: level(%[1]v * 2)};
		return levels.Desktop > levels.Between + 25 && levels.Microphone > levels.Between + 25 && levels.Desktop > -60;
	})()`, publishtest.DesktopTone, publishtest.MicrophoneTone))
	v.ask("levels", &db)
	v.Logf("heard in Chromium: %+v dB", db)
}

// drag moves a handle of the clip to a moment, with the mouse or a finger.
func (v *viewer) drag(which string, to int64, finger bool) {
	v.Helper()
	// where is the handle's middle, and where it has to go. The two handles' edges are at the two moments.
	where := func() (now, then, y float64) {
		var is struct{ X, Y, Off float64 }
		v.ask(fmt.Sprintf(`(() => {
			const r = $(%q).getBoundingClientRect(), c = at();
			const a = $('in').getBoundingClientRect().right, b = $('out').getBoundingClientRect().left;
			return {X: r.left + r.width / 2, Y: r.top + r.height / 2, Off: (%d - c[%[1]q]) * (b - a) / (c.out - c.in)};
		})()`, which, to), &is)
		return is.X, is.X + is.Off, is.Y
	}
	from, target, y := where()
	for i := range 6 { // press, four moves, release
		if i == 4 { // the timeline has grown since
			_, target, _ = where()
		}
		require.Greater(v, target, 0.0, "it is left of the page")
		x := from + (target-from)*float64(min(i, 4))/4
		if finger {
			kind, points := input.TouchMove, []*input.TouchPoint{{X: x, Y: y}}
			if i == 0 {
				kind = input.TouchStart
			} else if i == 5 {
				kind, points = input.TouchEnd, []*input.TouchPoint{}
			}
			v.do(input.DispatchTouchEvent(kind, points))
			continue
		}
		kind := input.MouseMoved
		if i == 0 {
			kind = input.MousePressed
		} else if i == 5 {
			kind = input.MouseReleased
		}
		v.do(input.DispatchMouseEvent(kind, x, y).WithButton(input.Left).WithButtons(1).WithClickCount(1))
	}
}

// clip drags a clip from one moment to another, moves its ends by keys as well, and makes it. It returns the file, and
// the first and last frame that the page has shown of it.
func (v *viewer) clip(title string, from, to int64) (file string, first, last thumbnail, p position) {
	v.Helper()
	v.do(chromedp.Click("#clip", chromedp.ByQuery))
	v.until("the handles", `!$('in').hidden && !$('out').hidden`)
	v.do(chromedp.Click(`[data-last="60"]`, chromedp.ByQuery), chromedp.Click("#out-of", chromedp.ByQuery))
	v.drag("out", to, true)
	v.drag("in", from+1300, false) // the keys take it back
	v.do(chromedp.Focus("#in", chromedp.ByQuery), chromedp.KeyEvent(kb.ArrowLeft))
	v.do(chromedp.Evaluate(`for (let i = 0; i < 3; i++) document.activeElement.dispatchEvent(
		new KeyboardEvent('keydown', {key: 'ArrowLeft', shiftKey: true, bubbles: true, cancelable: true}))`, nil))
	v.until("the frames of both ends", `Date.parse($('in-frame').dataset.at) === at().in &&
		Date.parse($('out-frame').dataset.at) === at().out - 2`)
	p = v.at()
	require.InDelta(v, from, p.In, 700, "where the clip begins")
	require.InDelta(v, to, p.Out, 700, "where the clip ends")
	first, last = v.shown("in-frame"), v.shown("out-frame")
	looksOf(v.TB, v.tab, "clip")
	v.do(chromedp.SendKeys("#title", title, chromedp.ByQuery), chromedp.Click("#make", chromedp.ByQuery))
	v.until("the clip is made", `$('clips').querySelector('li')?.dataset.state === 'ready'`)
	var url string
	v.ask(`$('clips').querySelector('li a').href`, &url)
	require.Contains(v, url, api.Prefix+"/watch/")
	clips, err := v.client.Clips(v.ctx)
	require.NoError(v, err)
	require.Equal(v, title, clips.Clips[0].Title, "the publisher has it in his list")
	file = filepath.Join(v.TempDir(), "clip.mp4")
	resp, err := http.Get(url + "/video")
	require.NoError(v, err)
	defer resp.Body.Close()
	require.Equal(v, http.StatusOK, resp.StatusCode)
	f, err := os.Create(file)
	require.NoError(v, err)
	_, err = f.ReadFrom(resp.Body)
	require.NoError(v, err)
	require.NoError(v, f.Close())
	return file, first, last, p
}

// shown is what a canvas of the page shows.
func (v *viewer) shown(id string) thumbnail {
	v.Helper()
	var url string
	v.ask(fmt.Sprintf(`$('%s').toDataURL('image/png')`, id), &url)
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(url, "data:image/png;base64,"))
	require.NoError(v, err)
	img, err := png.Decode(bytes.NewReader(b))
	require.NoError(v, err)
	require.Equal(v, image.Pt(2*thumbnailWidth, 2*thumbnailHeight), img.Bounds().Size())
	var t thumbnail
	for y := range thumbnailHeight {
		for x := range thumbnailWidth {
			var sum float64
			for i := range 4 {
				r, g, b, _ := img.At(2*x+i%2, 2*y+i/2).RGBA()
				sum += 0.299*float64(r) + 0.587*float64(g) + 0.114*float64(b)
			}
			t = append(t, byte(16+sum/4/65535*219))
		}
	}
	return t
}

// thumbnail is a gray frame of 160x90 pixels.
type thumbnail []byte

const thumbnailWidth, thumbnailHeight = 160, 90

// thumbnails decodes a video.
func (b *bench) thumbnails(file string) (out []thumbnail) {
	b.Helper()
	var complaint bytes.Buffer
	cmd := exec.CommandContext(b.ctx, "ffmpeg", "-v", "error", "-nostdin", "-i", file, "-an", "-fps_mode", "passthrough",
		"-vf", fmt.Sprintf("scale=%d:%d:flags=area,format=gray", thumbnailWidth, thumbnailHeight), "-f", "rawvideo", "-")
	cmd.Stderr = &complaint
	raw, err := cmd.Output()
	require.NoError(b, err, complaint.String())
	const size = thumbnailWidth * thumbnailHeight
	for i := 0; i+size <= len(raw); i += size {
		out = append(out, raw[i:i+size])
	}
	require.NotEmpty(b, out)
	return out
}

// which is the frame of the loop that a frame is most like.
func (v *viewer) which(t thumbnail) (frame int) {
	least := math.MaxInt
	for i, l := range v.loop {
		sum := 0
		for j := range l {
			d := int(l[j]) - int(t[j])
			sum += d * d
		}
		if sum < least {
			frame, least = i, sum
		}
	}
	return frame
}

// A viewer rewinds 40 s of what the backend records by itself, hears both tones, and drags a clip of it, which has
// exactly the frames between the two that the page has shown.
func TestRewindInChromium(t *testing.T) {
	b := newBench(t, with{alone: true})
	p, loop := b.shareLoop()
	b.eventually(time.Minute, "it is recorded", func() bool { return p.Status().Recording == publish.RecordingActive })
	replay := p.Status().ReplayID
	b.waitBuffered(replay, 8)
	v := b.view(replay, loop)
	b.waitBuffered(replay, 50)
	v.until("frames on the timeline", `$('frames').children.length >= 4`)
	before := v.at()
	v.rewind()
	after := v.at()
	require.Greater(t, before.Now-after.Now, int64(35_000), "%+v then %+v", before, after)
	r, err := b.client.Replay(b.ctx, replay)
	require.NoError(t, err)
	require.Less(t, after.Now-r.From.UnixMilli(), int64(4000), "it is not the first second of the buffer")
	v.hears()
	from := r.From.UnixMilli() + 9_400
	file, first, last, p2 := v.clip("From the page", from, from+7_000)
	frames := v.thumbnails(file)
	require.InDelta(t, float64(p2.Out-p2.In)*30/1000, len(frames), 2)
	begin := v.which(frames[0])
	for i, f := range frames {
		require.Equal(t, (begin+i)%len(loop), v.which(f), "frame %d of the clip", i)
	}
	require.Equal(t, v.which(first), begin, "the first frame is not the one that the page showed")
	require.Equal(t, v.which(last), v.which(frames[len(frames)-1]), "nor is the last")
	looksOf(t, v.tab, "made")
	v.do(chromedp.Click("#live", chromedp.ByQuery))
	v.until("it is live again", `at().badge === 'Live' && !video.paused && !video.seeking`)
}

// LiveKit Egress writes to a bucket and is killed in the middle: a viewer goes back to before that, sees the gap, and
// drags a clip over it, which begins and ends with exactly the frames that the page has shown.
func TestRewindOverKilledEgressInChromium(t *testing.T) {
	s3, err := s3test.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(s3.Close)
	o := stack.BackendOptions{Args: []string{"--stall", "30s"}, Env: []string{"HINDSIGHT_STORAGE=" + s3.URL("team")}}
	for k, val := range s3.Env() {
		o.Env = append(o.Env, k+"="+val)
	}
	b := newBench(t, with{egress: true, backend: o})
	p, loop := b.shareLoop()
	b.eventually(2*time.Minute, "it is recorded", func() bool { return p.Status().Recording == publish.RecordingActive })
	replay := p.Status().ReplayID
	began := time.Now()
	b.goesOn(replay, began, 8)
	v := b.view(replay, loop)

	b.kill(b.egress.Proc)
	died := time.Now()
	b.startEgress(false)
	b.goesOn(replay, died, 12)
	v.until("the gap on the timeline", `$('spans').textContent.startsWith('Not recorded')`)
	v.until("it plays on after the gap", fmt.Sprintf(`at().badge === 'Live' && at().now > %d`, died.UnixMilli()))
	v.rewind()
	require.Less(t, v.at().Now, died.UnixMilli())
	v.hears()
	looksOf(t, v.tab, "gap")
	var gap struct{ From, To int64 }
	v.ask(`fetch('timeline' + location.search).then(r => r.json()).then(t => ({From: Date.parse(t.gaps[0].from),
		To: Date.parse(t.gaps[0].to)}))`, &gap)
	v.do(chromedp.Evaluate(`document.querySelector('#video').pause()`, nil))
	// The handles reach to both sides of it from after it.
	v.do(chromedp.Click("#live", chromedp.ByQuery))
	v.until("it is live again", `at().badge === 'Live' && !video.seeking`)
	file, first, last, at := v.clip("Over a gap", gap.From-4_000, gap.To+3_000)
	_, length, err := backendtest.Probe(b.ctx, file)
	require.NoError(t, err)
	require.InDelta(t, float64(at.Out-at.In)/1000, length.Seconds(), 0.1)
	frames := v.thumbnails(file)
	require.Equal(t, v.which(first), v.which(frames[0]), "the first frame is not the one that the page showed")
	require.Equal(t, v.which(last), v.which(frames[len(frames)-1]), "nor is the last")
}

// What the link allows, pauses, the publisher's reply, a lost connection, the end of the replay and of the link are on
// the page.
func TestRewindPageTells(t *testing.T) {
	on := shelftest.New(t, 15, time.Now().Add(-31*time.Second))
	_, secret, err := on.DB.CreateToken(t.Context(), "alice", "*", state.Publish)
	require.NoError(t, err)
	var down, hangs atomic.Bool
	o := options(on.DB, on.Files, on.Began)
	o.Keeper.Stall = 10 * time.Second
	inner := run(t, o).Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			panic(http.ErrAbortHandler)
		}
		if hangs.Load() {
			<-r.Context().Done()
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	app, err := client.New(server.URL, secret)
	require.NoError(t, err)
	replay := on.Rec.ReplayID
	require.NoError(t, app.Pause(t.Context(), replay, true, on.Began.Add(11*time.Second)))
	require.NoError(t, app.Pause(t.Context(), replay, false, on.Began.Add(17*time.Second)))
	v := &viewer{bench: &bench{TB: t, ctx: t.Context(), client: app}, tab: browser(t)}
	opens := func(clips api.ClipPolicy) *api.WatchLink {
		link, err := app.CreateWatchLink(t.Context(), replay, 0, clips)
		require.NoError(t, err)
		v.do(chromedp.Navigate(link.URL))
		v.until("it plays", `video.currentTime > 0 && video.readyState >= 3`)
		return link
	}

	opens(api.ClipsNobody)
	v.until("the pause", `$('spans').textContent.startsWith('Paused by the publisher ')`)
	v.do(chromedp.KeyEvent("c"))
	v.until("nothing to clip with", `$('clip').hidden && $('cut').hidden && $('in').hidden`)

	link := opens(api.ClipsAsk)
	v.until("a clip can be asked for", `$('clip').textContent === 'Ask for a clip'`)
	for _, reply := range []struct {
		says func(context.Context, string, string) error
		then string
	}{{app.DenyClip, "The publisher said no."}, {app.AllowClip, "Ready"}} {
		v.rewind()
		v.do(chromedp.KeyEvent("c"))
		v.until("the handles", `!$('in').hidden && !$('out').hidden && $('in-frame').dataset.at`)
		v.do(chromedp.Click("#make", chromedp.ByQuery))
		v.until("the publisher is asked", `$('clips').querySelector('li')?.dataset.state === 'asked'`)
		r, err := app.Replay(t.Context(), replay)
		require.NoError(t, err)
		require.Len(t, r.Asked, 1)
		require.NoError(t, reply.says(t.Context(), replay, r.Asked[0].ClipID))
		v.until(reply.then, fmt.Sprintf(`$('clips').querySelector('li span').textContent.includes(%q)`, reply.then))
	}
	v.until("a link to copy", `$('clips').querySelector('li button').textContent === 'Copy link'`)
	v.do(chromedp.Click("#clips li button", chromedp.ByQuery))
	v.until("it is copied", `$('clips').querySelector('li button').textContent === 'Copied'`)

	// A pause that lasts is in one place of the page, and the badge says so.
	v.do(chromedp.Evaluate(`goLive = document.querySelector('#live'); goLive.hidden || goLive.click()`, nil))
	v.until("it is live", `at().badge === 'Live' && $('badge').classList.contains('is-live')`)
	require.NoError(t, app.Pause(t.Context(), replay, true, time.Now()))
	v.until("the pause", `at().badge === 'Paused' && !$('badge').classList.contains('is-live') && !$('notice').hidden &&
		[...document.querySelectorAll('main p:not(#said), main li')].filter(e => e.checkVisibility() &&
			e.textContent.includes('Paused by the publisher since')).length === 1`)
	looksOf(t, v.tab, "paused")
	v.do(chromedp.Navigate(link.URL))
	v.until("a page opened in the pause tells of it", `at()?.badge === 'Paused' && !$('notice').hidden`)
	require.NoError(t, app.Pause(t.Context(), replay, false, time.Now()))
	v.until("it goes on", `at().badge !== 'Paused' && $('notice').hidden`)

	for _, fault := range []*atomic.Bool{&hangs, &down} {
		fault.Store(true)
		v.until("the connection is lost", `$('trouble').textContent.startsWith('The connection is lost')`)
		if fault == &down {
			looksOf(t, v.tab, "lost")
		}
		fault.Store(false)
		v.until("it is back", `$('trouble').textContent === ''`)
	}
	v.do(chromedp.KeyEvent("c"), chromedp.Focus("#out", chromedp.ByQuery))
	_, err = app.Stop(t.Context(), api.StopRequest{ReplayID: replay})
	require.NoError(t, err)
	v.until("there is nobody to ask", `$('cut').hidden && document.activeElement === $('play') &&
		$('notice').textContent.startsWith('Sharing has ended')`)
	v.until("the end", `$('badge').textContent === 'Ended' && $('state').textContent.startsWith('This replay has ended')`)
	v.do(chromedp.Focus("#head", chromedp.ByQuery), chromedp.KeyEvent(kb.Home))
	v.ask(`video.paused && $('play').click()`, nil) // it is, where it has come to the end
	v.until("it still plays", `video.currentTime < 10 && !video.paused && !video.seeking && video.readyState >= 3`)
	require.NoError(t, app.RevokeWatchLink(t.Context(), replay, link.LinkID))
	v.until("the link's end", `!$('gone').hidden && $('player').hidden && video.paused`)
	v.until("the link of the clip goes on", `document.activeElement === $('gone') &&
		$('clips').querySelector('li button').checkVisibility() && $('clips').children.length === 1`)
	looksOf(t, v.tab, "gone")
}

// A browser without Media Source Extensions, like those of older phones, plays the playlist by itself.
func TestRewindWithoutMediaSource(t *testing.T) {
	on := shelftest.New(t, 15, time.Now().Add(-31*time.Second))
	_, secret, err := on.DB.CreateToken(t.Context(), "alice", "*", state.Publish)
	require.NoError(t, err)
	server := httptest.NewServer(run(t, options(on.DB, on.Files, on.Began)).Handler())
	t.Cleanup(server.Close)
	app, err := client.New(server.URL, secret)
	require.NoError(t, err)
	v := &viewer{bench: &bench{TB: t, ctx: t.Context(), client: app}, tab: browser(t)}
	link, err := app.CreateWatchLink(t.Context(), on.Rec.ReplayID, 0, api.ClipsAnyone)
	require.NoError(t, err)
	v.do(chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(
			`delete window.MediaSource; delete window.ManagedMediaSource; delete window.WebKitMediaSource`).Do(ctx)
		return err
	}), chromedp.Navigate(link.URL))
	v.until("it plays by itself", `video.currentTime > 0 && video.readyState >= 3 && video.src.includes('index.m3u8')`)
	v.rewind()
	require.InDelta(t, on.Began.UnixMilli(), v.at().Now, 3000)
}

// A clip neither begins nor ends in a pause, so that it is as long as the page says, which tells why there is less.
func TestRewindClipsBesideAPause(t *testing.T) {
	v := shelved(t, nil)
	began := v.began.UnixMilli()
	require.NoError(t, v.client.Pause(t.Context(), v.replay, true, v.began.Add(5*time.Second)))
	require.NoError(t, v.client.Pause(t.Context(), v.replay, false, v.began.Add(17*time.Second)))
	v.open(api.ClipsAnyone)
	v.until("the pause", `$('spans').textContent.startsWith('Paused by the publisher ')`)
	var notice string
	v.ask(`new Promise(done => setTimeout(() => done($('notice').textContent), 1500))`, &notice)
	require.Empty(t, notice, "it was not played over")
	var gap struct{ From, To int64 }
	v.ask(`fetch('timeline' + location.search).then(r => r.json()).then(t => ({From: Date.parse(t.gaps[0].from),
		To: Date.parse(t.gaps[0].to)}))`, &gap)
	v.do(chromedp.Evaluate(`document.querySelector('#video').pause()`, nil), chromedp.Focus("#head", chromedp.ByQuery),
		chromedp.KeyEvent(kb.Home))
	v.until("it is at the begin", fmt.Sprintf(`!video.seeking && at().now < %d`, began+3000))
	for range 7 { // a step of 5 s goes over the pause
		var now int64
		v.ask("at().now", &now)
		if now > gap.To+3_000 {
			break
		}
		v.do(chromedp.KeyEvent(kb.PageUp))
		v.until("it goes on", fmt.Sprintf(`!video.seeking && at().now > %d`, now))
	}

	// I opens what a clip is made with, where the clip begins then.
	now := v.at().Now
	v.do(chromedp.KeyEvent("i"))
	v.until("what a clip is made with", `!$('cut').hidden && !$('in').hidden`)
	require.InDelta(t, now, v.at().In, 50)

	v.do(chromedp.Click(`[data-last="15"]`, chromedp.ByQuery))
	v.until("there is less", `/^Last \d s: nothing is kept of the pause before$/.test($('length').textContent)`)
	require.InDelta(t, gap.To, v.at().In, 2)
	looksOf(t, v.tab, "less")
	v.madeAsShown("After the pause")

	// By keys, a handle goes over the pause, never into it.
	v.do(chromedp.KeyEvent("c"))
	v.until("the handles", `!$('in').hidden`)
	v.do(chromedp.Click(`[data-last="15"]`, chromedp.ByQuery), chromedp.Focus("#in", chromedp.ByQuery),
		chromedp.KeyEvent(kb.ArrowLeft))
	p := v.at()
	require.Less(t, p.In, gap.From)
	v.until("how long it stands still", `/with a still picture for \d+\.\d s: the publisher paused/.test($('length').textContent)`)
	v.do(chromedp.KeyEvent(kb.Home), chromedp.Focus("#out", chromedp.ByQuery))
	for range 20 {
		if p = v.at(); p.Out <= gap.From {
			break
		}
		v.do(chromedp.KeyEvent(kb.ArrowLeft))
	}
	require.InDelta(t, gap.From, p.Out, 2, "the end has gone over the pause to its begin")
	v.madeAsShown("Before the pause")

	// What was shared last is not played yet, but has frames. A handle that is dragged beside the timeline stays in view.
	v.ask("$('live').hidden || $('live').click()", nil)
	v.until("it is live again", `at().badge === 'Live' && !video.seeking`)
	v.do(chromedp.KeyEvent("c"))
	v.until("the handles", `!$('in').hidden`)
	v.do(chromedp.Click(`[data-last="15"]`, chromedp.ByQuery), chromedp.Click("#into", chromedp.ByQuery))
	right := v.at().Out
	v.drag("out", right+1_000, false)
	v.until("the handle", `!$('out').hidden`)
	require.Greater(t, v.at().Out, right)
	v.do(chromedp.Focus("#out", chromedp.ByQuery), chromedp.KeyEvent(kb.End))
	p = v.at()
	require.InDelta(t, began+30_000, p.Out, 50)
	v.drag("in", p.Out-1100, false)
	v.madeAsShown("At the edge")

	v.do(chromedp.KeyEvent("c"))
	v.until("the handles", `!$('in').hidden`)
	p = v.at()
	title := "👩‍👩‍👧‍👦 " + strings.Repeat("会", 120) + "\u202e"
	v.made(title, p)
}

// hls.js moves the first frame after a small hole to where the hole begins. That moves neither what the page shows of a
// clip's ends nor what is cut.
func TestRewindFramesAfterAHole(t *testing.T) {
	const holed, missing = 7, 3 // the segment, and how many frames it lacks at its begin
	var both string
	v := shelved(t, nil, func(folder string) {
		segment := func(n int) string { return filepath.Join(folder, fmt.Sprintf("s_%05d.ts", n)) }
		worse := filepath.Join(t.TempDir(), "worse.ts")
		out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-copyts", "-i", segment(holed), "-vf",
			fmt.Sprintf("select='gte(n,%d)'", missing), "-fps_mode", "passthrough", "-c:v", "libx264", "-preset",
			"ultrafast", "-bf", "2", "-c:a", "copy", "-muxdelay", "0", "-muxpreload", "0", worse).CombinedOutput()
		require.NoError(t, err, string(out))
		require.NoError(t, os.Rename(worse, segment(holed)))
		both = "concat:" + segment(holed-1) + "|" + segment(holed)
	})
	v.loop = v.thumbnails(both)
	v.do(chromedp.ActionFunc(func(ctx context.Context) error { // the test asks all players for their segments
		_, err := page.AddScriptToEvaluateOnNewDocument(`let real;
			window.moved = false;
			Object.defineProperty(window, 'Hls', {get: () => real, set(x) {
				real = class extends x {
					constructor(c) {
						super(c);
						this.on(x.Events.FRAG_BUFFERED, () => {
							const of = n => this.latestLevelDetails?.fragments.find(f => f.relurl.includes('s_0000' + n + '.ts'))
								?.elementaryStreams?.video;
							const before = of(6), after = of(7);
							if (before && after && Math.abs(after.startPTS - before.endPTS) < .02) window.moved = true;
						});
					}
				};
			}});`).Do(ctx)
		return err
	}))
	v.open(api.ClipsAnyone)
	v.rewind()
	v.until("hls.js has filled the hole", "window.moved")
	v.do(chromedp.Click("#live", chromedp.ByQuery))
	for i, at := range []int64{-700, 300, 50} { // over the hole, after it, and from in it
		v.do(chromedp.Click("#clip", chromedp.ByQuery))
		v.until("the handles", `!$('in').hidden && !$('out').hidden`)
		v.do(chromedp.Click(`[data-last="60"]`, chromedp.ByQuery), chromedp.Click("#out-of", chromedp.ByQuery))
		from := v.began.Add(holed * shelftest.SegmentLength).UnixMilli()
		v.drag("out", from+1600, false)
		v.drag("in", from+at, false)
		v.until("the frames of both ends", `Date.parse($('in-frame').dataset.at) === at().in &&
			Date.parse($('out-frame').dataset.at) === at().out - 2`)
		p := v.at()
		require.InDelta(t, from+at, p.In, 200)
		require.InDelta(t, from+1600, p.Out, 200)
		first, last := v.which(v.shown("in-frame")), v.which(v.shown("out-frame"))
		frames := v.thumbnails(v.made(fmt.Sprintf("Clip %d", i), p))
		t.Logf("frames %d to %d of the two segments", first, last)
		require.Equal(t, first, v.which(frames[0]), "the first frame is not the one that the page showed")
		require.Equal(t, last, v.which(frames[len(frames)-1]), "nor is the last")
	}
}

// Handles of a clip of a replay that has ended show their frames, and a server that is away is not asked all the time.
func TestRewindOfAnEndedReplay(t *testing.T) {
	var asked atomic.Int64
	v := shelved(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/timeline") && asked.Load() > 0 {
				asked.Add(1)
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		})
	})
	_, err := v.client.Stop(t.Context(), api.StopRequest{ReplayID: v.replay})
	require.NoError(t, err)
	v.open(api.ClipsAnyone)
	v.until("it has ended", `at().badge === 'Ended'`)
	v.do(chromedp.Click("#clip", chromedp.ByQuery))
	v.until("the frames of both ends", `Date.parse($('in-frame').dataset.at) === at().in &&
		Date.parse($('out-frame').dataset.at) === at().out - 2`)
	asked.Store(1)
	v.until("the connection is lost", `$('trouble').textContent.startsWith('The connection is lost')`)
	before := asked.Load()
	v.do(chromedp.Evaluate(`new Promise(done => setTimeout(done, 3000))`, nil, awaitPromise))
	require.Less(t, asked.Load()-before, int64(30))
}

// What old browsers lack is not missed: the browser's own HLS plays where there are no Media Source Extensions, as on
// phones, and the player shows a clip's ends where frames cannot be decoded, as over plain HTTP.
func TestRewindInLesserBrowsers(t *testing.T) {
	for name, script := range map[string]string{
		"native": `Object.defineProperty(window, 'Hls', {get: () => undefined, set() {}})`,
		"plain":  `delete window.VideoDecoder`,
	} {
		t.Run(name, func(t *testing.T) {
			v := shelved(t, nil)
			v.do(chromedp.ActionFunc(func(ctx context.Context) error {
				_, err := page.AddScriptToEvaluateOnNewDocument(script).Do(ctx)
				return err
			}))
			v.open(api.ClipsAnyone)
			v.do(chromedp.KeyEvent("c"))
			v.until("the handles", `!$('in').hidden`)
			v.do(chromedp.Click(`[data-last="15"]`, chromedp.ByQuery))
			v.drag("in", v.at().Out-3333, false)
			looksOf(t, v.tab, "clip")
			if name == "native" {
				v.until("frames on the timeline", `$('frames').children.length >= 4`)
				v.madeAsShown(name)
				return
			}
			p := v.at()
			v.until("the player shows the first frame", fmt.Sprintf(`video.paused && !video.seeking &&
				!$('in-frame').checkVisibility() && Math.abs(at().now - %d) < 5`, p.In))
			v.made(name, p)
		})
	}
}

// Segments without sound and with holes in their video, one that cannot be had, and a player that no longer asks for
// any, hold nobody up.
func TestRewindGoesOnOverBadSegments(t *testing.T) {
	const lost = 7
	v := shelved(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, fmt.Sprintf("s_%05d.ts", lost)) {
				http.NotFound(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	for _, silent := range []int{5, 6, 9} {
		file := filepath.Join(v.folder, fmt.Sprintf("s_%05d.ts", silent))
		worse := filepath.Join(t.TempDir(), "worse.ts")
		out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-copyts", "-i", file, "-an", "-vf",
			"select='between(n,3,9)+between(n,30,33)'", "-fps_mode", "passthrough", "-c:v", "libx264", "-preset", "ultrafast",
			"-bf", "0", "-muxdelay", "0", "-muxpreload", "0", worse).CombinedOutput()
		require.NoError(t, err, string(out))
		require.NoError(t, os.Rename(worse, file))
	}
	// What hls.js does that plays is in the test's hands: with a small buffer it soon stands without segments.
	v.do(chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(`let real;
			Object.defineProperty(window, 'Hls', {get: () => real, set(x) {
				real = class extends x {
					constructor(c) {
						super({...c, maxBufferLength: Math.min(c.maxBufferLength, 4), maxMaxBufferLength: 4});
						window.hls ??= this;
					}
				};
			}});
			window.notices = [];
			document.addEventListener('DOMContentLoaded', () => new MutationObserver(() =>
				notices.push($('notice').textContent)).observe($('notice'), {childList: true}));
			window.$ = id => document.getElementById(id);`).Do(ctx)
		return err
	}))
	v.open(api.ClipsAnyone)
	v.rewind()
	v.ask(`video.currentTime = 0`, nil)
	v.do(chromedp.Evaluate(`hls.trigger(Hls.Events.ERROR, {type: 'mediaError', details: 'bufferAppendError', fatal: true,
		error: new Error('of the test')})`, nil))
	v.until("it goes on after a fatal error", `video.currentTime > 1 && !video.paused && video.readyState >= 3`)
	v.rewind()
	v.do(chromedp.Evaluate(`hls.stopLoad()`, nil))
	v.until("it loads again", `notices.includes('Reconnecting…') && video.currentTime > 8 && video.readyState >= 3`)
	v.until("it plays on after all of them", fmt.Sprintf(`video.currentTime > %d && video.readyState >= 3`, 2*9+3))
	var told []string
	v.ask("notices", &told)
	t.Logf("told: %q", told)
	require.Contains(t, told, "Skipped a gap")
	v.until("the notice is gone", `!/Reconnecting|Loading|Skipped/.test($('notice').textContent)`)

	// The frame of an end in what cannot be had is missing, that of the other end is there.
	v.do(chromedp.KeyEvent("c"))
	v.until("the handles", `!$('in').hidden`)
	v.do(chromedp.Click(`[data-last="15"]`, chromedp.ByQuery))
	v.drag("in", v.began.Add(lost*shelftest.SegmentLength+shelftest.SegmentLength/2).UnixMilli(), false)
	v.until("one frame is missing", `$('in-frame').dataset.state === 'missing' &&
		$('out-frame').dataset.state === 'ready' && $('in-frame').nextElementSibling.checkVisibility()`)
	looksOf(t, v.tab, "missing")
}

// What a viewer has begun goes on: a player whose server was away, a clip whose panel was closed while it was asked
// for, what has the keyboard beside a clip that is being made.
func TestRewindGoesOnWithWhatWasBegun(t *testing.T) {
	var down atomic.Bool
	var slow atomic.Pointer[chan struct{}]
	v := shelved(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if down.Load() {
				panic(http.ErrAbortHandler)
			}
			if wait := slow.Load(); wait != nil && r.Method == http.MethodPost {
				<-*wait
			}
			next.ServeHTTP(w, r)
		})
	})
	v.do(chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(`let real;
			window.opened = 0;
			Object.defineProperty(window, 'Hls', {get: () => real, set(x) {
				real = class extends x {
					constructor(c) {
						super({...c, maxBufferLength: Math.min(c.maxBufferLength, 4), maxMaxBufferLength: 4});
						window.opened++;
					}
				};
			}});`).Do(ctx)
		return err
	}))
	v.open(api.ClipsAnyone)

	v.rewind()
	v.until("it plays", `!video.paused && $('play').ariaLabel === 'Pause'`)
	down.Store(true)
	v.until("the player has lost its media more than once", `opened >= 3 && $('play').ariaLabel === 'Play'`)
	down.Store(false)
	v.until("it plays on", `!video.paused && $('play').ariaLabel === 'Pause' && video.readyState >= 3`)

	v.do(chromedp.Click("#full", chromedp.ByQuery))
	v.until("full screen", `document.fullscreenElement`)
	v.do(chromedp.KeyEvent("c"))
	v.until("what a clip is made with is in sight", `!document.fullscreenElement && !$('in').hidden`)

	v.do(chromedp.Click("#try", chromedp.ByQuery))
	v.until("it is played", `!video.paused && !video.seeking && at().now >= at().in - 50`)
	v.ask(`$('live').hidden || $('live').click()`, nil)
	v.ask(`new Promise(done => setTimeout(done, 1500))`, nil)
	var paused bool
	v.ask(`video.paused`, &paused)
	require.False(t, paused, "it stops where the clip would have")

	wait := make(chan struct{})
	slow.Store(&wait)
	v.do(chromedp.Click("#make", chromedp.ByQuery))
	v.until("it is asked for", `$('make').disabled`)
	v.do(chromedp.KeyEvent(kb.Escape))
	v.until("the panel is closed", `$('cut').hidden`)
	slow.Store(nil)
	close(wait)
	v.until("the clip is made", `$('clips').querySelector('li')?.dataset.state === 'ready' &&
		$('refused').textContent === ''`)

	v.do(chromedp.Click("#clips li button", chromedp.ByQuery))
	v.until("its link is copied", `$('clips').querySelector('li button').textContent === 'Copied'`)
	v.do(chromedp.KeyEvent("c"))
	v.until("the handles", `!$('in').hidden`)
	v.do(chromedp.Click("#make", chromedp.ByQuery))
	v.until("the next is on its way", `$('clips').children.length === 2`)
	v.ask(`$('clips').lastChild.querySelector('button').focus()`, nil)
	v.until("it is made, too", `$('clips').firstChild.dataset.state === 'ready'`)
	v.until("the first still has the keyboard", `$('clips').lastChild.contains(document.activeElement) &&
		document.activeElement.textContent === 'Copied'`)
}

// What leaves the replay while it is looked at: the start of a clip moves on, a player that was paused shows the time
// of its frame until it goes on, and the page says that the publisher has paused where nothing from before is kept.
func TestRewindOfWhatLeaves(t *testing.T) {
	const length = 60 * time.Second // twice what there is
	v := shelvedWith(t, func(o *backend.Options) { o.Replay, o.Keeper.Stall = length, 10*time.Minute }, nil)
	v.open(api.ClipsAnyone)
	v.ask(`video.pause()`, nil)
	v.rewind()
	v.do(chromedp.KeyEvent("c"))
	v.until("the handles", `!$('in').hidden`)
	v.do(chromedp.Click(`[data-last="15"]`, chromedp.ByQuery), chromedp.Focus("#in", chromedp.ByQuery),
		chromedp.KeyEvent(kb.Home), chromedp.Focus("#out", chromedp.ByQuery), chromedp.KeyEvent(kb.End))
	chosen := v.at()
	v.until("its start moves on", fmt.Sprintf(`at().in > %d && $('length').textContent.endsWith('no more of its start')`,
		chosen.In))
	p := v.at()
	require.Equal(t, chosen.Out, p.Out)
	v.made("What is left", p)

	at := v.at().Now
	v.until("the frame has left", fmt.Sprintf(`Date.parse((await
		(await fetch('timeline' + location.search)).json()).from) > %d`, at+3500))
	require.Equal(t, at, v.at().Now, "the time of what is shown goes on")
	const played = `Array.from({length: video.played.length},
		(_, i) => video.played.end(i) - video.played.start(i)).reduce((sum, x) => sum + x, 0)`
	var before float64
	v.ask(played, &before)
	v.do(chromedp.Click("#play", chromedp.ByQuery))
	v.until("it goes on with what is left", fmt.Sprintf(`!video.seeking && !video.paused &&
		at().now - %d > 1000 * (%s - %f) + 3000`, at, played, before))

	require.NoError(t, v.client.Pause(t.Context(), v.replay, true, time.Now()))
	v.until("nothing from before the pause is kept", `at().badge === 'Paused' && $('first').textContent === '' &&
		$('notice').textContent.startsWith('Paused by the publisher.')`)
	var said string
	v.ask(`$('said').textContent`, &said)
	require.NotContains(t, said, "resumed")
	require.NoError(t, v.client.Pause(t.Context(), v.replay, false, time.Now()))
	v.until("it has resumed", `$('said').textContent === 'The publisher has resumed.' && at().badge === ''`)
}

// shelvedViewer is a viewer of a replay of 30 s that ffmpeg has made, and a test changed before it is served.
type shelvedViewer struct {
	*viewer
	began  time.Time
	folder string
	replay string
}

func shelved(t *testing.T, through func(http.Handler) http.Handler, changes ...func(folder string)) shelvedViewer {
	t.Helper()
	return shelvedWith(t, func(*backend.Options) {}, through, changes...)
}

func shelvedWith(t *testing.T, set func(*backend.Options), through func(http.Handler) http.Handler,
	changes ...func(folder string)) shelvedViewer {
	t.Helper()
	on := shelftest.New(t, 15, time.Now().Add(-31*time.Second))
	for _, change := range changes {
		change(on.Folder)
	}
	_, secret, err := on.DB.CreateToken(t.Context(), "alice", "*", state.Publish)
	require.NoError(t, err)
	o := options(on.DB, on.Files, on.Began)
	set(&o)
	handler := http.Handler(run(t, o).Handler())
	if through != nil {
		handler = through(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	app, err := client.New(server.URL, secret)
	require.NoError(t, err)
	v := &viewer{bench: &bench{TB: t, ctx: t.Context(), client: app}, tab: browser(t)}
	return shelvedViewer{v, on.Began, on.Folder, on.Rec.ReplayID}
}

// open opens the page by a new link.
func (v shelvedViewer) open(clips api.ClipPolicy) {
	v.Helper()
	link, err := v.client.CreateWatchLink(v.ctx, v.replay, 0, clips)
	require.NoError(v, err)
	v.do(chromedp.Navigate(link.URL))
	v.until("it plays", `video.currentTime > 0 && video.readyState >= 3`)
}

// madeAsShown makes the clip, and wants it to begin and end with the frames that the page shows.
func (v shelvedViewer) madeAsShown(title string) {
	v.Helper()
	v.until("the frames of both ends", `['in', 'out'].every(which => $(which + '-frame').dataset.state === 'ready')`)
	first, last := v.shown("in-frame"), v.shown("out-frame")
	v.loop = v.thumbnails(v.made(title, v.at()))
	require.Equal(v, 0, v.which(first), "%s: the first frame is not the one that the page showed", title)
	require.Equal(v, len(v.loop)-1, v.which(last), "%s: nor is the last", title)
}

// made makes the clip, wants it as long as the page says, with what fits of the title, and returns it.
func (v shelvedViewer) made(title string, p position) (file string) {
	v.Helper()
	v.ask(fmt.Sprintf("$('title').value = %q", title), nil)
	title = api.FitTitle(title)
	v.do(chromedp.Click("#make", chromedp.ByQuery))
	v.until("the clip is made", fmt.Sprintf(`(li => li?.dataset.state === 'ready' &&
		li.querySelector('strong').textContent === %q)($('clips').querySelector('li'))`, title))
	clips, err := v.client.Clips(v.ctx)
	require.NoError(v, err)
	require.Equal(v, title, clips.Clips[0].Title)
	file = filepath.Join(v.TempDir(), "clip.mp4")
	f, err := os.Create(file)
	require.NoError(v, err)
	_, err = v.client.Video(v.ctx, clips.Clips[0].ClipID, f)
	require.NoError(v, err)
	require.NoError(v, f.Close())
	_, length, err := backendtest.Probe(v.ctx, file)
	require.NoError(v, err)
	require.InDelta(v, float64(p.Out-p.In)/1000, length.Seconds(), 0.1)
	return file
}
