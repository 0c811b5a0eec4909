//go:build linux

package sharetest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/require"

	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/capturetest"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
	"github.com/hindsight-app/hindsight/publish"
	"github.com/hindsight-app/hindsight/publish/api"
	"github.com/hindsight-app/hindsight/publish/publishtest"
)

// secretShare is what a viewer's browser saw and heard of an encrypted share.
type secretShare struct {
	Encrypted map[string]bool `json:"encrypted"`
	Errors    int             `json:"errors"`
	Received  int             `json:"received"`
	Decoded   int             `json:"decoded"`
	Bytes     int             `json:"bytes"`
	Colors    int             `json:"colors"`
	Levels    []float64       `json:"levels"`
}

// LiveKit's JavaScript client in Chromium shows and plays an encrypted share with the same passphrase, and nothing of
// it with another one. testdata/encrypted.html is such a front end.
func TestLiveKitsClientDecrypts(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{})
	cfg := b.config(t)
	cfg.AllowClip = func(context.Context, string, api.ClipRequest, time.Time) (publish.ClipMaker, error) {
		return nil, nil
	}
	cfg.Passphrase = "correct horse battery staple"
	p, err := publish.Start(b.ctx, cfg, b.src)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(b.ctx) })
	me := p.Status().Identity

	html, err := os.ReadFile(filepath.Join("testdata", "encrypted.html"))
	require.NoError(t, err)
	page, err := stack.StartPage(b.ctx, t.Output(), html)
	require.NoError(t, err)
	t.Cleanup(func() { _ = page.Close() })

	browser := chromium(t, b.ctx, chromedp.Flag("autoplay-policy", "no-user-gesture-required"))
	look := func(tab context.Context) (seen secretShare) {
		t.Helper()
		evaluate(t, tab, `look(%s, %s, %s)`, &seen, publishtest.DesktopTone, publishtest.MicrophoneTone, 5000)
		return seen
	}
	viewer := func(name, passphrase string) context.Context {
		t.Helper()
		token, err := auth.NewAccessToken(b.lk.APIKey, b.lk.APISecret).SetIdentity(name).SetVideoGrant(&auth.VideoGrant{
			RoomJoin: true, Room: room}).ToJWT()
		require.NoError(t, err)
		tab, closeTab := chromedp.NewContext(browser)
		t.Cleanup(closeTab)
		require.NoError(t, chromedp.Run(tab, chromedp.Navigate(page.URL)))
		evaluate(t, tab, `watch(%s, %s, %s).then(() => true)`, nil, b.lk.URL, token, passphrase)
		return tab
	}

	right := viewer("right", cfg.Passphrase)
	var seen secretShare
	b.eventually(t, func() bool { seen = look(right); return seen.Decoded > 30 && seen.Colors > 10 },
		"the picture is not shown: %+v", &seen)
	b.eventually(t, func() bool {
		seen = look(right)
		return len(seen.Levels) == 3 && seen.Levels[0] > -60 && seen.Levels[0] > seen.Levels[2]+30 &&
			seen.Levels[1] > seen.Levels[2]+30
	}, "the tones are not heard: %+v", &seen)
	require.Equal(t, map[string]bool{"video": true, "audio": true}, seen.Encrypted)
	require.Zero(t, seen.Errors)

	// The server is not asked to record, and a viewer who asks for its clip hears why there is none.
	require.Equal(t, publish.RecordingEncrypted, p.Status().Recording)
	require.Empty(t, p.Status().Error)
	require.Empty(t, b.backend.Starts())
	_, err = p.Save(b.ctx, 5, time.Time{}, "")
	require.ErrorIs(t, err, publish.ErrEncrypted)
	asking := b.view(t)
	b.eventually(t, func() bool { return asking.Sees(me) }, "the publisher is not there")
	_, code, err := asking.Call(me, api.TopicClip, `{"seconds": 5}`, 30*time.Second)
	require.Equal(t, api.RPCNothing, api.RPCCode(code))
	require.ErrorContains(t, err, publish.NotRecordedEncrypted)

	wrong := viewer("wrong", "another passphrase")
	b.eventually(t, func() bool { seen = look(wrong); return seen.Errors > 0 && seen.Bytes > 100_000 },
		"nothing arrives with the wrong passphrase: %+v", &seen)
	require.Zero(t, seen.Decoded, "%+v", seen)
	require.Zero(t, seen.Colors, "%+v", seen)
	for _, level := range seen.Levels {
		require.Less(t, level, -100.0, "%+v", seen)
	}
}

// A clip of the local buffer is what it is without encryption, while what leaves is encrypted.
func TestLocalClipBesideAnEncryptedShare(t *testing.T) {
	b := newBench(t, publishtest.SourceOptions{Seconds: 2})
	r := startRecorder(t, b, 30)
	cfg := b.config(t)
	cfg.Passphrase = "correct horse battery staple"
	viewer := b.subscribe(t)
	p, err := publish.Start(b.ctx, cfg, r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	video, sound := b.tracks(t, viewer)
	b.eventually(t, func() bool {
		return len(video.Units()) > 60 && len(sound.Units()) > 100 && r.Status().Buffered > 4*time.Second
	}, "too little arrives")
	require.Equal(t, livekit.Encryption_GCM, video.Info.Encryption)
	require.Equal(t, livekit.Encryption_GCM, sound.Info.Encryption)
	path := filepath.Join(b.dir, "seen.h264")
	require.NoError(t, video.WriteFile(path))
	_, err = publishtest.CountFrames(b.ctx, path)
	require.Error(t, err, "who has no passphrase can decode it")

	saved, err := r.Save(b.ctx, capture.SaveRequest{Length: 3 * time.Second})
	require.NoError(t, err)
	info, err := capturetest.Probe(b.ctx, saved.Path)
	require.NoError(t, err)
	require.InDelta(t, 3, info.Seconds, 0.1)
	frames, err := capturetest.Frames(b.ctx, saved.Path)
	require.NoError(t, err)
	require.InDelta(t, 90, len(frames), 3)
}

// evaluate runs a script in a tab, waits for what it promises, and reads it into out. Values are put into it as JSON.
func evaluate(t *testing.T, tab context.Context, script string, out any, values ...any) {
	t.Helper()
	for i, v := range values {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		values[i] = string(text)
	}
	require.NoError(t, chromedp.Run(tab, chromedp.Evaluate(fmt.Sprintf(script, values...), out,
		func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) })))
}
