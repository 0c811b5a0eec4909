package desktop

import (
	"context"
	"fmt"
	"sync"

	"github.com/godbus/dbus/v5"
)

const (
	notifyName = "org.freedesktop.Notifications"
	notifyPath = dbus.ObjectPath("/org/freedesktop/Notifications")
	keepLast   = 32 // notifications whose buttons still work
)

// Action is a button of a notification.
type Action struct {
	Label string
	Do    func()
}

// Notification is what is shown.
type Notification struct {
	Title, Body string
	// Urgent stays until the user closes it, where the desktop allows.
	Urgent bool
	// Actions are buttons; a click on the notification itself is the first of them.
	Actions []Action
}

// Notifier shows notifications by the Desktop Notifications Specification 1.2.
type Notifier struct {
	conn *dbus.Conn
	icon string
	done chan struct{}
	once sync.Once

	mu    sync.Mutex
	shown map[uint32][]Action
	order []uint32
}

// OpenNotifier connects to the session bus. icon is a path or a name of the icon theme.
func OpenNotifier(icon string) (*Notifier, error) {
	conn, err := sessionBus()
	if err != nil {
		return nil, err
	}
	if err := conn.AddMatchSignal(dbus.WithMatchInterface(notifyName), dbus.WithMatchMember("ActionInvoked")); err != nil {
		conn.Close()
		return nil, err
	}
	n := &Notifier{conn: conn, icon: icon, done: make(chan struct{}), shown: map[uint32][]Action{}}
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	go n.read(signals)
	return n, nil
}

func (n *Notifier) read(signals <-chan *dbus.Signal) {
	defer close(n.done)
	for s := range signals {
		if s.Name != notifyName+".ActionInvoked" || len(s.Body) < 2 {
			continue
		}
		id, _ := s.Body[0].(uint32)
		key, _ := s.Body[1].(string)
		n.mu.Lock()
		actions := n.shown[id]
		n.mu.Unlock()
		for i, a := range actions {
			if key == actionKey(i) {
				a.Do()
			}
		}
	}
}

// actionKey names an action; "default" is the click on the notification itself, which some desktops show as a button.
func actionKey(i int) string {
	if i == 0 {
		return "default"
	}
	return fmt.Sprintf("action-%d", i)
}

// Show shows a notification; buttons are left out where the desktop has none.
func (n *Notifier) Show(m Notification) error {
	ctx, cancel := context.WithTimeout(context.Background(), callWait)
	defer cancel()
	obj := n.conn.Object(notifyName, notifyPath)
	var caps []string
	if err := obj.CallWithContext(ctx, notifyName+".GetCapabilities", 0).Store(&caps); err != nil {
		return err
	}
	buttons := []string{}
	for _, c := range caps {
		if c != "actions" {
			continue
		}
		for i, a := range m.Actions {
			buttons = append(buttons, actionKey(i), a.Label)
		}
	}
	urgency := byte(1)
	if m.Urgent {
		urgency = 2
	}
	hints := map[string]dbus.Variant{
		"desktop-entry": dbus.MakeVariant("app.hindsight.Hindsight"), "urgency": dbus.MakeVariant(urgency),
	}
	var id uint32
	err := obj.CallWithContext(ctx, notifyName+".Notify", 0, "Hindsight", uint32(0), n.icon, m.Title, m.Body, buttons, hints, int32(-1)).Store(&id)
	if err != nil {
		return err
	}
	n.remember(id, m.Actions)
	return nil
}

func (n *Notifier) remember(id uint32, actions []Action) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.shown[id] = actions
	n.order = append(n.order, id)
	if len(n.order) > keepLast {
		delete(n.shown, n.order[0])
		n.order = n.order[1:]
	}
}

// Close ends the connection and waits. It may be called twice.
func (n *Notifier) Close() error {
	n.once.Do(func() {
		n.conn.Close()
		<-n.done
	})
	return nil
}
