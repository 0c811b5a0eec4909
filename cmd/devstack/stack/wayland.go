package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// WaylandOptions says what a Wayland desktop has.
type WaylandOptions struct {
	// Width and Height of the first output are in pixels; 0 means 1280x720.
	Width, Height int
}

// Wayland is a Sway desktop of our own without a screen, with PipeWire and the desktop portal on a private session bus.
//
// Sway refuses to be root, so it runs as nobody where we are root; all else is ours. The portal asks no questions: it
// captures the output HEADLESS-1, and remembers that for who asks it to.
type Wayland struct {
	// Env is what a program needs to live on this desktop; the display of Xwayland is among it, and so is the sound
	// server.
	Env []string
	// Display is Xwayland's.
	Display string
	// Sound is PipeWire in PulseAudio's clothes.
	Sound *Sound

	dir, logs string // sockets and settings; what the programs print
	procs     []*Proc
	portal    []*Proc
	proxy     *waylandProxy
}

// Programs of the portal.
const (
	libexec     = "/usr/libexec/"
	portalStore = libexec + "xdg-permission-store"
	portalWlr   = libexec + "xdg-desktop-portal-wlr"
	portalFront = libexec + "xdg-desktop-portal"
)

// StartWayland starts it all; logs go to dir.
func StartWayland(ctx context.Context, dir string, o WaylandOptions) (*Wayland, error) {
	if o.Width == 0 || o.Height == 0 {
		o.Width, o.Height = 1280, 720
	}
	logs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	run, err := os.MkdirTemp("", "hs-wl-") // sockets need a short path
	if err != nil {
		return nil, err
	}
	w := &Wayland{dir: run, logs: logs}
	if err := w.start(ctx, o); err != nil {
		w.Close()
		return nil, fmt.Errorf("%w (make setup installs what is missing)", err)
	}
	return w, nil
}

func (w *Wayland) start(ctx context.Context, o WaylandOptions) error {
	w.Env = []string{
		"XDG_RUNTIME_DIR=" + w.dir, "XDG_SESSION_TYPE=wayland", "XDG_CURRENT_DESKTOP=sway",
		"XDG_CONFIG_HOME=" + filepath.Join(w.dir, "config"),
		"XDG_CACHE_HOME=" + filepath.Join(w.dir, "cache"), "XDG_DATA_HOME=" + filepath.Join(w.dir, "data"),
		"XDG_STATE_HOME=" + filepath.Join(w.dir, "state"), "DBUS_SESSION_BUS_ADDRESS=unix:path=" + w.path("bus"),
		"NO_AT_BRIDGE=1",
	}
	if err := w.writeConfig(o); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{w.startBus, w.startSway, w.startPipeWire, w.StartPortal} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (w *Wayland) path(name string) string { return filepath.Join(w.dir, name) }

// writeConfig writes the settings of every part. WirePlumber is kept from the machine's own devices.
func (w *Wayland) writeConfig(o WaylandOptions) error {
	const noDevices = "alsa_monitor.enabled = false\nv4l2_monitor.enabled = false\nlibcamera_monitor.enabled = false\n"
	files := map[string]string{
		"sway.conf": fmt.Sprintf("output HEADLESS-1 resolution %dx%d position 0 0\ndefault_border none\nxwayland enable\n",
			o.Width, o.Height),
		// The standard session.conf would start services of the user's on this bus.
		"bus.conf": `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=` + w.path("bus") + `</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
`,
		"config/xdg-desktop-portal-wlr/config": "[screencast]\nchooser_type=none\noutput_name=HEADLESS-1\nmax_fps=60\n",
		// Without real-time rights the short periods that programs ask for would break up.
		"config/pipewire/pipewire.conf.d/period.conf":    "context.properties = { default.clock.min-quantum = 1024 }\n",
		"config/wireplumber/main.lua.d/51-none.lua":      noDevices,
		"config/wireplumber/bluetooth.lua.d/51-none.lua": "bluez_monitor.enabled = false\n",
	}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(w.path(name)), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(w.path(name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// run starts a part that lives as long as the desktop.
func (w *Wayland) run(ctx context.Context, s Spec) error {
	p, err := w.spawn(ctx, s)
	if err == nil {
		w.procs = append(w.procs, p)
	}
	return err
}

func (w *Wayland) spawn(ctx context.Context, s Spec) (*Proc, error) {
	if s.Dir == "" {
		s.Dir = w.logs
	}
	s.Env = append(append([]string{}, w.Env...), s.Env...)
	return Start(ctx, s)
}

// listens waits for a socket.
func (w *Wayland) listens(name string) func(context.Context) error { return listens(w.path(name)) }

func (w *Wayland) startBus(ctx context.Context) error {
	return w.run(ctx, Spec{Name: "wl-dbus", Path: "dbus-daemon", Args: []string{"--config-file=" + w.path("bus.conf"),
		"--nofork", "--nopidfile"}, Ready: w.listens("bus")})
}

// startSway starts the compositor and, through it, Xwayland.
func (w *Wayland) startSway(ctx context.Context) error {
	const nobody = 65534
	home := w.path("sway")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	s := Spec{Name: "sway", Path: "sway", Dir: home, Args: []string{"--config", w.path("sway.conf")}, Env: []string{
		"HOME=" + home, "XDG_RUNTIME_DIR=" + home, "SWAYSOCK=" + filepath.Join(home, "ipc"), "WAYLAND_DISPLAY=", "DISPLAY=",
		"WLR_BACKENDS=headless", "WLR_RENDERER=pixman", "WLR_LIBINPUT_NO_DEVICES=1",
	}}
	if os.Geteuid() == 0 {
		s.User = &Credential{Uid: nobody, Gid: nobody}
		if err := errors.Join(os.Chmod(w.dir, 0o755), os.Chown(home, nobody, nobody)); err != nil {
			return err
		}
	}
	compositor := filepath.Join(home, "wayland-1")
	s.Ready = func(ctx context.Context) error {
		if _, err := os.Stat(compositor); err != nil {
			return err
		}
		_, err := w.Sway(ctx, "-t", "get_outputs")
		return err
	}
	if err := w.run(ctx, s); err != nil {
		return err
	}
	proxy, err := startWaylandProxy(w.path("wayland-0"), compositor)
	if err != nil {
		return err
	}
	w.proxy = proxy
	w.Env = append(w.Env, "WAYLAND_DISPLAY=wayland-0")
	return w.findX(ctx)
}

// findX lets a program that Sway starts report its display, and open it to us.
func (w *Wayland) findX(ctx context.Context) error {
	told := filepath.Join(w.path("sway"), "display")
	script := fmt.Sprintf("xhost +si:localuser:#%d && echo $DISPLAY > %s.new && mv %s.new %s", os.Geteuid(), told, told,
		told)
	if out, err := w.Sway(ctx, "exec", script); err != nil {
		return fmt.Errorf("sway starts no program: %w: %s", err, out)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		b, err := os.ReadFile(told)
		if display := strings.TrimSpace(string(b)); err == nil && display != "" {
			w.Display = display
			w.Env = append(w.Env, "DISPLAY="+display)
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("sway has no Xwayland; is xwayland installed?")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// StartPortal starts the portal again after StopPortal.
func (w *Wayland) StartPortal(ctx context.Context) error {
	for _, s := range []Spec{
		{Name: "permission-store", Path: portalStore, Ready: w.owns("org.freedesktop.impl.portal.PermissionStore")},
		{Name: "portal-wlr", Path: portalWlr, Args: []string{"-l", "DEBUG"}, Env: []string{"XDPW_PERSIST_MODE=permanent"},
			Ready: w.owns("org.freedesktop.impl.portal.desktop.wlr")},
		{Name: "portal", Path: portalFront, Args: []string{"-v"}, Ready: w.owns("org.freedesktop.portal.Desktop")},
	} {
		p, err := w.spawn(ctx, s)
		if err != nil {
			return err
		}
		w.portal = append(w.portal, p)
	}
	return nil
}

// SignalPortalBackend sends a signal to the part of the portal that reads the screen: one that is stopped hangs.
func (w *Wayland) SignalPortalBackend(sig os.Signal) error {
	for _, p := range w.portal {
		if p.spec.Name == "portal-wlr" {
			return p.cmd.Process.Signal(sig)
		}
	}
	return errors.New("the portal does not run")
}

// StopPortal ends the portal, as its crash does.
func (w *Wayland) StopPortal() {
	for i := len(w.portal) - 1; i >= 0; i-- {
		_ = w.portal[i].Close()
	}
	w.portal = nil
}

// owns waits until a service is on the bus.
func (w *Wayland) owns(name string) func(context.Context) error {
	return func(ctx context.Context) error {
		out, err := w.Command(ctx, "dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/",
			"org.freedesktop.DBus.NameHasOwner", "string:"+name).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "boolean true") {
			return fmt.Errorf("%s is not there yet: %s", name, out)
		}
		return nil
	}
}

// Sway sends a command to the compositor (swaymsg(1)).
func (w *Wayland) Sway(ctx context.Context, args ...string) (string, error) {
	c := w.Command(ctx, "swaymsg", append([]string{"-s", filepath.Join(w.path("sway"), "ipc")}, args...)...)
	out, err := c.CombinedOutput()
	return string(out), err
}

// Command is a program that runs on this desktop.
func (w *Wayland) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), w.Env...)
	c.WaitDelay = 2 * time.Second
	return c
}

// Close ends everything in reverse order. It may be called twice.
func (w *Wayland) Close() error {
	w.StopPortal()
	for i := len(w.procs) - 1; i >= 0; i-- {
		_ = w.procs[i].Close()
	}
	w.procs = nil
	if w.proxy != nil {
		w.proxy.close()
		w.proxy = nil
	}
	return removeRuntime(w.dir)
}
