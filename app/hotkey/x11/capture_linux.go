package x11

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"github.com/hindsight-app/hindsight/app/hotkey"
)

// grabWait is how long a capture waits for the keyboard and the mouse: the click that begins it holds the mouse
// until it is released.
const grabWait = 2 * time.Second

// Capture implements hotkey.Keyboard, over a connection of its own: while that holds the keyboard and the mouse, no
// other grab fires, ours included, and the server lets both go when it ends, however that is.
func (b *Binder) Capture(ctx context.Context, seen func(hotkey.Combo)) (hotkey.Combo, error) {
	conn, err := xgb.NewConn()
	if err != nil {
		return hotkey.Combo{}, fmt.Errorf("the X display does not respond: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	events := make(chan xgb.Event)
	reading := false
	defer func() {
		cancel()
		conn.Close()
		if reading {
			for range events { // until it ends
			}
		}
	}()
	c := &capture{conn: conn, root: xproto.Setup(conn).DefaultScreen(conn).Root, seen: seen}
	c.pointer = openPointer(conn, c.root)
	if c.keymap, err = readKeymap(conn); err != nil {
		return hotkey.Combo{}, err
	}
	if err := c.hold(ctx); err != nil {
		return hotkey.Combo{}, err
	}
	before, err := xproto.QueryKeymap(conn).Reply()
	if err != nil {
		return hotkey.Combo{}, err
	}
	c.before = before.Keys
	reading = true
	go func() {
		defer close(events)
		for {
			e, err := conn.WaitForEvent()
			if e == nil && err == nil {
				return
			}
			select {
			case events <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return hotkey.Combo{}, ctx.Err()
		case e, ok := <-events:
			if !ok {
				return hotkey.Combo{}, errors.New("the X display went away")
			}
			if combo, done := c.take(e); done {
				return combo, errors.Join(c.failed, c.settle(ctx, events))
			}
		}
	}
}

// capture is one wait for a combination.
type capture struct {
	conn    *xgb.Conn
	root    xproto.Window
	keymap  *keymap
	pointer *pointer
	seen    func(hotkey.Combo)
	before  []byte // what was down before
	alone   string // a modifier key that is down, with nothing else pressed since
	failed  error
}

// hold takes the keyboard and the mouse.
func (c *capture) hold(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, grabWait)
	defer cancel()
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		k, err := xproto.GrabKeyboard(c.conn, false, c.root, xproto.TimeCurrentTime, xproto.GrabModeAsync,
			xproto.GrabModeAsync).Reply()
		if err != nil {
			return err
		}
		p, err := xproto.GrabPointer(c.conn, false, c.root, xproto.EventMaskButtonPress|xproto.EventMaskButtonRelease,
			xproto.GrabModeAsync, xproto.GrabModeAsync, xproto.WindowNone, xproto.CursorNone, xproto.TimeCurrentTime).Reply()
		if err != nil {
			return err
		}
		if k.Status == xproto.GrabStatusSuccess && p.Status == xproto.GrabStatusSuccess {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("another program holds the keyboard or the mouse; close its menu and try again")
		case <-again.C:
		}
	}
}

// take looks at one event, and returns whether the combination is complete.
func (c *capture) take(e xgb.Event) (combo hotkey.Combo, done bool) {
	switch e := e.(type) {
	case xproto.KeyPressEvent:
		code := e.Detail
		if c.before[code/8]&(1<<(code%8)) != 0 {
			return combo, false // the repeat of a key that was down before, like the one that began this
		}
		combo = hotkey.Combo{Mods: pressed(e.State), Key: c.keymap.names[code]}
		if name := combo.Key; isModifier(name) {
			c.alone = ""
			if combo.Mods == 0 {
				c.alone = name
			}
			c.say(hotkey.Combo{Mods: combo.Mods | modifierOf[name]})
			return combo, false
		}
		c.alone = ""
		switch combo {
		case hotkey.Combo{}:
			return combo, false
		case hotkey.Combo{Key: "Escape"}:
			c.failed = hotkey.ErrCanceled
			return hotkey.Combo{}, true
		case hotkey.Combo{Key: "Backspace"}:
			return hotkey.Combo{}, true
		}
		return combo, true
	case xproto.KeyReleaseEvent:
		code := e.Detail
		if now, err := xproto.QueryKeymap(c.conn).Reply(); err == nil && now.Keys[code/8]&(1<<(code%8)) != 0 {
			return combo, false // a repeat
		}
		c.before[code/8] &^= 1 << (code % 8)
		if name := c.keymap.names[code]; name != "" && name == c.alone {
			return hotkey.Combo{Key: name}, true
		}
		c.say(hotkey.Combo{Mods: pressed(e.State) &^ modifierOf[c.keymap.names[code]]})
	case xproto.ButtonPressEvent:
		c.alone = ""
		combo = hotkey.Combo{Mods: pressed(e.State), Key: fmt.Sprintf("Mouse%d", e.Detail)}
		switch {
		case e.Detail < 4:
			c.failed = hotkey.ErrCanceled
			return hotkey.Combo{}, true
		case hotkey.Button(combo.Key) == 0, e.Detail < 8 && combo.Typing():
			return combo, false // somebody scrolls
		}
		return combo, true
	}
	return combo, false
}

func (c *capture) say(held hotkey.Combo) {
	if c.seen != nil {
		c.seen(held)
	}
}

// modifierOf is what is held down with a modifier key.
var modifierOf = map[string]hotkey.Mod{
	"LeftCtrl": hotkey.Ctrl, "RightCtrl": hotkey.Ctrl, "LeftShift": hotkey.Shift, "RightShift": hotkey.Shift,
	"LeftAlt": hotkey.Alt, "RightAlt": hotkey.Alt, "LeftSuper": hotkey.Super, "RightSuper": hotkey.Super,
}

func isModifier(name string) bool {
	return modifierOf[name] != 0 || name == "CapsLock" || name == "NumLock"
}

// settle keeps everything until all that was pressed is up again, for the repeats of a held key, or the rest of it,
// to reach nobody.
func (c *capture) settle(ctx context.Context, events <-chan xgb.Event) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for c.busy() {
		select {
		case <-ctx.Done():
			return nil // it is set all the same
		case _, ok := <-events:
			if !ok {
				return nil
			}
		case <-look.C:
		}
	}
	return nil
}

// busy is whether a key that was not down before is down, or a button.
func (c *capture) busy() bool {
	now, err := xproto.QueryKeymap(c.conn).Reply()
	if err != nil {
		return false
	}
	for i, keys := range now.Keys {
		if keys&^c.before[i] != 0 {
			return true
		}
	}
	for button := byte(1); c.pointer != nil && button <= 32; button++ {
		if c.pointer.down(button) {
			return true
		}
	}
	return false
}
