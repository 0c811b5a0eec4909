package desktop

import (
	"context"
	"fmt"
	"html"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	notifyName = "org.freedesktop.Notifications"
	notifyPath = dbus.ObjectPath("/org/freedesktop/Notifications")
	keepLast   = 32 // notifications whose buttons still work
	mostQueued = 32 // notifications that wait for a slow service
	// showWait is how long the service may take for one notification: it may have to be started first. lastWait is for
	// what is still queued at the end.
	showWait, lastWait = 25 * time.Second, 2 * time.Second
)

// Action is a button of a notification.
type Action struct {
	Label string
	Do    func()
}

// Notification is what is shown.
type Notification struct {
	Title, Body string
	// Failure reports something that did not work. It is of critical urgency, which desktops show also while the user
	// wants not to be disturbed, and stays until the user closes it, where the desktop allows.
	Failure bool
	// Quiet is of low urgency, and desktops need not keep it in a list of what was missed.
	Quiet bool
	// Topic names notifications of which only the newest matters: it takes the place of the one before. Failures have
	// their title as topic: the same trouble again does not pile up.
	Topic string
	// Many is the title of the last of several of its topic that had to wait for each other; nil keeps its own.
	Many func(n int) string
	// Withdraw takes away the newest of the topic; nothing else of it counts then.
	Withdraw bool
	// Actions are buttons; a click on the notification itself is the first of them.
	Actions []Action
}

// Notifier shows notifications by the Desktop Notifications Specification 1.2.
type Notifier struct {
	conn   *dbus.Conn
	icon   string
	log    *slog.Logger
	queue  chan Notification
	ending chan struct{}   // closed when nothing more is to come
	ctx    context.Context // of what is being shown
	cancel context.CancelFunc
	work   sync.WaitGroup
	once   sync.Once
	// newest are the newest notifications by their topic, for showQueued alone.
	newest map[string]uint32

	mu    sync.Mutex
	shown map[uint32][]Action
	order []uint32
}

// OpenNotifier connects to the session bus. icon is a path or a name of the icon theme.
func OpenNotifier(icon string, log *slog.Logger) (*Notifier, error) {
	conn, err := sessionBus()
	if err != nil {
		return nil, err
	}
	if err := conn.AddMatchSignal(dbus.WithMatchInterface(notifyName), dbus.WithMatchMember("ActionInvoked")); err != nil {
		conn.Close()
		return nil, err
	}
	n := &Notifier{
		conn: conn, icon: icon, log: log, queue: make(chan Notification, mostQueued), ending: make(chan struct{}),
		shown: map[uint32][]Action{}, newest: map[string]uint32{},
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	n.work.Go(func() { n.read(signals) })
	n.work.Go(n.showQueued)
	return n, nil
}

func (n *Notifier) read(signals <-chan *dbus.Signal) {
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

// Show queues a notification. It never waits: when the service does not respond and the queue is full, it is dropped.
func (n *Notifier) Show(m Notification) {
	select {
	case n.queue <- m:
	default:
		n.log.Warn("a notification was left out, for the desktop does not take them", "title", m.Title)
	}
}

// showQueued shows one after the other, at the end those that are left.
func (n *Notifier) showQueued() {
	defer n.conn.Close() // ends read
	var waiting []waiting
	for {
		if len(waiting) == 0 {
			select {
			case m := <-n.queue:
				waiting = merge(waiting, m)
			default:
				select {
				case m := <-n.queue:
					waiting = merge(waiting, m)
				case <-n.ending:
					return
				}
			}
		}
		for range len(n.queue) {
			waiting = merge(waiting, <-n.queue)
		}
		m := waiting[0].title()
		waiting = waiting[1:]
		if err := n.show(m); err != nil {
			n.log.Warn("a notification could not be shown", "title", m.Title, "error", err)
		}
	}
}

// waiting is a notification that waits, the last of so many of its topic.
type waiting struct {
	Notification
	count int
}

// merge adds a notification to those that wait; one of a topic stands for all of them.
func merge(list []waiting, m Notification) []waiting {
	count := 1
	if topic := m.topic(); topic != "" {
		if i := slices.IndexFunc(list, func(w waiting) bool { return w.topic() == topic }); i >= 0 {
			count += list[i].count
			list = slices.Delete(list, i, i+1)
		}
	}
	return append(list, waiting{m, count})
}

// title is the notification with the title for as many as it stands for.
func (w waiting) title() Notification {
	if w.count > 1 && w.Many != nil {
		w.Title = w.Many(w.count)
	}
	return w.Notification
}

func (m Notification) topic() string {
	if m.Failure {
		return "failure " + m.Title
	}
	return m.Topic
}

// urgency is the hint of that name (Desktop Notifications Specification 1.2, urgency levels).
func (m Notification) urgency() byte {
	switch {
	case m.Failure:
		return 2
	case m.Quiet:
		return 0
	}
	return 1
}

// Inhibited is whether the desktop says that the user does not want to be disturbed (the property Inhibited, which
// Plasma has). Others keep that to themselves, and hold notifications back on their own.
func (n *Notifier) Inhibited(ctx context.Context) bool {
	var v dbus.Variant
	obj := n.conn.Object(notifyName, notifyPath)
	err := obj.CallWithContext(ctx, properties+".Get", 0, notifyName, "Inhibited").Store(&v)
	on, _ := v.Value().(bool)
	return err == nil && on
}

// show shows a notification; buttons are left out where the desktop has none.
func (n *Notifier) show(m Notification) error {
	ctx, cancel := context.WithTimeout(n.ctx, showWait)
	defer cancel()
	obj := n.conn.Object(notifyName, notifyPath)
	if m.Withdraw {
		id := n.newest[m.Topic]
		if delete(n.newest, m.Topic); id == 0 {
			return nil
		}
		return obj.CallWithContext(ctx, notifyName+".CloseNotification", 0, id).Err
	}
	if !m.Failure && n.Inhibited(ctx) {
		return nil
	}
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
	body := m.Body
	if slices.Contains(caps, "body-markup") {
		body = html.EscapeString(body) // names of files and what servers say are no markup
	}
	topic := m.topic()
	hints := map[string]dbus.Variant{
		"desktop-entry": dbus.MakeVariant("app.hindsight.Hindsight"), "urgency": dbus.MakeVariant(m.urgency()),
	}
	if m.Quiet {
		hints["transient"] = dbus.MakeVariant(true)
	}
	var id uint32
	err := obj.CallWithContext(ctx, notifyName+".Notify", 0, "Hindsight", n.newest[topic], n.icon, m.Title, body, buttons,
		hints, int32(-1)).Store(&id)
	if err != nil {
		return err
	}
	if topic != "" {
		n.newest[topic] = id
	}
	n.remember(id, m.Actions)
	return nil
}

func (n *Notifier) remember(id uint32, actions []Action) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.shown[id] = actions
	n.order = slices.DeleteFunc(n.order, func(old uint32) bool { return old == id }) // it has taken another's place
	n.order = append(n.order, id)
	if len(n.order) > keepLast {
		delete(n.shown, n.order[0])
		n.order = n.order[1:]
	}
}

// Close lets what is queued be shown, but not for long, ends the connection and waits. It may be called twice.
func (n *Notifier) Close() error {
	n.once.Do(func() {
		defer n.cancel()
		close(n.ending)
		defer time.AfterFunc(lastWait, n.cancel).Stop()
		n.work.Wait()
	})
	return nil
}
