package stack

import (
	"context"
	"errors"
	"fmt"
	"image"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// Tray is the menu of one program's tray icon, read and clicked over D-Bus as a panel does it: StatusNotifierItem and
// com.canonical.dbusmenu.
type Tray struct {
	conn       *dbus.Conn
	item, menu dbus.BusObject
}

// menuNode is one entry of com.canonical.dbusmenu, signature (ia{sv}av).
type menuNode struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

const itemInterface = "org.kde.StatusNotifierItem"

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
		t.item, t.menu, err = findItem(ctx, conn, pid)
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

// findItem asks whoever shows tray icons for those that are registered.
func findItem(ctx context.Context, conn *dbus.Conn, pid int) (item, menu dbus.BusObject, err error) {
	watcher := conn.Object("org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher")
	var items []string
	if err := property(ctx, watcher, "org.kde.StatusNotifierWatcher", "RegisteredStatusNotifierItems",
		&items); err != nil {
		return nil, nil, err
	}
	for _, entry := range items {
		name, path := splitItem(entry)
		var owner uint32
		err := conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetConnectionUnixProcessID", 0, name).Store(&owner)
		if err != nil || int(owner) != pid {
			continue
		}
		var at dbus.ObjectPath
		item = conn.Object(name, path)
		if err := property(ctx, item, itemInterface, "Menu", &at); err != nil {
			return nil, nil, err
		}
		return item, conn.Object(name, at), nil
	}
	return nil, nil, errors.New("it is not registered")
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

// Labels lists the entries that are visible with their ids; one of a submenu has the name of that before it:
// "Save last > 30 s".
func (t *Tray) Labels(ctx context.Context) (map[string]int32, error) {
	var revision uint32
	var root menuNode
	err := t.menu.CallWithContext(ctx, "com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{}).Store(
		&revision, &root)
	out := map[string]int32{}
	if err == nil {
		err = root.labels("", out)
	}
	if err != nil {
		return nil, fmt.Errorf("the tray's menu cannot be read: %w", err)
	}
	return out, nil
}

func (n menuNode) labels(before string, out map[string]int32) error {
	for _, v := range n.Children {
		var child menuNode
		if err := v.Store(&child); err != nil {
			return err
		}
		if shown, ok := child.Properties["visible"].Value().(bool); ok && !shown {
			continue
		}
		if label, ok := child.Properties["label"].Value().(string); ok {
			out[before+label] = child.ID
			if err := child.labels(before+label+" > ", out); err != nil {
				return err
			}
		}
	}
	return nil
}

// Icon is what a panel shows: the icon, and the text of its tooltip (StatusNotifierItem, IconPixmap and ToolTip).
func (t *Tray) Icon(ctx context.Context) (icon image.Image, tooltip string, err error) {
	type pixels struct {
		Width, Height int32
		ARGB          []byte // in network byte order
	}
	var sizes []pixels
	if err := property(ctx, t.item, itemInterface, "IconPixmap", &sizes); err != nil {
		return nil, "", err
	}
	if len(sizes) == 0 || len(sizes[0].ARGB) != int(4*sizes[0].Width*sizes[0].Height) {
		return nil, "", errors.New("there is no icon")
	}
	img := image.NewRGBA(image.Rect(0, 0, int(sizes[0].Width), int(sizes[0].Height)))
	for i := 0; i < len(img.Pix); i += 4 {
		p := sizes[0].ARGB[i:]
		copy(img.Pix[i:], []byte{p[1], p[2], p[3], p[0]})
	}
	var tip struct {
		Name        string
		Icons       []pixels
		Title, Text string
	}
	if err := property(ctx, t.item, itemInterface, "ToolTip", &tip); err != nil {
		return nil, "", err
	}
	return img, tip.Title + tip.Text, nil
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
