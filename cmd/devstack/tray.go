package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
)

// trayMenu is the menu of a tray icon, read and clicked over D-Bus as a panel does it: StatusNotifierItem and
// com.canonical.dbusmenu.
type trayMenu struct {
	conn *dbus.Conn
	menu dbus.BusObject
}

// menuNode is one entry of com.canonical.dbusmenu, signature (ia{sv}av).
type menuNode struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

// openTray waits for the first icon in the tray of the session bus at address.
func openTray(ctx context.Context, address string) (*trayMenu, error) {
	conn, err := dbus.Connect(address, dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("the desktop's D-Bus does not answer: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		menu, err := findMenu(ctx, conn)
		if err == nil {
			return &trayMenu{conn, menu}, nil
		}
		select {
		case <-ctx.Done():
			conn.Close()
			return nil, fmt.Errorf("there is no icon in the tray: %w", err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func findMenu(ctx context.Context, conn *dbus.Conn) (dbus.BusObject, error) {
	watcher := conn.Object("org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher")
	var items []string
	if err := property(ctx, watcher, "org.kde.StatusNotifierWatcher", "RegisteredStatusNotifierItems", &items); err != nil {
		return nil, err
	}
	for _, item := range items {
		name, path := splitItem(item)
		var menu dbus.ObjectPath
		if err := property(ctx, conn.Object(name, path), "org.kde.StatusNotifierItem", "Menu", &menu); err == nil {
			return conn.Object(name, menu), nil
		}
	}
	return nil, errors.New("nothing is registered")
}

// splitItem takes ":1.5/StatusNotifierItem" or a bare bus name apart.
func splitItem(item string) (name string, path dbus.ObjectPath) {
	for i, c := range item {
		if c == '/' {
			return item[:i], dbus.ObjectPath(item[i:])
		}
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

// labels lists the entries with their ids.
func (t *trayMenu) labels(ctx context.Context) (map[string]int32, error) {
	var revision uint32
	var root menuNode
	err := t.menu.CallWithContext(ctx, "com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &root)
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

// click chooses the entry with this label.
func (t *trayMenu) click(ctx context.Context, label string) error {
	ids, err := t.labels(ctx)
	if err != nil {
		return err
	}
	id, ok := ids[label]
	if !ok {
		return fmt.Errorf("the tray's menu has no entry %q", label)
	}
	call := t.menu.CallWithContext(ctx, "com.canonical.dbusmenu.Event", 0, id, "clicked", dbus.MakeVariant(""), uint32(time.Now().Unix()))
	return call.Err
}

func (t *trayMenu) close() { t.conn.Close() }
