// Package x11 takes global hotkeys: with XGrabKey over a connection of its own to the X display, with RegisterHotKey
// (golang.design/x/hotkey) on Windows. It needs no cgo on either.
//
// golang.design/x/hotkey is used on Windows only. On X11 that library holds the whole keyboard while a key is down, so
// that the releases of other keys are lost; it grabs every key when the layout lacks the one that is asked for (it asks
// for keycode 0, which is AnyKey); and it does not follow changes of the layout.
//
// On X a grab needs the exact modifiers, so every combination is grabbed with and without CapsLock and NumLock, and a
// Shift or Ctrl that is held down for another reason (running in a game) would hide the press: combinations with those
// held are taken as well where they are free and not asked for by themselves.
//
// A passive grab would take every key until the hotkey comes up. So the grab freezes the keyboard for the moment of the
// press only, and is let go at once: no other key's event is lost. When the hotkey comes up is read from the keyboard's
// state while it is held.
//
// The Binder owns one connection and one goroutine that reads its events, each binding one goroutine that hands on what
// the key does; Close of either ends it and waits.
package x11
