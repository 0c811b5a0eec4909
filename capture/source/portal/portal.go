// Package portal asks the desktop for a screen or window to capture: org.freedesktop.portal.ScreenCast over D-Bus
// (xdg-desktop-portal's documentation, ScreenCast, version 4). It is the only way on Wayland, where the choice is made
// in a dialog of the desktop's; a token remembers it, so that the dialog comes once.
//
// A Session owns its D-Bus connection and one goroutine that reads the connection's signals. Close ends the session,
// the connection and the goroutine and waits; it may be called twice.
package portal

import (
	"context"
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"

	desktop "github.com/hindsight-app/hindsight/capture/portal"
)

// What the user decided; trying again by itself would only be a nuisance.
var (
	// ErrRefused says that nothing was chosen in the desktop's dialog.
	ErrRefused = errors.New("no screen was chosen in the desktop's dialog; turn the replay buffer off and on to be " +
		"asked again")
	// ErrEnded says that the user, or the desktop in the user's name, ended the session.
	ErrEnded = errors.New("the desktop stopped the screen capture; turn the replay buffer off and on to resume, or " +
		"choose a screen in Settings, Video")
)

// The portal's names.
const (
	castFace = "org.freedesktop.portal.ScreenCast"
)

// Values of the interface's bit masks and enumerations.
const (
	monitor, window = 1, 2

	cursorHidden, cursorEmbedded = 1, 2

	persistUntilRevoked = 2
)

// Offer is what the desktop's portal can do.
type Offer struct {
	// Version is that of the interface; tokens came with version 4.
	Version uint32
	// Sources and Cursors are bit masks: 1 monitor, 2 window; 1 hidden, 2 embedded.
	Sources, Cursors uint32
}

// remembers says whether the choice can be kept for the next time.
func (o Offer) remembers() bool { return o.Version >= 4 }

// Ask finds out what the desktop's portal offers. The error is a message that says what to install.
func Ask(ctx context.Context) (Offer, error) {
	conn, err := connect(ctx)
	if err != nil {
		return Offer{}, err
	}
	defer conn.Close()
	return ask(ctx, conn)
}

func connect(ctx context.Context) (*dbus.Conn, error) {
	conn, err := dbus.ConnectSessionBus(dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("the screen is captured through the desktop portal, but no session bus responds (%w); log in "+
			"to a graphical session", err)
	}
	return conn, nil
}

func ask(ctx context.Context, conn *dbus.Conn) (Offer, error) {
	var all map[string]dbus.Variant
	portal := conn.Object(desktop.Name, desktop.Path)
	call := portal.CallWithContext(ctx, "org.freedesktop.DBus.Properties.GetAll", 0, castFace)
	if err := call.Store(&all); err != nil {
		return Offer{}, fmt.Errorf("this desktop has no portal that captures the screen (%w); install xdg-desktop-portal "+
			"and the backend for your desktop: xdg-desktop-portal-gnome, -kde, or -wlr for Sway and other wlroots desktops", err)
	}
	number := func(name string) uint32 { n, _ := all[name].Value().(uint32); return n }
	o := Offer{Version: number("version"), Sources: number("AvailableSourceTypes"),
		Cursors: number("AvailableCursorModes")}
	if o.Sources&(monitor|window) == 0 {
		return o, errors.New("the desktop portal offers neither monitors nor windows; install the portal's backend for " +
			"your desktop: xdg-desktop-portal-gnome, -kde, or -wlr for Sway and other wlroots desktops")
	}
	return o, nil
}

// Request says what to ask for.
type Request struct {
	// HideCursor leaves the pointer out of the video.
	HideCursor bool
	// Token brings back what was chosen before, without a dialog; empty asks again.
	Token string
}

// selection is SelectSources' options.
func (o Offer) selection(r Request) map[string]dbus.Variant {
	options := map[string]dbus.Variant{
		"types":    dbus.MakeVariant(o.Sources & (monitor | window)),
		"multiple": dbus.MakeVariant(false),
	}
	cursor := uint32(cursorEmbedded)
	if r.HideCursor {
		cursor = cursorHidden
	}
	if o.Cursors&cursor != 0 { // a mode that is not offered is refused
		options["cursor_mode"] = dbus.MakeVariant(cursor)
	}
	if o.remembers() {
		options["persist_mode"] = dbus.MakeVariant(uint32(persistUntilRevoked))
		if r.Token != "" {
			options["restore_token"] = dbus.MakeVariant(r.Token)
		}
	}
	return options
}
