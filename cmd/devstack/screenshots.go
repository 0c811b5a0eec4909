package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/assets"
	"github.com/hindsight-app/hindsight/cmd/devstack/stack"
)

type screenshotsCommand struct {
	Out  string `help:"Folder for the images and index.html." type:"path" default:"screenshots-out"`
	Only string `help:"Only what begins so, a language or a language and a size: de, en-100." placeholder:"PREFIX"`
}

// Run takes a screenshot of all that the window and the tray show.
func (c *screenshotsCommand) Run(ctx context.Context) error {
	if err := clearImages(c.Out); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "hs-shots-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	s := &shots{out: c.Out, w: &world{opts: worldOptions{
		Folder: folder, Seconds: 60, Virtual: true, Width: 1280, Height: 800, Fresh: true, Say: os.Stdout,
	}}}
	defer s.w.close()
	if err := s.w.prepare(ctx); err != nil {
		return err
	}
	for _, scale := range []int{1, 2} {
		for _, language := range config.Languages() {
			s.language, s.scale = language, scale
			if !strings.HasPrefix(fmt.Sprintf("%s-%d", language, 100*scale), c.Only) {
				continue
			}
			if err := s.run(ctx); err != nil {
				return err
			}
		}
	}
	if err := writeIndex(c.Out, s.names); err != nil {
		return err
	}
	s.w.say(fmt.Sprintf("%d images; see %s", len(s.names), filepath.Join(c.Out, "index.html")))
	if err := errors.Join(s.wrong...); err != nil {
		return fmt.Errorf("not everything could be shown:\n%w", err)
	}
	return nil
}

// clearImages makes the folder and removes what an earlier run has left there.
func clearImages(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("the folder for screenshots cannot be made: %w", err)
	}
	old, err := filepath.Glob(filepath.Join(folder, "*.png"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// shots goes through the app and keeps what it shows.
type shots struct {
	w        *world
	out      string
	language string
	theme    config.Theme
	scale    int

	app    *app
	window string      // its id
	last   image.Image // the window when it was last kept
	icon   image.Image // the tray's icon when it was last kept
	names  []string
	wrong  []error
}

// run starts the app in one language and size and shows everything, dark and light.
func (s *shots) run(ctx context.Context) (err error) {
	s.w.say(fmt.Sprintf("starting the app: %s, %d %%", s.language, 100*s.scale))
	s.w.opts.Env = []string{fmt.Sprintf("FYNE_SCALE=%d", s.scale)}
	s.w.opts.Change = func(c *config.Config) {
		c.App.Language, c.App.Theme, c.App.Notifications = s.language, config.DarkTheme, false
		c.Replay.AtLaunch, c.Sharing.AtLaunch, c.Sharing.Room = true, false, "standup"
	}
	if s.app, err = startApp(ctx, s.w); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.app.close()) }()
	if err := s.saveClips(ctx); err != nil {
		return err
	}
	for _, s.theme = range []config.Theme{config.DarkTheme, config.LightTheme} {
		s.w.say("  " + s.theme.String())
		if err := s.app.control(ctx, nil, "settings", "set", "app.theme", s.theme.String()); err != nil {
			return err
		}
		if err := s.pages(ctx); err != nil {
			return err
		}
		s.dialogs(ctx)
		if err := s.sharing(ctx); err != nil {
			s.miss("sharing", err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if s.scale == 1 && s.language == "en" {
		s.tray(ctx)
	}
	return ctx.Err()
}

// saveClips makes clips for the page of clips, once.
func (s *shots) saveClips(ctx context.Context) error {
	var have []any
	if err := s.app.control(ctx, &have, "clips"); err != nil || len(have) >= 3 {
		return err
	}
	for i, seconds := range []string{"4", "8", "6"} {
		_, err := s.app.await(ctx, time.Minute, func(now session.Snapshot) string {
			if now.BufferedSeconds < float64(4+4*i) {
				return "the replay buffer does not fill"
			}
			return ""
		})
		if err != nil {
			return err
		}
		var saved session.SaveRecord
		if err := s.app.control(ctx, &saved, "save", seconds); err != nil {
			return err
		}
		if i == 1 && saved.Clip != nil {
			if err := s.app.control(ctx, nil, "star", saved.Clip.Path); err != nil {
				return err
			}
		}
	}
	return nil
}

// pages keeps every page.
func (s *shots) pages(ctx context.Context) error {
	for _, page := range control.Pages {
		if page == "settings" {
			continue // its pages have names
		}
		if err := s.show(ctx, page); err != nil {
			return err
		}
		s.keep(ctx, strings.ReplaceAll(page, "/", "-"))
		var at control.ShowAnswer
		if err := s.app.control(ctx, &at, "show"); err != nil || at.Page != page {
			s.miss(page, errors.Join(err, fmt.Errorf("the window did not stay there, it shows %q", at.Page)))
		}
	}
	return s.show(ctx, "home")
}

// show turns to a page, and finds the window when it comes up for the first time.
func (s *shots) show(ctx context.Context, page string) error {
	var at control.ShowAnswer
	if err := s.app.control(ctx, &at, "show", page); err != nil {
		return err
	}
	if at.Page != page {
		return fmt.Errorf("the window shows %s instead of %s", at.Page, page)
	}
	search, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	out, err := s.w.desktop.Command(search, "xdotool", "search", "--sync", "--onlyvisible", "--name",
		"^Hindsight$").Output()
	if err != nil {
		return fmt.Errorf("there is no window for page %s: %w", page, err)
	}
	s.window, _, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	// The notification of a failure would lie over the window and take its clicks. Mostly there is none.
	_ = s.w.desktop.Command(ctx, "xdotool", "search", "--class", "notifyd", "windowunmap", "%@").Run()
	return s.xdotool(ctx, "windowactivate", "--sync", s.window)
}

// nobody is a server that does not respond: to accept its invitation shows an error.
const nobody = "hindsight://join?server=http://127.0.0.1:9&identity=alice&code=none"

// dialogs keeps what lies over a page, and what waits for the user.
func (s *shots) dialogs(ctx context.Context) {
	invite := func() error {
		program, err := built("hindsight")
		if err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, program, nobody)
		cmd.Env = append(os.Environ(), s.app.env...)
		return cmd.Run()
	}
	for _, over := range []struct {
		name, key string
		dialogs   int
	}{{"dialog-rename", "F2", 1}, {"dialog-details", "alt+Return", 1}, {"dialog-export", "x", 1}, {"editor", "e", 0}} {
		s.over(ctx, over.name, "clips", over.dialogs, func() error {
			return errors.Join(s.click(ctx, 300, 200), s.keys(ctx, over.key)) // on the first clip
		})
	}
	s.over(ctx, "editor-join", "clips", 0, func() error {
		return errors.Join(s.click(ctx, 300, 200), s.keys(ctx, "ctrl+a", "e"))
	})
	s.over(ctx, "dialog-reset", "settings/general", 1, func() error {
		if s.narrow() {
			return s.keys(ctx, "ctrl+f", "shift+Tab", "Return")
		}
		return s.control(ctx, 0)
	})
	s.over(ctx, "dialog-folder", "settings/storage", 1, func() error { return s.control(ctx, 2) })
	s.over(ctx, "dialog-diagnostics", "log", 1, func() error { return s.click(ctx, -70, 36) })
	s.over(ctx, "dialog-invitation", "home", 1, invite)
	s.over(ctx, "dialog-error", "home", 1, func() error {
		if err := invite(); err != nil {
			return err
		}
		if err := s.await(ctx, 1); err != nil {
			return err
		}
		return s.keys(ctx, "Tab", "Tab", "space")
	})
	s.over(ctx, "hotkey", "settings/hotkeys", 0, func() error { return s.control(ctx, 1) })
	if s.narrow() {
		s.over(ctx, "tip", "home", 0, func() error { return s.xdotool(ctx, "mousemove", "--window", s.window, "66", "240") })
	}
	s.tryKey(ctx)
	s.region(ctx)
}

// sharing keeps Home while the screen is shared and while that is paused, and the links to watch it.
func (s *shots) sharing(ctx context.Context) error {
	do := func(args ...string) error { return s.app.control(ctx, nil, args...) }
	until := func(is func(session.Snapshot) bool) error {
		_, err := s.app.await(ctx, time.Minute, func(n session.Snapshot) string {
			if is(n) {
				return ""
			}
			return fmt.Sprintf("the state is %s, the server's %s", n.State, n.Share.Recording)
		})
		return err
	}
	err := do("share", "on")
	if err == nil {
		err = until(func(n session.Snapshot) bool { return n.Share.Recording == "active" && n.Share.ServerSeconds > 1 })
	}
	if err == nil {
		err = s.show(ctx, "home")
	}
	if err != nil {
		return err
	}
	s.keep(ctx, "home-sharing")
	if err := s.watchLink(ctx); err != nil {
		s.miss("dialog-watch-link", err)
	}
	if err := errors.Join(do("pause"), until(func(n session.Snapshot) bool { return n.Paused })); err != nil {
		return err
	}
	s.keep(ctx, "home-sharing-paused")
	return errors.Join(do("resume"), do("share", "off"))
}

// watchLink keeps the dialog that makes and lists links, with one that works.
func (s *shots) watchLink(ctx context.Context) error {
	if err := s.app.control(ctx, nil, "watch-link"); err != nil {
		return err
	}
	menu, err := s.w.desktop.OpenTray(ctx, s.app.PID())
	if err != nil {
		return err
	}
	defer menu.Close()
	s.over(ctx, "dialog-watch-link", "home", 1, func() error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return menu.Click(ctx, s.text("Copy watch link…"))
	})
	return nil
}

// text is a text of the window in the language that it has.
func (s *shots) text(english string) string {
	var texts map[string]any
	if err := json.Unmarshal(assets.Translations()[s.language], &texts); err == nil {
		if text, is := texts[english].(string); is {
			return text
		}
	}
	return english
}

// narrow is whether the settings have no title and no button to reset a page above the page.
func (s *shots) narrow() bool { return s.scale > 1 }

// control presses a control of a page of the settings, by its place in the order of the keyboard; 0 is "Reset page".
func (s *shots) control(ctx context.Context, n int) error {
	if s.narrow() {
		n--
	}
	keys := append([]string{"ctrl+f", "Down"}, slices.Repeat([]string{"Tab"}, n)...)
	return s.keys(ctx, append(keys, "Return")...)
}

// tryKey keeps what follows the card of the first start.
func (s *shots) tryKey(ctx context.Context) {
	err := s.show(ctx, "first-run")
	if err == nil {
		_, err = s.still(ctx)
	}
	if err == nil {
		err = s.keys(ctx, "shift+Tab", "Return")
	}
	if err != nil {
		s.miss("first-run-key", err)
		return
	}
	s.keep(ctx, "first-run-key")
}

// region keeps the whole screen while a region of it is dragged.
func (s *shots) region(ctx context.Context) {
	set := func(kind config.SourceKind) error {
		return s.app.control(ctx, nil, "settings", "set", "video.source.kind", string(kind), "video.source.width", "640",
			"video.source.height", "360")
	}
	if err := set(config.Rectangle); err != nil {
		s.miss("region", err)
		return
	}
	window := s.window
	s.over(ctx, "region", "settings/video", 0, func() error {
		if err := s.control(ctx, 6); err != nil {
			return err
		}
		if _, err := s.still(ctx); err != nil { // the page says what to do
			return err
		}
		s.window = "root"
		return s.xdotool(ctx, "mousemove", "200", "150", "mousedown", "1", "mousemove", "500", "300", "mousemove", "900",
			"560")
	})
	s.window = window
	if err := errors.Join(s.xdotool(ctx, "mouseup", "1"), s.awayPointer(ctx), set(config.WholeScreen)); err != nil {
		s.miss("region", err)
	}
}

// over opens something over a page, keeps it and closes it by Escape.
func (s *shots) over(ctx context.Context, name, page string, dialogs int, open func() error) {
	err := s.show(ctx, page)
	if err == nil {
		_, err = s.still(ctx)
	}
	if err == nil {
		err = open()
	}
	if err == nil && dialogs > 0 {
		err = s.await(ctx, dialogs)
	}
	if err != nil {
		s.miss(name, err)
	} else {
		s.keep(ctx, name)
	}
	if err := errors.Join(s.awayPointer(ctx), s.keys(ctx, "Escape"), s.await(ctx, 0)); err != nil {
		s.miss(name, err)
	}
}

// await waits until so many dialogs are open.
func (s *shots) await(ctx context.Context, dialogs int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var at control.ShowAnswer
	for {
		if err := s.app.control(ctx, &at, "show"); err == nil && at.Dialogs == dialogs {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d dialogs are open instead of %d", at.Dialogs, dialogs)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// tray keeps the panel and the icon in every state.
func (s *shots) tray(ctx context.Context) {
	menu, err := s.w.desktop.OpenTray(ctx, s.app.PID())
	if err != nil {
		s.miss("tray", err)
		return
	}
	defer menu.Close()
	do := func(args ...string) func() error {
		return func() error { return s.app.control(ctx, nil, args...) }
	}
	pause := func() error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return menu.Click(ctx, "Pause")
	}
	backend := func(url string) func() error { return do("settings", "set", "sharing.backend_url", url) }
	for _, t := range []struct {
		name   string
		is     func(session.Snapshot) bool
		before []func() error
	}{
		{"buffering", func(n session.Snapshot) bool { return n.State == session.Buffering && !n.Paused }, nil},
		{"muted", func(n session.Snapshot) bool { return n.Mic.Muted },
			[]func() error{do("mute", "mic", "on")}},
		{"paused", func(n session.Snapshot) bool { return n.Paused }, []func() error{do("mute", "mic", "off"), pause}},
		{"recording", func(n session.Snapshot) bool { return n.Recording != nil && !n.Paused },
			[]func() error{pause, do("record", "on")}},
		{"live", func(n session.Snapshot) bool { return n.State == session.Live && n.Share.Recording == "active" },
			[]func() error{do("record", "off"), do("share", "on")}},
		{"off", func(n session.Snapshot) bool { return n.State == session.Idle },
			[]func() error{do("share", "off"), do("replay", "off")}},
		{"error", func(n session.Snapshot) bool { return n.State == session.Failed },
			[]func() error{backend("http://127.0.0.1:9"), func() error { _ = do("share", "on")(); return nil }}},
	} {
		for _, act := range t.before {
			if err == nil {
				err = act()
			}
		}
		if err == nil {
			_, err = s.app.await(ctx, time.Minute, func(n session.Snapshot) string {
				if t.is(n) {
					return ""
				}
				return "the state is " + string(n.State)
			})
		}
		if err != nil {
			s.miss("tray-"+t.name, err)
			return
		}
		s.keepTray(ctx, menu, t.name)
		for _, s.theme = range []config.Theme{config.DarkTheme, config.LightTheme} {
			err = errors.Join(do("settings", "set", "app.theme", s.theme.String())(), s.show(ctx, "home"))
			if err == nil {
				s.keep(ctx, "home-"+t.name)
			}
		}
	}
}

// keepTray keeps the end of the panel, and the icon in the usual sizes on a dark and on a light panel.
func (s *shots) keepTray(ctx context.Context, menu *stack.Tray, state string) {
	icon, err := s.newIcon(ctx, menu)
	if err != nil {
		s.miss("tray-"+state, err)
		return
	}
	window := s.window
	s.window = "root"
	screen, err := s.capture(ctx)
	s.window = window
	if err != nil {
		s.miss("tray-"+state, err)
		return
	}
	const panel, side, zoom = 32, 48, 4
	strip := image.NewNRGBA(image.Rect(0, 0, 7*side*zoom, side*zoom))
	draw.Draw(strip, strip.Bounds(), image.NewUniform(color.Gray{0x28}), image.Point{}, draw.Src)
	light := image.Rect(3*side*zoom, 0, 6*side*zoom, side*zoom)
	draw.Draw(strip, light, image.NewUniform(color.Gray{0xf0}), image.Point{}, draw.Src)
	for i, size := range []int{16, 22, 32, 16, 22, 32} {
		small := shrink(icon, size)
		at := image.Pt((i*side+(side-size)/2)*zoom, (side-size)/2*zoom)
		draw.Draw(strip, image.Rectangle{at, at.Add(image.Pt(size*zoom, size*zoom))}, enlarge(small, zoom), image.Point{},
			draw.Over)
	}
	b := screen.Bounds()
	corner := image.Pt(b.Max.X-side*zoom, b.Max.Y-panel)
	draw.Draw(strip, image.Rect(6*side*zoom, 0, 7*side*zoom, panel), screen, corner, draw.Src)
	s.save("tray-"+state+".png", strip)
}

// newIcon waits for another icon than the one that was kept last: it follows the state a moment later.
func (s *shots) newIcon(ctx context.Context, menu *stack.Tray) (image.Image, error) {
	until := time.Now().Add(10 * time.Second)
	for {
		icon, _, err := menu.Icon(ctx)
		switch {
		case err != nil:
			return nil, err
		case s.icon == nil || changed(s.icon, icon) > 0:
			s.icon = icon
			return icon, nil
		case time.Now().After(until):
			return nil, errors.New("the icon is the one of the state before")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *shots) miss(name string, err error) {
	s.wrong = append(s.wrong, fmt.Errorf("%s: %w", s.name(name), err))
	s.w.say(fmt.Sprintf("  %s: %v", s.name(name), err))
}

// name is the file's: en-dark-100-settings-audio.png.
func (s *shots) name(what string) string {
	return fmt.Sprintf("%s-%s-%d-%s.png", s.language, s.theme, 100*s.scale, what)
}

// keep saves what the window shows, as soon as it is something else than before and stands still.
func (s *shots) keep(ctx context.Context, what string) {
	img, err := s.still(ctx)
	if err == nil && s.last != nil && changed(s.last, img) < least {
		err = errors.New("it looks like what was shown before")
	}
	if err != nil {
		s.miss(what, err)
		return
	}
	s.last = img
	s.save(s.name(what), img)
}

func (s *shots) save(name string, img image.Image) {
	var b bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, img)
	if err == nil {
		err = os.WriteFile(filepath.Join(s.out, name), b.Bytes(), 0o644)
	}
	if err != nil {
		s.wrong = append(s.wrong, err)
		return
	}
	s.names = append(s.names, name)
}

// least is the part of the pixels in which what is shown differs from what was shown before.
const least = 0.002

// still waits until the window is not what was kept last and does not change, or for three seconds: levels and
// previews move all the time.
func (s *shots) still(ctx context.Context) (image.Image, error) {
	until := time.Now().Add(3 * time.Second)
	before, err := s.capture(ctx)
	for err == nil {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(250 * time.Millisecond): // the window is drawn some frames after a command, without a signal
		}
		var now image.Image
		if now, err = s.capture(ctx); err != nil {
			break
		}
		same := s.last != nil && changed(s.last, now) < least
		if time.Now().After(until) || !same && changed(before, now) < least/4 {
			return now, nil
		}
		before = now
	}
	return nil, err
}

func (s *shots) capture(ctx context.Context) (image.Image, error) {
	out, err := s.w.desktop.Command(ctx, "import", "-silent", "-window", s.window, "png:-").Output()
	if err != nil {
		return nil, fmt.Errorf("no screenshot of the window: %w", err)
	}
	return png.Decode(bytes.NewReader(out))
}

// changed is the part of the pixels in which two images differ.
func changed(a, b image.Image) float64 {
	if a.Bounds() != b.Bounds() {
		return 1
	}
	n, all := 0, 0
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y += 2 {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x += 2 {
			all++
			if color.NRGBAModel.Convert(a.At(x, y)) != color.NRGBAModel.Convert(b.At(x, y)) {
				n++
			}
		}
	}
	return float64(n) / float64(max(all, 1))
}

// shrink averages an icon to a size in pixels.
func shrink(icon image.Image, size int) *image.NRGBA {
	out, b := image.NewNRGBA(image.Rect(0, 0, size, size)), icon.Bounds()
	for y := range size {
		for x := range size {
			var sum [4]uint64
			n := uint64(0)
			for v := b.Min.Y + y*b.Dy()/size; v < max(b.Min.Y+(y+1)*b.Dy()/size, b.Min.Y+y*b.Dy()/size+1); v++ {
				for u := b.Min.X + x*b.Dx()/size; u < max(b.Min.X+(x+1)*b.Dx()/size, b.Min.X+x*b.Dx()/size+1); u++ {
					r, g, bl, a := icon.At(u, v).RGBA()
					sum[0], sum[1], sum[2], sum[3] = sum[0]+uint64(r), sum[1]+uint64(g), sum[2]+uint64(bl), sum[3]+uint64(a)
					n++
				}
			}
			c := color.RGBA64{uint16(sum[0] / n), uint16(sum[1] / n), uint16(sum[2] / n), uint16(sum[3] / n)}
			out.Set(x, y, c)
		}
	}
	return out
}

// enlarge repeats every pixel.
func enlarge(img *image.NRGBA, times int) *image.NRGBA {
	out := image.NewNRGBA(image.Rect(0, 0, img.Rect.Dx()*times, img.Rect.Dy()*times))
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			out.SetNRGBA(x, y, img.NRGBAAt(x/times, y/times))
		}
	}
	return out
}

// keys presses one key combination after the other.
func (s *shots) keys(ctx context.Context, keys ...string) error {
	for _, k := range keys {
		if err := s.xdotool(ctx, "key", "--clearmodifiers", "--delay", "60", k); err != nil {
			return err
		}
	}
	return nil
}

// click clicks at a place in Fyne's units from the window's left and top; negative counts from the right.
func (s *shots) click(ctx context.Context, x, y int) error {
	img, err := s.capture(ctx)
	if err != nil {
		return err
	}
	x, y = x*s.scale, y*s.scale
	if x < 0 {
		x += img.Bounds().Dx()
	}
	err = s.xdotool(ctx, "mousemove", "--window", s.window, fmt.Sprint(x), fmt.Sprint(y), "click", "1")
	return errors.Join(err, s.awayPointer(ctx))
}

// awayPointer moves the pointer to where it changes nothing.
func (s *shots) awayPointer(ctx context.Context) error {
	return s.xdotool(ctx, "mousemove", fmt.Sprint(s.w.opts.Width/2), fmt.Sprint(s.w.opts.Height-1))
}

func (s *shots) xdotool(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if out, err := s.w.desktop.Command(ctx, "xdotool", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("xdotool %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// writeIndex writes a page that shows all images, those of one kind beside each other.
func writeIndex(folder string, names []string) error {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>Hindsight</title>\n<style>\n" +
		"body { font: 14px sans-serif; margin: 16px; background: #888; }\n" +
		"div { display: grid; grid-template-columns: repeat(auto-fill, minmax(420px, 1fr)); gap: 12px; }\n" +
		"figure { margin: 0; } img { max-width: 100%; }\n</style>\n")
	var kinds []string
	of := map[string][]string{}
	for _, name := range names {
		kind := strings.TrimSuffix(name, ".png")
		if part := strings.SplitN(kind, "-", 4); len(part) == 4 && part[0] != "tray" {
			kind = part[3]
		}
		if of[kind] == nil {
			kinds = append(kinds, kind)
		}
		of[kind] = append(of[kind], name)
	}
	for _, kind := range kinds {
		fmt.Fprintf(&b, "<h2>%s</h2>\n<div>\n", kind)
		for _, name := range of[kind] {
			fmt.Fprintf(&b, "<figure><a href=\"%[1]s\"><img loading=\"lazy\" src=\"%[1]s\"></a>"+
				"<figcaption>%[1]s</figcaption></figure>\n", name)
		}
		b.WriteString("</div>\n")
	}
	return os.WriteFile(filepath.Join(folder, "index.html"), []byte(b.String()), 0o644)
}
