package desktop

import (
	"context"
	"log/slog"
	"os"
	"strings"

	"github.com/godbus/dbus/v5"
)

// screenSavers are the interfaces whose signal ActiveChanged says that the screen is locked: the first is the
// freedesktop.org one (KDE, XFCE and others), the rest are the desktops' own.
var screenSavers = []string{
	"org.freedesktop.ScreenSaver", "org.gnome.ScreenSaver", "org.cinnamon.ScreenSaver", "org.mate.ScreenSaver", "org.xfce.ScreenSaver",
}

// logind (org.freedesktop.login1(5)).
const (
	logind        = "org.freedesktop.login1"
	logindManager = logind + ".Manager"
	logindSession = logind + ".Session"
	logindPath    = dbus.ObjectPath("/org/freedesktop/login1")
	properties    = "org.freedesktop.DBus.Properties"
)

// away is what is known about the user's and the machine's absence.
type away struct {
	locked   map[string]bool // by who says so
	sleeping bool
	session  dbus.ObjectPath // logind's name of this session; empty where it has none
	delay    *os.File        // holds back the machine's sleep until capture has paused
	system   *dbus.Conn
	log      *slog.Logger
}

// FollowAway calls changed whenever the screen is locked or unlocked and before and after the machine sleeps, until ctx
// ends.
func FollowAway(ctx context.Context, changed func(locked, sleeping bool), log *slog.Logger) {
	a := &away{locked: map[string]bool{}, log: log}
	var screen, machine chan *dbus.Signal // a connection closes its own
	if conn, err := sessionBus(); err != nil {
		log.Info("nothing tells when the screen is locked", "error", err)
	} else {
		defer conn.Close()
		for _, name := range screenSavers {
			_ = conn.AddMatchSignal(dbus.WithMatchInterface(name), dbus.WithMatchMember("ActiveChanged"))
		}
		screen = make(chan *dbus.Signal, 64)
		conn.Signal(screen)
	}
	if conn, err := dbus.ConnectSystemBus(); err != nil {
		log.Info("nothing tells when the machine sleeps", "error", err)
	} else {
		defer conn.Close()
		a.system = conn
		machine = make(chan *dbus.Signal, 64)
		conn.Signal(machine)
		a.join(ctx)
	}
	defer a.release()
	for {
		select {
		case <-ctx.Done():
			return
		case s, open := <-screen:
			if !open {
				screen = nil
				continue
			}
			a.take(s, changed)
		case s, open := <-machine:
			if !open {
				machine = nil
				continue
			}
			a.take(s, changed)
		}
	}
}

// join asks logind to tell of this session and of sleep.
func (a *away) join(ctx context.Context) {
	_ = a.system.AddMatchSignal(dbus.WithMatchInterface(logindManager), dbus.WithMatchMember("PrepareForSleep"))
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	manager := a.system.Object(logind, logindPath)
	if err := manager.CallWithContext(ctx, logindManager+".GetSessionByPID", 0, uint32(os.Getpid())).Store(&a.session); err != nil {
		// Programs that the user's service manager starts belong to no session; the desktop tells them which one is theirs.
		id := os.Getenv("XDG_SESSION_ID")
		if id == "" || manager.CallWithContext(ctx, logindManager+".GetSession", 0, id).Store(&a.session) != nil {
			a.session = ""
		}
	}
	if a.session != "" {
		_ = a.system.AddMatchSignal(dbus.WithMatchObjectPath(a.session), dbus.WithMatchInterface(properties), dbus.WithMatchMember("PropertiesChanged"))
	}
	a.hold(ctx)
}

// hold asks logind to wait for this program before the machine sleeps.
func (a *away) hold(ctx context.Context) {
	var fd dbus.UnixFD
	err := a.system.Object(logind, logindPath).CallWithContext(ctx, logindManager+".Inhibit", 0, "sleep", "Hindsight", "pause the replay", "delay").Store(&fd)
	if err == nil {
		a.delay = os.NewFile(uintptr(fd), "inhibitor")
	}
}

// release lets the machine sleep.
func (a *away) release() {
	if a.delay != nil {
		a.delay.Close()
		a.delay = nil
	}
}

// take understands one signal.
func (a *away) take(s *dbus.Signal, changed func(locked, sleeping bool)) {
	switch {
	case strings.HasSuffix(s.Name, ".ScreenSaver.ActiveChanged") && len(s.Body) == 1:
		on, _ := s.Body[0].(bool)
		a.locked[s.Name] = on
	case s.Name == properties+".PropertiesChanged" && s.Path == a.session && len(s.Body) >= 2:
		values, _ := s.Body[1].(map[string]dbus.Variant)
		hint, ok := values["LockedHint"]
		if !ok {
			return
		}
		on, _ := hint.Value().(bool)
		a.locked[logindSession] = on
	case s.Name == logindManager+".PrepareForSleep" && len(s.Body) == 1:
		a.sleeping, _ = s.Body[0].(bool)
	default:
		return
	}
	a.log.Info("the user or the machine is away, or back", "locked", a.isLocked(), "sleeping", a.sleeping)
	changed(a.isLocked(), a.sleeping)
	if a.sleeping {
		a.release()
	} else if a.system != nil && a.delay == nil && s.Name == logindManager+".PrepareForSleep" {
		ctx, cancel := context.WithTimeout(context.Background(), callWait)
		defer cancel()
		a.hold(ctx)
	}
}

func (a *away) isLocked() bool {
	for _, on := range a.locked {
		if on {
			return true
		}
	}
	return false
}
