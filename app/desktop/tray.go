package desktop

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	trayName   = "org.kde.StatusNotifierWatcher"
	ownerField = "NameOwnerChanged"
)

// Tray knows whether something on the session bus shows StatusNotifier items: a panel may come after this program, and
// go and come again. On other systems there always is a tray. It owns a D-Bus connection and a goroutine that reads its
// signals; Close ends both and waits.
type Tray struct {
	conn *dbus.Conn // nil where there is nothing to follow
	done chan struct{}

	mu      sync.Mutex
	here    bool
	changed chan struct{} // closed at the next change
}

// OpenTray looks for a tray and follows what becomes of it.
func OpenTray() *Tray {
	t := &Tray{done: make(chan struct{}), changed: make(chan struct{})}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.here = true
	} else if conn, err := sessionBus(); err == nil {
		t.follow(conn)
	}
	if t.conn == nil {
		close(t.done)
	}
	return t
}

func (t *Tray) follow(conn *dbus.Conn) {
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	ctx, cancel := context.WithTimeout(context.Background(), callWait)
	defer cancel()
	// First the signal, then the question: nothing is missed in between.
	err := conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(busName), dbus.WithMatchInterface(busName),
		dbus.WithMatchMember(ownerField), dbus.WithMatchArg(0, trayName))
	if err == nil {
		err = conn.BusObject().CallWithContext(ctx, busName+".NameHasOwner", 0, trayName).Store(&t.here)
	}
	if err != nil {
		conn.Close()
		return
	}
	t.conn = conn
	go t.read(signals)
}

func (t *Tray) read(signals <-chan *dbus.Signal) {
	defer close(t.done)
	for s := range signals {
		if s.Name != busName+"."+ownerField || len(s.Body) != 3 || s.Body[0] != trayName {
			continue
		}
		t.mu.Lock()
		t.here = s.Body[2] != ""
		close(t.changed)
		t.changed = make(chan struct{})
		t.mu.Unlock()
	}
}

// Here is whether there is a tray now.
func (t *Tray) Here() bool { t.mu.Lock(); defer t.mu.Unlock(); return t.here }

// Await waits until there is a tray, no longer than wait, and returns whether there is one.
func (t *Tray) Await(ctx context.Context, wait time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		t.mu.Lock()
		here, changed := t.here, t.changed
		t.mu.Unlock()
		if here {
			return true
		}
		select {
		case <-changed:
		case <-t.done: // nothing will change any more
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// Close ends the connection. It may be called twice.
func (t *Tray) Close() {
	if t.conn != nil {
		_ = t.conn.Close()
	}
	<-t.done
}
