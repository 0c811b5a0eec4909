package stack

import (
	"context"
	"fmt"
	"image"
	"sync"
	"time"

	"github.com/jezek/xgb/xproto"

	"github.com/hindsight-app/hindsight/cmd/devstack/framecode"
)

// CodedScreen covers a whole display, above all other windows, with the pattern's moving content, and writes each
// frame's number into it (package framecode). It notes when each was drawn, and can draw any of them again.
type CodedScreen struct {
	canvas *canvas

	mu    sync.Mutex
	drawn []time.Time
}

// OpenCodedScreen shows frame 0.
func OpenCodedScreen(display string) (*CodedScreen, error) {
	c, err := newCanvas(display)
	if err != nil {
		return nil, err
	}
	s := &CodedScreen{canvas: c}
	if err := c.hideCursor(); err != nil {
		c.close()
		return nil, fmt.Errorf("the screen's cursor cannot be hidden: %w", err)
	}
	if err := s.Reset(); err != nil {
		c.close()
		return nil, err
	}
	return s, nil
}

// Close takes the window away.
func (s *CodedScreen) Close() error {
	s.canvas.close()
	return nil
}

// Reset raises the window above all others and begins again with frame 0.
func (s *CodedScreen) Reset() error {
	if err := s.Raise(); err != nil {
		return err
	}
	s.mu.Lock()
	s.drawn = nil
	s.mu.Unlock()
	s.canvas.background()
	return s.draw(0)
}

// Raise puts the window above those that came since.
func (s *CodedScreen) Raise() error {
	return xproto.ConfigureWindowChecked(s.canvas.conn, s.canvas.window, xproto.ConfigWindowStackMode,
		[]uint32{xproto.StackModeAbove}).Check()
}

// Play draws frames at a rate, in frames a second, until the context ends; the last one stays. A frame that is late
// moves those after it.
func (s *CodedScreen) Play(ctx context.Context, rate float64) error {
	period := time.Duration(float64(time.Second) / rate)
	next := monotonic() + period
	for n := s.Last() + 1; ; n++ {
		if sleepUntil(ctx, next) != nil {
			return nil
		}
		if err := s.draw(n); err != nil {
			return err
		}
		next = max(next+period, monotonic())
	}
}

// draw draws the frame after the last one. Nobody sees half a frame: other programs wait.
func (s *CodedScreen) draw(n int) error {
	c := s.canvas
	xproto.GrabServer(c.conn)
	c.move(n)
	c.number(n)
	xproto.UngrabServer(c.conn)
	if err := c.sync(); err != nil {
		return fmt.Errorf("the coded screen's display went away: %w", err)
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drawn = append(s.drawn, now)
	return nil
}

// Last is the number of the frame that is shown.
func (s *CodedScreen) Last() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.drawn) - 1
}

// Drawn returns when each frame since Reset was complete on the screen, by its number.
func (s *CodedScreen) Drawn() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Time{}, s.drawn...)
}

// Again resets and draws all frames up to the last of those asked for, as fast as possible, and calls see with each of
// them: its pixels are 4 bytes, blue, green, red and one that says nothing.
func (s *CodedScreen) Again(want map[int]bool, see func(n int, bgrx []byte, size image.Point) error) error {
	if err := s.Reset(); err != nil {
		return err
	}
	last := -1
	for n := range want {
		last = max(last, n)
	}
	c := s.canvas
	for n := 0; n <= last; n++ {
		if n > 0 {
			if err := s.draw(n); err != nil {
				return err
			}
		}
		if !want[n] {
			continue
		}
		reply, err := xproto.GetImage(c.conn, xproto.ImageFormatZPixmap, xproto.Drawable(c.window), 0, 0,
			uint16(c.width), uint16(c.height), ^uint32(0)).Reply()
		if err != nil {
			return fmt.Errorf("the screen cannot be read: %w", err)
		}
		if err := see(n, reply.Data, image.Pt(c.width, c.height)); err != nil {
			return err
		}
	}
	return nil
}

// number draws the code of a frame.
func (c *canvas) number(n int) {
	c.fill(0x000000, xproto.Rectangle{Width: framecode.Width, Height: framecode.Height})
	var white []xproto.Rectangle
	for _, r := range framecode.White(n) {
		white = append(white, xproto.Rectangle{X: int16(r.Min.X), Y: int16(r.Min.Y), Width: uint16(r.Dx()),
			Height: uint16(r.Dy())})
	}
	c.fill(0xffffff, white...)
}

// hideCursor gives the window a cursor without a pixel.
func (c *canvas) hideCursor() error {
	pixmap, err := xproto.NewPixmapId(c.conn)
	if err != nil {
		return err
	}
	gc, err := xproto.NewGcontextId(c.conn)
	if err != nil {
		return err
	}
	cursor, err := xproto.NewCursorId(c.conn)
	if err != nil {
		return err
	}
	d := xproto.Drawable(pixmap)
	xproto.CreatePixmap(c.conn, 1, pixmap, xproto.Drawable(c.window), 1, 1)
	xproto.CreateGC(c.conn, gc, d, xproto.GcForeground, []uint32{0})
	xproto.PolyFillRectangle(c.conn, d, gc, []xproto.Rectangle{{Width: 1, Height: 1}})
	xproto.CreateCursor(c.conn, cursor, pixmap, pixmap, 0, 0, 0, 0, 0, 0, 0, 0)
	return xproto.ChangeWindowAttributesChecked(c.conn, c.window, xproto.CwCursor, []uint32{uint32(cursor)}).Check()
}
