// Package x11 takes global hotkeys: with XGrabKey over a connection of its own to the X display, with RegisterHotKey
// (golang.design/x/hotkey) on Windows. It needs no cgo on either.
//
// golang.design/x/hotkey is used on Windows only. There is no key with which it would be right on X11, as of
// v0.6.1, and TestWhyTheLibraryIsNotUsedOnX11 shows it: it holds the whole keyboard while a key is down, so that
// other keys and the releases of those held before are lost to the programs they are for, and reports them as the
// hotkey's own; it asks for the key presses of the root window as well, and takes any key for the hotkey when no
// window takes keys; it grabs every key when the layout lacks the one that is asked for (it asks for keycode 0,
// which is AnyKey); it does not follow changes of the layout; and it ends a program that is started without a
// display before its main function. Of buttons of the mouse it knows nothing.
//
// On X a grab needs the exact modifiers, so every combination is grabbed with and without CapsLock and NumLock, and
// a Shift or Ctrl that is held down for another reason (running in a game) would hide the press: combinations with
// those held are taken as well where they are free and not asked for by themselves.
//
// A passive grab would take every key until the hotkey comes up. So the grab freezes the keyboard for the moment of
// the press only, and is let go at once: no other key's event is lost. When the hotkey comes up is read from the
// keyboard's state while it is held.
// A press of a key that was not seen to come up is one of the repeats of a held key, unless it comes sooner than a
// repeat can and the state could not be read for a while.
//
// A key that types, for push-to-talk, is let through: the window with the focus receives it as if it were not
// grabbed.
//
// Keys are named by what they write on the layout in use, so that a name means one key on each; see newKeymap. A
// press sets a key with the keyboard and the mouse grabbed by another connection (Capture), under which no other
// grab fires.
//
// The Binder owns two connections, one goroutine that reads events and one that tries again what could not be
// had, each binding one goroutine that hands on what the key does; Close of either ends it and waits.
package x11
