// Package app puts the desktop application together: the one place per user, settings, session, notifications, window,
// hotkeys and control socket. It closes them so that nothing new begins while the rest ends. Its own goroutines bind
// hotkeys to what the settings say, turn the session's events and switches into notifications and sounds, save what a
// crash left behind, and serve single events: a press of the share key, a sound. They end with the session or are
// canceled, and Run waits for them.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/hindsight-app/hindsight/app/config"
	"github.com/hindsight-app/hindsight/app/control"
	"github.com/hindsight-app/hindsight/app/desktop"
	"github.com/hindsight-app/hindsight/app/desktop/autostart"
	"github.com/hindsight-app/hindsight/app/diagnostics"
	"github.com/hindsight-app/hindsight/app/hotkey"
	"github.com/hindsight-app/hindsight/app/hotkey/precheck"
	"github.com/hindsight-app/hindsight/app/hotkey/x11"
	"github.com/hindsight-app/hindsight/app/library"
	"github.com/hindsight-app/hindsight/app/links"
	"github.com/hindsight-app/hindsight/app/locale"
	"github.com/hindsight-app/hindsight/app/session"
	"github.com/hindsight-app/hindsight/app/storage"
	"github.com/hindsight-app/hindsight/app/token"
	"github.com/hindsight-app/hindsight/app/transfers"
	"github.com/hindsight-app/hindsight/app/ui"
	"github.com/hindsight-app/hindsight/assets/version"
	"github.com/hindsight-app/hindsight/capture"
	"github.com/hindsight-app/hindsight/capture/clip"
)

// closeWait is what leaving the room, finishing saves and closing capture may take together.
const closeWait = 20 * time.Second

// gcPercent is by how much the heap may grow between collections. Most of it is the replay, which stays: the usual 100
// would let the process take twice the buffer's memory, and collecting it is cheap, for its bytes hold no pointers.
const gcPercent = 20

// Options are the command line's.
type Options struct {
	// Hidden starts in the tray without the window, where there is a tray.
	Hidden bool
	// Invitation is a link to accept, empty for none.
	Invitation string
	// Debug logs more.
	Debug bool
	// Output receives the log.
	Output io.Writer
}

// App is the running application.
type App struct {
	log      *slog.Logger
	logged   *diagnostics.Log
	control  *control.Server
	session  *session.Session
	hotkeys  *hotkey.Manager
	notifier *desktop.Notifier
	links    *links.Book
	library  *library.Library
	storage  *storage.Manager
	tokens   *token.Store
	copied   desktop.Clipboard
	// transfers are uploads and downloads; listing has the clips of the server listed again.
	transfers *transfers.Queue
	listing   chan struct{}
	tray      *desktop.Tray
	login     autostart.Entry
	// loginTurn keeps changes of that file in their order.
	loginTurn sync.Mutex
	ctx       context.Context // of what may be left undone at the end
	ui        *ui.UI
	tasks     sync.WaitGroup
	requests  requestLimits
	questions questions
	// watchLinked has it looked whether there is a watch link whose viewers may ask for clips.
	watchLinked chan struct{}
	ready       chan struct{} // closed once ui and notifier are there
}

// Run runs the application until the user quits. Where it already runs, that one shows its window and Run returns nil.
func Run(o Options) error {
	if err := precheck.Display(); err != nil {
		return err
	}
	busErr := desktop.NoAutolaunch() // before any library looks for it
	capture.Prepare()
	level := slog.LevelInfo
	if o.Debug {
		level = slog.LevelDebug
	}
	logged := diagnostics.New(o.Output)
	log := slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: level}))
	if busErr != nil {
		log.Warn("a session bus may be started and left behind", "error", busErr)
	}
	server, err := control.Listen(control.Dir(), log)
	if errors.Is(err, control.ErrRunning) {
		return showOther(o.Invitation)
	}
	if err != nil {
		return err
	}
	if err := logged.Keep(diagnostics.Dir()); err != nil { // the one place of this user is taken
		log.Warn("the log is not kept", "error", err)
	}
	defer logged.Close()
	debug.SetGCPercent(gcPercent)
	ctx, quit := context.WithCancel(context.Background())
	defer quit()
	a := &App{log: log, logged: logged, control: server, ctx: ctx, links: links.Open(config.Dir()),
		listing: make(chan struct{}, 1), watchLinked: make(chan struct{}, 1),
		login: autostart.Of(config.Dir()), ready: make(chan struct{})}
	a.start(ctx, o)
	a.ui.Run()
	quit()
	return a.close()
}

// showOther has the Hindsight that runs show its window, and ask about an invitation.
func showOther(invitation string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r := control.Request{Command: control.Show}
	if invitation != "" {
		r = control.Request{Command: control.Invite, Text: invitation}
	}
	if err := control.Call(ctx, control.Dir(), r, nil); err != nil {
		return fmt.Errorf("hindsight is already running but does not respond: %w", err)
	}
	return nil
}

// usedBefore finds what earlier versions, which wrote no settings file as long as nothing was changed, have left: the
// copy of the buffer, the book of server copies, or clips. A token is no sign of use: hindsightctl can set one before
// the first start.
func usedBefore(dir string, c config.Config) bool {
	paths := []string{filepath.Join(dir, links.FileName)}
	// Settings in a folder of their own have nothing to do with what the user has elsewhere.
	elsewhere := os.Getenv("HINDSIGHT_CONFIG_DIR") != ""
	if !elsewhere {
		paths = append(paths, config.JournalFolder())
	}
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	if elsewhere {
		return false
	}
	clips, err := clip.List(c.ClipFolder())
	return err == nil && slices.ContainsFunc(clips, func(c clip.Clip) bool { return c.Ours })
}

// start starts everything; what ctx ends may be left for another time.
func (a *App) start(ctx context.Context, o Options) {
	dir := config.Dir()
	store, cfg, problems := config.Open(dir)
	locale.Load(cfg.App.Language) // before there is a text or a second goroutine
	var startup []string
	for _, p := range problems {
		a.log.Warn("a setting cannot be used", "key", p.Key, "value", p.Value, "allowed", p.Allowed)
		startup = append(startup, ui.Explain(p))
	}
	first := store.FirstRun() && !(store.Absent() && usedBefore(dir, cfg))
	cfg.App.FirstRunDone = !first
	away := desktop.OpenAway(ctx, a.log)
	a.tokens = token.Open(dir)
	a.tokens.Log = a.log
	a.storage = a.openStorage(dir)
	a.session = session.New(session.Options{
		Engine: engine{a.log, a}, Settings: store, Secrets: secrets{a.tokens, a.newToken}, Config: cfg, Problems: startup,
		Locked: away.Locked(), Login: a.changeLogin, Place: a.place, App: desktop.FocusedApp, Log: a.log,
	})
	a.library = library.Open(library.Options{Copies: a.links, Away: a.folderAway, Cache: cachePath("clips.json"),
		Log: a.log})
	a.library.SetFolder(cfg.ClipFolder())
	a.transfers = a.openTransfers(dir)
	a.notifier = a.openNotifier()
	a.tray = desktop.OpenTray()
	a.hotkeys = a.openHotkeys()
	a.ui = ui.New(ui.Parts{
		Hotkeys: a.hotkeys, Feed: a.session, Commands: a.session, Editor: a.session, Devices: capture.Devices,
		Screens: capture.Screens, Preview: capture.Preview, Watch: capture.Watch, Minimized: capture.Hidden,
		PickRegion: capture.PickRegion, TryEncoders: capture.TryEncoders, TestServer: a.testServer, Kept: a.tokens.Kept,
		OpenInvitation: a.invite,
		Server:         clips{a}, Watching: watching{a}, Open: desktop.Open, Reveal: desktop.Reveal,
		Tray: a.tray, Hidden: o.Hidden, Version: version.String(), Log: a.log,
		Journal: a.logged, Report: a.report, Library: a.library, Storage: a.storage, CopyFiles: a.copied.CopyFiles,
		Exported: a.exported,
	})
	close(a.ready)
	a.storage.Start()
	a.dropWatched()
	a.transfers.Start()
	a.tasks.Go(a.followFolder)
	a.tasks.Go(func() { a.recover(ctx, a.place(cfg.ClipFolder())) })
	a.tasks.Go(func() {
		if err := forgetWatched(watchFolder(), time.Now()); err != nil {
			a.log.Warn("clips that were only watched stay in the cache folder", "error", err)
		}
	})
	if first && o.Hidden {
		a.notify(desktop.Notification{
			Title: locale.Text("Hindsight isn't set up yet"),
			Body:  locale.Text("Nothing is captured before you choose to. Open Hindsight from its tray icon."),
			Topic: topicFirstRun, Actions: []desktop.Action{{Label: locale.Text("Set up…"), Do: a.ui.Show}},
		})
	}
	a.tasks.Go(a.followHotkeys)
	a.tasks.Go(a.followEvents)
	a.tasks.Go(a.followSwitches)
	a.tasks.Go(a.followServer)
	a.tasks.Go(a.followAsked)
	a.tasks.Go(func() { a.listServer(ctx) })
	a.tasks.Go(a.startLogin)
	a.tasks.Go(func() {
		away.Follow(ctx, func(locked, asleep bool) {
			a.hotkeys.Sleep(locked || asleep)
			a.session.SetAway(locked, asleep)
			a.transfers.Sleep(asleep)
		}, a.session.Report)
	})
	a.control.Serve(a.handle)
	if o.Invitation != "" {
		a.openInvitation(o.Invitation)
	}
	a.log.Info("Hindsight runs", "version", version.String(), "settings", store.Path())
}

// close ends everything in the order of the design: nothing new may begin before anything ends.
func (a *App) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	a.control.Close()
	a.transfers.Close()
	a.storage.Close()
	err := errors.Join(a.hotkeys.Close(), a.session.Close(ctx))
	a.ui.Close()
	a.tray.Close()
	a.library.Close()
	a.copied.Close()
	a.tasks.Wait()
	if a.notifier != nil {
		a.notifier.Close()
	}
	a.log.Info("Hindsight has ended")
	return err
}

// openNotifier returns nil where nothing shows notifications. The icon has to be a file for other programs to read.
func (a *App) openNotifier() *desktop.Notifier {
	icon, err := writeIcon()
	if err != nil {
		a.log.Warn("the icon for notifications could not be written", "error", err)
	}
	n, err := desktop.OpenNotifier(icon, a.log)
	if err != nil {
		a.log.Warn("there will be no notifications", "error", err)
		return nil
	}
	return n
}

// openHotkeys chooses how global hotkeys are taken on this desktop.
func (a *App) openHotkeys() *hotkey.Manager {
	if os.Getenv("WAYLAND_DISPLAY") != "" || os.Getenv("XDG_SESSION_TYPE") == "wayland" {
		p, err := hotkey.OpenPortal("")
		if err == nil {
			a.log.Info("hotkeys come from the desktop portal")
			return hotkey.NewSetManager(p, a.log)
		}
		a.log.Warn("the desktop portal gives no hotkeys; those of Xwayland work only over X11 windows", "error", err)
	}
	return hotkey.NewManager(x11.New(), a.log)
}

func iconPath() string { return cachePath("hindsight.png") }

// cachePath is a file that may be deleted at any time.
func cachePath(name string) string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "hindsight", name)
}
