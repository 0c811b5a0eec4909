package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// DesktopOptions says what a virtual desktop has.
type DesktopOptions struct {
	// Width and Height are in pixels; 0 means 1920x1080.
	Width, Height int
	// Depth is the number of color bits of Xvfb's screen; 0 means 24.
	Depth int
	// Outputs starts Xorg with RandR outputs that can be switched, DUMMY0 to DUMMY15, the first on at 1280x720; else
	// the display is Xvfb's, which has one size for ever.
	Outputs bool
	// NoSharedMemory leaves out MIT-SHM, as over a network.
	NoSharedMemory bool
	// WindowManager starts openbox.
	WindowManager bool
	// Panel starts xfce4-panel with a tray; it implies a window manager.
	Panel bool
}

// Desktop is an X server of our own with a private D-Bus session.
type Desktop struct {
	// Display is ":N", DBusAddress the session bus.
	Display, DBusAddress string
	// Env is what a program needs to live on this desktop.
	Env   []string
	dir   string
	procs []*Proc
}

// StartDesktop starts Xvfb on a free display, a session bus, and what else is asked for. Its settings and sockets live
// in dir and in a short temporary folder; nothing of the user's is read.
func StartDesktop(ctx context.Context, dir string, o DesktopOptions) (*Desktop, error) {
	if o.Width == 0 || o.Height == 0 {
		o.Width, o.Height = 1920, 1080
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	// Paths of sockets are at most 107 bytes long (unix(7)), so they get a short folder.
	run, err := os.MkdirTemp("", "hs-desk-")
	if err != nil {
		return nil, err
	}
	d := &Desktop{dir: run}
	if err := d.start(ctx, dir, o); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Desktop) start(ctx context.Context, dir string, o DesktopOptions) error {
	config := filepath.Join(dir, "config")
	if err := writePanelConfig(config); err != nil {
		return err
	}
	if err := d.startX(ctx, dir, o); err != nil {
		return err
	}
	d.Env = []string{
		"DISPLAY=" + d.Display, "WAYLAND_DISPLAY=", "XDG_SESSION_TYPE=x11", "XDG_CURRENT_DESKTOP=XFCE",
		"XDG_RUNTIME_DIR=" + d.dir, "XDG_CONFIG_HOME=" + config, "XDG_CACHE_HOME=" + filepath.Join(dir, "cache"),
		"XDG_DATA_HOME=" + filepath.Join(dir, "data"), "XDG_STATE_HOME=" + filepath.Join(dir, "state"),
		"NO_AT_BRIDGE=1", "GTK_A11Y=none", "LC_ALL=C.UTF-8", // whatever language the machine has
	}
	if err := d.startBus(ctx, dir); err != nil {
		return err
	}
	if o.WindowManager || o.Panel {
		if err := d.run(ctx, Spec{Name: "openbox", Path: "openbox", Args: []string{"--sm-disable"}, Dir: dir,
			Ready: d.managed}); err != nil {
			return err
		}
	}
	if o.Panel {
		return d.StartPanel(ctx, dir)
	}
	return nil
}

// StartPanel starts the panel with its tray on a desktop that has none yet, as when logging in takes its time. Its log
// goes to dir.
func (d *Desktop) StartPanel(ctx context.Context, dir string) error {
	return d.run(ctx, Spec{
		Name: "panel", Path: "xfce4-panel", Args: []string{"--disable-wm-check", "--sm-client-disable"}, Dir: dir,
		Ready: d.HasTray,
	})
}

func (d *Desktop) run(ctx context.Context, s Spec) error {
	s.Env = append(append([]string{}, d.Env...), s.Env...)
	p, err := Start(ctx, s)
	if err != nil {
		return fmt.Errorf("%w (make setup installs what is missing)", err)
	}
	d.procs = append(d.procs, p)
	return nil
}

// startX lets Xvfb choose a free display: it writes the number to a descriptor when it is ready (Xserver(1),
// -displayfd).
func (d *Desktop) startX(ctx context.Context, dir string, o DesktopOptions) error {
	number := filepath.Join(d.dir, "display")
	script := `exec Xvfb -displayfd 3 -nolisten tcp -noreset "$3" MIT-SHM -screen 0 "$1" 3>"$2"`
	shared := map[bool]string{true: "-extension", false: "+extension"}[o.NoSharedMemory]
	args := []string{"-c", script, "sh", fmt.Sprintf("%dx%dx%d", o.Width, o.Height, cmp.Or(o.Depth, 24)), number, shared}
	if o.Outputs {
		var err error
		if args, err = xorgArgs(d.dir, number); err != nil {
			return err
		}
	}
	return d.run(ctx, Spec{
		Name: "x", Path: "sh", Dir: dir, Args: args,
		Ready: func(context.Context) error {
			b, err := os.ReadFile(number)
			n := strings.TrimSpace(string(b))
			if err != nil || n == "" || !strings.HasSuffix(string(b), "\n") {
				return errors.New("no display number yet")
			}
			d.Display = ":" + n
			return nil
		},
	})
}

func (d *Desktop) startBus(ctx context.Context, dir string) error {
	address := "unix:path=" + filepath.Join(d.dir, "bus")
	err := d.run(ctx, Spec{
		Name: "dbus", Path: "dbus-daemon", Args: []string{"--session", "--nofork", "--nopidfile", "--address=" + address},
		Dir:   dir,
		Ready: listens(filepath.Join(d.dir, "bus")),
	})
	if err != nil {
		return err
	}
	d.DBusAddress = address
	d.Env = append(d.Env, "DBUS_SESSION_BUS_ADDRESS="+address)
	return nil
}

// listens returns nil once connections to a socket are accepted: its file is there before that.
func listens(path string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// managed returns nil once a window manager has announced itself (EWMH, _NET_SUPPORTING_WM_CHECK).
func (d *Desktop) managed(ctx context.Context) error {
	out, err := d.Command(ctx, "xprop", "-root", "_NET_SUPPORTING_WM_CHECK").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "window id") {
		return fmt.Errorf("no window manager yet: %s", out)
	}
	return nil
}

// HasTray returns nil once something shows StatusNotifier items.
func (d *Desktop) HasTray(ctx context.Context) error {
	out, err := d.Command(ctx, "dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/",
		"org.freedesktop.DBus.NameHasOwner", "string:org.kde.StatusNotifierWatcher").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "boolean true") {
		return fmt.Errorf("no tray yet: %s", out)
	}
	return nil
}

// Command is a program that runs on this desktop.
func (d *Desktop) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), d.Env...)
	c.WaitDelay = 2 * time.Second
	return c
}

// Screenshot writes the whole screen to a PNG file.
func (d *Desktop) Screenshot(ctx context.Context, path string) error {
	if out, err := d.Command(ctx, "import", "-window", "root", path).CombinedOutput(); err != nil {
		return fmt.Errorf("no screenshot: %w: %s (is imagemagick installed? make setup)", err, out)
	}
	return nil
}

// Press sends a key combination in xdotool's notation, for example "alt+F10".
func (d *Desktop) Press(ctx context.Context, keys string) error {
	if out, err := d.Command(ctx, "xdotool", "key", "--clearmodifiers", keys).CombinedOutput(); err != nil {
		return fmt.Errorf("no key press: %w: %s (is xdotool installed? make setup)", err, out)
	}
	return nil
}

// Close ends everything in reverse order. It may be called twice.
func (d *Desktop) Close() error {
	for i := len(d.procs) - 1; i >= 0; i-- {
		_ = d.procs[i].Close()
	}
	d.procs = nil
	return removeRuntime(d.dir)
}

// removeRuntime removes a folder that was used as XDG_RUNTIME_DIR. The desktop portal's document store mounts a file
// system there, which stays behind when it is killed.
func removeRuntime(dir string) error {
	if documents := filepath.Join(dir, "doc"); exists(documents) {
		_ = exec.Command("fusermount3", "-u", "-z", "-q", documents).Run() // it may not be mounted
	}
	return os.RemoveAll(dir)
}

// exists returns true for what is there but cannot be looked at, too.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
