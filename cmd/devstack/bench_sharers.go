package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/livekit/protocol/auth"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/capture/media"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

//go:embed bench_share.html
var sharePage []byte

// share starts Hindsight sharing, with its two sources of sound or without.
func (s *shareBench) share(ctx context.Context, sound bool) (*stack.Proc, func() error, error) {
	app, err := s.startHindsight(ctx, func(c *config.Config) {
		c.Video.Quality = media.Preset(s.Quality)
		c.Sound.Desktop.Enabled, c.Sound.Microphone.Enabled = sound, sound
	})
	if err != nil {
		return nil, nil, err
	}
	return app.Proc, app.close, nil
}

// startHindsight starts the whole app with its replay, and waits until it shares where it is to.
func (s *stage) startHindsight(ctx context.Context, change func(*config.Config)) (*app, error) {
	want := session.Live
	s.world.opts.Change = func(c *config.Config) {
		c.Video.FrameRate, c.Video.BitrateKbps = s.fps, s.kbps
		c.App.Notifications = false // they would cover the screen
		change(c)
		if !c.Sharing.AtLaunch {
			want = session.Buffering
		}
	}
	app, err := startApp(ctx, s.world)
	if err != nil {
		return nil, err
	}
	if _, err := app.await(ctx, time.Minute, func(s session.Snapshot) string {
		if s.State != want {
			return "the app is not " + string(want) + " but " + string(s.State)
		}
		return ""
	}); err != nil {
		return nil, errors.Join(err, app.close())
	}
	return app, nil
}

// startChromium starts a Chromium of its own, whose page shares the whole screen without asking, with the microphone or
// without.
func (s *shareBench) startChromium(ctx context.Context, sound bool) (*stack.Proc, func() error, error) {
	profile, err := os.MkdirTemp(s.dir, "chromium-")
	if err != nil {
		return nil, nil, err
	}
	args := []string{"--user-data-dir=" + profile, "--remote-debugging-port=0", "--no-first-run",
		"--no-default-browser-check", "--password-store=basic", "--disable-background-networking", "--disable-sync",
		"--disable-component-update", "--disable-extensions", "--window-size=480,360",
		"--auto-select-desktop-capture-source=Entire screen"}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // it does not start as root otherwise
	}
	var address string
	p, err := stack.Start(ctx, stack.Spec{Name: "chromium", Path: "chromium", Args: append(args, "about:blank"),
		Dir: s.world.logs(), Env: append(append([]string{}, s.world.desktop.Env...), s.world.sound.Env...),
		Ready: func(context.Context) error {
			// The port, and below it the path of the browser's address.
			b, err := os.ReadFile(filepath.Join(profile, "DevToolsActivePort"))
			port, path, ok := strings.Cut(strings.TrimSpace(string(b)), "\n")
			if err != nil || !ok {
				return errors.New("it has no debugging port yet")
			}
			address = "ws://127.0.0.1:" + port + path
			return nil
		}})
	if err != nil {
		return nil, nil, fmt.Errorf("%w (make setup installs what is missing)", err)
	}
	page, err := stack.StartPage(ctx, os.Stderr, sharePage)
	if err != nil {
		return nil, nil, errors.Join(err, p.Close())
	}
	allocator, disconnect := chromedp.NewRemoteAllocator(ctx, address, chromedp.NoModifyURL)
	tab, closeTab := chromedp.NewContext(allocator)
	end := func() error {
		closeTab()
		disconnect()
		return errors.Join(p.Close(), page.Close())
	}
	if err := s.shareTab(tab, page.URL, sound); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("its page does not share: %w", err), end())
	}
	return p, end, nil
}

// shareTab opens the page in a tab and has it share, as if somebody had clicked.
func (s *shareBench) shareTab(tab context.Context, url string, sound bool) error {
	lk := s.world.livekit
	token, err := auth.NewAccessToken(lk.APIKey, lk.APISecret).SetIdentity("chromium").SetVideoGrant(&auth.VideoGrant{
		RoomJoin: true, Room: room}).ToJWT()
	if err != nil {
		return err
	}
	values, err := json.Marshal([]any{lk.URL, token, s.Codec, s.Kbps, sound})
	if err != nil {
		return err
	}
	microphone := browser.GrantPermissions([]browser.PermissionType{browser.PermissionTypeAudioCapture}).WithOrigin(
		strings.TrimSuffix(url, "/"))
	call := chromedp.Evaluate("share(..."+string(values)+").then(() => true)", nil,
		func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
			return p.WithAwaitPromise(true).WithUserGesture(true)
		})
	return chromedp.Run(tab, microphone, chromedp.Navigate(url), call)
}
