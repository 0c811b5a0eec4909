// Package ui is the window and the tray, and the only package that knows Fyne.
//
// Everything on screen belongs to Fyne's main goroutine. The presenter is the one door to it: its goroutine takes
// snapshots from the session and hands over the newest with fyne.Do, one at a time, and none while neither window nor
// tray would change. Commands to the session run in goroutines of their own, so that the window never waits.
//
// Run blocks in Fyne's main loop and returns when the user quits or Quit is called; Close then ends the presenter and
// waits. Both Quit and Show may be called from any goroutine.
package ui

import (
	"context"
	"image"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/driver"
	"fyne.io/fyne/v2/lang"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/app/library"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/assets"
	"github.com/hindsight-app/hindsight/capture"
)

// appID names the app to the desktop.
const appID = "app.hindsight.Hindsight"

// Feed is where the window sees what runs.
type Feed interface {
	Snapshot() session.Snapshot
	Watch() (snapshots <-chan session.Snapshot, stop func())
	Meters() (stop func())
	// Preview opens capture for a look at it, until stop is called; nothing is kept. Levels opens the sound alone.
	Preview() (stop func())
	Levels() (stop func())
	// Look returns a copy of what capture sees, scaled down to fit into width and height in pixels: nil while nothing is
	// captured or has moved. With still it is then the newest that is known.
	Look(ctx context.Context, width, height int, still bool) image.Image
}

// Commands is what buttons do.
type Commands interface {
	Press(seconds float64)
	PressAs(session.Ask)
	SetReplay(on bool) error
	SetShare(on bool) error
	SetRecord(on bool) error
	SetPaused(on bool) error
	Mark(text string) error
	Screenshot(ctx context.Context) (path string, err error)
	Mute(src session.Source, muted bool) error
	ChooseScreen() error
}

// Editor takes changed settings.
type Editor interface {
	// Apply puts a patch over the settings as they are at that moment, waits for what the recorder makes of it, at most
	// until the context ends, and says for each field what came of it.
	Apply(context.Context, config.Patch) config.Result
}

// TrayHost knows of the desktop's tray, which may come after this program, as at login.
type TrayHost interface {
	// Here is whether there is a tray now.
	Here() bool
	// Await waits for one, and returns whether it came in time.
	Await(ctx context.Context, wait time.Duration) bool
}

// trayWait is how long a window that starts hidden waits for a tray: panels take a while at login.
const trayWait = 30 * time.Second

// Parts are what the window is made from.
type Parts struct {
	Feed     Feed
	Commands Commands
	Editor   Editor
	// Hotkeys sets keys by pressing them.
	Hotkeys *hotkey.Manager
	// Devices lists what can be chosen as a source of sound.
	Devices func(context.Context) (capture.DeviceList, error)
	// Screens lists what can be captured with a method of config.Video, Preview takes a frame of it that fits into a
	// width and height in pixels.
	Screens func(backend capture.Method) (capture.ScreenList, error)
	Preview func(t capture.Target, width, height int) (image.Image, error)
	// Minimized is whether nothing of a window of the X display can be seen.
	Minimized func(window uint32) bool
	// PickRegion lets the user drag a rectangle on the screen; capture.ErrNotPicked is that they did not want to.
	PickRegion func(context.Context) (image.Rectangle, error)
	// TryEncoders tries every encoder with a configuration and a size in pixels, and reports each one.
	TryEncoders func(ctx context.Context, c capture.VideoConfig, width, height int,
		report func(capture.EncoderTrial)) error
	// Kept is where a secret of the settings is; it may wait for the system's keyring.
	Kept func(key string) config.Kept
	// TestServer tries a connection in steps. It reports each before and after.
	TestServer func(ctx context.Context, t ServerTest, report func(ServerStep))
	// Watch calls changed when there may be other devices or screens, until ctx ends.
	Watch func(ctx context.Context, changed func())
	// Open opens a file or folder, Reveal shows a file in its folder.
	Open, Reveal func(path string) error
	// Exported says that an export is ready, or why there is none, to who does not see the window.
	Exported func(path string, err error)
	// Library is the list of clips. CopyFiles puts files onto the clipboard.
	Library   *library.Library
	CopyFiles func(paths []string) error
	// Server is the team's server.
	Server Server
	// Watching makes links to what is shared now.
	Watching Watching
	// Journal is the log, and Report the text about everything that can be given to others.
	Journal Journal
	Report  func() string
	// OpenInvitation has Invite ask about a link; the error is of a text that is none.
	OpenInvitation func(link string) error
	// Storage knows where clips are and what takes how much.
	Storage Storage
	// Tray knows whether something shows tray icons; without it the window is always there and closing it quits.
	Tray TrayHost
	// Hidden starts in the tray, where there is one.
	Hidden  bool
	Version string
	Log     *slog.Logger
}

// UI is the app's face.
type UI struct {
	parts  Parts
	app    fyne.App
	window fyne.Window
	look   *look
	// main runs a function on Fyne's main goroutine, some time later.
	main  func(func())
	ended *atomic.Bool // Run is over, or about to be
	idle  *idle

	home     *home
	recent   *recent
	firstRun *firstRun // nil while it is not shown
	editor   *editor   // nil while it is not shown
	silent   bool      // the editor plays no sound
	clips    *clips
	exports  *exports
	settings *settings
	pages    []page
	nav      *nav
	strip    *strip
	tray     *tray
	tips     *tips
	dialogs  []*open       // those that are visible, the topmost last
	question *clipQuestion // nil while there is none
	// watchLife and watchClips are what was chosen for the last watch link, as places in the lists.
	watchLife, watchClips int
	// invitation is the question about one, also after it is closed.
	invitation dialog.Dialog

	// handle is the window's id on the X display, 0 elsewhere.
	handle     func() uint32
	shown      atomic.Bool
	stopMeters func()
	fitted     bool // to the monitor
	presenter  presenter

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // commands
	// watches are what goes on until Close.
	watches sync.WaitGroup
}

// page is one screen of the window. Its methods run on the main goroutine.
type page interface {
	content() fyne.CanvasObject
	// update shows a snapshot; it is called for the visible page only.
	update(session.Snapshot)
	// enter is called when the page becomes visible.
	enter()
}

// New builds window and tray; nothing is visible before Run.
func New(p Parts) *UI {
	app.SetMetadata(fyne.AppMetadata{
		ID: appID, Name: "Hindsight", Version: p.Version, Build: 1, Migrations: map[string]bool{"fyneDo": true},
		Icon: fyne.NewStaticResource("hindsight.png", assets.Icon()),
	})
	ended, idle := new(atomic.Bool), newIdle(fyne.Do)
	onMain := func(f func()) {
		if ended.Load() {
			return // Fyne may be closing its queue just now
		}
		defer idle.wake()
		// While Fyne ends it runs what it is given in the caller's goroutine; nothing may touch the window then.
		fyne.Do(func() {
			if !ended.Load() {
				f()
			}
		})
	}
	u := build(app.NewWithID(appID), onMain, p)
	u.ended, u.idle = ended, idle
	return u
}

// build puts the parts into a Fyne app; tests give a headless one and a main goroutine of their own.
func build(a fyne.App, onMain func(func()), p Parts) *UI {
	u := &UI{parts: p, app: a, main: onMain, idle: newIdle(onMain), watchLife: 2, watchClips: 1}
	u.ctx, u.cancel = context.WithCancel(context.Background())
	u.look = newLook(p.Feed.Snapshot().Settings.App.Theme.String())
	a.Settings().SetTheme(u.look)
	a.SetIcon(fyne.NewStaticResource("hindsight.png", assets.Icon()))
	u.window = a.NewWindow("Hindsight")
	u.handle = func() uint32 { return handleOf(u.window) }
	u.tips = newTips(onMain)
	u.recent = newRecent(u)
	u.home = newHome(u)
	u.clips = newClips(u)
	u.exports = &exports{u: u}
	u.settings = newSettings(u)
	u.pages = []page{u.home, u.clips, u.settings, newLogPage(u)}
	u.strip = newStrip(u)
	u.nav = newNav(u)
	u.window.SetPadded(false)
	u.window.SetContent(u.nav.content())
	u.window.Resize(fyne.NewSize(940, 680))
	u.window.CenterOnScreen()
	u.tray = newTray(u)
	u.window.SetCloseIntercept(u.closed) // after the tray, which sets one as well
	u.window.Canvas().SetOnTypedKey(u.typed)
	u.presenter.u = u
	u.strip.follow()
	u.watches.Go(u.followLibrary)
	return u
}

// Run shows the app and blocks until it is quit.
func (u *UI) Run() {
	queueNothingAtTheEnd(u.app)
	u.app.Lifecycle().SetOnStarted(func() {
		u.presenter.start()
		if !u.parts.Hidden {
			u.show(0)
			return
		}
		u.idle.set(true)
		u.watches.Go(u.showWithoutTray)
	})
	u.app.Run()
	u.ended.Store(true)
}

// queueNothingAtTheEnd keeps Fyne from hanging while it ends. Fyne (2.8.1, internal/driver/glfw/loop.go, runGL) gives
// the last event, the saving of its preferences, to a goroutine that has the main goroutine run it and waits. At the
// same time the main goroutine empties its queue for the last time. An event that comes right after is run by nobody,
// and Driver.Run waits for it without end. Nothing here keeps Fyne's preferences, so there need be no such event.
func queueNothingAtTheEnd(a fyne.App) {
	if l, ok := a.Lifecycle().(interface{ SetOnStoppedHookExecuted(func()) }); ok {
		l.SetOnStoppedHookExecuted(nil)
	}
}

// showWithoutTray opens a hidden window that nothing else would lead to.
func (u *UI) showWithoutTray() {
	if u.parts.Tray.Await(u.ctx, trayWait) || u.ctx.Err() != nil {
		return
	}
	u.main(func() {
		if !u.shown.Load() {
			u.show(0)
		}
	})
}

// Show brings the window to the front.
func (u *UI) Show() { u.main(func() { u.show(-1) }) }

// Copy puts a text into the clipboard.
func (u *UI) Copy(text string) { u.main(func() { u.app.Clipboard().SetContent(text) }) }

// Quit ends Run.
func (u *UI) Quit() { u.main(u.quit) }

// quit is Quit on the main goroutine. Whatever comes after it is left undone, and nothing else is given to Fyne.
func (u *UI) quit() {
	u.idle.set(false)
	u.app.Quit()
	if u.ended != nil {
		u.ended.Store(true)
	}
}

// Close ends the presenter and pending commands, after Run.
func (u *UI) Close() {
	u.cancel()
	if u.editor != nil {
		u.editor.close()
		u.editor = nil
	}
	u.presenter.stop()
	u.idle.close()
	u.wg.Wait()
	u.watches.Wait()
}

// show opens the window at a page; -1 keeps the page.
func (u *UI) show(index int) {
	if index >= 0 {
		u.closeEditor()
		u.nav.choose(index)
	}
	snapshot := u.parts.Feed.Snapshot()
	if u.firstRun == nil && !snapshot.Settings.App.FirstRunDone {
		u.openFirstRun()
	}
	u.idle.set(false)
	u.window.Show()
	u.window.RequestFocus()
	u.fit()
	if !u.shown.Swap(true) {
		u.pages[u.nav.current].enter()
		u.meters()
	}
	u.presenter.apply(snapshot)
	u.strip.update()
	u.question.show(u)
}

// closed is the window's close button.
func (u *UI) closed() {
	if !u.parts.Tray.Here() {
		u.quit()
		return
	}
	u.shown.Store(false)
	u.clips.scrub.clear()
	u.clips.thumbs.clear()
	u.meters()
	u.firstRun.hidden()
	u.editor.hidden()
	u.window.Hide()
	u.idle.set(true)
}

// handleOf is a window's id on the X display, 0 elsewhere. A desktop that is not X does not say what is minimized.
func handleOf(w fyne.Window) (id uint32) {
	if native, ok := w.(driver.NativeWindow); ok {
		native.RunNative(func(on any) {
			if x, ok := on.(driver.X11WindowContext); ok {
				id = uint32(x.WindowHandle) //nolint:gosec // ids of X have 29 bits
			}
		})
	}
	return id
}

// meters asks for fast snapshots exactly while level meters are visible.
func (u *UI) meters() {
	if u.nav == nil {
		return // nothing is shown yet
	}
	want := u.shown.Load() && (u.nav.current == pageHome || u.firstRun != nil || u.settings.wantsMeters())
	if u.firstRun != nil || !u.settings.wantsMeters() {
		u.settings.endLevels()
	}
	switch {
	case want && u.stopMeters == nil:
		u.stopMeters = u.parts.Feed.Meters()
	case !want && u.stopMeters != nil:
		u.stopMeters()
		u.stopMeters = nil
	}
}

// do runs a command beside the main goroutine and shows its error under a title that says what failed.
func (u *UI) do(failed string, command func() error) {
	u.wg.Add(1)
	go func() {
		defer u.wg.Done()
		if err := command(); err != nil && u.ctx.Err() == nil {
			u.main(func() { u.tell(failed, err) })
		}
	}()
}

// screenshot takes a screenshot; its result is shown in a notification.
func (u *UI) screenshot() {
	u.do(lang.L("Couldn't take screenshot"), func() error {
		_, err := u.parts.Commands.Screenshot(u.ctx)
		return err
	})
}
