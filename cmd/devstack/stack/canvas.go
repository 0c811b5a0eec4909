package stack

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// canvas is a window that covers the whole screen below all others.
type canvas struct {
	conn          *xgb.Conn
	window        xproto.Window
	gc            xproto.Gcontext
	font          xproto.Font
	width, height int
}

func newCanvas(display string) (*canvas, error) {
	xgb.Logger.SetOutput(io.Discard) // it logs a missing authority file, which a private display does not have
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		return nil, fmt.Errorf("the pattern has no display to draw on: %w", err)
	}
	c := &canvas{conn: conn}
	if err := c.open(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("the pattern cannot be drawn: %w", err)
	}
	return c, nil
}

func (c *canvas) open() error {
	screen := xproto.Setup(c.conn).DefaultScreen(c.conn)
	c.width, c.height = int(screen.WidthInPixels), int(screen.HeightInPixels)
	var err error
	if c.window, err = xproto.NewWindowId(c.conn); err != nil {
		return err
	}
	if c.gc, err = xproto.NewGcontextId(c.conn); err != nil {
		return err
	}
	if c.font, err = xproto.NewFontId(c.conn); err != nil {
		return err
	}
	const overrideRedirect = 1
	err = xproto.CreateWindowChecked(c.conn, screen.RootDepth, c.window, screen.Root, 0, 0, screen.WidthInPixels,
		screen.HeightInPixels, 0,
		xproto.WindowClassInputOutput, screen.RootVisual, xproto.CwBackPixel|xproto.CwOverrideRedirect,
		[]uint32{0x203040, overrideRedirect}).Check()
	if err != nil {
		return err
	}
	if err := xproto.OpenFontChecked(c.conn, c.font, 5, "fixed").Check(); err != nil {
		return err
	}
	err = xproto.CreateGCChecked(c.conn, c.gc, xproto.Drawable(c.window), xproto.GcFont|xproto.GcGraphicsExposures,
		[]uint32{uint32(c.font), 0}).Check()
	if err != nil {
		return err
	}
	if err := xproto.MapWindowChecked(c.conn, c.window).Check(); err != nil {
		return err
	}
	return xproto.ConfigureWindowChecked(c.conn, c.window, xproto.ConfigWindowStackMode,
		[]uint32{xproto.StackModeBelow}).Check()
}

func (c *canvas) close() { c.conn.Close() }

// animate draws frames and flashes, each at its own time, until the context ends.
func (c *canvas) animate(ctx context.Context, fps int) error {
	period := time.Second / time.Duration(fps)
	c.background()
	frame := monotonic().Truncate(period) + period
	flash := eventAfter(monotonic() + 100*time.Millisecond)
	dark := time.Duration(-1) // when the running flash ends
	for n := 0; ; {
		next := min(frame, flash)
		if dark >= 0 {
			next = dark
		}
		if err := sleepUntil(ctx, next); err != nil {
			return err
		}
		switch {
		case dark >= 0:
			dark = -1
			c.background()
			frame = monotonic().Truncate(period) + period
		case next == flash:
			c.fill(0xffffff, xproto.Rectangle{Width: uint16(c.width), Height: uint16(c.height)})
			dark, flash = flash+flashLength, flash+EventPeriod
		default:
			c.move(n)
			c.clock()
			n++
			frame += period
		}
		if err := c.sync(); err != nil {
			return fmt.Errorf("the pattern's display went away: %w", err)
		}
	}
}

// sync waits until the server has drawn everything.
func (c *canvas) sync() error {
	_, err := xproto.GetInputFocus(c.conn).Reply()
	return err
}

func (c *canvas) fill(colour uint32, r ...xproto.Rectangle) {
	xproto.ChangeGC(c.conn, c.gc, xproto.GcForeground, []uint32{colour})
	xproto.PolyFillRectangle(c.conn, xproto.Drawable(c.window), c.gc, r)
}

// background is a dark ground with colour bars at the top.
func (c *canvas) background() {
	c.fill(0x182030, xproto.Rectangle{Width: uint16(c.width), Height: uint16(c.height)})
	w := c.width / 8
	for i, colour := range []uint32{0xb0b0b0, 0xb0b000, 0x00b0b0, 0x00b000, 0xb000b0, 0xb00000, 0x0000b0, 0x101010} {
		c.fill(colour, xproto.Rectangle{X: int16(i * w), Y: int16(c.height / 20), Width: uint16(w),
			Height: uint16(c.height / 12)})
	}
}

// move draws a frame upon the one before: a text that scrolls through the lower half, and a box that bounces. The same
// frames give the same screen.
func (c *canvas) move(n int) {
	d := xproto.Drawable(c.window)
	top, bottom, step := c.height/2, c.height-c.height/20, 6
	xproto.CopyArea(c.conn, d, d, c.gc, 0, int16(top+step), 0, int16(top), uint16(c.width), uint16(bottom-top-step))
	c.fill(0x182030, xproto.Rectangle{Y: int16(bottom - step), Width: uint16(c.width), Height: uint16(step)})
	if n%3 == 0 {
		text := fmt.Sprintf("frame %07d  the quick brown fox jumps over the lazy dog %x", n, uint32(n)*2654435761)
		for x := 20; x < c.width; x += 520 {
			xproto.ChangeGC(c.conn, c.gc, xproto.GcForeground|xproto.GcBackground, []uint32{0xe0e0e0, 0x182030})
			xproto.ImageText8(c.conn, byte(len(text)), d, c.gc, int16(x), int16(bottom-step), text)
		}
	}
	size := c.height / 6
	span := c.width - size
	at := func(k int) int { // there and back
		m := k * 11 % (2 * span)
		return min(m, 2*span-m)
	}
	y := int16(c.height / 4)
	c.fill(0x182030, xproto.Rectangle{X: int16(at(n - 1)), Y: y, Width: uint16(size), Height: uint16(size)})
	for i := range 8 {
		inset := i * size / 16
		c.fill(0x204080+uint32(i)*0x101808, xproto.Rectangle{X: int16(at(n) + inset), Y: y + int16(inset),
			Width: uint16(size - 2*inset), Height: uint16(size - 2*inset)})
	}
}

// clock writes the time.
func (c *canvas) clock() {
	clock := time.Now().Format("15:04:05.000")
	xproto.ChangeGC(c.conn, c.gc, xproto.GcForeground|xproto.GcBackground, []uint32{0xffffff, 0x182030})
	xproto.ImageText8(c.conn, byte(len(clock)), xproto.Drawable(c.window), c.gc, int16(c.width/2-40), int16(c.height/5),
		clock)
}
