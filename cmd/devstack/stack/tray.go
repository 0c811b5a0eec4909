package stack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// Tray is the menu of one program's tray icon, read and clicked over D-Bus as a panel does it: StatusNotifierItem and
// com.canonical.dbusmenu.
type Tray struct {
	conn *dbus.Conn
	menu dbus.BusObject
}

// menuNode is one entry of com.canonical.dbusmenu, signature (ia{sv}av).
type menuNode struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

// trayEvery is how often the tray is looked at while something is awaited.
const trayEvery = 50 * time.Millisecond

// OpenTray waits until the program with this process id shows an icon in the desktop's tray.
func (d *Desktop) OpenTray(ctx context.Context, pid int) (*Tray, error) {
	conn, err := dbus.Connect(d.DBusAddress)
	if err != nil {
		return nil, fmt.Errorf("the desktop's D-Bus does not answer: %w", err)
	}
	t := &Tray{conn: conn}
	err = poll(ctx, func() (err error) {
		t.menu, err = findMenu(ctx, conn, pid)
		return err
	})
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("the program has no icon in the tray: %w", err)
	}
	return t, nil
}

// poll calls until the result is nil, and returns the last error when the context ends.
func poll(ctx context.Context, ask func() error) error {
	t := time.NewTicker(trayEvery)
	defer t.Stop()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-t.C:
		}
	}
}

// findMenu asks whoever shows tray icons for those that are registered.
func findMenu(ctx context.Context, conn *dbus.Conn, pid int) (dbus.BusObject, error) {
	watcher := conn.Object("org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher")
	var items []string
	if err := property(ctx, watcher, "org.kde.StatusNotifierWatcher", "RegisteredStatusNotifierItems",
		&items); err != nil {
		return nil, err
	}
	for _, item := range items {
		name, path := splitItem(item)
		var owner uint32
		err := conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetConnectionUnixProcessID", 0, name).Store(&owner)
		if err != nil || int(owner) != pid {
			continue
		}
		var menu dbus.ObjectPath
		if err := property(ctx, conn.Object(name, path), "org.kde.StatusNotifierItem", "Menu", &menu); err != nil {
			return nil, err
		}
		return conn.Object(name, menu), nil
	}
	return nil, errors.New("it is not registered")
}

// splitItem takes ":1.5/StatusNotifierItem" or a bare bus name apart.
func splitItem(item string) (name string, path dbus.ObjectPath) {
	if i := strings.IndexByte(item, '/'); i >= 0 {
		return item[:i], dbus.ObjectPath(item[i:])
	}
	return item, "/StatusNotifierItem"
}

func property(ctx context.Context, o dbus.BusObject, iface, name string, out any) error {
	var v dbus.Variant
	if err := o.CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, iface, name).Store(&v); err != nil {
		return err
	}
	return v.Store(out)
}

// Labels lists the entries with their ids.
func (t *Tray) Labels(ctx context.Context) (map[string]int32, error) {
	var revision uint32
	var root menuNode
	err := t.menu.CallWithContext(ctx, "com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{}).Store(
		&revision, &root)
	if err != nil {
		return nil, fmt.Errorf("the tray's menu cannot be read: %w", err)
	}
	out := map[string]int32{}
	for _, v := range root.Children {
		var n menuNode
		if err := v.Store(&n); err != nil {
			return nil, fmt.Errorf("the tray's menu cannot be read: %w", err)
		}
		if label, ok := n.Properties["label"].Value().(string); ok {
			out[label] = n.ID
		}
	}
	return out, nil
}

// Click waits for the entry with this label and chooses it.
func (t *Tray) Click(ctx context.Context, label string) error {
	return poll(ctx, func() error {
		ids, err := t.Labels(ctx)
		if err != nil {
			return err
		}
		id, ok := ids[label]
		if !ok {
			return fmt.Errorf("the tray's menu has no entry %q but %v", label, ids)
		}
		return t.menu.CallWithContext(ctx, "com.canonical.dbusmenu.Event", 0, id, "clicked", dbus.MakeVariant(""),
			uint32(0)).Err
	})
}

// Close ends the connection.
func (t *Tray) Close() error { return t.conn.Close() }
