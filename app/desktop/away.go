package desktop

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// screenSavers are the interfaces, and names of services, whose signal ActiveChanged and whose method GetActive say
// that the screen is locked: the first is the freedesktop.org one (KDE, XFCE and others), the rest are the desktops'
// own. Each has its object at the path of the same words.
var screenSavers = []string{
	"org.freedesktop.ScreenSaver", "org.gnome.ScreenSaver", "org.cinnamon.ScreenSaver", "org.mate.ScreenSaver",
	"org.xfce.ScreenSaver",
}

// logind (org.freedesktop.login1(5)).
const (
	logind        = "org.freedesktop.login1"
	logindManager = logind + ".Manager"
	logindSession = logind + ".Session"
	logindPath    = dbus.ObjectPath("/org/freedesktop/login1")
	lockedHint    = "LockedHint"
	busName       = "org.freedesktop.DBus"
	properties    = busName + ".Properties"
)

// askWait is how long screen savers may take to say how things are at the start.
const askWait = time.Second

// Away is what is known about the user's and the machine's absence. It has no goroutine.
type Away struct {
	locked          map[string]bool // by who says so
	sleeping        bool
	logind          dbus.ObjectPath // its name of this session; empty where it has none
	delay           *os.File        // holds back the machine's sleep until capture has paused
	session, system *dbus.Conn      // nil where there is none
	screen, machine chan *dbus.Signal
	log             *slog.Logger
}

// OpenAway asks the desktop whether the screen is locked and prepares to receive changes; Follow has to be called
// for that, and closes it.
func OpenAway(ctx context.Context, log *slog.Logger) *Away {
	a := &Away{locked: map[string]bool{}, log: log}
	if err := a.openSession(ctx); err != nil {
		log.Info("nothing tells when the screen is locked", "error", err)
	}
	if err := a.openSystem(ctx); err != nil {
		log.Info("nothing tells when the machine sleeps", "error", err)
	}
	return a
}

// openSession connects to the session bus and asks the screen savers.
func (a *Away) openSession(ctx context.Context) error {
	conn, err := sessionBus()
	if err != nil {
		return err
	}
	a.session, a.screen = conn, make(chan *dbus.Signal, 64) // the connection closes it
	conn.Signal(a.screen)
	for _, name := range screenSavers {
		delete(a.locked, name)
	}
	a.askScreenSavers(ctx)
	return nil
}

// openSystem connects to the system bus and asks logind.
func (a *Away) openSystem(ctx context.Context) error {
	conn, err := dbus.ConnectSystemBus()
	if err != nil {
		return err
	}
	a.system, a.machine = conn, make(chan *dbus.Signal, 64)
	conn.Signal(a.machine)
	delete(a.locked, logindSession)
	a.join(ctx)
	return nil
}

// Locked is whether anything says that the screen is locked.
func (a *Away) Locked() bool {
	for _, on := range a.locked {
		if on {
			return true
		}
	}
	return false
}

// What Follow says while a bus is gone.
const (
	noSessionBus = "Hindsight doesn't notice when the screen is locked: the connection to the desktop's session bus " +
		"ended. It tries to connect again."
	noSystemBus = "Hindsight doesn't notice when the computer sleeps: the connection to the system bus ended. It tries " +
		"to connect again."
)

// Pauses between two tries to connect to a bus that has ended.
const (
	firstBusPause = time.Second
	longBusPause  = time.Minute
)

// line is the connection to one bus while Follow runs.
type line struct {
	lost  string // what is said while it is gone
	open  func(context.Context) error
	after <-chan time.Time // the next try; nil while there is a connection, and where there never was one
	pause time.Duration
}

// gone is called when the bus has ended.
func (l *line) gone() {
	l.pause = min(max(2*l.pause, firstBusPause), longBusPause)
	l.after = time.After(l.pause)
}

// Follow calls changed whenever the screen is locked or unlocked and before and after the machine sleeps, until ctx
// ends. A bus that ends is connected to again, after growing pauses; trouble gets a message that says so, one for each
// part, and an empty one once it is there again.
func (a *Away) Follow(ctx context.Context, changed func(locked, sleeping bool), trouble func(part, message string)) {
	defer a.close()
	if a.system != nil {
		a.hold(ctx)
	}
	lines := map[string]*line{
		"session bus": {lost: noSessionBus, open: a.openSession},
		"system bus":  {lost: noSystemBus, open: a.openSystem},
	}
	session, system := lines["session bus"], lines["system bus"]
	lost := func(part string) {
		a.log.Warn("the connection to a bus ended; it is tried again", "bus", part)
		lines[part].gone()
		trouble(part, lines[part].lost)
	}
	again := func(part string) {
		l := lines[part]
		if err := l.open(ctx); err != nil {
			a.log.Debug("a bus cannot be connected to", "bus", part, "error", err)
			l.gone()
			return
		}
		a.log.Info("the connection to a bus is there again", "bus", part)
		l.after, l.pause = nil, 0
		trouble(part, "")
		changed(a.Locked(), a.sleeping)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case s, open := <-a.screen:
			if open {
				a.take(s, changed)
				continue
			}
			a.session, a.screen = nil, nil
			lost("session bus")
		case s, open := <-a.machine:
			if open {
				a.take(s, changed)
				continue
			}
			a.system, a.machine, a.sleeping = nil, nil, false
			a.release()
			lost("system bus")
		case <-session.after:
			again("session bus")
		case <-system.after:
			if again("system bus"); a.system != nil {
				a.hold(ctx)
			}
		}
	}
}

func (a *Away) close() {
	for _, c := range []*dbus.Conn{a.session, a.system} {
		if c != nil {
			c.Close()
		}
	}
	a.release()
}

// askScreenSavers asks all of them at once, and wakes none that does not run. One that ends takes its word along.
func (a *Away) askScreenSavers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	calls := map[string]*dbus.Call{}
	for _, name := range screenSavers {
		_ = a.session.AddMatchSignal(dbus.WithMatchInterface(name), dbus.WithMatchMember("ActiveChanged"))
		_ = a.session.AddMatchSignal(dbus.WithMatchInterface(busName), dbus.WithMatchMember("NameOwnerChanged"),
			dbus.WithMatchArg(0, name))
		path := dbus.ObjectPath("/" + strings.ReplaceAll(name, ".", "/"))
		calls[name] = a.session.Object(name, path).GoWithContext(ctx, name+".GetActive", dbus.FlagNoAutoStart,
			make(chan *dbus.Call, 1))
	}
	for name, c := range calls {
		<-c.Done // ctx ends all of them
		var on bool
		if c.Store(&on) == nil {
			a.locked[name] = on
		}
	}
}

// join asks logind about this session, and to signal its changes and sleep.
func (a *Away) join(ctx context.Context) {
	_ = a.system.AddMatchSignal(dbus.WithMatchInterface(logindManager), dbus.WithMatchMember("PrepareForSleep"))
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	manager := a.system.Object(logind, logindPath)
	if err := manager.CallWithContext(ctx, logindManager+".GetSessionByPID", 0, uint32(os.Getpid())).Store(
		&a.logind); err != nil {
		// Programs that the user's service manager starts belong to no session; the desktop says which one is
		// theirs.
		id := os.Getenv("XDG_SESSION_ID")
		if id == "" || manager.CallWithContext(ctx, logindManager+".GetSession", 0, id).Store(&a.logind) != nil {
			a.logind = ""
		}
	}
	if a.logind != "" {
		_ = a.system.AddMatchSignal(dbus.WithMatchObjectPath(a.logind), dbus.WithMatchInterface(properties),
			dbus.WithMatchMember("PropertiesChanged"))
		var on bool
		if a.system.Object(logind, a.logind).CallWithContext(ctx, properties+".Get", 0, logindSession, lockedHint).Store(
			&on) == nil {
			a.locked[logindSession] = on
		}
	}
}

// hold asks logind to wait for this program before the machine sleeps.
func (a *Away) hold(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var fd dbus.UnixFD
	err := a.system.Object(logind, logindPath).CallWithContext(ctx, logindManager+".Inhibit", 0, "sleep", "Hindsight",
		"pause the replay", "delay").Store(&fd)
	if err == nil {
		a.delay = os.NewFile(uintptr(fd), "inhibitor")
	}
}

// release lets the machine sleep.
func (a *Away) release() {
	if a.delay != nil {
		a.delay.Close()
		a.delay = nil
	}
}

// take understands one signal.
func (a *Away) take(s *dbus.Signal, changed func(locked, sleeping bool)) {
	switch {
	case strings.HasSuffix(s.Name, ".ScreenSaver.ActiveChanged") && len(s.Body) == 1:
		on, _ := s.Body[0].(bool)
		a.locked[strings.TrimSuffix(s.Name, ".ActiveChanged")] = on
	case s.Name == busName+".NameOwnerChanged" && len(s.Body) == 3:
		name, _ := s.Body[0].(string)
		if owner, _ := s.Body[2].(string); owner != "" || !a.locked[name] {
			return
		}
		a.locked[name] = false
	case s.Name == properties+".PropertiesChanged" && s.Path == a.logind && len(s.Body) >= 2:
		values, _ := s.Body[1].(map[string]dbus.Variant)
		hint, ok := values[lockedHint]
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
	a.log.Info("the user or the machine is away, or back", "locked", a.Locked(), "sleeping", a.sleeping)
	changed(a.Locked(), a.sleeping)
	if a.sleeping {
		a.release()
	} else if a.system != nil && a.delay == nil && s.Name == logindManager+".PrepareForSleep" {
		a.hold(context.Background())
	}
}
